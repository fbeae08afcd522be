"""Serve the pages and the API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import read_settings

if TYPE_CHECKING:
    from app.settings import Settings

# Streams hold a thread each, so threads are many; processes are few, since each holds its own memory.
THREADS = 32


@click.command()
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Web processes.")
@click.option("--threads", type=click.IntRange(2, 256), default=THREADS, show_default=True, help="Threads of each.")
def command(processes: int, threads: int) -> None:
    """Serve the pages and the API with gunicorn."""
    from gunicorn.app.base import BaseApplication

    settings = read_settings()

    class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
        """gunicorn with the settings of this process, read once."""

        def load_config(self) -> None:
            for name, value in _options(settings, processes, threads).items():
                self.cfg.set(name, value)

        def load(self) -> object:
            from app import create_app

            return create_app(settings)

    Server().run()


def _options(settings: Settings, processes: int, threads: int) -> dict[str, object]:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    memory = Path("/dev/shm")  # the workers' heartbeat files, which must not wait for a disk
    return {
        "bind": f"{host}:{settings.port}",
        "worker_class": "gthread",
        "workers": processes,
        "threads": threads,
        "timeout": 60,
        "graceful_timeout": 2,  # what is open then is a stream, and a stream resumes where it was cut
        "keepalive": 15,
        "limit_request_line": 8190,
        "limit_request_fields": 64,
        "worker_tmp_dir": str(memory if memory.is_dir() else settings.data),
        "control_socket_disable": True,
        "loglevel": "warning",
        "proc_name": "vigie-web",
    }
