"""Report the host this runs on, and keep each report until it is stored."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from threading import Event
from types import FrameType

import click

from app import demo_secrets
from app.cli import read_settings
from app.settings import Settings

REST_S = 2.0  # how often an agent without a credential looks whether it has one now


@click.command()
@click.option("--host", help="Address of the MQTT broker.  [default: VIGIE_MQTT_HOST]")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the MQTT broker.  [default: VIGIE_MQTT_PORT]")
@click.option("--username", help="This machine's name.  [default: this host in the demo]")
@click.option("--password-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its secret.")
@click.option(
    "--every", type=click.FloatRange(0.5, 3600), default=5.0, show_default=True, help="Seconds between reports."
)
@click.option(
    "--state", type=click.Path(file_okay=False, path_type=Path), help="Folder of the queue.  [default: DATA/agent]"
)
def command(
    host: str | None,
    port: int | None,
    username: str | None,
    password_file: Path | None,
    every: float,
    state: Path | None,
) -> None:
    """Report the host this runs on: processor, memory, disks, network, temperature where there is one, processes."""
    from app import logs

    settings = read_settings()
    logs.set_up(settings)
    if (username is None) != (password_file is None):
        raise click.UsageError("--username and --password-file go together")
    asked = Event()

    def stop(number: int, _: FrameType | None) -> None:
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    folder = state or settings.data / "agent"
    place = (host or settings.mqtt_host, port or settings.mqtt_port)
    if username is not None and password_file is not None:
        _report(place, username, password_file.read_text().strip(), folder, every, asked.is_set)
    else:
        _report_demo(settings, place, folder, every, asked)


def _report_demo(settings: Settings, place: tuple[str, int], folder: Path, every: float, asked: Event) -> None:
    """Report as this host of the demo, and rest while there is no demo."""
    path = demo_secrets.agent_file(settings.data)
    while not asked.is_set():
        written, known = demo_secrets.stamp(path), demo_secrets.read(path)

        def is_over(written: int = written) -> bool:
            """Asked to stop, or the credential was renewed or taken away."""
            return asked.is_set() or demo_secrets.stamp(path) != written

        for machine, secret in known.items():
            _report(place, machine, secret, folder, every, is_over)
        if not known:
            asked.wait(REST_S)


def _report(
    place: tuple[str, int], machine: str, secret: str, folder: Path, every: float, is_over: Callable[[], bool]
) -> None:
    from telemetry.agent import Address, Agent
    from telemetry.agent_queue import Queue
    from telemetry.agent_vitals import Vitals

    queue = Queue(folder / f"{machine}.sqlite")
    try:
        Agent(Address(*place, machine, secret), queue, every, Vitals()).run(is_over)
    finally:
        queue.close()
