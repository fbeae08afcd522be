"""A generic hook: JSON or form fields, read by a mapping that the door declares. Plain.

A mapping says where things stand in the body, as paths with dots ("alert.labels.host", "items.0.id"); several paths
make one key, of others the first that has words counts. What is not declared is looked for under its usual names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from escalation.inbound.body import BadBody
from escalation.inbound.events import (
    LONGEST_KEY,
    Action,
    Batch,
    Door,
    Event,
    bounded,
    first_text,
    host_names,
    instant,
    line_of,
    text_of,
)

# Field → paths tried when the door declares none.
USUAL: Mapping[str, tuple[str, ...]] = {
    "key": ("key", "dedup_key", "incident_key", "alert_id", "id", "event_id", "uid", "fingerprint",
            "ruleId", "rule_id", "monitorID", "monitor_id", "check_id", "alarm_id", "AlarmName"),
    "state": ("state", "status", "event", "action", "event_action", "alert_state",
              "alert_transition", "alertTypeFriendlyName", "NewStateValue", "new_state", "current_state",
              "trigger_status", "event_value"),
    "severity": ("severity", "priority", "level", "urgency", "event_severity", "trigger_severity"),
    "title": ("title", "summary", "subject", "name", "event_name", "trigger_name", "message", "text", "msg"),
    "summary": ("description", "details", "body", "message", "text", "output"),
    "machine": ("vigie_machine", "machine", "host", "hostname", "host.name", "host_name", "source", "node", "instance"),
    "cause": ("vigie_cause", "cause"),
    "group": ("group",),
    "starts": ("starts_at", "startsAt", "started_at", "since"),
    "at": ("at", "timestamp", "time"),
}  # fmt: skip
FIELDS = (*USUAL, "items", "opens", "acknowledges", "ends", "ignores")

# What a state means when the door does not say.
MEANINGS: Mapping[Action, tuple[str, ...]] = {
    Action.TRIGGER: ("trigger", "triggered", "re-triggered", "firing", "fire", "problem", "alerting", "alert", "alarm",
                     "down", "open", "opened", "active", "critical", "warning", "warn", "error", "fail", "failed",
                     "failure", "bad", "unhealthy", "1", "true", "new", "created", "raised"),
    Action.ACKNOWLEDGE: ("acknowledge", "acknowledged", "ack", "acknowledgement"),
    Action.RESOLVE: ("resolve", "resolved", "recovery", "recovered", "ok", "up", "clear", "cleared", "close", "closed",
                     "normal", "good", "healthy", "inactive", "0", "false", "success", "passed", "ended"),
    Action.REMARK: ("pending", "nodata", "no_data", "no data", "insufficient_data", "unknown", "test", "info", "paused",
                    "maintenance"),
}  # fmt: skip
_WORDS = {Action.TRIGGER: "opens", Action.ACKNOWLEDGE: "acknowledges", Action.RESOLVE: "ends", Action.REMARK: "ignores"}


def check(mapping: Mapping[str, Any]) -> None:
    """Raise BadBody for a mapping that cannot be used."""
    for name, declared in mapping.items():
        if name not in FIELDS:
            raise BadBody(f"mapping.{name}"[:80], "is not known here", f"use some of {', '.join(FIELDS)}")
        several = declared if isinstance(declared, list) else [declared]
        if not several or not all(isinstance(each, str) and 0 < len(each) <= 200 for each in several):
            raise BadBody(f"mapping.{name}", "is neither a text nor a list of texts", "give paths or words as texts")


def parse(body: dict[str, Any], door: Door) -> Batch:
    """Everything one request says: one condition, or each of the list that `items` names. Raises BadBody."""
    mapping = door.mapping
    path = text_of(mapping.get("items"))
    if not path and isinstance(body.get("items"), list) and set(body) == {"items"}:
        path = "items"  # the body was a bare list
    if not path:
        return Batch((_event(body, door, ""),))
    items = find(body, path)
    if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
        raise BadBody(path, "is not a list of objects", "send one, or change `items` in the door's mapping")
    return Batch(tuple(_event({**body, **each}, door, f"{path}.{at}.") for at, each in enumerate(items)))


def find(body: Any, path: str) -> Any:
    """What stands at a path, a key with dots in it included; None when nothing does."""
    if isinstance(body, Mapping):
        if path in body:
            return body[path]
        head, dot, rest = path.partition(".")
        while dot:
            if head in body and (found := find(body[head], rest)) is not None:
                return found
            more, dot, rest = rest.partition(".")
            head = f"{head}.{more}"
        return None
    if isinstance(body, Sequence) and not isinstance(body, str):
        head, _, rest = path.partition(".")
        if head.isdecimal() and int(head) < len(body):
            return find(body[int(head)], rest) if rest else body[int(head)]
    return None


def _event(body: dict[str, Any], door: Door, where: str) -> Event:
    mapping = door.mapping
    title = _one(body, mapping, "title")
    key = _key(body, mapping)
    if not key:
        raise BadBody(
            f"{where}{_paths(mapping, 'key')[0]}",
            "is missing: nothing names the condition",
            "send it, or declare `key` in the door's mapping",
        )
    if len(key.encode()) > LONGEST_KEY:
        raise BadBody(f"{where}{_paths(mapping, 'key')[0]}", "is too long", f"keep it within {LONGEST_KEY} bytes")
    level = _one(body, mapping, "severity")[:60]
    starts = _one(body, mapping, "starts")[:60]
    return Event(
        _action(body, mapping, where),
        key,
        line_of(title or key),
        severity=door.severity(level),
        level=level,
        summary=_one(body, mapping, "summary") or title,
        group=_one(body, mapping, "group")[:LONGEST_KEY],
        machines=host_names(*(_one(body, {"machine": path}, "machine") for path in _paths(mapping, "machine"))),
        cause=_one(body, mapping, "cause")[:200],
        starts=starts,
        began_at=instant(starts),
        sent_at=instant(find(body, str(mapping["at"]))) if "at" in mapping else None,
        facts=bounded({"body": body}),
    )


def _action(body: dict[str, Any], mapping: Mapping[str, Any], where: str) -> Action:
    """By the state's word. Without a state every word of the sender says that something is wrong."""
    found = next((found for path in _paths(mapping, "state") if (found := find(body, path)) is not None), None)
    word = str(found).lower() if isinstance(found, bool) else text_of(found, 60).strip().lower()
    if not word:
        if "state" in mapping:
            raise BadBody(
                f"{where}{_paths(mapping, 'state')[0]}", "is missing", "send the state, or change the mapping"
            )
        return Action.TRIGGER
    for action, name in _WORDS.items():
        declared = mapping.get(name)
        if declared and word in {str(each).strip().lower() for each in _list(declared)}:
            return action
    for action, words in MEANINGS.items():
        if word in words:
            return action
    raise BadBody(
        f"{where}{_paths(mapping, 'state')[0]}",
        f"says {word[:40]}, and the door does not know what that means",
        "declare it under opens, acknowledges, ends or ignores in the door's mapping",
    )


def _key(body: dict[str, Any], mapping: Mapping[str, Any]) -> str:
    if "key" in mapping:
        parts = [text_of(find(body, path), LONGEST_KEY + 1) for path in _list(mapping["key"])]
        return "/".join(parts) if all(parts) else ""
    return _one(body, mapping, "key", LONGEST_KEY + 1)


def _one(body: dict[str, Any], mapping: Mapping[str, Any], field: str, most: int = 2000) -> str:
    return first_text(*(find(body, path) for path in _paths(mapping, field)), most=most)


def _paths(mapping: Mapping[str, Any], field: str) -> list[str]:
    return _list(mapping[field]) if field in mapping else list(USUAL.get(field, ()))


def _list(declared: Any) -> list[str]:
    return [str(each) for each in declared] if isinstance(declared, list) else [str(declared)]
