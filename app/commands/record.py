"""Write what a broker carries to a recording."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="The broker.")
@click.option("--port", default=1883, show_default=True, type=click.IntRange(1, 65535))
@click.option("--user", help="User name at the broker.")
@click.option("--password", envvar="VIGIE_RECORD_PASSWORD", help="Its password; better given as VIGIE_RECORD_PASSWORD.")
@click.option("--topic", "topics", multiple=True, default=("#",), show_default=True, help="Topic filter, repeatable.")
@click.option("--seconds", type=click.FloatRange(min=0.1), help="Stop after so long; without it, on Ctrl-C.")
@click.option("--messages", "most", type=click.IntRange(min=1), help="Stop after so many messages.")
def command(
    file: Path,
    host: str,
    port: int,
    user: str | None,
    password: str | None,
    topics: tuple[str, ...],
    seconds: float | None,
    most: int | None,
) -> None:
    """Write what a broker carries to a recording (gzip when FILE ends in .gz), for decode and replay."""
    from telemetry.recorder import Broker, CannotRecord, record

    try:
        count = record(file, Broker(host, port, user, password), topics, seconds=seconds, most=most)
    except CannotRecord as e:
        raise click.ClickException(str(e)) from None
    click.echo(f"{count} messages in {file}", err=True)
