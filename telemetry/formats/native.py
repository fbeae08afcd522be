"""Our own wire: reports (one or an array), events, status. See docs/telemetry-format for the words of it. Plain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from telemetry.formats.instants import instant
from telemetry.formats.route import Route
from telemetry.formats.strict import (
    MAX_METRICS,
    MAX_TEXT,
    NUMBERS,
    add,
    each,
    flat_of,
    json_of,
    leaves,
    name_ok,
    names_known,
    number,
    sequence,
    text_of,
)
from telemetry.reading import NO_FACTS, Answer, Event, Heard, Reading, Refused, Status
from telemetry.storable import storable, storable_json

FORMAT: Final = "native"
MAX_REPORTS: Final = 5000
# What we say to a machine: no telemetry.
OURS: Final = frozenset({"receipt", "ask"})
MAX_ANSWER: Final = 64 * 1024  # bytes; a list of processes is a quarter of it
_REPORT_KEYS: Final = frozenset({"seq", "at", "metrics", "facts"})
_EVENT_KEYS: Final = frozenset({"seq", "at", "code", "severity", "text"})
SEVERITIES: Final[Mapping[str, int]] = {
    "ok": 0, "cleared": 0, "critical": 1, "error": 2, "major": 2, "warning": 3, "minor": 3, "info": 4, "notice": 4,
}  # fmt: skip


def parse(route: Route, payload: bytes) -> list[Heard]:
    """``vigie/MACHINE/report|event|status|answer``."""
    what = route.rest[0] if route.rest else ""
    if len(route.rest) != 1:
        raise Refused("unknown_topic", route.topic[:120])
    if what == "report":
        return _reports(route, payload)
    if what == "event":
        return each(_list_of(json_of(payload)), lambda item: [event(route, item)])
    if what == "status":
        return [status(route, text_of(payload), FORMAT)]
    if what == "answer":
        return [answer(route, payload)]
    if what in OURS:
        return []
    raise Refused("unknown_topic", route.topic[:120])


def status(route: Route, text: str, fmt: str) -> Status:
    """``online`` / ``offline``: a retained hint, also sent as a will."""
    if text not in {"online", "offline"}:
        raise Refused("bad_shape", f"status {text[:40]!r} is neither online nor offline")
    return Status(route.machine, text == "online", route.received_at_ms, fmt)


def answer(route: Route, payload: bytes) -> Answer:
    """What a machine answered to a reading asked of it: which one, and a JSON object."""
    if len(payload) > MAX_ANSWER:
        raise Refused("too_large", f"an answer of {len(payload)} bytes, at most {MAX_ANSWER}")
    body = json_of(payload)
    if not isinstance(body, dict) or not isinstance(body.get("id"), str) or not 0 < len(body["id"]) <= 60:
        raise Refused("bad_shape", "an answer is a JSON object with the id of what was asked")
    try:
        said = storable_json(body)
    except RecursionError:
        raise Refused("too_deep") from None
    return Answer(route.machine, said["id"], said, route.received_at_ms, FORMAT)


def _list_of(value: Any) -> list[Any]:
    items = value if isinstance(value, list) else [value]
    if not items:
        raise Refused("no_value", "an empty array")
    if len(items) > MAX_REPORTS:
        raise Refused("too_large", f"{len(items)} reports in one message, at most {MAX_REPORTS}")
    return items


def _reports(route: Route, payload: bytes) -> list[Heard]:
    sent = flat_of(payload)
    if sent is None:
        sent = json_of(payload)
    if not isinstance(sent, list):
        return [report(route, sent)]
    return each(_list_of(sent), lambda item: [report(route, item)])


def report(route: Route, item: Any) -> Reading:
    """One report of our own wire, once its machine is known."""
    if not isinstance(item, dict):
        raise Refused("bad_shape", "a report is a JSON object")
    if not item.keys() <= _REPORT_KEYS:
        raise Refused("bad_shape", f"unknown key {sorted(item.keys() - _REPORT_KEYS)[0][:60]!r}")
    sent = item.get("metrics")
    facts = _facts(item["facts"]) if item.get("facts") is not None else NO_FACTS
    metrics = measured(sent) if sent is not None else {}
    if not metrics and not facts and sent is None:
        raise Refused("no_value", "a report without metrics and facts")
    received = route.received_at_ms
    return Reading(
        route.machine, instant(item.get("at"), received), metrics, sequence(item.get("seq")), received, FORMAT, facts
    )


def measured(sent: Any) -> dict[str, float]:
    """A metrics object as flat names and finite numbers; nulls are left out."""
    if not isinstance(sent, dict):
        raise Refused("bad_shape", "metrics is a JSON object")
    # The common report is flat numbers under names seen before: no object per metric is made for it.
    if len(sent) <= MAX_METRICS and (kinds := set(map(type, sent.values()))) <= NUMBERS and names_known(sent):
        try:
            return sent if int not in kinds else dict(zip(sent, map(float, sent.values()), strict=True))
        except OverflowError:
            raise Refused("not_a_number", "too large") from None
    metrics: dict[str, float] = {}
    for name, value in leaves(sent):
        as_number = number(value)
        if as_number is not None:
            add(metrics, name, as_number)
    return metrics


def _facts(sent: Any) -> dict[str, str]:
    if not isinstance(sent, dict):
        raise Refused("bad_shape", "facts is a JSON object of texts")
    facts: dict[str, str] = {}
    for name, value in leaves(sent):
        if value is None:
            continue
        if isinstance(value, bool | int | float):
            value = str(value).lower() if isinstance(value, bool) else f"{value}"
        if len(value) > MAX_TEXT or len(facts) >= MAX_METRICS:
            raise Refused("too_large", f"fact {name[:60]}")
        facts[name_ok(name)] = value
    return facts


def event(route: Route, item: Any) -> Event:
    """One event of our own wire, once its machine is known."""
    if not isinstance(item, dict):
        raise Refused("bad_shape", "an event is a JSON object")
    if not item.keys() <= _EVENT_KEYS:
        raise Refused("bad_shape", f"unknown key {sorted(item.keys() - _EVENT_KEYS)[0][:60]!r}")
    code, text = item.get("code"), item.get("text", "")
    if not isinstance(code, str) or not isinstance(text, str) or len(text) > MAX_TEXT:
        raise Refused("bad_shape", "an event has a code and a text")
    sequence(item.get("seq"))
    at, severity = instant(item.get("at"), route.received_at_ms), _severity(item.get("severity", 3))
    return Event(route.machine, at, name_ok(code), severity, storable(text), route.received_at_ms, FORMAT)


def _severity(value: Any) -> int:
    if isinstance(value, str) and value.lower() in SEVERITIES:
        return SEVERITIES[value.lower()]
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value in range(5):
        return int(value)
    raise Refused("bad_shape", "severity is 0 (ended) to 4, or ok, critical, error, warning, info")
