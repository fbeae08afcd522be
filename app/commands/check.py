"""Try every outside part; say what is wrong and what to do."""

from __future__ import annotations

import sys

import click

from app.cli import read_settings


@click.command()
def command() -> None:
    """Try every outside part and say what is wrong and what to do. Ends with status 1 when anything is."""
    from app.checks import look_at_everything

    troubles = 0
    for finding in look_at_everything(read_settings()):
        click.echo(f"{'WRONG' if finding.remedy else 'ok':<6} {finding.subject}: {finding.said}")
        if finding.remedy:
            troubles += 1
            click.echo(f"       → {finding.remedy}")
    click.echo("everything answers" if not troubles else f"{troubles} to see to")
    sys.exit(1 if troubles else 0)
