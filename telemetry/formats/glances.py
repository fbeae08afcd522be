"""Glances' MQTT export, one value a topic (``TOPIC/DEVICE/PLUGIN/[INST/]FIELD``) or one object a plugin. Plain.

Kept: numbers. Left out: texts, nulls, and the alarm thresholds Glances repeats beside every value. ``*_gauge`` are
counters since boot (their plain name beside them is the growth since the last cycle).
"""

from __future__ import annotations

from typing import Any, Final

from telemetry.formats.native import status
from telemetry.formats.route import Route
from telemetry.formats.strict import add, json_of, leaves, number, scalar, text_of
from telemetry.reading import NO_COUNTERS, Heard, Reading, Refused

FORMAT: Final = "glances"
_THRESHOLDS: Final = ("_careful", "_warning", "_critical")


def parse(route: Route, payload: bytes) -> list[Heard]:
    """One plugin's object or one field."""
    if not route.rest:
        raise Refused("unknown_topic", route.topic[:120])
    if route.rest == ("availability",):
        return [status(route, text_of(payload), FORMAT)]
    prefix = ".".join(route.rest)
    if len(route.rest) == 1 and payload[:1] in {b"{", b"["}:
        return _reading(route, _numbers(json_of(payload), prefix))
    if prefix.endswith(_THRESHOLDS) or not payload:
        return []
    text = text_of(payload)
    try:
        value = scalar(text)
    except Refused:
        return []  # one value a topic: Glances sends device names and states among the numbers
    return _reading(route, {} if value is None else {prefix: value})


def _numbers(value: Any, prefix: str) -> dict[str, float]:
    if isinstance(value, list):
        value = {str(i): v for i, v in enumerate(value)}
    if not isinstance(value, dict):
        raise Refused("bad_shape", "a plugin is an object")
    metrics: dict[str, float] = {}
    for name, leaf in leaves(value, prefix + "."):
        if isinstance(leaf, str) or name.endswith(_THRESHOLDS):
            continue
        as_number = number(leaf)
        if as_number is not None:
            add(metrics, name, as_number)
    return metrics


def _reading(route: Route, metrics: dict[str, float]) -> list[Heard]:
    if not metrics:
        return []
    counters = frozenset(n for n in metrics if n.endswith("_gauge")) or NO_COUNTERS
    return [
        Reading(route.machine, route.received_at_ms, metrics, None, route.received_at_ms, FORMAT, counters=counters)
    ]
