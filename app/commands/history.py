"""`vigie history`: what a machine sent: how long it is kept, as a file, and erased on request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from sqlalchemy import select

from app import words
from app.errands import at_the_database, named
from app.pages.looking import LONGEST
from models.customers import Customer
from models.history import HistoryRemoval
from models.machines import Machine

ACTOR = "command line"


class Instant(click.ParamType[datetime]):
    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not an instant; write it like 2026-03-10T09:00Z", param, ctx)
        return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


_FROM = click.option(
    "--from", "start", type=Instant(), help="left out: a day before --to; UTC unless it says otherwise"
)
_TO = click.option("--to", "end", type=Instant(), help="left out: now; the instant itself is not included")


@click.group(name="history", help="What a machine sent: how long it is kept, as a file, and erased on request.")
def command() -> None:
    pass


@command.command(help="How long its contract keeps what a machine sends, and what is no longer there.")
@click.argument("machine")
def kept(machine: str) -> None:
    from telemetry import retention

    with at_the_database() as session:
        row = named(session, Machine, Machine.name, machine, "machine")
        days = retention.keeping_of(session, row.customer_id, row.id, datetime.now(UTC))
        click.echo(f"reports {words.count(days.reports_days, 'day')}, figures {words.count(days.figures_days, 'day')}")
        for one in session.scalars(
            select(HistoryRemoval)
            .where(HistoryRemoval.machine_id == row.id)
            .order_by(HistoryRemoval.done_at.desc())
            .limit(50)
        ):
            span = f"{one.starts_at:%Y-%m-%d %H:%M} to {one.ends_at:%Y-%m-%d %H:%M} UTC"
            click.echo(
                f"{one.kind:<7} {one.what:<8} {one.reports:>9} reports  {span}  {one.actor} {one.reason}".rstrip()
            )


@command.command(help="Write what a machine sent in a span to FILE: CSV, or Parquet when its name ends so.")
@click.argument("machine")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_FROM
@_TO
@click.option("--of", type=click.Choice(["reports", "hours", "days", "changes"]), default="reports", show_default=True,
              help="Reports as sent, the figures of hours or days, or changes told.")  # fmt: skip
@click.option("--names", type=click.Choice(["sent", "otel"]), default="sent", show_default=True)
@click.option("--zone", help="Of the instants in CSV; left out: the customer's.")
def export(
    machine: str, file: Path, start: datetime | None, end: datetime | None, of: Any, names: Any, zone: str | None
) -> None:
    from app import history_files
    from app.api.exports import changes, pieces

    since, until = _span(start, end)
    with at_the_database() as session:
        row = named(session, Machine, Machine.name, machine, "machine")
        try:
            local = ZoneInfo(zone or session.get_one(Customer, row.customer_id).zone)
        except (KeyError, ValueError, OSError):
            raise click.ClickException(f"{zone} is not a time zone; write it like Europe/Paris") from None
        written = 0
        made: Iterator[bytes]
        if of == "changes":
            told = [changes(session, row.id, since, until)]
            if file.suffix == ".parquet":
                made = history_files.changes_as_parquet(machine, told)
            else:
                made = history_files.changes_as_csv(machine, told, local)
        else:
            chunks, figures = pieces(session, row.id, None, since, until, of, names), of != "reports"
            if file.suffix == ".parquet":
                made = history_files.as_parquet(machine, chunks, figures=figures)
            else:
                made = history_files.as_csv(machine, chunks, local, figures=figures)
        with file.open("wb") as out:
            for piece in made:
                written += out.write(piece)
    click.echo(f"{file}: {written:,} bytes")


@command.command(help="Erase what a machine sent in a span: says what would go, and does it once that is confirmed.")
@click.argument("machine")
@_FROM
@_TO
@click.option("--reason", required=True, help="Why, for the record.")
@click.option("--evidence", is_flag=True, help="Also the points frozen into findings and incidents.")
@click.option("--confirm", help="The machine's name, said once more, instead of being asked for it.")
def erase(
    machine: str, start: datetime | None, end: datetime | None, reason: str, evidence: bool, confirm: str | None
) -> None:
    from telemetry import erasing

    since, until = _span(start, end)
    with at_the_database() as session:
        row = named(session, Machine, Machine.name, machine, "machine")
        extent = erasing.preview(session, row, since, until)
    if extent.is_nothing:
        click.echo("there is nothing of this machine in that span")
        return
    click.echo(f"would go, {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC:")
    for number, what in (
        (extent.reports, "reports"), (extent.figures, "hours of figures"), (extent.letters, "unreadable messages"),
        (extent.changes, "changes told"), (extent.models, "models of what is usual"),
        (extent.newest_values, "set of newest values"),
    ):  # fmt: skip
        if number:
            click.echo(f"{int(number):>9} {what}")
    said = (
        confirm if confirm is not None else click.prompt(f"It cannot be undone. Write {machine} to go on", default="")
    )
    if said != machine:
        raise click.ClickException("nothing was erased: that is not the machine's name")
    with at_the_database() as session:
        row = named(session, Machine, Machine.name, machine, "machine")
        seen = extent.seen(row.id, since, until)
        try:
            done = erasing.erase(
                session, row, since, until, seen=seen, actor=ACTOR, reason=reason, now=datetime.now(UTC),
                with_evidence=evidence,
            )  # fmt: skip
        except erasing.Changed:
            raise click.ClickException("nothing was erased: more has come in meanwhile; look again") from None
        click.echo(f"{words.count(done.reports, 'report')} erased")


def _span(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    until = min(end or now, now)
    since = start or until - timedelta(days=1)
    if since >= until:
        raise click.ClickException("--from is not before --to (or lies ahead): give an earlier instant")
    if until - since > LONGEST:
        raise click.ClickException(f"the span is longer than {LONGEST.days} days: ask for a shorter one")
    return since, until
