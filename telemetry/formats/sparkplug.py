"""Sparkplug B: ``spBv1.0/GROUP/{N,D}{BIRTH,DATA,DEATH}/NODE[/DEVICE]``. Plain; ``Births`` is the one state it needs.

The machine is the node; a device's metrics carry its name in front. Births name metrics and declare their aliases.
Texts of a birth become facts. ``seq`` (0 to 255, wrapping) orders messages of a session and says nothing about a
machine's life: a reading has none. ``bdSeq`` and ``Node Control/…`` belong to the session, not to the machine's
health, and are left out.
"""

from __future__ import annotations

from typing import Final

from telemetry.formats.route import Route
from telemetry.formats.sparkplug_wire import Metric, Payload, payload_of
from telemetry.formats.strict import MAX_TEXT, add, instant, name_ok
from telemetry.reading import NO_FACTS, Heard, Reading, Refused, Status

FORMAT: Final = "sparkplug"
_SESSION: Final = ("bdSeq", "Node Control/", "Device Control/")
_DATA: Final = frozenset({"NBIRTH", "DBIRTH", "NDATA", "DDATA"})
MAX_SESSIONS: Final = 20_000
Key = tuple[str, str, str]


class Births:
    """What aliases mean, per node and device, since its last birth."""

    def __init__(self) -> None:
        self._known: dict[Key, dict[int, tuple[str, int]]] = {}

    def born(self, key: Key, metrics: list[Metric]) -> None:
        """A birth replaces everything its sender declared before; a node's birth also ends its devices' sessions."""
        if not key[2]:
            for other in [k for k in self._known if k[:2] == key[:2]]:
                del self._known[other]
        if len(self._known) >= MAX_SESSIONS:
            raise Refused("too_large", "too many Sparkplug sessions")
        self._known[key] = {m.alias: (m.name, m.datatype) for m in metrics if m.alias is not None and m.name}

    def named(self, key: Key, metric: Metric) -> Metric:
        """The metric with its name and type; an alias nobody declared is refused."""
        if metric.name:
            return metric
        if metric.alias is None:
            raise Refused("bad_payload", "a metric without name and alias")
        declared = self._known.get(key, {}).get(metric.alias)
        if declared is None:
            raise Refused("unknown_alias", f"alias {metric.alias}")
        return metric.declared(*declared)


def parse(route: Route, payload: bytes, births: Births) -> list[Heard]:
    """``route.rest`` is (GROUP, KIND) or (GROUP, KIND, DEVICE)."""
    if len(route.rest) not in (2, 3):
        raise Refused("unknown_topic", route.topic[:120])
    group, kind = route.rest[:2]
    device = route.rest[2] if len(route.rest) == 3 else ""
    if kind in {"NDEATH", "DDEATH"}:
        payload_of(payload)
        return [Status(route.machine, False, route.received_at_ms, FORMAT)] if kind == "NDEATH" else []
    if kind not in _DATA or (kind[0] == "D") != bool(device):
        raise Refused("unknown_topic", route.topic[:120])
    message = payload_of(payload)
    key = (group, route.machine, device)
    if kind.endswith("BIRTH"):
        births.born(key, message.metrics)
    return _readings(route, message, key, births)


def _readings(route: Route, message: Payload, key: Key, births: Births) -> list[Heard]:
    prefix = f"{key[2]}/" if key[2] else ""
    values: dict[int, dict[str, float]] = {}
    facts: dict[int, dict[str, str]] = {}
    for raw in message.metrics:
        metric = births.named(key, raw)
        if metric.name.startswith(_SESSION):
            continue
        stamp = metric.timestamp if metric.timestamp is not None else message.timestamp
        at = instant(stamp, route.received_at_ms)
        value = metric.value()
        if isinstance(value, str):
            facts.setdefault(at, {})[name_ok(prefix + metric.name)] = value[:MAX_TEXT]
        elif value is not None:
            add(values.setdefault(at, {}), prefix + metric.name, value)
    received = route.received_at_ms
    return [
        Reading(route.machine, at, values.get(at, {}), None, received, FORMAT, facts.get(at, NO_FACTS))
        for at in sorted(values.keys() | facts.keys())
    ]
