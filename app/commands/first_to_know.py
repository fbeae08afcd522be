"""Who knew first: the share of a period, by contract, with what it counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from app import first_words
from app.commands.replay import Instant
from app.errands import at_the_database, named
from escalation import first_knowing
from models.agreements import Contract


@click.command(name="first-to-know", help="Who knew first, machine, us or the customer: the share, by contract.")
@click.option("--from", "start", type=Instant(), help="Default: 30 days before --to.")
@click.option("--to", "end", type=Instant(), help="Default: now.")
@click.option("--contract", help="Only this one, by its number.")
def command(start: datetime | None, end: datetime | None, contract: str | None) -> None:
    end = end or datetime.now(UTC)
    start = start or end - timedelta(days=30)
    if start >= end:
        raise click.ClickException("--from must lie before --to")
    with at_the_database() as session:
        row = named(session, Contract, Contract.number, contract, "contract") if contract else None
        total, rows = first_knowing.shares(session, start, end, contract_id=row.id if row else None)
    click.echo(f"{start:%Y-%m-%d %H:%M}Z to {end:%Y-%m-%d %H:%M}Z: {first_words.sentence(total)}")
    for one in rows:
        share = one.share
        click.echo(
            f"  {one.number or 'no contract':<16} {share.ours:>5} of {share.counted:<5} customer {share.customer}"
        )
    click.echo(" ".join(one for one in (first_words.counts(), first_words.left_out(total)) if one))
