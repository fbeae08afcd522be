"""One value a topic, or one loose JSON object a topic: what small agents and scripts send. Plain.

Text that is no number is refused, so an error message can never become a measurement. JSON objects may carry an instant
(``ts``, ``at``, ``timestamp``, ``time``), a ``seq``, and their values under ``m``, ``metrics``, ``values``,
``fields`` or directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from telemetry.formats.instants import in_any_unit
from telemetry.formats.native import MAX_REPORTS, status
from telemetry.formats.route import Route
from telemetry.formats.strict import (
    MAX_METRICS,
    MAX_TEXT,
    NUMBERS,
    add,
    each,
    json_of,
    leaves,
    name_ok,
    names_known,
    number,
    scalar,
    sequence,
    text_of,
)
from telemetry.reading import Heard, Reading, Refused

FORMAT: Final = "values"
_INSTANTS: Final = ("ts", "at", "timestamp", "time")
_HOLDERS: Final = ("m", "metrics", "values", "fields")
PRESENCE: Final = frozenset({"status", "state", "availability", "lwt", "available"})


def parse(route: Route, payload: bytes) -> list[Heard]:
    """Loose values under any topic whose machine is known."""
    return loose(route, payload, FORMAT, ".".join(route.rest))


def loose(
    route: Route, payload: bytes, fmt: str, name: str, prefix: str = "", *, nan_is_null: bool = False
) -> list[Heard]:
    """A bare value named by its topic, a presence word, or an object of values, whose names ``prefix`` goes before.

    Every parser of small agents ends here.
    """
    text = text_of(payload)
    if text[0] in "{[":
        return _objects(route, json_of(text.encode(), nan_is_null=nan_is_null), fmt, prefix)
    if text in {"online", "offline"} and route.rest and route.rest[-1].lower() in PRESENCE:
        return [status(route, text, fmt)]
    value = scalar(text)
    if value is None:
        return []
    return [one(route, fmt, name, value)]


def numbers(tree: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a nested object under dotted names; texts and nulls are left out."""
    if 0 < len(tree) <= MAX_METRICS and (kinds := set(map(type, tree.values()))) <= NUMBERS and names_known(tree):
        if int not in kinds:
            return dict(tree)
        with suppress(OverflowError):
            return dict(zip(tree, map(float, tree.values()), strict=True))
    metrics: dict[str, float] = {}
    for name, value in leaves(tree):
        as_number = None if isinstance(value, str) else number(value)
        if as_number is not None:
            add(metrics, name, as_number)
    return metrics


def one(route: Route, fmt: str, name: str, value: float, at_ms: int | None = None) -> Reading:
    """A reading of a single value."""
    at = route.received_at_ms if at_ms is None else at_ms
    return Reading(route.machine, at, {name_ok(name): value}, None, route.received_at_ms, fmt)


def fact(route: Route, fmt: str, name: str, text: str) -> Reading:
    """A text worth keeping beside the values: a version, a model."""
    received = route.received_at_ms
    return Reading(route.machine, received, {}, None, received, fmt, {name_ok(name): text[:MAX_TEXT]})


def _objects(route: Route, value: Any, fmt: str, prefix: str) -> list[Heard]:
    items = value if isinstance(value, list) else [value]
    if not items or len(items) > MAX_REPORTS:
        raise Refused("no_value" if not items else "too_large", f"{len(items)} objects")
    return each(items, lambda item: [_object(route, item, fmt, prefix)])


def _object(route: Route, item: Any, fmt: str, prefix: str) -> Reading:
    if not isinstance(item, dict):
        raise Refused("bad_shape", "values come in a JSON object")
    at = next((item[k] for k in _INSTANTS if k in item), None)
    holder = next((item[k] for k in _HOLDERS if isinstance(item.get(k), dict)), None)
    if holder is None:
        holder = {k: v for k, v in item.items() if k not in _INSTANTS and k != "seq"}
    metrics = numbers({f"{prefix}{k}": v for k, v in holder.items()})
    if not metrics:
        raise Refused("no_value", "no number in the object")
    received = route.received_at_ms
    return Reading(route.machine, in_any_unit(at, received), metrics, sequence(item.get("seq")), received, fmt)
