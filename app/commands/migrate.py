"""Bring the database to the schema of this version."""

from __future__ import annotations

import click

from app.cli import read_settings


@click.command()
def command() -> None:
    """Bring the database to the schema of this version; safe to run at any time, and from several places at once."""
    from app import migrate

    try:
        before, after = migrate.upgrade(read_settings().database_for("owner"))
    except (migrate.MigrationError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    if before == after:
        click.echo(f"the database is at revision {after}, nothing to do")
    else:
        click.echo(f"migrated from {before or 'an empty database'} to revision {after}")
