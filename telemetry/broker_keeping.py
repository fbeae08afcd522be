"""Keeping the broker's files true to the database while it runs, and cutting connections whose right has ended.

Mosquitto reads passwords, rules and the list of withdrawn certificates again on a signal, and then ends the open
connections whose secret is no longer good; those of a withdrawn certificate it would let go on. Such a connection is
cut by taking its place: a client id is the user name (broker_files.py), so whoever comes in under the machine's name
pushes it out. We come in with a secret that stands in the file for that moment only.

Mosquitto loses a signal that comes while it reads its files for an earlier one: of changes some 100 ms apart, one in
four was not read where it knew 20,000 users. So each telling puts a new secret of a user of ours into the file, and
the broker is told again until it lets that user in.
"""

from __future__ import annotations

import secrets
import signal
import socket
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import psutil
import structlog
from sqlalchemy import text

from models.session import SYSTEM, Sessions, work
from telemetry import broker_files, mqtt_wire
from telemetry.broker_access import CHECK_USER, HEARD_USER, HOST_USER, RECORD_USER
from telemetry.broker_files import Files, Listeners
from telemetry.broker_standing import Standing, standing
from telemetry.enrol import hashed

log = structlog.get_logger()

_LOCK: Final = 0x7669676965  # of the one worker that writes the files
_CUT_S: Final = 6.0  # a turn holds a transaction open; who is not cut in it is cut in the next
_AGAIN_S: Final = 1.0  # reading 20,000 users takes about a twentieth of it


@dataclass(frozen=True)
class House:
    """What is ours at the broker. `pki` and `where` are left out where the broker has no TLS."""

    bridge_user: str
    secret_file: Path
    pki: Path | None = None
    where: Listeners | None = None


def keep(sessions: Sessions, files: Files, house: House, now: datetime, *, tell: bool = True) -> bool:
    """Make the files say what the database says; True when something changed. Tells a running broker, and cuts."""
    again = tell and not _has_heard(files, house.where)  # a slow broker is waited for without a transaction
    with work(sessions, SYSTEM) as session:
        if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}):
            return False  # another worker is at it
        stands = standing(session, house.bridge_user, now)
        lost = _lost(files, stands)
        own = _own_lines(files, house)
        changed = [
            broker_files.write_passwords(files, broker_files.password_lines(own, _with_heard(files, stands.secrets))),
            broker_files.write_acl(files, house.bridge_user, stands.others, stands.mapped),
            _write_list(house, stands, now),
            house.pki is not None and broker_files.copy_certificates(files, house.pki),
        ]
        if tell and (any(changed) or lost or again):
            told = _tell(files, own, stands.secrets)
            log.info("broker.credentials_changed", credentials=len(stands.secrets), broker_told=told, again=again)
        else:
            told = False
        left: set[str] = set()
        if told and lost and house.where is not None:
            left = lost - _cut(files, house.where, own, stands.secrets, lost)
        # Last: who still stands in it is found lost at the next turn, and cut then.
        broker_files.write_certificates(files, stands.certificates, left)
        return any(changed) or bool(lost)


def tell_broker(files: Files) -> bool:
    """Ask a running Mosquitto to read its files again; `keep` sees to it that it has.

    The embedded broker looks at them by itself.
    """
    process = _runs(files)
    if process is None:
        return False
    broker_files.write_unheard(files, "")
    return _signal(process)


def _tell(files: Files, own: list[str], secrets_: Mapping[str, str]) -> bool:
    """Write the secrets, and ask for them to be read: by one more in the file the broker shows that it has."""
    process, token = _runs(files), secrets.token_urlsafe(32)
    if process is None:
        return False
    lines = broker_files.password_lines(own, {HEARD_USER: hashed(token), **secrets_})
    broker_files.write_passwords(files, lines)
    broker_files.write_unheard(files, token)
    return _signal(process)


def _has_heard(files: Files, where: Listeners | None) -> bool:
    """False when Mosquitto runs and has not read its files as they are. True while that cannot be asked."""
    if where is None or not files.unheard.exists() or _runs(files) is None:
        return True
    token = files.unheard.read_text(encoding="utf-8")
    try:
        heard = token != "" and sign_in(where.host, where.port, HEARD_USER, token) == mqtt_wire.ACCEPTED
    except OSError:
        return True  # busy reading, or coming: it is asked again at the next turn
    if heard and files.unheard.read_text(encoding="utf-8") == token:  # else it was told something new meanwhile
        files.unheard.unlink(missing_ok=True)
    return heard


def _runs(files: Files) -> psutil.Process | None:
    """Mosquitto, while it runs by our configuration: the number of its process may belong to somebody else by now."""
    with suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        process = psutil.Process(int(files.pid.read_text(encoding="utf-8")))
        return process if str(files.config) in process.cmdline() else None
    return None


def _signal(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        process.send_signal(signal.SIGHUP)
        return True
    return False


def _with_heard(files: Files, secrets_: Mapping[str, str]) -> dict[str, str]:
    """The secrets, and the line of the last telling as it stands, so that a file with nothing new in it stays equal."""
    kept = broker_files.read_passwords(files.passwords).get(HEARD_USER)
    return {**({HEARD_USER: kept} if kept else {}), **secrets_}


def _own_lines(files: Files, house: House) -> list[str]:
    """The lines of the bridge, and of those who come by the bridge's secret."""
    secret = broker_files.bridge_secret(house.secret_file)
    users = (house.bridge_user, CHECK_USER, HOST_USER, RECORD_USER)
    return [broker_files.own_line(files, user, secret) for user in users]


def _lost(files: Files, stands: Standing) -> set[str]:
    """Machines that had a good certificate when the files were last written, and now have one less."""
    before = broker_files.read_certificates(files.certificates)
    return {machine for serial, machine in before.items() if serial not in stands.certificates}


def _write_list(house: House, stands: Standing, now: datetime) -> bool:
    """Renew the list of withdrawn certificates where our authority lives; elsewhere somebody brings it."""
    if house.pki is None or not (house.pki / "ca.key").exists():
        return False
    from telemetry import pki  # only where there is an authority: it is a large library

    if not pki.is_crl_due(house.pki, stands.withdrawn, now):
        return False
    pki.write_crl(pki.authority_in(house.pki), stands.withdrawn, now)
    return True


def _cut(
    files: Files, where: Listeners, own: list[str], secrets_: Mapping[str, str], machines: Collection[str]
) -> set[str]:
    """End the open connections of these machines; those that still have a good certificate come back by themselves.

    Returns the machines that were dealt with.
    """
    passing, end = secrets.token_urlsafe(32), time.monotonic() + _CUT_S
    with_passing = {**secrets_, **dict.fromkeys(machines, hashed(passing))}

    def tell() -> None:
        _tell(files, own, with_passing)

    tell()
    try:
        done = {machine for machine in sorted(machines) if _take_place(where, machine, passing, end, tell)}
    finally:
        _tell(files, own, secrets_)
    log.info("broker.connections_cut", machines=sorted(done), left=len(machines) - len(done))
    return done


def _take_place(where: Listeners, machine: str, secret: str, end: float, tell: Callable[[], None]) -> bool:
    told = time.monotonic()
    while time.monotonic() < end:
        try:
            if sign_in(where.host, where.port, machine, secret) == mqtt_wire.ACCEPTED:
                return True
        except OSError as problem:
            log.warning("broker.cut_failed", machine=machine, why=str(problem))
        time.sleep(0.1)  # the signal may not have been heard yet
        if time.monotonic() > told + _AGAIN_S:
            tell()
            told = time.monotonic()
    return False


def sign_in(host: str, port: int, user: str, secret: str) -> int:
    """Sign in as MQTT 3.1.1 section 3.1 says, and leave; the broker's return code. Raises OSError."""
    with socket.create_connection((host, port), timeout=5) as line:
        return greet(line, user, secret)


def greet(line: socket.socket, user: str, secret: str) -> int:
    """The same on a line that is open. Raises OSError, also when what answers is no MQTT broker."""
    line.sendall(mqtt_wire.connect(user, user, secret.encode()))
    answer = b""
    while len(answer) < 4 and (more := line.recv(4 - len(answer))):
        answer += more
    if len(answer) < 4 or answer[0] != 0x20:
        raise OSError("what answers there is no MQTT broker")
    line.sendall(mqtt_wire.LEAVE)
    return answer[3]
