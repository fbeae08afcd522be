"""Models trained here: list, compare, put in the shadow, promote, roll back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import click
from sqlalchemy.orm import Session

from app import words
from app.commands.replay import Instant
from app.errands import at_the_database
from telemetry import release_view, releases

ACTOR = "command line"


@contextmanager
def _speaking() -> Iterator[Session]:
    """A transaction in which what cannot be done is said in words."""
    try:
        with at_the_database() as session:
            yield session
    except releases.BadRelease as why:
        raise click.ClickException(f"{why}. {why.remedy}") from None


@click.group(name="models", help="Models trained here. MODEL is M-3, or eight digits of its digest; own is what each "
                                 "machine learns by itself.")  # fmt: skip
def command() -> None:
    pass


@command.command(name="list", help="Every release, the newest first, and where it is on duty.")
def list_() -> None:
    with _speaking() as session:
        shown = release_view.every(session)
        for one in shown:
            made = one.release
            click.echo(
                f"{made.label:<6} {made.digest[:12]}  {made.made_at:%Y-%m-%d %H:%M}Z  {one.standing:<34} {made.title}"
            )
        if not shown:
            click.echo("no model was trained here yet: vigie train")


@command.command(help="Lineage, settings, scores and duties of one release.")
@click.argument("model")
def show(model: str) -> None:
    with _speaking() as session:
        one = release_view.of(session, releases.find(session, model))
        made = one.release
        click.echo(f"{made.label} {made.title}: {one.standing}")
        click.echo(f"digest    {made.digest}")
        click.echo(f"trained   {made.made_at:%Y-%m-%d %H:%M}Z by {made.made_by}, code {made.lineage.get('code')}")
        click.echo(f"history   {made.lineage.get('from')} to {made.lineage.get('to')}, {made.machines} machines, "
                   f"{made.lineage.get('reports')} reports")  # fmt: skip
        for name in ("settings", "scores", "verdicts", "left_out"):
            told = made.settings if name == "settings" else made.lineage.get(name, {})
            for key, value in told.items():
                click.echo(f"{name:<9} {key}: {value}")
        for machine, why in one.refused:
            click.echo(f"refused   {machine}: {why}")


@command.command(help="Let MODEL score beside the champion, opening nothing. --end: it steps down.")
@click.argument("model")
@click.option("--end", is_flag=True, help="Step down; what it would have opened stays to be read.")
def shadow(model: str, end: bool) -> None:
    with _speaking() as session:
        release = releases.find(session, model)
        act = releases.end_shadow if end else releases.shadow
        machines = act(session, release, actor=ACTOR, now=datetime.now(UTC))
    done = "is no challenger any more of" if end else "is challenger of"
    click.echo(f"{release.label} {done} {words.count(machines, 'machine')}; watchers follow within seconds")


@command.command(help="What MODEL, as challenger, would have opened, beside what the champion opened.")
@click.argument("model")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
def openings(model: str, limit: int) -> None:
    with _speaking() as session:
        table = release_view.table(session, releases.find(session, model), datetime.now(UTC), limit)
    click.echo(table.sentence)
    for pair in table.pairs:
        by = {"both": "both", "a": "champion only", "b": "challenger only"}[pair.by]
        click.echo(f"{pair.one.opened_at:%Y-%m-%d %H:%M}Z  {by:<15}  {pair.one.machine:<20} {pair.one.summary}")


@command.command(help="From now on MODEL opens the incidents of its machines.")
@click.argument("model")
@click.option("--reason", required=True, help="Why; it stands in the audit.")
def promote(model: str, reason: str) -> None:
    with _speaking() as session:
        release = releases.find(session, model)
        machines = releases.promote(session, release, actor=ACTOR, reason=reason, now=datetime.now(UTC))
    click.echo(f"{release.label} is champion of {words.count(machines, 'machine')}; watchers follow within seconds")


@command.command(help="Each machine MODEL is champion of goes back to what it ran before. Without MODEL: the last one "
                      "promoted.")  # fmt: skip
@click.argument("model", required=False)
@click.option("--reason", required=True, help="Why; it stands in the audit.")
def rollback(model: str | None, reason: str) -> None:
    with _speaking() as session:
        release = releases.find(session, model) if model else releases.last_promoted(session)
        machines = releases.rollback(session, release, actor=ACTOR, reason=reason, now=datetime.now(UTC))
    click.echo(f"{release.label} is champion no more of {words.count(machines, 'machine')}; watchers follow within "
               "seconds")  # fmt: skip


@command.command(help="Replay stored history under A and under B; list the incidents B gains and loses.")
@click.argument("a")
@click.argument("b")
@click.option("--from", "start", type=Instant(), help="Default: a day ago.")
@click.option("--to", "end", type=Instant(), help="Default: now.")
@click.option("--machine", "machines", multiple=True, help="Only this one; may be given again.")
def compare(a: str, b: str, start: datetime | None, end: datetime | None, machines: tuple[str, ...]) -> None:
    from telemetry import comparing

    now = datetime.now(UTC)
    end = end or now
    start = start or end - timedelta(days=1)
    if start >= end:
        raise click.ClickException("--from must lie before --to")
    with _speaking() as session:
        first, second = releases.find_or_own(session, a), releases.find_or_own(session, b)
        try:
            found = comparing.compare(
                session, first, second, start, end, machines, lambda said: click.echo(said, err=True)
            )
        except comparing.NothingToCompare as why:
            raise click.ClickException(str(why)) from None
        comparing.keep(session, found, first, second, start, end, actor=ACTOR, now=now)
    click.echo(f"{found.machines} machines, {start:%Y-%m-%d %H:%M}Z to {end:%Y-%m-%d %H:%M}Z: {len(found.of('both'))} "
               f"opened by both, {len(found.of('a'))} lost, {len(found.of('b'))} gained under {found.b}")  # fmt: skip
    for by, word in (("a", "lost"), ("b", "gained")):
        for pair in found.of(by):
            judged = f" [judged {pair.one.note}]" if pair.one.note else ""
            click.echo(f"{word:<7}{pair.one.opened_at:%Y-%m-%d %H:%M}Z  {pair.one.machine:<20} "
                       f"{pair.one.summary}{judged}")  # fmt: skip
    for machine, reason in found.left_out.items():
        click.echo(f"left out {machine}: {reason}", err=True)
