"""`vigie machine`: enrol a machine, change or take away what it signs in with, list them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cli import read_settings
from app.errands import at_the_database
from models.customers import Customer, Site
from models.machines import Machine, MachineCredential, MachineState
from telemetry import enrol, placing

_SPANS = {"m": "minutes", "h": "hours", "d": "days"}


@click.group(name="machine", help="Machines and the secret each one speaks with.")
def command() -> None:
    pass


@command.command(help="Enrol a machine of a customer; prints its secret, once.")
@click.argument("customer")
@click.argument("name")
@click.option("--site", default="", help="name of one of the customer's sites")
@click.option("--title", default="", help='what people call it, like "database server, mill 2"')
@click.option("--rack", default="", help="the rack it stands in")
@click.option("--source", default="native", help="the agent it speaks through")
def add(customer: str, name: str, site: str, title: str, rack: str, source: str) -> None:
    try:
        enrol.check_name(name)
    except enrol.NoName as problem:
        raise click.ClickException(str(problem)) from None
    now = datetime.now(UTC)
    with at_the_database() as session:
        owner = _customer(session, customer)
        place = _site(session, owner, site) if site else None
        _, secret = enrol.enrol(
            session,
            owner.id,
            name,
            now,
            site_id=place.id if place else None,
            title=title,
            rack=rack,
            source=source,
            actor="command line",
        )
    _show(name, secret)


@command.command(help="Give a machine a new secret; the old one ends at once, or after --overlap.")
@click.argument("name")
@click.option("--overlap", default="", metavar="SPAN", help="Let the old one go on for so long: 30m, 24h, 7d.")
@click.option("--label", default="", help="Of a second agent's credential.")
def rotate(name: str, overlap: str, label: str) -> None:
    now = datetime.now(UTC)
    try:
        with at_the_database() as session:
            machine = _machine(session, name)
            if overlap:
                until = now + _span(overlap)
                login = enrol.overlap(session, machine, now, until - now, label=label, actor="command line")
            else:
                secret = enrol.rotate(session, machine, now, label=label, actor="command line")
                login = enrol.Login(enrol.username(name, label), secret)
    except enrol.NoName as problem:
        raise click.ClickException(str(problem)) from None
    _show(name, login.secret, login.username)
    if overlap:
        click.echo(f"The old one goes on until {until:%Y-%m-%d %H:%M} UTC. The new one has a user name of its own.")


@command.command(help="One more user name, for a second agent on the same machine; prints its secret, once.")
@click.argument("name")
@click.argument("label")
def second(name: str, label: str) -> None:
    try:
        with at_the_database() as session:
            login = enrol.second(session, _machine(session, name), label, datetime.now(UTC), actor="command line")
    except enrol.NoName as problem:
        raise click.ClickException(str(problem)) from None
    _show(name, login.secret, login.username)


@command.command(help="Take away all a machine signs in with, or one credential of it, and end its connection.")
@click.argument("name")
@click.option("--label", default=None, help="Only the secret of this label; empty for the machine's own.")
def revoke(name: str, label: str | None) -> None:
    now = datetime.now(UTC)
    with at_the_database() as session:
        machine = _machine(session, name)
        if label is None:
            ended = enrol.revoke(session, machine, now, actor="command line")
        else:
            rows = [one for one in enrol.live(session, machine, now) if one.kind == "secret" and one.label == label]
            ended = bool([one for one in rows if enrol.revoke_one(session, one, now, actor="command line")])
    user = enrol.username(name, label or "")
    click.echo(f"{user} can no longer sign in to the broker" if ended else f"{user} had no secret and no certificate")


@command.command(
    help="Declare where a machine stands and what it runs; when many fail together, that is what they share."
)
@click.argument("name")
@click.option("--site", default=None, help="name of one of its customer's sites")
@click.option("--rack", default=None, help="the rack it stands in; empty takes it back")
@click.option("--software", default=None, help='what it runs, with version, like "erp 4.2"')
@click.option("--broker", default=None, help="through which broker it speaks, where there are several")
def place(name: str, site: str | None, rack: str | None, software: str | None, broker: str | None) -> None:
    given = {"rack": rack, "software": software, "broker": broker}
    with at_the_database() as session:
        row = _machine(session, name)
        where = _site(session, session.get_one(Customer, row.customer_id), site) if site else None
        declared = {key: value for key, value in given.items() if value is not None}
        changed = placing.place(session, row, declared, datetime.now(UTC), site=where, actor="command line")
    click.echo(f"{name}: {'changed' if changed else 'it was so before'}")


@command.command(name="list", help="Every machine: customer, state, last report, what it signs in with.")
def list_machines() -> None:
    now = datetime.now(UTC)
    query = (
        select(Machine, Customer.slug, MachineState.speaking, MachineState.last_at)
        .join(Customer, Customer.id == Machine.customer_id)
        .outerjoin(MachineState, MachineState.machine_id == Machine.id)
        .where(Machine.retired_at.is_(None))
        .order_by(Machine.name)
    )
    with at_the_database() as session:
        for machine, slug, speaking, last_at in session.execute(query):
            heard = last_at.isoformat(timespec="seconds") if last_at else "never heard"
            held = "; ".join(_said(one, now) for one in enrol.live(session, machine, now)) or "no secret"
            click.echo(f"{machine.name}\t{slug}\t{speaking or 'unknown'}\t{heard}\t{held}")


def _said(one: MachineCredential, now: datetime) -> str:
    if one.kind == "certificate" and one.not_after is not None:
        said = f"has a certificate until {one.not_after:%Y-%m-%d}"
    else:
        said = f"has a secret {one.label}".rstrip()
    if one.ends_at is not None:
        said += f", ends {one.ends_at:%Y-%m-%d %H:%M}"
    if one.held_until is not None and one.held_until > now:
        said += f", kept out until {one.held_until:%H:%M}"
    return said


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,4})([mhd])", text.strip())
    if found is None:
        raise click.ClickException(f"{text!r} is no span: write it like 30m, 24h or 7d")
    return timedelta(**{_SPANS[found[2]]: int(found[1])})


def _customer(session: Session, slug: str) -> Customer:
    found = session.scalar(select(Customer).where(Customer.slug == slug))
    if found is None:
        raise click.ClickException(f"there is no customer {slug!r}")
    return found


def _site(session: Session, customer: Customer, name: str) -> Site:
    found = session.scalar(select(Site).where(Site.customer_id == customer.id, Site.name == name))
    if found is None:
        raise click.ClickException(f"{customer.slug} has no site {name!r}")
    return found


def _machine(session: Session, name: str) -> Machine:
    found = enrol.machine_named(session, name)
    if found is None:
        raise click.ClickException(f"there is no machine {name!r}")
    return found


def _show(name: str, secret: str, username: str = "") -> None:
    settings = read_settings()
    host = settings.mqtt_public_host or settings.mqtt_host
    click.echo(f"username  {username or name}")
    click.echo(f"password  {secret}")
    click.echo(f"topic     vigie/{name}/report")
    if settings.mqtt_tls_port:
        click.echo(f"broker    {host}:{settings.mqtt_tls_port}, TLS 1.3, CA {settings.pki_folder / 'ca.crt'}")
    else:
        click.echo(f"broker    {host}:{settings.mqtt_port}")
    click.echo("The password is shown this once; what we keep cannot give it back.")
