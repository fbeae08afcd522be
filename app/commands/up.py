"""Start everything on this machine and keep it running."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

import click

from app.cli import read_settings


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Folder that holds all state.  [default: .vigie]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the web server; 0: a free one.  [default: 8080]")
@click.option("--mqtt-port", type=click.IntRange(0, 65535), help="Port of the MQTT broker.  [default: 18830]")
@click.option("--no-demo", is_flag=True, help="Without the demo fleet and without this machine's own agent.")
@click.option("--fresh", is_flag=True, help="Erase the data folder first (only ever a folder Vigie made).")
@click.option("--open", "open_browser", is_flag=True, help="Open a browser, signed in, once it is up.")
def command(
    data: Path | None, port: int | None, mqtt_port: int | None, no_demo: bool, fresh: bool, open_browser: bool
) -> None:
    """Start everything on this machine and keep it running: PostgreSQL, MQTT broker, bridge, watcher, workers, web.

    Ctrl-C or SIGTERM stops it all in order.
    """
    from pydantic import ValidationError

    from app import embedded, folder, start

    def show(link: str) -> None:
        if open_browser:
            webbrowser.open(link)

    given = {"data": data, "port": port, "mqtt_port": mqtt_port, "demo": not no_demo}
    if "VIGIE_DEMO" in os.environ and not no_demo:
        del given["demo"]
    try:
        settings = read_settings(beside=False, **{name: value for name, value in given.items() if value is not None})
        status = start.run(settings, fresh=fresh, then=show)
    except (folder.FolderError, embedded.EmbeddedError, start.StartError) as error:
        status = start.complain(error)
    except ValidationError as error:
        wrong = error.errors()[0]
        status = start.complain(ValueError(f"VIGIE_{str(wrong['loc'][0]).upper()} cannot be used: {wrong['msg']}"))
    sys.exit(status)
