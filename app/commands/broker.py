"""Run the MQTT broker, with one account and its own topics per machine."""

from __future__ import annotations

import click

from app.cli import read_settings


@click.command()
def command() -> None:
    """Run the MQTT broker, with one account and its own topics per machine."""
    from app import logs
    from telemetry.broker import main

    settings = read_settings()
    logs.set_up(settings)
    main(settings)
