"""`vigie pki`: our own authority; the broker's certificate, the machines', and the list of those taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from sqlalchemy import select

from app.cli import read_settings
from app.errands import at_the_database
from models.machines import Machine, MachineCredential
from telemetry import enrol, pki
from telemetry.csr import PkiError

_SOON = timedelta(days=30)


@click.group(name="pki", help="Our own authority: certificates for the broker and for machines.")
def command() -> None:
    pass


@command.command(help="Make an authority in DATA/pki (or VIGIE_PKI). Its key is for its owner only: keep a copy apart.")
@click.option("--name", default="Vigie", show_default=True, help="What it is called in certificates.")
@click.option("--days", type=click.IntRange(1, 7300), default=pki.CA_DAYS, show_default=True)
def init(name: str, days: int) -> None:
    folder = read_settings().pki_folder
    try:
        made = pki.init(folder, name, _now(), days=days)
    except (PkiError, OSError) as problem:
        raise click.ClickException(str(problem)) from None
    click.echo(f"{pki.ca_file(folder)}  to give away: whoever connects checks the broker by it")
    click.echo(f"{folder / 'ca.key'}  for nobody; good until {made.certificate.not_valid_after_utc:%Y-%m-%d}")


@command.command(help="Make, or renew, the broker's certificate, for the host names and addresses it is reached under.")
@click.argument("names", nargs=-1)
@click.option("--days", type=click.IntRange(1, 3650), default=pki.SERVER_DAYS, show_default=True)
def server(names: tuple[str, ...], days: int) -> None:
    authority = _authority()
    certificate, key = pki.server_files(authority.folder)
    try:
        wanted = list(names) or (pki.names_in(certificate) if certificate.exists() else [])
        made = pki.issue_server(authority, wanted, _now(), days=days)
    except PkiError as problem:
        raise click.ClickException(str(problem)) from None
    pki.write_private(key, made.key.encode())
    certificate.write_text(made.certificate)
    click.echo(f"{certificate}  for {', '.join(wanted)}; good until {made.not_after:%Y-%m-%d}")
    click.echo("A running broker takes it within seconds.")


@command.command(help="Sign a certificate for a machine that is enrolled; its key is made here unless --csr is given.")
@click.argument("name")
@click.option("--csr", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A request made elsewhere.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Folder for the files.")
@click.option("--days", type=click.IntRange(1, 3650), default=pki.MACHINE_DAYS, show_default=True)
def machine(name: str, csr: Path | None, out: Path, days: int) -> None:
    authority, now = _authority(), _now()
    out.mkdir(parents=True, exist_ok=True)
    with at_the_database() as session:
        row = enrol.machine_named(session, name)
        if row is None or row.retired_at is not None:
            raise click.ClickException(f"there is no machine {name!r} in service: `vigie machine add` first")
        try:
            asked = csr.read_text(encoding="ascii", errors="replace") if csr else ""
            made = pki.issue_machine(authority, name, now, csr=asked, days=days)
        except PkiError as problem:
            raise click.ClickException(str(problem)) from None
        enrol.certified(session, row, made.serial, made.not_after, now, actor="command line")
        if made.key:
            pki.write_private(out / f"{name}.key", made.key.encode())
        (out / f"{name}.crt").write_text(made.certificate)
    click.echo(f"{out / f'{name}.crt'}  serial {made.serial}, good until {made.not_after:%Y-%m-%d}")
    if made.key:
        click.echo(f"{out / f'{name}.key'}  for the machine only: bring it there and delete it here")


@command.command(help="Take a certificate back, by its serial; for a machine's, its open connection is cut.")
@click.argument("serial")
def revoke(serial: str) -> None:
    serial = serial.lower().replace(":", "").lstrip("0")
    if not serial or any(c not in "0123456789abcdef" for c in serial):
        raise click.ClickException("a serial is written in hexadecimal: `vigie pki list` shows them")
    authority, now = _authority(), _now()
    with at_the_database() as session:
        row = session.scalar(select(MachineCredential).where(MachineCredential.serial == serial))
        if row is not None:
            done = enrol.revoke_one(session, row, now, actor="command line")
            click.echo("taken back; the broker learns of it within seconds" if done else "it was taken back before")
            return
    certificate, _ = pki.server_files(authority.folder)
    if not certificate.exists() or pki.look_at(certificate).serial != serial:
        click.echo("no machine has it, and it is not the broker's present one; it goes onto the list all the same")
    pki.revoke_server(authority, serial, now)
    _write_list(authority, now)
    click.echo("taken back; make the broker another with `vigie pki server`")


@command.command(
    help="Make the list of certificates taken back anew. The duty desk does so by itself where the key is."
)
def crl() -> None:
    authority = _authority()
    _write_list(authority, _now())
    click.echo(f"{pki.crl_file(authority.folder)}  good for {pki.CRL_DAYS} days")


@command.command(name="list", help="Every certificate that is good, and until when.")
def list_certificates() -> None:
    authority, now = _authority(), _now()
    _say("authority", "", authority.certificate.not_valid_after_utc, now)
    certificate, _ = pki.server_files(authority.folder)
    if certificate.exists():
        stands = pki.look_at(certificate)
        gone = " TAKEN BACK" if stands.serial in pki.revoked_servers(authority.folder) else ""
        _say(f"broker ({', '.join(pki.names_in(certificate))}){gone}", stands.serial, stands.not_after, now)
    query = (
        select(Machine.name, MachineCredential.serial, MachineCredential.not_after)
        .join(Machine, Machine.id == MachineCredential.machine_id)
        .where(MachineCredential.kind == "certificate", MachineCredential.revoked_at.is_(None))
        .where(MachineCredential.not_after > now)
        .order_by(MachineCredential.not_after)
    )
    with at_the_database() as session:
        for name, serial, not_after in session.execute(query):
            _say(f"machine {name}", serial or "", not_after or now, now)


def _write_list(authority: pki.Authority, now: datetime) -> None:
    query = select(MachineCredential.serial, MachineCredential.revoked_at).where(
        MachineCredential.kind == "certificate", MachineCredential.revoked_at.is_not(None),
        MachineCredential.not_after > now,
    )  # fmt: skip
    with at_the_database() as session:
        taken = {serial: at for serial, at in session.execute(query) if serial and at}
    pki.write_crl(authority, taken, now)


def _say(what: str, serial: str, ends: datetime, now: datetime) -> None:
    left = (ends - now).days
    word = "  RENEW IT" if ends - now < _SOON else ""
    click.echo(f"{what}\t{serial}\tgood until {ends:%Y-%m-%d} ({left} days){word}")


def _authority() -> pki.Authority:
    try:
        return pki.authority_in(read_settings().pki_folder)
    except PkiError as problem:
        raise click.ClickException(str(problem)) from None


def _now() -> datetime:
    return datetime.now(UTC)
