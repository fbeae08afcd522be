"""The lab: play the demo fleet, break one of its machines, mend it, list them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event
from types import FrameType

import click
from sqlalchemy.orm import Session

from app import demo_secrets
from app.cli import read_settings
from app.settings import Settings
from models.session import SYSTEM, make_engine, make_sessions, work
from telemetry.lab import cast, orders
from telemetry.lab.faults import MEANING, Fault, Kind

REST_S = 2.0  # how often a lab without a demo looks whether there is one now


@click.group()
def command() -> None:
    """The demo fleet: servers simulated from load and physics that report over MQTT like any other."""


@command.command()
def play() -> None:
    """Play the fleet: history first, then live, until stopped. Rests while no demo is installed."""
    from app import logs
    from telemetry.lab.player import Switchboard
    from telemetry.lab.stage import Stage, cohorts, play

    settings = read_settings()
    logs.set_up(settings)
    asked = Event()

    def stop(number: int, _: FrameType | None) -> None:
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    path = demo_secrets.lab_file(settings.data)
    sessions = make_sessions(make_engine(settings.database_for("worker"), pool_size=1, name="vigie-lab"))
    while not asked.is_set():
        written, secrets = demo_secrets.stamp(path), demo_secrets.read(path)
        if not secrets:
            asked.wait(REST_S)
            continue
        board = Switchboard(secrets, settings.mqtt_host, settings.mqtt_port)
        stage = Stage(sessions, board, cohorts(secrets), path.parent / "state.json")

        def is_over(written: int = written) -> bool:
            """Asked to stop, or the secrets were renewed or taken away."""
            return asked.is_set() or demo_secrets.stamp(path) != written

        play(stage, lambda: datetime.now(UTC), is_over)


@command.command()
@click.argument("kind", type=click.Choice([k.value for k in Kind]))
@click.argument("machine")
@click.option("--severity", type=click.FloatRange(0.0, 1.0, min_open=True), default=1.0, help="How much of it breaks.")
@click.option("--speed", type=click.FloatRange(0.05, 50.0), default=1.0, help="How fast what grows grows.")
@click.option("--for", "minutes", type=click.FloatRange(min=0.1), help="Mend by itself after so many minutes.")
def fault(kind: str, machine: str, severity: float, speed: float, minutes: float | None) -> None:
    """Break something on a machine: fan, leak, log, disk, nic, silent, power."""
    _known(machine)
    now = datetime.now(UTC)
    until = now + timedelta(minutes=minutes) if minutes else None
    broken = Fault(Kind(kind), machine, now, severity, speed)
    with _work(read_settings()) as session:
        orders.place(session, broken, until, now)
    click.echo(f"{machine}: {MEANING[broken.kind]}")


@command.command()
@click.argument("machine")
def cure(machine: str) -> None:
    """Mend everything on a machine. One that hung or had no power boots first, and speaks after a minute and a half."""
    _known(machine)
    with _work(read_settings()) as session:
        orders.place_cure(session, machine, datetime.now(UTC))
    click.echo(f"{machine}: everything mended")


@command.command(name="list")
def list_machines() -> None:
    """Every machine of the fleet with its customer, tier, work, and what is broken on it now."""
    now = datetime.now(UTC)
    with _work(read_settings()) as session:
        broken: dict[str, list[str]] = {}
        for running in orders.running(session):
            ends = f", mended {running.until:%H:%M} UTC" if running.until else ""
            minutes = (now - running.fault.since).total_seconds() / 60
            text = f"{running.fault.kind.value} for {minutes:.0f} min{ends}"
            broken.setdefault(running.fault.machine, []).append(text)
    for house in cast.HOUSES:
        tier = f"{house.tier}, expired" if house.expired else house.tier
        click.echo(f"{house.name} ({tier})")
        for member in house.machines:
            name = member.build.name
            click.echo(f"  {name:<14} {member.title:<34} {'; '.join(broken.get(name, []))}".rstrip())


def _known(machine: str) -> None:
    if machine not in {member.build.name for member in cast.machines()}:
        raise click.ClickException(f"the lab plays no machine called {machine}; `vigie lab list` names them")


@contextmanager
def _work(settings: Settings) -> Iterator[Session]:
    engine = make_engine(settings.database_for("worker"), pool_size=1, name="vigie-lab-order")
    try:
        with work(make_sessions(engine), SYSTEM) as session:
            yield session
    finally:
        engine.dispose()
