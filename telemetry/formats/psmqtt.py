"""psmqtt: ``PREFIX/HOST/TASK/…`` carrying a number as text; ``|`` stands for ``/`` in a name. Plain.

An error text arrives under ``…/error`` (or in place of a value) and is refused: it is no measurement.
"""

from __future__ import annotations

from typing import Final

from telemetry.formats.route import Route
from telemetry.formats.strict import text_of
from telemetry.formats.values import loose
from telemetry.reading import Heard, Refused

FORMAT: Final = "psmqtt"


def parse(route: Route, payload: bytes) -> list[Heard]:
    """One value, or psmqtt's JSON for a task that yields several."""
    if not route.rest:
        raise Refused("unknown_topic", route.topic[:120])
    if "error" in (route.rest[-1], route.rest[0]):
        raise Refused("no_value", text_of(payload)[:120])
    name = ".".join(level.replace("|", "/") for level in route.rest)
    return loose(route, payload, FORMAT, name, name + ".")
