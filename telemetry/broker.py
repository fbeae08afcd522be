"""Starting the MQTT broker: Mosquitto where it is installed, else the embedded one, both under our rules."""

from __future__ import annotations

import os
import resource
import shutil
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog

from models.session import Sessions, make_engine, make_sessions
from telemetry import broker_files, broker_keeping
from telemetry.broker_files import Files, Listeners
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
    where = listeners(settings)
    _room_for_connections()
    if program is not None:
        _try(where)
        log.info("broker.starting", kind="mosquitto", program=program, port=settings.mqtt_port, user=files.user)
        files.unheard.unlink(missing_ok=True)  # it is about to read them all
        files.pid.write_text(str(os.getpid()), encoding="utf-8")
        os.execv(program, [program, "-c", str(files.config)])
    from telemetry import broker_embedded

    log.info("broker.starting", kind="embedded", port=settings.mqtt_port)
    files.pid.unlink(missing_ok=True)  # it looks at its files by itself
    broker_embedded.serve(files, where)


def prepare(settings: Needs) -> Files:
    """Write configuration, passwords and access rules as they are now. Needs the database."""
    files = broker_files.files_in(settings.data / "mqtt")
    where = listeners(settings)
    if where.speaks_tls:
        for name in ("ca.crt", "server.crt", "server.key"):
            if not (settings.pki_folder / name).exists():
                said = f"a TLS port is set and {settings.pki_folder / name} is missing"
                raise NoBroker(f"{said}: `vigie pki init`, then `vigie pki server NAME…`")
    engine = make_engine(settings.database_for("worker"), pool_size=1, name="vigie-broker")
    try:
        broker_keeping.keep(make_sessions(engine), files, _house(settings), datetime.now(UTC), tell=False)
    finally:
        engine.dispose()
    if where.cert_port and not (files.tls / "crl.pem").exists():
        raise NoBroker(f"{settings.pki_folder}/crl.pem is missing: bring it from where `vigie pki crl` makes it")
    broker_files.write_config(files, where)
    return files


def listeners(settings: Needs) -> Listeners:
    """Where the broker listens, as the settings say."""
    return Listeners(
        settings.mqtt_host, settings.mqtt_port, settings.mqtt_tls_host, settings.mqtt_tls_port, settings.mqtt_cert_port
    )


def sync_credentials(
    sessions: Sessions, files: Files, bridge_user: str, secret_file: Path, *, pki: Path | None = None,
    where: Listeners | None = None,
) -> bool:  # fmt: skip
    """Make the broker's files say what the database says; True when they changed and the broker was told."""
    house = broker_keeping.House(bridge_user, secret_file, pki, where)
    return broker_keeping.keep(sessions, files, house, datetime.now(UTC))


def credentials_loop(settings: Needs, sessions: Sessions) -> Callable[[datetime], None]:
    """The body of a loop that keeps the broker's files true; cheap enough to run every second or two."""
    files = broker_files.files_in(settings.data / "mqtt")
    house = _house(settings)

    def body(now: datetime) -> None:
        broker_keeping.keep(sessions, files, house, now)

    return body


def _house(settings: Needs) -> broker_keeping.House:
    return broker_keeping.House(
        settings.mqtt_username, settings.bridge_secret, settings.pki_folder, listeners(settings)
    )


def _mosquitto() -> str | None:
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_MORE_PLACES))
    return shutil.which("mosquitto", path=path)


def _room_for_connections() -> None:
    """As many open files as we may have: who opens connections and says nothing must not use up everybody's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with suppress(ValueError, OSError):  # then it stays as it was
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1 << 18), hard))


def _try(where: Listeners) -> None:
    """Take each address for a moment: Mosquitto would say what is wrong with it into its own log only."""
    doors = [(where.host, where.port), (where.tls_host, where.tls_port), (where.tls_host, where.cert_port)]
    for host, port in doors:
        if not port:
            continue
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as problem:
                raise NoBroker(f"the broker cannot listen on {host}:{port}: {problem.strerror}") from None
