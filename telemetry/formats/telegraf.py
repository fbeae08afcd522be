"""Telegraf's ``outputs.mqtt``: influx lines or JSON, one or a batch, or (``layout = "field"`` and ``homie-v4``)
one bare value a topic. Plain.

Names: ``measurement.tag values.field`` with tags in the order of their keys, without ``host``. Truth values are 1/0,
texts become facts. The unit of a time stamp is guessed from its size; RFC 3339 is taken as well. A metric that comes
twice at one instant makes two readings of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from telemetry.formats import cumulative
from telemetry.formats.instants import instant, nearest_ms
from telemetry.formats.route import Route
from telemetry.formats.strict import (
    MAX_TEXT,
    by_instant,
    each,
    finite,
    json_of,
    leaves,
    machine_ok,
    name_ok,
    number,
    scalar,
    text_of,
)
from telemetry.formats.values import fact, one
from telemetry.reading import NO_COUNTERS, NO_FACTS, Heard, Reading, Refused

FORMAT: Final = "telegraf"
_LINE: Final = re.compile(
    r"(?P<key>(?:[^ \\\n]|\\.)+) +(?P<fields>(?:[^ \"\\\n]|\\.|\"(?:[^\"\\]|\\.)*\")+)(?: +(?P<at>-?\d{1,20}))?"
    r"[ \t\r]*(?:\n|$)",
    re.S,
)
_FIELD: Final = re.compile(r"((?:[^,= \\]|\\.)+)=(\"(?:[^\"\\]|\\.)*\"|[^, ]+)(?:,|$)", re.S)
_COMMA: Final = re.compile(r"((?:[^,\\]|\\.)*)(?:,|$)", re.S)
_EQUALS: Final = re.compile(r"((?:[^=\\]|\\.)+)=(.+)", re.S)
_UNESCAPE: Final = re.compile(r"\\([,= \\])")
_UNQUOTE: Final = re.compile(r"\\([\"\\])")
# Nothing is tried twice (++): a number as long as a message must cost no more than its bytes.
_NUMBER: Final = re.compile(r"[-+]?(?:\d++(?:[iu]|(?:\.\d*+)?+(?:[eE][-+]?\d++)?+)|\.\d++(?:[eE][-+]?\d++)?+)")
_PLAIN_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_TRUE: Final = frozenset({"t", "T", "true", "True", "TRUE"})
_FALSE: Final = frozenset({"f", "F", "false", "False", "FALSE"})


class _Point(NamedTuple):
    """One field of one metric."""

    host: str
    at_ms: int
    name: str
    value: float | str
    grows: bool  # it counts up since boot


def parse(route: Route, payload: bytes) -> list[Heard]:
    """Every metric of the message, one reading a host and instant."""
    text = text_of(payload)
    if any(level.startswith("$") for level in route.rest):
        return []  # layout homie-v4 tells of its names and kinds under such topics
    if text[0] in "{[":
        return _json(route, json_of(text.encode(), nan_is_null=True))
    if "=" in text and " " in text:
        points, problem = _lines(route, text)
        # The field layout sends texts bare; whole lines end with a line feed, and their topic is shorter.
        are_lines = len(route.rest) < 2 or payload.endswith(b"\n")
        if problem is not None and are_lines:
            raise Refused(problem.reason, problem.detail, _readings(route, points))
        if problem is None and (are_lines or _known_by(route, points)):
            return _readings(route, points)
    return _bare(route, text)


def _known_by(route: Route, points: list[_Point]) -> bool:
    return any(p.name.startswith(tuple(f"{level}." for level in route.rest)) for p in points)


def _bare(route: Route, text: str) -> list[Heard]:
    name = ".".join(route.rest) or "value"
    try:
        value = scalar(text)
    except Refused:
        if len(route.rest) < 2:
            raise
        return [fact(route, FORMAT, name, text)]
    return [] if value is None else [one(route, FORMAT, name, value)]


def _readings(route: Route, points: list[_Point]) -> list[Heard]:
    hosts = {p.host for p in points}
    out: list[Heard] = []
    for host in sorted(hosts):
        machine = machine_ok(host) if host and route.believes else route.machine
        # Several hosts under one machine's name stay apart by their names.
        before = f"{host}." if host and len(hosts) > 1 and host != route.machine and not route.believes else ""
        own = points if len(hosts) == 1 else [p for p in points if p.host == host]
        values = by_instant((p.at_ms, before + p.name, p.value) for p in own if not isinstance(p.value, str))
        texts = {name_ok(before + p.name): p.value[:MAX_TEXT] for p in own if isinstance(p.value, str)}
        growing = frozenset(before + p.name for p in own if p.grows) or NO_COUNTERS
        if not values and texts:
            values = [(own[0].at_ms, {})]
        for i, (at, metrics) in enumerate(values):
            facts: Mapping[str, str] = texts if texts and i == 0 else NO_FACTS
            out.append(Reading(machine, at, metrics, None, route.received_at_ms, FORMAT, facts, growing))
    return out


def _name(measurement: str, tags: Mapping[str, Any], field: str) -> str:
    words = [str(tags[k]) for k in sorted(tags) if k != "host" and tags[k] != ""]
    return ".".join([measurement, *words, field])


def _lines(route: Route, text: str) -> tuple[list[_Point], Refused | None]:
    """What the lines say, and what is wrong with the first that says nothing: it takes no other along."""
    points: list[_Point] = []
    problem: Refused | None = None
    at = 0
    while at < len(text):
        if text[at] in "\n\r \t":
            at += 1
        elif text[at] == "#":
            at = (text.find("\n", at) + 1) or len(text)
        else:
            line = _LINE.match(text, at)
            try:
                if line is None:
                    raise Refused("bad_payload", text[at : at + 120].partition("\n")[0])
                points += _line(route, line)
            except Refused as refused:
                problem = problem or refused
            at = line.end() if line is not None else (text.find("\n", at) + 1) or len(text)
    return points, problem


def _line(route: Route, line: re.Match[str]) -> list[_Point]:
    words = [found[1] for found in _COMMA.finditer(line["key"]) if found[0]]
    measurement, tags = _plain(words[0]) if words else "", {}
    for word in words[1:]:
        pair = _EQUALS.fullmatch(word)
        if pair is None:
            raise Refused("bad_payload", f"tag {word[:60]!r}")
        tags[_plain(pair[1])] = _plain(pair[2])
    if not measurement:
        raise Refused("bad_payload", "a line without a measurement")
    at = route.received_at_ms
    if line["at"] is not None:
        at = instant(nearest_ms(int(line["at"])), at)
    host = tags.get("host", "")
    points: list[_Point] = []
    before = _name(measurement, tags, "")
    end = 0
    for field in _FIELD.finditer(line["fields"]):
        if field.start() != end:
            raise Refused("bad_payload", line[0][:120])
        end = field.end()
        key, value = _plain(field[1]), _field_value(field[2])
        if value is not None:
            grows = cumulative.telegraf(measurement, key)
            points.append(_Point(host, at, before + key, value, grows))
    if end != len(line["fields"]):
        raise Refused("bad_payload", line[0][:120])
    return points


def _plain(text: str) -> str:
    return _UNESCAPE.sub(r"\1", text) if "\\" in text else text


def _field_value(text: str) -> float | str | None:
    if _PLAIN_NUMBER.fullmatch(text):
        return finite(text)
    if text.startswith('"'):
        return _UNQUOTE.sub(r"\1", text[1:-1])
    if text in _TRUE:
        return 1.0
    if text in _FALSE:
        return 0.0
    if _NUMBER.fullmatch(text):
        return finite(text[:-1] if text[-1] in "iu" else text)
    return scalar(text)


def _json(route: Route, value: Any) -> list[Heard]:
    if isinstance(value, dict) and isinstance(value.get("metrics"), list):
        value = value["metrics"]
    points: list[_Point] = []

    def understand(item: Any) -> list[Heard]:
        points.extend(_metric(route, item))
        return []

    try:
        each(value if isinstance(value, list) else [value], understand)
    except Refused as refused:
        raise Refused(refused.reason, refused.detail, _readings(route, points)) from None
    return _readings(route, points)


def _metric(route: Route, item: Any) -> list[_Point]:
    if not isinstance(item, dict) or not isinstance(item.get("fields"), dict):
        raise Refused("bad_shape", "a Telegraf metric has fields")
    tags = item.get("tags") or {}
    name = item.get("name", route.rest[-1] if route.rest else "value")
    if not isinstance(tags, dict) or not isinstance(name, str):
        raise Refused("bad_shape", "tags is an object, name a text")
    stamp, at = item.get("timestamp"), route.received_at_ms
    if isinstance(stamp, str):
        at = instant(stamp, at)
    elif stamp is not None:
        as_number = number(stamp)
        at = instant(nearest_ms(as_number or 0), at)
    host = tags.get("host")
    points: list[_Point] = []
    for field, value in leaves(item["fields"]):
        kept = value if isinstance(value, str) else number(value)
        if kept is not None:
            full = _name(name, tags, field)
            points.append(
                _Point(host if isinstance(host, str) else "", at, full, kept, cumulative.telegraf(name, field))
            )
    return points
