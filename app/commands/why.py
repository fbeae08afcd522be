"""Why did this machine not alarm at an instant? Score, threshold and every reason of restraint."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from app.errands import at_the_database, named
from models.machines import Machine
from telemetry import looking_back


@click.command(name="why", help="Say why MACHINE did not alarm AT an instant: 2026-05-14T22:03:00Z, or 'now'.")
@click.argument("machine")
@click.argument("at", default="now")
def command(machine: str, at: str) -> None:
    now = datetime.now(UTC)
    instant = now if at == "now" else _instant(at)
    if instant > now:
        raise click.ClickException(f"{at} has not come yet: give an instant of the past")
    with at_the_database() as session:
        row = named(session, Machine, Machine.name, machine, "machine")
        answer = looking_back.why(session, row, instant)
    click.echo(f"{answer.machine} at {answer.at:%Y-%m-%d %H:%M:%S} UTC: {answer.sentence}")
    score = "none" if answer.score is None else f"{answer.score:.2f} robust sigmas"
    click.echo(f"score      {score}")
    click.echo(f"threshold  {answer.threshold:.2f} robust sigmas")
    for reason in answer.reasons:
        click.echo(f"{reason.rule:<10} {reason.words}")


def _instant(given: str) -> datetime:
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise click.ClickException(f"{given!r} is no instant: write 2026-05-14T22:03:00Z, or now") from None
    if found.tzinfo is None:
        raise click.ClickException(f"{given!r} has no offset: write 2026-05-14T22:03:00Z")
    return found.astimezone(UTC)
