"""`vigie letters`: messages we could not use; send them the way again once what was wrong is mended."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from sqlalchemy import func, select

from app import words
from app.errands import at_the_database
from models import audit
from models.telemetry import DeadLetter
from telemetry import again

ACTOR = "command line"


@click.group(name="letters", help="Messages we could not use, each kept whole with its reason.")
def command() -> None:
    pass


@command.command(name="list", help="What waits, by reason and machine, with the first and last bytes of the newest.")
def list_() -> None:
    newest = select(DeadLetter).where(DeadLetter.replay_asked_at.is_(None))
    newest = newest.distinct(DeadLetter.reason, DeadLetter.machine)
    order = (DeadLetter.reason, DeadLetter.machine, DeadLetter.received_at.desc())
    with at_the_database() as session:
        numbers = session.execute(
            select(DeadLetter.reason, DeadLetter.machine, func.count())
            .where(DeadLetter.replay_asked_at.is_(None))
            .group_by(DeadLetter.reason, DeadLetter.machine)
        )
        counts = {(reason, machine): number for reason, machine, number in numbers}
        for row in session.scalars(newest.order_by(*order)):
            click.echo(f"{counts[row.reason, row.machine]:>7}  {row.reason:<18} {row.machine or '-':<24} {row.detail}")
            click.echo(
                f"         {row.topic}: {words.first_bytes(row.payload)} {words.last_bytes(row.payload)}".rstrip()
            )
        if not counts:
            click.echo("every message was understood")


@command.command(help="Send those that wait the way again: all, or those of a reason or a machine.")
@click.option("--reason", help="such as unknown_machine")
@click.option("--machine", help="the name they came under")
def replay(reason: str | None, machine: str | None) -> None:
    wanted = ((DeadLetter.reason, reason), (DeadLetter.machine, machine))
    now = datetime.now(UTC)
    with at_the_database() as session:
        asked = again.ask(session, [column == value for column, value in wanted if value is not None], ACTOR, now)
        if asked:
            facts = {"letters": len(asked)}
            audit.record(session, actor=ACTOR, deed="letters.asked_again", subject="dead letters", now=now, facts=facts)
    click.echo(f"{words.count(len(asked), 'letter')} asked for; a running desk sends them within seconds")
