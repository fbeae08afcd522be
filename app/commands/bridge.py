"""Carry messages from the MQTT broker into the log."""

from __future__ import annotations

import click

from app.cli import read_settings


@click.command()
def command() -> None:
    """Carry messages from the MQTT broker into the log."""
    from telemetry.bridge import main

    from app import logs

    settings = read_settings()
    logs.set_up(settings)
    main(settings)
