"""Report the host this runs on, and keep each report until it is stored."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from types import FrameType

import click

from app import demo_secrets
from app.cli import read_settings
from app.settings import Settings
from telemetry import agent_enrol
from telemetry.agent import Address, Agent
from telemetry.mqtt_tls import Tls, TlsError

REST_S = 2.0  # how often an agent without a credential looks whether it has one now


@click.command()
@click.option("--host", help="Address of the MQTT broker.  [default: VIGIE_MQTT_HOST]")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the MQTT broker.  [default: VIGIE_MQTT_PORT]")
@click.option("--username", help="This machine's name.  [default: this host in the demo]")
@click.option("--password-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its secret.")
@click.option(
    "--every", type=click.FloatRange(0.5, 3600), default=5.0, show_default=True, help="Seconds between reports."
)
@click.option("--diagnostics/--no-diagnostics", default=True, show_default=True,
              help="Answer when the desk asks for a reading, which it does with your consent only.")  # fmt: skip
@click.option("--unit", "units", multiple=True, metavar="UNIT",
              help="A unit whose last log lines may be asked for, such as nginx.service; may be repeated.")  # fmt: skip
@click.option("--ca", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Speak TLS 1.3, to a broker whose certificate this CA signed.")  # fmt: skip
@click.option("--certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="This machine's certificate, in place of a password file.")  # fmt: skip
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The key of the certificate.")
@click.option("--enrol", "code", metavar="CODE", help="Present this code to --desk, wait for a person, then report.")
@click.option("--name", help="The name to enrol under.  [default: this host's]")
@click.option("--desk", metavar="URL", help="The desk's address, such as https://desk.example.org.")
@click.option(
    "--desk-ca", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Whose word counts on it."
)
@click.option("--by-certificate", is_flag=True, help="Enrol for a certificate; the key is made here and stays here.")
@click.option(
    "--state", type=click.Path(file_okay=False, path_type=Path), help="Folder of the queue.  [default: DATA/agent]"
)
def command(
    host: str | None,
    port: int | None,
    username: str | None,
    password_file: Path | None,
    every: float,
    diagnostics: bool,
    units: tuple[str, ...],
    state: Path | None,
    ca: Path | None,
    certificate: Path | None,
    key: Path | None,
    code: str | None,
    name: str | None,
    desk: str | None,
    desk_ca: Path | None,
    by_certificate: bool,
) -> None:
    """Report the host this runs on: processor, memory, disks, network, temperature where there is one, processes."""
    from app import logs

    settings = read_settings()
    logs.set_up(settings)
    _check_together(username, password_file, certificate, key, ca, code, desk)
    asked = Event()

    def stop(number: int, _: FrameType | None) -> None:
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    folder = state or settings.data / "agent"
    place = (host or settings.mqtt_host, port or settings.mqtt_port)
    report = partial(_report, folder, every, units if diagnostics else None)
    if username is not None:
        secret = password_file.read_text().strip() if password_file else ""
        tls = Tls(ca, certificate, key) if ca is not None else None
        report(Address(*place, username, secret, tls), asked.is_set)
        return
    if code is not None and desk is not None and agent_enrol.kept(folder) is None:
        wanted = name or socket.gethostname().split(".")[0].lower()
        _enrol(agent_enrol.Application(desk, code, wanted, by_certificate, desk_ca, _facts()), folder, asked)
    given = agent_enrol.kept(folder)
    if given is not None:
        where = (host or given.host, port or given.port)
        report(Address(*where, given.machine, given.password, given.line(folder)), asked.is_set)
    elif code is None:
        _report_demo(settings, place, report, asked)


def _check_together(
    username: str | None, password_file: Path | None, certificate: Path | None, key: Path | None, ca: Path | None,
    code: str | None, desk: str | None,
) -> None:  # fmt: skip
    """Raise UsageError for options that do not go together."""
    if (username is None) != (password_file is None and certificate is None):
        raise click.UsageError("--username goes with --password-file, or with --certificate and --key")
    if (certificate is None) != (key is None) or (
        certificate is not None and (ca is None or password_file is not None)
    ):
        raise click.UsageError("--certificate goes with --key and --ca, and without --password-file")
    if (code is None) != (desk is None):
        raise click.UsageError("--enrol CODE goes with --desk URL")
    if code is not None and username is not None:
        raise click.UsageError("--enrol asks for a credential; leave --username out, or leave --enrol out")


def _enrol(asked_for: agent_enrol.Application, folder: Path, asked: Event) -> None:
    click.echo(f"{asked_for.name} presents its code to {asked_for.desk}; a person there decides", err=True)
    try:
        agent_enrol.check_address(asked_for.desk)
        agent_enrol.enrol(asked_for, folder, lambda wait_s: not asked.wait(wait_s))
    except agent_enrol.EnrolmentRefused as problem:
        raise click.ClickException(str(problem)) from None


def _facts() -> tuple[tuple[str, str], ...]:
    from telemetry.agent_vitals import facts

    return tuple((name[:200], str(value)[:200]) for name, value in facts().items())[:20]


def _report_demo(
    settings: Settings, place: tuple[str, int], report: Callable[[Address, Callable[[], bool]], None], asked: Event
) -> None:
    """Report as this host of the demo, and rest while there is no demo."""
    path = demo_secrets.agent_file(settings.data)
    while not asked.is_set():
        written, known = demo_secrets.stamp(path), demo_secrets.read(path)

        def is_over(written: int = written) -> bool:
            """Asked to stop, or the credential was renewed or taken away."""
            return asked.is_set() or demo_secrets.stamp(path) != written

        for machine, secret in known.items():
            report(Address(*place, machine, secret), is_over)
        if not known:
            asked.wait(REST_S)


def _report(
    folder: Path, every: float, units: Sequence[str] | None, address: Address, is_over: Callable[[], bool]
) -> None:
    """Report until `is_over`; `units` may be asked for their log, None: nothing may be asked."""
    from telemetry.agent_queue import Queue
    from telemetry.agent_vitals import Vitals
    from telemetry.diagnosing import Diagnoser

    queue = Queue(folder / f"{address.machine}.sqlite")
    diagnoser = Diagnoser(address.machine, units, queue.is_asked_again) if units is not None else None
    try:
        Agent(address, queue, every, Vitals(), diagnoser).run(is_over)
    except TlsError as problem:
        raise click.ClickException(str(problem)) from None
    finally:
        queue.close()
