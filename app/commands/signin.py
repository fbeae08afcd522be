"""Print a link that signs the first administrator in, once."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from app.cli import read_settings
from app.errands import at_the_database


@click.command()
@click.option("--bare", is_flag=True, help="Only the link.")
def command(bare: bool) -> None:
    """Print a link that signs the administrator in, once, and make one in an empty house.

    For anybody else, or who has lost a password: vigie person link ADDRESS.
    """
    from app.identity import ensure_first_administrator, make_sign_in_link

    now = datetime.now(UTC)
    with at_the_database() as session:
        person = ensure_first_administrator(session, now)
        link = read_settings().address + make_sign_in_link(session, person, now)
    click.echo(link if bare else f"{person.name} may sign in once with\n{link}")
