"""Decode and score what stands in the log, open incidents, keep history."""

from __future__ import annotations

import click

from app.cli import read_settings


@click.command()
@click.option("--name", default="watch", show_default=True, help="Which of several watchers this is.")
def command(name: str) -> None:
    """Decode and score what stands in the log, open incidents, keep history."""
    from app import logs
    from telemetry.watch import main

    settings = read_settings()
    logs.set_up(settings)
    main(settings, name)
