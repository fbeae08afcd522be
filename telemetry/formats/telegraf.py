"""Telegraf's ``outputs.mqtt``: influx lines or JSON, one or a batch, or (``layout = "field"``) one bare value a
topic. Plain.

Names: ``measurement.tag values.field`` with tags in the order of their keys, without ``host``. Texts are left out,
truth values are 1/0.
"""

from __future__ import annotations

import re
from typing import Any, Final

from telemetry.formats.route import Route
from telemetry.formats.strict import add, instant, json_of, number, scalar, text_of
from telemetry.formats.values import one
from telemetry.reading import Heard, Reading, Refused

FORMAT: Final = "telegraf"
_FIELD: Final = re.compile(r"((?:[^,= \\]|\\.)+)=(\"(?:[^\"\\]|\\.)*\"|[^, ]+)(?:,|$)", re.S)
_UNESCAPE: Final = re.compile(r"\\([,= \\])")
_TRUE: Final = frozenset({"t", "T", "true", "True", "TRUE"})
_FALSE: Final = frozenset({"f", "F", "false", "False", "FALSE"})
_LINE: Final = re.compile(
    r"(?P<key>(?:[^ \\]|\\.)+) (?P<fields>(?:[^ \"\\]|\\.|\"(?:[^\"\\]|\\.)*\")+)(?: (?P<at>-?\d+))?$", re.S
)
Found = tuple[int, str, float]


def parse(route: Route, payload: bytes) -> list[Heard]:
    """Every metric of the message, one reading an instant."""
    text = text_of(payload)
    if text[0] in "{[":
        found = _json(route, json_of(text.encode()))
    elif "=" in text:
        found = [f for line in text.split("\n") if line.strip() for f in _line(route, line.strip())]
    else:
        value = scalar(text)
        return [] if value is None else [one(route, FORMAT, ".".join(route.rest), value)]
    by_instant: dict[int, dict[str, float]] = {}
    for at, name, value in found:
        add(by_instant.setdefault(at, {}), name, value)
    return [Reading(route.machine, at, m, None, route.received_at_ms, FORMAT) for at, m in sorted(by_instant.items())]


def _name(measurement: str, tags: dict[str, Any], field: str) -> str:
    words = [str(tags[k]) for k in sorted(tags) if k != "host"]
    return ".".join([measurement, *words, field])


def _line(route: Route, line: str) -> list[Found]:
    if line.startswith("#"):
        return []
    parts = _LINE.match(line)
    if parts is None:
        raise Refused("bad_payload", line[:120])
    measurement, *tag_texts = re.split(r"(?<!\\),", parts["key"])
    tags: dict[str, Any] = {}
    for tag in tag_texts:
        key, sep, value = tag.partition("=")
        if not sep:
            raise Refused("bad_payload", f"tag {tag[:60]!r}")
        tags[_plain(key)] = _plain(value)
    at = route.received_at_ms
    if parts["at"] is not None:
        at = instant(_nearest_ms(int(parts["at"][:30])), at)
    found: list[Found] = []
    end = 0
    for field in _FIELD.finditer(parts["fields"]):
        if field.start() != end:
            raise Refused("bad_payload", line[:120])
        end = field.end()
        value = _field_value(field[2])
        if value is not None:
            found.append((at, _name(_plain(measurement), tags, _plain(field[1])), value))
    if end != len(parts["fields"]):
        raise Refused("bad_payload", line[:120])
    return found


def _plain(text: str) -> str:
    return _UNESCAPE.sub(r"\1", text)


def _field_value(text: str) -> float | None:
    if text.startswith('"'):
        return None
    if text in _TRUE:
        return 1.0
    if text in _FALSE:
        return 0.0
    return scalar(text[:-1] if text[-1] in "iu" else text)


def _nearest_ms(stamp: int) -> int:
    """Telegraf writes the unit it is told to (s, ms, µs, ns); only one of them is a time of this century."""
    for limit, factor in ((10**11, 1000.0), (10**14, 1.0), (10**17, 1e-3)):
        if abs(stamp) < limit:
            return round(stamp * factor)
    return stamp // 1_000_000


def _json(route: Route, value: Any) -> list[Found]:
    if isinstance(value, dict) and isinstance(value.get("metrics"), list):
        value = value["metrics"]
    found: list[Found] = []
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict) or not isinstance(item.get("fields"), dict):
            raise Refused("bad_shape", "a Telegraf metric has fields")
        tags = item.get("tags") or {}
        name, stamp = item.get("name", route.rest[-1] if route.rest else "value"), item.get("timestamp")
        if not isinstance(tags, dict) or not isinstance(name, str):
            raise Refused("bad_shape", "tags is an object, name a text")
        at = route.received_at_ms
        if stamp is not None:
            as_number = number(stamp)
            at = instant(_nearest_ms(int(as_number or 0)), at)
        for field, field_value in item["fields"].items():
            as_number = None if isinstance(field_value, str) else number(field_value)
            if as_number is not None:
                found.append((at, _name(name, tags, field), as_number))
    return found
