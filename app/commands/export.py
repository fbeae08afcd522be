"""Write everything that can be imported again into one zip: a CSV for each kind, and a manifest."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from app.errands import at_the_database


@click.command()
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The zip to write.")
def command(out: Path) -> None:
    """Write customers, sites, machines, contacts and contracts to a zip that `vigie import` reads again.

    No secret is in it: a machine imported elsewhere gets a new one on request, a person a sign-in link.
    """
    from app.transfer.moving import note_taken, take_out

    with at_the_database() as session:
        raw = take_out(session)
        note_taken(session, raw, "vigie export", datetime.now(UTC))
    try:
        out.write_bytes(raw)
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror}") from error
    click.echo(f"wrote {out}, {len(raw):,} bytes; secrets are not in it")
