"""Train models: of the history stored here, or, `smart`, the drives' scorecard of a table of drives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from app.commands.replay import Instant

SOURCE = "Backblaze Drive Stats (free to use, Backblaze named as the source, not sold)"


@click.group(invoke_without_command=True)
@click.option("--from", "start", type=Instant(), help="Learn from here on. Default: three days before --to.")
@click.option("--to", "end", type=Instant(), help="Learn up to here. Default: now.")
@click.option("--customer", help="Only this customer's machines, by its short name.")
@click.option("--machine", "machines", multiple=True, help="Only this machine; may be given again.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="Another setting than the usual one, such as "
              "threshold=1.2 (times the usual one), ridge, cap, floor_of_range, linked_peaks_a_day.")  # fmt: skip
@click.option("--title", default="", help="A few words that say what it is for.")
@click.pass_context
def command(
    ctx: click.Context,
    start: datetime | None,
    end: datetime | None,
    customer: str | None,
    machines: tuple[str, ...],
    given: tuple[str, ...],
    title: str,
) -> None:
    """Train a release of models on the history stored here; see `vigie models` for what to do with it.

    Each machine is fitted on its own history, without what engineers confirmed as a problem and without maintenance,
    and judged on the newest quarter by a model that has not seen it. What runs is changed by a promotion only.
    """
    if ctx.invoked_subcommand is not None:
        return
    from app.errands import at_the_database, named
    from models.customers import Customer
    from telemetry import release_training

    now = datetime.now(UTC)
    end = end or now
    start = start or end - timedelta(days=3)
    if start >= end:
        raise click.ClickException("--from must lie before --to")
    try:
        settings = release_training.settings_of(_settings(given))
        with at_the_database() as session:
            whose = named(session, Customer, Customer.slug, customer, "customer").id if customer else None
            chosen = release_training.machines_of(session, whose, machines)
            trained = release_training.train(
                session, chosen, start, end, settings, lambda said: click.echo(said, err=True)
            )
            release = release_training.keep(
                session, trained, start, end, title=title[:200], actor="command line", now=now
            )
    except (release_training.BadSettings, release_training.NothingLearned) as why:
        raise click.ClickException(str(why)) from None
    scores = release.lineage["scores"]
    click.echo(f"{release.label} {release.digest[:12]}: {release.machines} machines; held out "
               f"{scores['held_out_machine_days']} machine-days: {scores['held_out_alarms']} alarms "
               f"({scores['held_out_alarms_a_machine_day']} a machine and day)")  # fmt: skip


def _settings(given: tuple[str, ...]) -> dict[str, float]:
    found = {}
    for one in given:
        name, _, value = one.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise click.ClickException(f"--set {one!r}: write NAME=VALUE, such as threshold=1.2") from None
    return found


@command.command()
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path),
              help="A table of daily SMART counters with failures, or a folder that holds one.")  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False, writable=True, path_type=Path),
              help="Where to write the scorecard. Default: where this Vigie reads it.")  # fmt: skip
@click.option("--source", default=SOURCE, show_default=True, help="Whose data it is; stands in the lineage.")
def smart(data: Path, out: Path | None, source: str) -> None:
    """Fit the scorecard that warns of failing drives, and say what it reaches on drives and days held out."""
    from telemetry import smart_training
    from telemetry.smart_card import SHIPPED, written

    tables = [data] if data.is_file() else sorted((*data.glob("*.csv"), *data.glob("*.csv.gz")))
    if len(tables) != 1:
        raise click.ClickException(f"{data} holds {len(tables)} tables (.csv or .csv.gz); name the one to read")
    try:
        days = smart_training.read(tables[0])
    except (smart_training.BadTable, OSError, ValueError) as e:
        raise click.ClickException(str(e)) from None
    if int(days.failing.sum()) < smart_training.FOLDS:
        raise click.ClickException(f"{tables[0]} holds too few failed drives to learn from: {int(days.failing.sum())}")
    card = smart_training.trained(days, source)
    digest = written(card, out or SHIPPED)
    for name, value in card.lineage.items():
        click.echo(f"{name}: {value}")
    click.echo(f"{out or SHIPPED}: SHA-256 {digest}", err=True)
