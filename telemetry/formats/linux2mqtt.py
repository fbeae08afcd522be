"""linux2mqtt: ``PREFIX/HOST/METRIC[/…]/state`` carrying JSON; its availability topics are hints of presence. Plain."""

from __future__ import annotations

from typing import Final

from telemetry.formats.route import Route
from telemetry.formats.strict import text_of
from telemetry.formats.values import PRESENCE, loose
from telemetry.reading import Heard, Refused, Status

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
    levels = route.rest[:-1] if route.rest[-1] == "state" and len(route.rest) > 1 else route.rest
    name = ".".join(levels)
    return loose(route, payload, FORMAT, name, name + ".")
