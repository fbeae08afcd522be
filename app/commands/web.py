"""Serve the pages and the API."""

from __future__ import annotations

import os
import sys

import click

from app.cli import read_settings

# Streams hold a thread each, so threads are many; processes are few, since each holds its own memory.
THREADS = 32


@click.command()
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Web processes.")
@click.option("--threads", type=click.IntRange(2, 256), default=THREADS, show_default=True, help="Threads of each.")
def command(processes: int, threads: int) -> None:
    """Serve the pages and the API with gunicorn."""
    settings = read_settings()
    # gunicorn's parent only watches its children; started afresh it does not hold our imports as well.
    os.environ.update({name: value for name, value in {
        "VIGIE_DATA": str(settings.data), "VIGIE_DATABASE_URL": settings.database_url,
        "VIGIE_HOST": settings.host, "VIGIE_PORT": str(settings.port),
        "VIGIE_MQTT_HOST": settings.mqtt_host, "VIGIE_MQTT_PORT": str(settings.mqtt_port),
    }.items() if value})  # fmt: skip
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    arguments = [
        "--bind", f"{host}:{settings.port}",
        "--worker-class", "gthread", "--workers", str(processes), "--threads", str(threads),
        "--timeout", "60", "--graceful-timeout", "5", "--keep-alive", "15",
        "--limit-request-line", "8190", "--limit-request-fields", "64",
        "--worker-tmp-dir", "/dev/shm" if os.path.isdir("/dev/shm") else str(settings.data),
        "--no-control-socket",
        "--log-level", "warning", "--name", "vigie-web",
        "app.wsgi:application",
    ]  # fmt: skip
    os.execv(sys.executable, [sys.executable, "-P", "-m", "gunicorn", *arguments])
