"""Reading bytes strictly.

Limits, UTF-8, JSON without doubt, names. Plain; raises ``Refused`` and nothing else.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NoReturn

import orjson

from telemetry.reading import Heard, Refused

MAX_PAYLOAD: Final = 768 * 1024  # bytes; far above a day of reports, below the broker's packet limit
MAX_DEPTH: Final = 16
MAX_METRICS: Final = 4096  # a report; Glances sends about 470, a large node exporter about 2,000
MAX_NAME: Final = 1000  # labels make long names: node_dmi_info is past 500 on common hardware
MAX_NAME_BYTES: Final = 2400  # names become causes of incidents, and an index holds no more than 2,704 bytes
MAX_TEXT: Final = 2000  # characters of a fact or of an event's text
MAX_SEQ: Final = 2**63 - 1
_KNOWN_NAMES: Final[dict[str, None]] = {}  # names already checked; bounded, so a flood of names cannot grow it
_KNOWN_LIMIT: Final = 50_000
_NESTED: Final = frozenset({dict, list})
_KNOWN_SHAPES: Final[dict[tuple[str, ...], None]] = {}  # names of whole reports, all of them checked
_SHAPES_LIMIT: Final = 10_000
NUMBERS: Final = frozenset({int, float})
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def within_limits(payload: bytes) -> None:
    """Refuse an empty or oversize payload before anything else looks at it."""
    if not payload:
        raise Refused("empty")
    if len(payload) > MAX_PAYLOAD:
        raise Refused("too_large", f"{len(payload)} bytes, at most {MAX_PAYLOAD}")


def text_of(payload: bytes) -> str:
    """The payload as text without the NULs C programs leave at its end."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as e:
        raise Refused("not_utf8", f"byte {e.start}") from None
    text = text.rstrip("\x00").strip()
    if not text:
        raise Refused("empty")
    return text


def json_of(payload: bytes, *, nan_is_null: bool = False) -> Any:  # Any: the caller is about to check the shape
    """Parse JSON; a key that stands twice in one object, NaN and infinities are refused, not guessed at.

    ``nan_is_null``: for agents written in Python, whose JSON says NaN where a sensor has no value now.
    """
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return _careful(payload, nan_is_null)
    # Each key brings one colon. When every colon is a key's, no key was given twice (the library keeps the last
    # silently).
    if payload.count(b":") != _keys(value):
        return _careful(payload, nan_is_null)
    return value


def flat_of(payload: bytes) -> dict[str, Any] | None:
    """Plain values beside one flat object of numbers called ``metrics``, no key twice; None: it must be looked at."""
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    if type(value) is not dict or type(metrics := value.get("metrics")) is not dict:
        return None
    if payload.count(b":") != len(value) + len(metrics) or not NUMBERS.issuperset(map(type, metrics.values())):
        return None
    return value


def _keys(value: Any) -> int:
    count = 0
    stack: list[Any] = [value] if isinstance(value, dict | list) else []
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            count += len(item)
            item = item.values()
        # A flat object of numbers, the common case, costs one look at its types.
        if not _NESTED.isdisjoint(map(type, item)):
            stack.extend(v for v in item if isinstance(v, dict | list))
    return count


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Refused("duplicate_key", key[:80])
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise Refused("not_a_number", name)


def finite(text: str) -> float:
    """What a text of digits says; one too large for a number is refused."""
    value = float(text)
    if not math.isfinite(value):
        raise Refused("not_a_number", text[:40])
    return value


def _no_value(name: str) -> None:
    return None


def _careful(payload: bytes, nan_is_null: bool = False) -> Any:
    """The slow parser that can say what is wrong."""
    text = text_of(payload)
    constant = _no_value if nan_is_null else _no_constant
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=constant, parse_float=finite)
    except RecursionError:
        raise Refused("too_deep") from None
    except ValueError as e:
        if isinstance(e, Refused):
            raise
        raise Refused("not_json", str(e)[:120]) from None


def number(value: Any) -> float | None:
    """A JSON value as a metric: numbers, true/false as 1/0, null as "no value now"; anything else is refused."""
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        try:
            as_float = float(value)
        except OverflowError:
            raise Refused("not_a_number", "too large") from None
        if math.isfinite(as_float):
            return as_float
    raise Refused("not_a_number", repr(value)[:60])


def scalar(text: str) -> float | None:
    """A bare value a topic: a number, true/false, on/off; ``nan`` and infinities are "no value". Texts are refused."""
    low = text.strip().lower()
    if low in {"nan", "-nan", "inf", "-inf", "+inf", "infinity", "-infinity", "null", "none", "unknown", "u"}:
        return None
    if low in {"true", "on"}:
        return 1.0
    if low in {"false", "off"}:
        return 0.0
    try:
        value = float(low)
    except ValueError:
        raise Refused("not_a_number", text[:60]) from None
    if "_" in low or not math.isfinite(value):
        raise Refused("not_a_number", text[:60])
    return value


def name_ok(name: str) -> str:
    """A metric, fact or machine name that can be stored, shown and sent on."""
    if name in _KNOWN_NAMES:
        return name
    if not name or len(name) > MAX_NAME or _CONTROL.search(name) or len(name.encode()) > MAX_NAME_BYTES:
        raise Refused("bad_name", repr(name)[:80])
    if len(_KNOWN_NAMES) < _KNOWN_LIMIT:
        _KNOWN_NAMES[name] = None
    return name


def names_known(names: Iterable[str]) -> bool:
    """True when every name was checked before: the fast path of a report seen a thousand times."""
    shape = tuple(names)
    if shape in _KNOWN_SHAPES:
        return True
    if not all(map(_KNOWN_NAMES.__contains__, shape)):
        return False
    if len(_KNOWN_SHAPES) < _SHAPES_LIMIT:
        _KNOWN_SHAPES[shape] = None
    return True


@lru_cache(maxsize=100_000)
def machine_ok(name: str) -> str:
    """A machine's name: also one topic level, so no wildcard and no slash."""
    if not name:
        raise Refused("no_machine")
    if len(name) > 128 or any(c in name for c in "+#/") or _CONTROL.search(name):
        raise Refused("bad_name", repr(name)[:80])
    return name


def sequence(value: Any) -> int | None:
    """``seq``: a whole number from 0 to 2^63 - 1, or missing."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_SEQ:
        raise Refused("bad_seq", repr(value)[:40])
    return value


def leaves(tree: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Dotted names and values of a nested object; the elements of a list are numbered."""
    if depth > MAX_DEPTH:
        raise Refused("too_deep")
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from leaves(value, name + ".", depth + 1)
        elif isinstance(value, list):
            yield from leaves({str(i): v for i, v in enumerate(value)}, name + ".", depth + 1)
        else:
            yield name, value


def each(items: Iterable[Any], understand: Callable[[Any], Iterable[Heard]]) -> list[Heard]:
    """What every item of a batch says; the first that is refused is raised at the end, with the others' words in it."""
    heard: list[Heard] = []
    first: tuple[int, Refused] | None = None
    bad = count = 0
    for item in items:
        count += 1
        try:
            heard += understand(item)
        except Refused as refused:
            bad += 1
            heard += refused.heard  # an item may be a batch of its own
            first = first or (count, refused)
    if first is None:
        return heard
    place, cause = first
    if count == 1:
        raise cause
    more = f" and {bad - 1} more" if bad > 1 else ""
    raise Refused(cause.reason, f"item {place} of {count}{more}: {cause.detail}", heard)


def by_instant(found: Iterable[tuple[int, str, float]]) -> list[tuple[int, dict[str, float]]]:
    """Values as one set of metrics an instant, oldest first; a name that comes twice at an instant begins another."""
    found = list(found)
    # The common message is one instant with each name once, all of them seen before.
    at_once = {name: value for _, name, value in found}
    if len(at_once) == len(found) <= MAX_METRICS and len({at for at, _, _ in found}) == 1 and names_known(at_once):
        return [(found[0][0], at_once)]
    sets: dict[int, list[dict[str, float]]] = {}
    come: Counter[tuple[int, str]] = Counter()
    for at, name, value in found:
        held = sets.setdefault(at, [])
        before = come[at, name]  # in as many of the first sets: looking for the next would take ever longer
        if before == len(held):
            held.append({})
        add(held[before], name, value)
        come[at, name] = before + 1
    return [(at, metrics) for at in sorted(sets) for metrics in sets[at] if metrics]


def add(metrics: dict[str, float], name: str, value: float) -> None:
    """Put one metric in; two metrics that flatten to the same name are a doubt, hence refused."""
    if name in metrics:
        raise Refused("duplicate_key", name[:80])
    if len(metrics) >= MAX_METRICS:
        raise Refused("too_many_metrics")
    metrics[name_ok(name)] = value
