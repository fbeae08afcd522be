"""The demo: install its customers and machines, take them away, see what there is."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import click
from sqlalchemy.orm import Session

from app import demo, demo_secrets
from app.cli import read_settings
from app.settings import Settings
from models.session import SYSTEM, make_engine, make_sessions, work

# Sixty machines that report every ten seconds, stored every five: after seven without a word nothing is on its way.
QUIET = timedelta(seconds=7)
LONGEST_WAIT_S = 30.0


@click.group()
def command() -> None:
    """The demo: about a dozen invented customers, sixty simulated machines, and this very host."""


@command.command()
def install() -> None:
    """Bring the demo, or what is missing of it."""
    settings = read_settings()
    own = demo.host_machine(platform.node())
    lab, agent = demo_secrets.lab_file(settings.data), demo_secrets.agent_file(settings.data)
    with _work(settings) as session:
        known = demo_secrets.read(lab) | demo_secrets.read(agent)
        try:
            secrets = demo.install(session, datetime.now(UTC), platform.node(), known)
        except demo.DemoError as error:
            raise click.ClickException(str(error)) from error
        found = demo.count(session)
    demo_secrets.write(agent, {own: secrets.pop(own)})
    demo_secrets.write(lab, secrets)
    demo_secrets.welcome(settings.data)
    click.echo(f"demo installed: {found.customers} customers, {found.machines} machines, {found.people} people")
    if not settings.demo:
        click.echo("its machines begin to speak at the next start without --no-demo")


@command.command()
def remove() -> None:
    """Take every row of the demo away, and nothing else. It stays away until `vigie demo install`."""
    settings = read_settings()
    # The fleet falls silent first: what it still said after its rows were gone would come back as refused strangers.
    demo_secrets.forget(settings.data)
    _await_silence(settings)
    with _work(settings) as session:
        found = demo.remove(session, datetime.now(UTC))
    demo_secrets.send_away(settings.data)
    click.echo(f"demo removed: {found.customers} customers, {found.machines} machines, {found.people} people")
    click.echo("it stays away; `vigie demo install` brings it back")


@command.command()
def status() -> None:
    """Say how much of the demo there is."""
    with _work(read_settings()) as session:
        found = demo.count(session)
    if found.customers:
        click.echo(f"{found.customers} customers, {found.machines} machines, {found.people} people")
    else:
        click.echo("no demo is installed; `vigie demo install` brings it")


def _await_silence(settings: Settings) -> None:
    """Until no machine of the demo was heard for a while; at once where nothing runs."""
    end = time.monotonic() + LONGEST_WAIT_S
    while time.monotonic() < end:
        with _work(settings) as session:
            heard = demo.last_heard(session)
        if heard is None or datetime.now(UTC) - heard > QUIET:
            return
        time.sleep(1)


@contextmanager
def _work(settings: Settings) -> Iterator[Session]:
    engine = make_engine(settings.database_for("worker"), pool_size=1, name="vigie-demo", statement_timeout_ms=120_000)
    try:
        with work(make_sessions(engine), SYSTEM) as session:
            yield session
    finally:
        engine.dispose()
