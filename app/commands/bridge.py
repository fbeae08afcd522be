"""Carry messages from the MQTT broker into the log."""

from __future__ import annotations

import click

from app.cli import read_settings


@click.command()
def command() -> None:
    """Carry messages from the MQTT broker into the log."""
    from app import logs
    from telemetry.bridge import main

    settings = read_settings()
    logs.set_up(settings)
    main(settings)
