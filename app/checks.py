"""Try every outside part and say, for each, what is wrong and what to do about it."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from sqlalchemy import make_url

from app import providers, revisions
from app.folder import ROOM_NEEDED
from app.sealing import link_key
from app.settings import Settings
from escalation.channels.provider import receipts_path
from telemetry import mqtt_tls
from telemetry.broker_access import CHECK_USER
from telemetry.broker_keeping import greet

# Devices and promises are compared by time: more than this between two of our own clocks is worth a word.
LARGEST_SKEW_S = 2.0


@dataclass(frozen=True)
class Finding:
    """One thing tried. `remedy` is empty when it is in order."""

    subject: str
    said: str
    remedy: str = ""


def look_at_everything(settings: Settings) -> Iterator[Finding]:
    """Try each part in turn; every trouble is a finding, none is raised."""
    yield from _database(settings)
    yield _broker(settings)
    yield _log(settings)
    yield _mail(settings)
    yield from _providers(settings)
    yield _disk(settings)


def _providers(settings: Settings) -> Iterator[Finding]:
    """Each declared provider of SMS and voice, and where its receipts come in if it knows one address only."""
    try:
        declared = providers.declared(settings)
    except ValueError as error:
        yield Finding("providers", str(error), "mend the declaration (docs/integrations.md)")
        return
    for one in declared:
        said = f"{one.channel} by {one.method} to {urlsplit(one.url).hostname}; receipts by {one.receipt_by}"
        if one.receipt_id:
            said += f" to {settings.address}{receipts_path(one.name, link_key(settings))}"
        yield Finding(f"provider {one.name}", said)


def _database(settings: Settings) -> Iterator[Finding]:
    reached = False
    for role in ("owner", "web", "worker"):
        subject = f"database as vigie_{role}"
        try:
            with psycopg.connect(_dsn(settings, role), connect_timeout=5) as connection:
                yield Finding(subject, f"PostgreSQL {connection.info.server_version // 10000} answers")
                if role == "web":
                    yield _walls(connection)
                if role == "worker":
                    yield _clock(connection)
            reached = True
        except ValueError as error:
            yield Finding("database", str(error), "start ./run, or set VIGIE_DATABASE_URL (docs/running-large.md)")
            return
        except psycopg.OperationalError as error:
            said = str(error).strip().splitlines()[-1]
            yield Finding(subject, said, "is PostgreSQL up, and does deploy/roles.sql stand there with this role?")
    if reached:
        yield _schema(settings)


def _walls(connection: psycopg.Connection) -> Finding:
    row = connection.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user").fetchone()
    if row is not None and row[0]:
        remedy = "ALTER ROLE vigie_web NOSUPERUSER NOBYPASSRLS: as it is, customers are not kept apart"
        return Finding("walls between customers", "the web's role gets around row-level security", remedy)
    return Finding("walls between customers", "the web's role is held by row-level security")


def _clock(connection: psycopg.Connection) -> Finding:
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()
    skew = abs(float(row[0]) - time.time()) if row else 0.0
    if skew > LARGEST_SKEW_S:
        return Finding("clock", f"this machine and the database differ by {skew:.1f} s", "let both follow NTP")
    return Finding("clock", f"within {skew:.1f} s of the database's")


def _schema(settings: Settings) -> Finding:
    try:
        stands, wanted = revisions.current(_dsn(settings, "worker")), revisions.head()
    except psycopg.Error:
        # The process roles need not read Alembic's table on every installation; its owner always can.
        stands, wanted = revisions.current(_dsn(settings, "owner")), revisions.head()
    if stands == wanted:
        return Finding("database schema", f"at revision {wanted}, as this version needs")
    return Finding("database schema", f"at revision {stands}, this version needs {wanted}", "run `vigie migrate`")


def _dsn(settings: Settings, role: str) -> str:
    url = make_url(settings.database_for(role))  # type: ignore[arg-type]  # the three names it takes
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _broker(settings: Settings) -> Finding:
    host, port, ca = settings.mqtt_line
    where = f"{host}:{port}"
    try:
        secret = settings.bridge_secret.read_text().strip()
    except OSError:
        remedy = "start `vigie broker` once on this machine, or name the file in VIGIE_MQTT_PASSWORD_FILE"
        return Finding("MQTT broker", f"no secret for the bridge in {settings.bridge_secret}", remedy)
    try:
        answer, safety = _sign_in(host, port, ca, secret)
    except mqtt_tls.TlsError as error:
        return Finding("MQTT broker", str(error), "correct VIGIE_MQTT_CA")
    except ssl.SSLError as error:
        remedy = "renew its certificate (`vigie pki server NAME…`), or correct VIGIE_MQTT_CA and VIGIE_MQTT_HOST"
        return Finding("MQTT broker", f"{where}: {mqtt_tls.said(error)}", remedy)
    except OSError as error:
        remedy = "start it (`vigie broker`, or your own), or correct VIGIE_MQTT_HOST and VIGIE_MQTT_PORT"
        return Finding("MQTT broker", f"{where} does not answer: {error.strerror or error}", remedy)
    if answer == 0:
        return Finding("MQTT broker", f"{where} lets {CHECK_USER} in, {safety}")
    remedy = "give the broker the password file of DATA/mqtt and let it read it again (SIGHUP)"
    return Finding("MQTT broker", f"{where} refuses {CHECK_USER} (CONNACK {answer})", remedy)


def _sign_in(host: str, port: int, ca: Path | None, secret: str) -> tuple[int, str]:
    """The broker's return code, and how safe the line was. Raises OSError, TlsError.

    Under a user of its own that may do nothing, but by the bridge's secret: the broker keeps one connection a user,
    and the bridge's must not end for this.
    """
    with socket.create_connection((host, port), timeout=5) as line:
        if ca is None:
            return greet(line, CHECK_USER, secret), "without TLS"
        with mqtt_tls.context(mqtt_tls.Tls(ca)).wrap_socket(line, server_hostname=host) as safe:
            ends = ssl.cert_time_to_seconds(str((safe.getpeercert() or {}).get("notAfter")))
            days = int((ends - time.time()) // 86400)
            return greet(safe, CHECK_USER, secret), f"{safe.version()}, its certificate is good for {days} days"


def _log(settings: Settings) -> Finding:
    if settings.log == "postgres":
        return Finding("log", "a table of the database")
    unreachable = []
    for server in filter(None, settings.kafka_servers.split(",")):
        parts = urlsplit(f"//{server.strip()}")
        try:
            socket.create_connection((parts.hostname or "", parts.port or 9092), timeout=5).close()
        except OSError as error:
            unreachable.append(f"{server} ({error.strerror or error})")
    if not settings.kafka_servers:
        return Finding("log", "Kafka is wanted and no server is named", "set VIGIE_KAFKA_SERVERS to host:port,…")
    if unreachable:
        remedy = "start them, or correct VIGIE_KAFKA_SERVERS; one that answers is enough to begin"
        return Finding("log", f"Kafka does not answer at {', '.join(unreachable)}", remedy)
    return Finding("log", f"Kafka listens at {settings.kafka_servers}")


def _mail(settings: Settings) -> Finding:
    if not settings.smtp_url:
        folder = settings.data / "mail"
        if os.access(folder if folder.exists() else settings.data, os.W_OK):
            return Finding("mail", f"goes to the folder {folder}; nobody is sent anything (VIGIE_SMTP_URL is empty)")
        return Finding("mail", f"the folder {folder} cannot be written", "give it to the account Vigie runs under")
    parts = urlsplit(settings.smtp_url)
    port = parts.port or (465 if parts.scheme == "smtps" else 25)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=5) as line:
            greeting = "" if parts.scheme == "smtps" else line.recv(200).decode(errors="replace").strip()
    except OSError as error:
        remedy = "correct VIGIE_SMTP_URL, or open the way to it"
        return Finding("mail", f"{parts.hostname}:{port} does not answer: {error.strerror or error}", remedy)
    if greeting and not greeting.startswith("220"):
        said = f"{parts.hostname}:{port} says {greeting!r}"
        return Finding("mail", said, "this is no mail server: correct VIGIE_SMTP_URL")
    return Finding("mail", f"{parts.hostname}:{port} answers")


def _disk(settings: Settings) -> Finding:
    try:
        free = shutil.disk_usage(settings.data).free
    except OSError as error:
        return Finding("data folder", f"{settings.data}: {error.strerror}", "make it, or correct VIGIE_DATA")
    if free < ROOM_NEEDED:
        remedy = f"make room: {ROOM_NEEDED // 2**20} MB is the least"
        return Finding("data folder", f"{free // 2**20} MB left on its disk", remedy)
    return Finding("data folder", f"{settings.data}, {free // 2**20} MB left")
