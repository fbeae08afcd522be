"""Send notices, climb ladders, notice silence, look after broker and tables."""

from __future__ import annotations

import click

from app.cli import read_settings


@click.command()
def command() -> None:
    """Send notices, climb ladders, notice silence, keep the broker's accounts and the tables in order."""
    from app import logs, working

    settings = read_settings()
    logs.set_up(settings)
    working.main(settings)
