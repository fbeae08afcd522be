"""ThingsBoard's MQTT API: a device (``v1/devices/me/telemetry``, ``…/attributes``) and a gateway that speaks for many
(``v1/gateway/connect``, ``…/telemetry``, ``…/attributes``, ``…/disconnect``); and the short topics of a device
(``v2/t``, ``v2/a``, with ``/j`` behind them for JSON; with ``/p`` for protobuf by a schema that only ThingsBoard has,
which is refused). Plain.

Numbers and truth values become metrics, texts and attributes become facts. Requests (RPC, attributes, claims, firmware)
say nothing of a machine's health and yield nothing. A device is named only when it connects: see ``Route``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from telemetry.formats.instants import instant
from telemetry.formats.native import MAX_REPORTS
from telemetry.formats.route import Route
from telemetry.formats.strict import MAX_METRICS, MAX_TEXT, NUMBERS, each, json_of, leaves, machine_ok, name_ok, text_of
from telemetry.formats.values import numbers
from telemetry.reading import NO_FACTS, Heard, Reading, Refused, Status

FORMAT: Final = "thingsboard"
_SHORT: Final = {"t": "telemetry", "a": "attributes"}


def parse(route: Route, payload: bytes) -> list[Heard]:
    """One message of a device or a gateway."""
    words = route.rest
    if words[:1] == ("v2",):
        if len(words) == 3 and words[1] in _SHORT and words[2] == "p":
            raise Refused("unknown_format", "protobuf by a device profile of ThingsBoard's; send JSON under v2/t/j")
        words = (_SHORT.get(words[1], ""),) if words[2:] in {(), ("j",)} and len(words) > 1 else ("",)
    while words[:1] in {("v1",), ("devices",), ("me",)}:
        words = words[1:]
    if words[:1] == ("gateway",):
        return _gateway(route, words[1:], payload)
    if words in {(), ("telemetry",)}:
        return _telemetry(route, _json(payload))
    if words == ("attributes",):
        return _attributes(route, _json(payload))
    return []


def _json(payload: bytes) -> Any:
    return json_of(text_of(payload).encode(), nan_is_null=True)  # the SDK is Python, whose JSON may say NaN


def _gateway(route: Route, words: tuple[str, ...], payload: bytes) -> list[Heard]:
    what = words[0] if len(words) == 1 else ""
    if what in {"connect", "disconnect"}:
        sent = _json(payload)
        device = sent.get("device") if isinstance(sent, dict) else None
        if not isinstance(device, str):
            raise Refused("bad_shape", "a gateway names its device")
        return [Status(machine_ok(device), what == "connect", route.received_at_ms, FORMAT, route.machine)]
    understand = {"telemetry": _telemetry, "attributes": _attributes}.get(what)
    if understand is None:
        return []
    sent = _json(payload)
    if not isinstance(sent, dict):
        raise Refused("bad_shape", "a gateway sends an object of devices")
    return each(sent.items(), lambda pair: _of_device(route, pair, understand))


def _of_device(route: Route, pair: tuple[str, Any], understand: Callable[[Route, Any], list[Heard]]) -> list[Heard]:
    def by_gateway(heard: Sequence[Heard]) -> list[Heard]:
        return [replace(h, via=route.machine) if isinstance(h, Reading) else h for h in heard]

    try:
        return by_gateway(understand(replace(route, machine=machine_ok(pair[0])), pair[1]))
    except Refused as refused:
        refused.heard = tuple(by_gateway(refused.heard))  # what stands beside the bad item is the gateway's word too
        raise


def _telemetry(route: Route, sent: Any) -> list[Heard]:
    items = sent if isinstance(sent, list) else [sent]
    if len(items) > MAX_REPORTS:
        raise Refused("too_large", f"{len(items)} objects")
    return each(items, lambda item: _values(route, item))


def _values(route: Route, item: Any) -> list[Heard]:
    if not isinstance(item, dict):
        raise Refused("bad_shape", "telemetry is an object of values")
    received = route.received_at_ms
    at, values = received, item
    if "ts" in item and "values" in item:
        if not isinstance(item["values"], dict):
            raise Refused("bad_shape", "values beside a ts is an object")
        at, values = _stamp(item["ts"], received), item["values"]
    metrics = numbers(values)
    texts = {} if NUMBERS.issuperset(map(type, values.values())) else values  # numbers alone need no second look
    facts = _texts({name: value for name, value in leaves(texts) if isinstance(value, str)})
    if not metrics and not facts:
        return []
    return [Reading(route.machine, at, metrics, None, received, FORMAT, facts or NO_FACTS)]


def _stamp(said: Any, received: int) -> int:
    """Milliseconds; as ThingsBoard does, digits in a text are taken for the number they say."""
    return instant(int(said) if isinstance(said, str) and re.fullmatch(r"\d{1,20}", said) else said, received)


def _attributes(route: Route, sent: Any) -> list[Heard]:
    if not isinstance(sent, dict):
        raise Refused("bad_shape", "attributes is an object")
    facts = _texts({name: _word(value) for name, value in leaves(sent) if value is not None})
    received = route.received_at_ms
    return [Reading(route.machine, received, {}, None, received, FORMAT, facts)] if facts else []


def _word(value: Any) -> str:
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else f"{value}"


def _texts(sent: dict[str, str]) -> dict[str, str]:
    if len(sent) > MAX_METRICS:
        raise Refused("too_large", "too many texts")
    return {name_ok(name): text[:MAX_TEXT] for name, text in sent.items()}
