"""Bring customers, sites, machines, contacts and contracts in from CSV, or say what that would do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.errands import at_the_database

if TYPE_CHECKING:
    from app.transfer.plan import LineSaid, Plan


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say, line by line, what would happen.")
@click.option("--quiet", is_flag=True, help="Name only the lines that are refused.")
def command(files: tuple[Path, ...], dry_run: bool, quiet: bool) -> None:
    """Import FILES: CSV files named after what they hold (customers.csv, sites.csv, machines.csv, contacts.csv,
    contracts.csv, lines.csv, …), or a zip made by `vigie export`.

    Everything is done in one transaction, or nothing; doing it twice changes nothing the second time.
    """
    from app.transfer.moving import bring, open_files
    from contracts.life import By

    given = open_files([(path.name, path.read_bytes()) for path in files])
    with at_the_database() as session:
        plan, done = bring(session, given, By("vigie import", "command:import"), datetime.now(UTC), dry=dry_run)
    for line in plan.lines:
        if line.faults or not quiet:
            click.echo(said(line))
    click.echo(summary(plan, done=done, dry=dry_run))
    if plan.refused:
        raise SystemExit(1)


def said(line: LineSaid) -> str:
    """One line of the report."""
    where = f"{line.file}:{line.line}"
    if line.faults:
        return "\n".join(f"{where}  refused  {line.key}  {f.field} {f.problem}: {f.remedy}" for f in line.faults)
    changes = "; ".join(f"{one.field} {one.before or '(empty)'} → {one.after or '(empty)'}" for one in line.changes)
    return "  ".join(filter(None, (where, line.action, line.kind, line.key, changes, line.note)))


def summary(plan: Plan, *, done: bool, dry: bool) -> str:
    """What became of it, as the last line."""
    counts = ", ".join(f"{number} {action}" for action, number in plan.counts.items())
    if plan.refused:
        return f"{counts}. Nothing was done: mend the refused lines first."
    if dry:
        return f"{counts}. This was a dry run: nothing was done."
    return f"{counts}. Done." if done else f"{counts}. Nothing was done."
