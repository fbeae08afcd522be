"""Send notices, climb ladders, notice silence, fit models, look after the tables."""

from __future__ import annotations

import click

from app.cli import read_settings


@click.command()
def command() -> None:
    """Send notices, climb ladders, notice silence, fit models, look after the tables."""
    from escalation.work import main

    from app import logs

    settings = read_settings()
    logs.set_up(settings)
    main(settings)
