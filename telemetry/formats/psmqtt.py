"""psmqtt: ``PREFIX/HOST/TASK/…`` carrying a number as text; ``|`` stands for ``/`` in a name. Plain.

An error text arrives under ``…/error`` (or in place of a value) and is refused: it is no measurement. Counters of
psutil (``net_io_counters``, ``cpu_times`` …) are marked, so that they become rates when scored.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from telemetry.formats import cumulative
from telemetry.formats.native import status
from telemetry.formats.route import Route
from telemetry.formats.strict import MAX_METRICS, json_of, text_of
from telemetry.formats.values import loose, numbers
from telemetry.reading import Heard, Reading, Refused

FORMAT: Final = "psmqtt"
_OWN_STATE: Final = "psmqtt_status"


def parse(route: Route, payload: bytes) -> list[Heard]:
    """One value, psmqtt's JSON for a task that yields several, or its own presence."""
    if not route.rest:
        raise Refused("unknown_topic", route.topic[:120])
    if "error" in (route.rest[-1], route.rest[0]):
        raise Refused("no_value", text_of(payload)[:120])
    if route.rest[-1] == _OWN_STATE:
        return [status(route, text_of(payload), FORMAT)]
    name = ".".join(level.replace("|", "/") for level in route.rest)
    text = text_of(payload)
    if text[0] in "[{":
        sent = json_of(text.encode(), nan_is_null=True)
        return _named(route, sent, name) if isinstance(sent, dict) else _listed(route, sent, name)
    heard = loose(route, payload, FORMAT, name)
    return [_marked(h) if isinstance(h, Reading) else h for h in heard]


def _named(route: Route, sent: dict[str, Any], name: str) -> list[Heard]:
    """What psutil tells by names, none of which is an instant of psmqtt's. Texts are left out."""
    return _told(route, numbers({f"{name}.{key}": value for key, value in sent.items()}), name)


def _listed(route: Route, items: Any, name: str) -> list[Heard]:
    """A task asked to join its values: one a processor, a disk, a fan, told by their places. Texts are left out."""
    if len(items) > MAX_METRICS:
        raise Refused("too_many_metrics", name[:80])
    return _told(route, numbers({f"{name}.{place}": item for place, item in enumerate(items)}), name)


def _told(route: Route, metrics: dict[str, float], name: str) -> list[Heard]:
    if not metrics:
        raise Refused("no_value", f"no number in what was sent of {name[:80]}")
    received = route.received_at_ms
    return [_marked(Reading(route.machine, received, metrics, None, received, FORMAT))]


def _marked(reading: Reading) -> Reading:
    growing = frozenset(name for name in reading.metrics if cumulative.psmqtt(name))
    return replace(reading, counters=growing) if growing else reading
