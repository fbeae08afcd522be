"""Train the models that are not learned from each machine's own past."""

from __future__ import annotations

from pathlib import Path

import click

SOURCE = "Backblaze Drive Stats (free to use, Backblaze named as the source, not sold)"


@click.group()
def command() -> None:
    """Train the models that are not learned from each machine's own past."""


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
