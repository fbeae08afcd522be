"""PagerDuty's Events API v2, as its clients speak it. Plain.

Errors are given in the words and shape of the real API, because clients show or parse them.
"""

from __future__ import annotations

import uuid
from typing import Any

from escalation.inbound.events import (
    LONGEST_KEY,
    Action,
    Batch,
    Change,
    Door,
    Event,
    bounded,
    first_text,
    host_names,
    instant,
    line_of,
    text_of,
)

SEVERITIES = ("critical", "error", "warning", "info")
_LONGEST_SUMMARY = 1024  # the real API cuts here
# What Netdata puts beside each alarm; its dedup_key is another at every transition.
_NETDATA = ("alarm_id", "name", "chart", "status", "old_status")


class InvalidEvent(ValueError):
    """The event is refused with a 400, `errors` in the words of the real API."""

    def __init__(self, *errors: str) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


def routing_key(body: dict[str, Any]) -> str:
    """The key of the service, which is the token of the door. Raises InvalidEvent."""
    key = body.get("routing_key")
    if not isinstance(key, str) or not key.strip():
        raise InvalidEvent("'routing_key' is missing or blank")
    return key.strip()


def new_key() -> str:
    """A dedup_key of our making, for a trigger that came without one."""
    return uuid.uuid4().hex


def parse(body: dict[str, Any], door: Door, made_key: str = "") -> Batch:
    """One event of `/v2/enqueue`. `made_key`: for a trigger that has none. Raises InvalidEvent."""
    action = text_of(body.get("event_action")).lower()
    if not action:
        raise InvalidEvent("'event_action' is missing or blank")
    if action not in ("trigger", "acknowledge", "resolve"):
        raise InvalidEvent(
            "'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge', or 'resolve')"
        )
    key = first_text(body.get("dedup_key"), most=LONGEST_KEY + 1)
    if len(key.encode()) > LONGEST_KEY:
        raise InvalidEvent("'dedup_key' is too long")
    given = body.get("payload")
    payload = given if isinstance(given, dict) else {}
    if action == "trigger":
        _check(payload, body)
    if not key:
        if action != "trigger":
            raise InvalidEvent("'dedup_key' is missing or blank")
        key = made_key or new_key()
    return Batch((_event(Action(action), key, payload, body, door),))


def parse_change(body: dict[str, Any]) -> Batch:
    """One event of `/v2/change/enqueue`. Raises InvalidEvent."""
    payload = body.get("payload")
    if not isinstance(payload, dict):
        raise InvalidEvent("'payload' is missing or blank")
    summary = text_of(payload.get("summary"), _LONGEST_SUMMARY)
    if not summary:
        raise InvalidEvent("'payload.summary' is missing or blank")
    facts = {"details": payload.get("custom_details"), "links": body.get("links")}
    given, source = payload.get("custom_details"), text_of(payload.get("source"), 255)
    details = given if isinstance(given, dict) else {}
    machines = host_names(details.get("vigie_machine"), details.get("host"), details.get("hostname"), source)
    return Batch(change=Change(summary, instant(payload.get("timestamp")), source, machines, bounded(facts)))


def _check(payload: dict[str, Any], body: dict[str, Any]) -> None:
    if not payload:
        raise InvalidEvent("'payload' is missing or blank")
    errors = [
        f"'payload.{name}' is missing or blank"
        for name in ("summary", "source", "severity")
        if not text_of(payload.get(name))
    ]
    severity = text_of(payload.get("severity"))
    if severity and severity.lower() not in SEVERITIES:
        errors.append(
            "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')"
        )
    errors += [
        f"'{name}' must be a list"
        for name in ("links", "images")
        if body.get(name) is not None and not isinstance(body[name], list)
    ]
    if errors:
        raise InvalidEvent(*errors)


def _event(action: Action, key: str, payload: dict[str, Any], body: dict[str, Any], door: Door) -> Event:
    given = payload.get("custom_details")
    details = given if isinstance(given, dict) else {}
    source = text_of(payload.get("source"), 255)
    severity = text_of(payload.get("severity"), 60)
    stable = _stable(payload, details, door)
    summary = text_of(payload.get("summary"), _LONGEST_SUMMARY)
    return Event(
        action,
        stable or key,
        line_of(summary or key),
        severity=door.severity(severity),
        level=severity,
        summary=summary,
        sender_key=key,
        machines=host_names(details.get("vigie_machine"), details.get("host"), details.get("hostname"), source),
        cause=text_of(details.get("vigie_cause"), 200),
        began_at=instant(payload.get("timestamp")),
        looks_like=_looks(payload, details),
        facts=bounded(
            {
                **{name: payload.get(name) for name in ("source", "component", "group", "class") if payload.get(name)},
                "details": details or text_of(given),
                "links": body.get("links") or [],
                "images": body.get("images") or [],
                "client": text_of(body.get("client"), 200),
                "client_url": text_of(body.get("client_url"), 500),
            }
        ),
    )


def _stable(payload: dict[str, Any], details: dict[str, Any], door: Door) -> str:
    """The condition's own name where the dedup_key is another at each transition; empty: the dedup_key is its name."""
    declared = door.mapping.get("key")
    if declared:
        held = {"payload": payload, "details": details, "custom_details": details}
        parts = [_at(held, path) for path in (declared if isinstance(declared, list) else [declared])]
        return "/".join(parts) if all(parts) else ""
    if all(name in details for name in _NETDATA):
        parts = [text_of(payload.get("source")), text_of(details.get("chart")), text_of(details.get("name"))]
        return "/".join(parts) if all(parts) else ""
    return ""


def _at(held: Any, path: str) -> str:
    for step in str(path).split("."):
        held = held.get(step) if isinstance(held, dict) else None
    return text_of(held, 500)


def _looks(payload: dict[str, Any], details: dict[str, Any]) -> tuple[str, ...]:
    """What the event is about, without what changes from word to word; empty when it says too little."""
    parts = tuple(text_of(payload.get(name), 255) for name in ("source", "component", "group", "class"))
    return parts if parts[0] and any(parts[1:]) else ()
