"""Who may come in at the embedded broker and what they may do there, as the files say now; and what was tried.

The files are Mosquitto's own (telemetry/broker_files.py). What is tried goes into the broker's log, a line of JSON for
each kind and speaker and second, for the watch over the broker to read.
"""

from __future__ import annotations

import json
import ssl
import time
from collections import Counter
from pathlib import Path
from typing import Final, Protocol

import structlog

from telemetry import broker_access, broker_files, enrol
from telemetry.broker_access import Access
from telemetry.broker_files import Files
from telemetry.broker_log import CONNECTED
from telemetry.broker_sessions import Exchange, Session
from telemetry.mqtt_wire import Connect, Publish

log = structlog.get_logger()

_KINDS_AT_ONCE: Final = 5_000  # distinct attempts noted between two looks; more are counted as one
_NOTHING: Final = Access((), {})


class Visitor(Protocol):
    """A connection, as the gate sees it. `proof`: the kept hash or the certificate's serial it came in by."""

    session: Session | None
    proof: str
    deadline: float

    def close(self, why: str) -> None: ...


class Gate:
    """Not thread-safe. `look` is to be called every second or so."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._seen: object = None
        self._dropped = 0
        self._tried: Counter[tuple[str, str, str, str, str]] = Counter()
        self._tls: list[ssl.SSLContext] = []
        self._tls_seen: object = None
        self.kept: dict[str, str] = {}
        self.certificates: dict[str, str] = {}
        self.exchange = Exchange(_NOTHING)
        self.connections: set[Visitor] = set()

    def lets_in(self, said: Connect) -> str | None:
        """The proof it came in by; None when it may not."""
        kept = self.kept.get(said.username)
        try:
            return kept if kept is not None and enrol.fits(said.password.decode("utf-8"), kept) else None
        except UnicodeDecodeError:
            return None

    def tried(self, kind: str, user: str = "", address: str = "", client: str = "", detail: str = "") -> None:
        """Note an attempt, or somebody coming in; written at the next look."""
        key = (kind, user[:100], address, client[:100], detail[:200])
        if key not in self._tried and len(self._tried) >= _KINDS_AT_ONCE:
            key = (kind, "", address, "", "")
        self._tried[key] += 1

    def look(self, now: float) -> None:
        """Read the files again when they changed, and end what has no right or no life any more."""
        files = (self._files.passwords, self._files.acl, self._files.certificates)
        seen = tuple(_stamp(path) for path in files)
        if seen != self._seen:
            self._seen = seen
            self.kept = broker_files.read_passwords(self._files.passwords)
            self.certificates = broker_files.read_certificates(self._files.certificates)
            self.exchange.under(broker_files.read_acl(self._files.acl))
        self._renew_tls()
        for visitor in list(self.connections):
            if visitor.session is not None and not self._is_good(visitor.session.user, visitor.proof):
                self.tried("cut_off", visitor.session.user, detail="its credential is no longer good")
                visitor.close("its credential is no longer good")
            elif visitor.deadline < now:
                visitor.close("nothing was heard of it")
        self.exchange.forget_abandoned(now)
        if self.exchange.dropped != self._dropped:
            self._dropped = self.exchange.dropped
            log.error("broker.dropped", messages=self._dropped)
            self.exchange.publish(Publish(broker_access.DROPPED, b"%d" % self._dropped, 0, True))
        self._write_down()

    def _is_good(self, user: str, proof: str) -> bool:
        return self.kept.get(user) == proof or self.certificates.get(proof) == user

    def _write_down(self) -> None:
        tried, self._tried = self._tried, Counter()
        if not tried:
            return
        at = int(time.time())
        lines = [
            json.dumps({"at": at, "kind": kind, "user": user, "address": address, "client": client,
                        "detail": detail, "count": count})
            for (kind, user, address, client, detail), count in tried.items()
        ]  # fmt: skip
        with self._files.log.open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    # ---- TLS

    def tls(self, *, by_certificate: bool) -> ssl.SSLContext:
        """How a TLS door speaks; its certificate is renewed with the files."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_3
        if by_certificate:
            made.verify_mode = ssl.CERT_REQUIRED
            made.load_verify_locations(self._files.tls / "ca.crt")
        self._tls.append(made)
        self._tls_seen = None
        self._renew_tls()
        return made

    def _renew_tls(self) -> None:
        certificate, key = self._files.tls / "server.crt", self._files.tls / "server.key"
        seen = (_stamp(certificate), _stamp(key))
        if not self._tls or seen == self._tls_seen:
            return
        self._tls_seen = seen
        for context in self._tls:
            try:
                context.load_cert_chain(certificate, key)
            except (OSError, ssl.SSLError) as problem:
                log.error("broker.certificate_unusable", file=str(certificate), why=str(problem))


def shown(peer: object) -> tuple[str, str]:
    """Serial and common name of the certificate a client showed; empty when there is none.

    `peer` is what `ssl.SSLObject.getpeercert` gives.
    """
    if not isinstance(peer, dict) or "serialNumber" not in peer:
        return "", ""
    names = [value for part in peer.get("subject", ()) for name, value in part if name == "commonName"]
    return format(int(str(peer["serialNumber"]), 16), "x"), names[0] if len(names) == 1 else ""


def came_in(gate: Gate, user: str, address: str) -> None:
    """Somebody came in: counted, so that who floods is found."""
    gate.tried(CONNECTED, user, address)


def _stamp(path: Path) -> object:
    try:
        seen = path.stat()
    except FileNotFoundError:
        return None
    return seen.st_mtime_ns, seen.st_ino, seen.st_size
