"""linux2mqtt: ``PREFIX/HOST/METRIC/state`` carrying JSON; its availability topics are hints of presence. Plain.

Lists (open ports, peers) are no measurements. Of its discovery messages for Home Assistant only the state topics they
point to carry values, so they say nothing here.
"""

from __future__ import annotations

from typing import Any, Final

from telemetry.formats.route import Route
from telemetry.formats.strict import json_of, text_of
from telemetry.formats.values import PRESENCE, fact, loose, numbers
from telemetry.reading import Heard, Reading, Refused, Status

FORMAT: Final = "linux2mqtt"


def parse(route: Route, payload: bytes) -> list[Heard]:
    """One metric's object, one value, or presence of the whole host (presence of a single metric says nothing we
    keep).
    """
    if not route.rest:
        raise Refused("unknown_topic", route.topic[:120])
    text = text_of(payload)
    if text in {"online", "offline"}:
        whole = len(route.rest) == 1 and route.rest[0].lower() in PRESENCE
        return [Status(route.machine, text == "online", route.received_at_ms, FORMAT)] if whole else []
    if route.rest == ("version",):
        return [fact(route, FORMAT, "linux2mqtt.version", text)]
    levels = route.rest[:-1] if route.rest[-1] == "state" and len(route.rest) > 1 else route.rest
    name = ".".join(levels)
    if text[0] == "{":
        return _object(route, json_of(text.encode(), nan_is_null=True), name)
    return loose(route, payload, FORMAT, name, name + ".", nan_is_null=True)


def _object(route: Route, sent: Any, name: str) -> list[Heard]:
    metrics = numbers({f"{name}.{k}": v for k, v in sent.items() if not isinstance(v, list)})
    received = route.received_at_ms
    return [Reading(route.machine, received, metrics, None, received, FORMAT)] if metrics else []


def discovery(route: Route, payload: bytes) -> list[Heard]:
    """A message that tells Home Assistant what there is: no measurement, and nothing to complain about."""
    return []
