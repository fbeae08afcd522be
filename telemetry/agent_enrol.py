"""The agent enrols itself: it presents a code to the desk, waits for a person, and keeps what it is given.

All it keeps lies in its state folder, for its owner only: first the ticket it waits with, then its credential. With
`by_certificate` its key is made here and never leaves; only a request for a signature does.
"""

from __future__ import annotations

import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from telemetry.mqtt_tls import Tls

log = structlog.get_logger()

_TIMEOUT_S: Final = 20.0
_FIRST_WAIT_S: Final = 5.0
_LONGEST_WAIT_S: Final = 60.0
_LARGEST_ANSWER: Final = 1 << 18


class EnrolmentRefused(RuntimeError):
    """The desk said no; the words say why and what to do."""


@dataclass(frozen=True)
class Credential:
    """What a machine signs in with, and where."""

    machine: str
    host: str
    port: int
    tls: bool
    password: str = ""

    def line(self, folder: Path) -> Tls | None:
        """How to speak with the broker; files lie in `folder`."""
        if not self.tls:
            return None
        if self.password:
            return Tls(folder / "ca.crt")
        return Tls(folder / "ca.crt", folder / "machine.crt", folder / "machine.key")


def kept(folder: Path) -> Credential | None:
    """The credential an enrolment left here, if there was one."""
    try:
        return Credential(**json.loads((folder / "credential.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


@dataclass(frozen=True)
class Application:
    """What is presented. `desk` is the address of the desk's web server; `ca` says whose word counts about it."""

    desk: str
    code: str
    name: str
    by_certificate: bool = False
    ca: Path | None = None
    facts: tuple[tuple[str, str], ...] = ()


def enrol(asked: Application, folder: Path, rest: Callable[[float], bool]) -> Credential | None:
    """Present the code, or go on waiting, until there is a credential; None when `rest(seconds)` says to stop.

    Raises EnrolmentRefused, OSError when the state folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ticket_file, wait_s = folder / "ticket.json", _FIRST_WAIT_S
    said = ""
    while True:
        try:
            if not ticket_file.exists():
                status, answer = _post(asked, "/api/v1/enrol", _presented(asked, folder))
                if status == 201:
                    _write(ticket_file, json.dumps({"ticket": answer["ticket"]}))
                    log.info("enrolment_waits", machine=answer["name"], until=answer["until"])
            if ticket_file.exists():
                ticket = json.loads(ticket_file.read_text(encoding="utf-8"))
                status, answer = _post(asked, "/api/v1/enrol/collect", ticket)
                if status == 200:
                    made = _keep(answer, folder)
                    ticket_file.unlink()
                    return made
        except OSError as problem:
            status, answer = 0, {}
            if str(problem) != said:
                said = str(problem)
                log.warning("enrolment_desk_away", desk=asked.desk, why=said)
        if status >= 400 and status not in (429, 503):
            ticket_file.unlink(missing_ok=True)  # it is worth nothing any more
            raise EnrolmentRefused(f"{answer.get('detail', f'the desk answered {status}')} {answer.get('remedy', '')}")
        wait_s = float(answer.get("ask_again_s") or min(wait_s * 2, _LONGEST_WAIT_S))
        if not rest(wait_s):
            return None


def check_address(desk: str) -> None:
    """Raise EnrolmentRefused for what is no address of a desk."""
    parts = urlsplit(desk)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise EnrolmentRefused(f"{desk!r} is no address of a desk: write it like https://desk.example.org")


def _presented(asked: Application, folder: Path) -> dict[str, Any]:  # Any: a JSON document
    body: dict[str, Any] = {"code": asked.code, "name": asked.name, "facts": dict(asked.facts)}
    if asked.by_certificate:
        from telemetry.csr import request  # only who wants a certificate needs so large a library

        key, csr = request(asked.name)
        _write(folder / "machine.key", key)
        body["csr"] = csr
    return body


def _keep(answer: dict[str, Any], folder: Path) -> Credential:
    for name, content in (("ca.crt", answer["ca"]), ("machine.crt", answer["certificate"])):
        if content:
            _write(folder / name, content)
    made = Credential(answer["machine"], answer["host"], answer["port"], answer["tls"], answer["password"] or "")
    _write(folder / "credential.json", json.dumps(asdict(made)))
    log.info("enrolment_done", machine=made.machine)
    return made


def _post(asked: Application, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and document. Raises OSError when the desk cannot be reached or does not speak JSON."""
    request = urllib.request.Request(
        asked.desk.rstrip("/") + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    context = ssl.create_default_context(cafile=str(asked.ca) if asked.ca else None)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=context) as answer:
            return int(answer.status), _document(answer.read(_LARGEST_ANSWER))
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _document(error.read(_LARGEST_ANSWER))
    except urllib.error.URLError as error:
        raise OSError(str(error.reason)) from error


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as problem:
        raise OSError("what answers there is no desk of ours") from problem
    if not isinstance(found, dict):
        raise OSError("what answers there is no desk of ours")
    return found


def _write(path: Path, content: str) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
