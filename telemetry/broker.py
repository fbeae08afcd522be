"""Starting the MQTT broker: Mosquitto where it is installed, else the embedded one, both under our rules."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import psutil
import structlog

from models.session import SYSTEM, Sessions, make_engine, make_sessions, work
from telemetry import broker_files
from telemetry.broker_files import Files
from telemetry.needs import Needs

log = structlog.get_logger()

# Debian keeps it where the search path of an ordinary user does not look.
_MORE_PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")


class NoBroker(RuntimeError):
    """The broker that was asked for cannot be started; the words say why."""


def main(settings: Needs) -> None:
    """Write the broker's files, then become the broker. Returns only after the embedded one was stopped."""
    program = _mosquitto() if settings.mqtt_broker != "embedded" else None
    if program is None and settings.mqtt_broker == "mosquitto":
        raise NoBroker("mosquitto is not installed; install it or set VIGIE_MQTT_BROKER=embedded")
    files = prepare(settings)
    if program is not None:
        log.info("broker.starting", kind="mosquitto", program=program, port=settings.mqtt_port, user=files.user)
        files.pid.write_text(str(os.getpid()), encoding="utf-8")
        os.execv(program, [program, "-c", str(files.config)])
    from telemetry import broker_embedded

    log.info("broker.starting", kind="embedded", port=settings.mqtt_port)
    broker_embedded.serve(files, settings.mqtt_host, settings.mqtt_port)


def prepare(settings: Needs) -> Files:
    """Write configuration, passwords and access rules as they are now. Needs the database."""
    files = broker_files.files_in(settings.data / "mqtt")
    engine = make_engine(settings.database_for("worker"), pool_size=1, name="vigie-broker")
    try:
        sync_credentials(make_sessions(engine), files, settings.mqtt_username, settings.bridge_secret)
    finally:
        engine.dispose()
    broker_files.write_acl(files, settings.mqtt_username)
    broker_files.write_config(files, settings.mqtt_host, settings.mqtt_port)
    return files


def sync_credentials(sessions: Sessions, files: Files, bridge_user: str, secret_file: Path) -> bool:
    """Make the password file say what the database says; True when it changed and the broker was told.

    Mosquitto then also ends the open connections whose secret is no longer good.
    """
    line = broker_files.bridge_line(files, bridge_user, broker_files.bridge_secret(secret_file))
    with work(sessions, SYSTEM) as session:
        text = broker_files.passwords_now(session, bridge_user, line)
    if not broker_files.write_passwords(files, text):
        return False
    told = _tell(files)
    log.info("broker.credentials_changed", credentials=text.count("\n") - 1, broker_told=told)
    return True


def credentials_loop(settings: Needs, sessions: Sessions) -> Callable[[datetime], None]:
    """The body of a loop that keeps the broker's passwords true; cheap enough to run every second or two."""
    files = broker_files.files_in(settings.data / "mqtt")

    def body(now: datetime) -> None:
        sync_credentials(sessions, files, settings.mqtt_username, settings.bridge_secret)

    return body


def _mosquitto() -> str | None:
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_MORE_PLACES))
    return shutil.which("mosquitto", path=path)


def _tell(files: Files) -> bool:
    """Ask a running Mosquitto to read its files again. The embedded broker looks at them by itself."""
    with suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied, PermissionError):
        pid = int(files.pid.read_text(encoding="utf-8"))
        # The number may belong to somebody else by now: only a process started with our configuration is signalled.
        if str(files.config) in psutil.Process(pid).cmdline():
            os.kill(pid, signal.SIGHUP)
            return True
    return False
