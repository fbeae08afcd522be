"""Canaries: machines that break on purpose, so that detection latency is measured all the time."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from threading import Event
from types import FrameType

import click

from app import canaries, demo_secrets, words
from app.cli import read_settings
from app.errands import at_the_database

ACTOR = "command line"


@click.group(name="canary", help="Machines that break on purpose; opt-in. Nobody is ever called for them.")
def command() -> None:
    pass


@command.command(help="Make canaries with a customer and a contract of their own; then `vigie canary run`.")
@click.option("--count", type=int, default=1, show_default=True)
@click.option("--every", type=int, default=canaries.EVERY_S, show_default=True, help="Seconds between two faults.")
def install(count: int, every: int) -> None:
    path = canaries.secrets_file(read_settings().data)
    try:
        with at_the_database() as session:
            secrets = canaries.install(
                session, datetime.now(UTC), demo_secrets.read(path), count=count, every_s=every, actor=ACTOR
            )
    except canaries.CanaryError as why:
        raise click.ClickException(str(why)) from None
    demo_secrets.write(path, secrets)
    click.echo(f"{words.count(len(secrets), 'canary', 'canaries')}: {', '.join(secrets)}; "
               "let them sing: vigie canary run, or start Vigie with VIGIE_CANARY=true")  # fmt: skip


@command.command(help="Play them until stopped: a day of history, then a fault every so often.")
@click.option("--install", "make", is_flag=True, help="Make one first where there is none.")
def run(make: bool) -> None:
    from app import logs
    from models.session import make_engine, make_sessions
    from telemetry.canary import Aviary, sing
    from telemetry.lab.player import Switchboard

    settings = read_settings()
    logs.set_up(settings)
    path = canaries.secrets_file(settings.data)
    if make and not demo_secrets.read(path):
        with at_the_database() as session:
            secrets = canaries.install(session, datetime.now(UTC), {}, actor="canary")
        demo_secrets.write(path, secrets)
    secrets = demo_secrets.read(path)
    if not secrets:
        raise click.ClickException("there is no canary here: vigie canary install")
    asked = Event()

    def stop(number: int, _: FrameType | None) -> None:
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    sessions = make_sessions(make_engine(settings.database_for("worker"), pool_size=1, name="vigie-canary"))
    board = Switchboard(secrets, settings.mqtt_host, settings.mqtt_port)
    sing(Aviary(sessions, board), lambda: datetime.now(UTC), asked.is_set)


@command.command(name="list", help="Each canary with its last and median latency of the last day.")
def list_() -> None:
    from escalation import canary_watch

    now = datetime.now(UTC)
    with at_the_database() as session:
        rows = canary_watch.canaries(session, now)
        for one in rows:
            last, middle = one.last, one.median_s
            said = "nothing found yet" if last is None or last.latency_s is None else f"last {last.latency_s:.1f} s"
            usual = "" if middle is None else f", median {middle:.1f} s"
            click.echo(f"{one.machine:<12} {said}{usual}; {len(one.tried)} faults in a day, "
                       f"{one.missed(now)} not found in time")  # fmt: skip
    if not rows:
        click.echo("there is no canary: vigie canary install")


@command.command(help="Take them away, with all they said.")
def remove() -> None:
    with at_the_database() as session:
        gone = canaries.remove(session, datetime.now(UTC), actor=ACTOR)
    canaries.secrets_file(read_settings().data).unlink(missing_ok=True)
    click.echo(f"{words.count(gone, 'canary', 'canaries')} taken away")
