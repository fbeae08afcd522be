"""Recorded requests taken one by one, with what is open after each: a stranger's way to try a sender beforehand.

A recording is JSON lines `{t_ms, method, path, headers, body | body_b64, answered[, answer]}`. A line whose `answered`
is no 2xx was not taken when it was recorded, and its sender came again; it is left out unless everything is asked for.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from escalation.inbound import doors, nagios, pagerduty, pagerduty_v1, reading
from escalation.inbound.body import BadBody, decode, read, unpack
from escalation.inbound.pagerduty import InvalidEvent
from escalation.inbound.standing import standing
from escalation.inbound.taking import take
from models.inbound import InboundDoor

FORMATS = {"alertmanager": "alertmanager-v4", "pagerduty": "pagerduty-events-v2", "nagios": "nagios", "hook": "hook"}


@dataclass(frozen=True, slots=True)
class Line:
    """One recorded request, its body still packed."""

    number: int
    at: timedelta
    path: str
    headers: Mapping[str, str]
    raw: bytes
    answered: int
    answer: Mapping[str, Any]

    @property
    def was_taken(self) -> bool:
        return 200 <= self.answered <= 299

    def body(self) -> dict[str, Any]:
        """Raises BadBody."""
        named = {name.lower(): value for name, value in self.headers.items()}
        return read(self.raw, named.get("content-type", ""), named.get("content-encoding", ""))


def lines(file: Path) -> Iterator[Line]:
    """The requests of a recording (plain or gzip). Raises BadBody naming the line that is none."""
    for number, text in enumerate(decode(unpack(file.read_bytes(), "")).splitlines(), 1):
        if not text.strip():
            continue
        try:
            said = json.loads(text)
            packed = said.get("body_b64")
            raw = base64.b64decode(packed) if packed is not None else str(said.get("body") or "").encode()
            answer = said.get("answer")
            yield Line(
                number,
                timedelta(milliseconds=float(said.get("t_ms") or 0)),
                str(said.get("path") or ""),
                {str(name): str(value) for name, value in (said.get("headers") or {}).items()},
                raw,
                int(said.get("answered") or 0),
                answer if isinstance(answer, dict) else {},
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise BadBody(f"{file.name}, line {number}", "is no recorded request", "record it again") from error


def replay(
    session: Session, door_for: Callable[[str], InboundDoor], file: Path, start: datetime, *, everything: bool = False
) -> Iterator[dict[str, Any]]:
    """What is open after each line. `door_for` answers with the door of a kind; `start` is the first line's instant.

    A dedup_key that the server made stands under the key it had in the recording.
    """
    ours: dict[str, str] = {}  # dedup_key of the recording → the one made here
    said: dict[str, Any] = {}
    for line in lines(file):
        try:
            body = line.body()
        except BadBody as error:
            yield {"after": line.number, "answered": line.answered, "refused": str(error), **said}
            continue
        kind = reading.kind_of(line.path, body)
        door = door_for(kind)
        head = _about(kind, line, body)
        wrong = ""
        if line.was_taken or everything:
            wrong = _take(session, door, kind, line, body, ours, start + line.at)
        back = {made: recorded for recorded, made in ours.items()}
        said = _renamed(standing(session, door), back)
        answered = {} if kind == "nagios" else {"answered": line.answered}
        yield {"after": line.number, **answered, **head, **({"refused": wrong} if wrong else {}), **said}


def _take(
    session: Session,
    door: InboundDoor,
    kind: str,
    line: Line,
    body: dict[str, Any],
    ours: dict[str, str],
    now: datetime,
) -> str:
    """Take the line; what it was refused for, or nothing."""
    try:
        if kind != "pagerduty":
            take(session, door, reading.parse(kind, body, doors.manner(door), now), now)
        elif line.path.partition("?")[0].endswith(reading.CHANGES):
            take(session, door, pagerduty.parse_change(body), now)
        else:
            body = pagerduty_v1.as_v2(body)
            key = str(body.get("dedup_key") or "")
            made = pagerduty.new_key() if not key and body.get("event_action") == "trigger" else ""
            body = {**body, "dedup_key": ours.get(key, key)}
            take(session, door, pagerduty.parse(body, doors.manner(door), made), now)
            if made:
                ours[str(line.answer.get("dedup_key") or made)] = made
    except (BadBody, InvalidEvent) as error:
        return str(error)
    return ""


def _about(kind: str, line: Line, body: dict[str, Any]) -> dict[str, Any]:
    """What is said of the line itself."""
    if kind == "nagios":
        said, name, state, number = nagios.about(body)
        return {"type": said, "about": name, "state": state, "number": number}
    if kind != "pagerduty":
        return {}
    if line.path.partition("?")[0].endswith(reading.CHANGES):
        return {"change_event": True, "routing_key_missing": not body.get("routing_key")}
    key = body.get("dedup_key")
    head = {"action": body.get("event_action"), "dedup_key": key or line.answer.get("dedup_key")}
    return head if key or body.get("event_action") != "trigger" else {**head, "key_made_by_server": True}


def _renamed(state: dict[str, Any], back: Mapping[str, str]) -> dict[str, Any]:
    if "incidents" not in state:
        return state
    return {"incidents": {back.get(key, key): value for key, value in state["incidents"].items()}}
