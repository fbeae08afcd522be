"""Messages like one that was understood before, understood again without their parser. Plain.

An agent says the same names on the same topic all its life; only its numbers change. So a topic's *lane* remembers what
its parser made of it: of a bare value the one name, of a text (influx lines, exposition text, performance data) a
*pattern*: all that stands between its numbers, and which number is the value of which name. A pattern is found by
asking the parser once more with other numbers in those places; where anything but those values changes by it, there is
none. Of a flat JSON object of numbers it remembers which keys become which names, found by asking in the same way.
Whatever differs from what a lane knows goes to the parser, which alone says what is wrong with a message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Final

import orjson

from telemetry.formats.assembler import Assembler
from telemetry.formats.instants import EARLIEST_MS, FUTURE_MS, LATEST_MS, instant, nearest_ms
from telemetry.formats.route import Route
from telemetry.formats.strict import MAX_PAYLOAD, NUMBERS
from telemetry.reading import NO_FACTS, Heard, Reading, Refused

Parse = Callable[[Route, bytes], list[Heard]]
Mark = tuple[int, int]
MOST_LANES: Final = 50_000  # topics; of what comes beyond, each message is parsed
MOST_NAMES: Final = 400_000  # in all patterns together
MOST_PATTERNS: Final = 16  # of one topic
_BARE: Final = re.compile(rb"-?\d{1,18}(?:\.\d{1,18})?")
_DATED: Final = re.compile(rb"(\d{10}\.\d{3}):(-?\d{1,18}(?:\.\d{1,18})?)\0?")
BARE: Final = frozenset({"values", "glances", "linux2mqtt", "psmqtt", "telegraf"})
DATED: Final = "collectd"
STAMPED: Final = "thingsboard"  # its object may lie beside its instant
OBJECTS: Final = frozenset({"glances", STAMPED})
_CYCLES: Final = frozenset({"glances", "telegraf"})  # whose messages are parts of a round
# Numbers where each format has values; digits anywhere else are part of the pattern.
TEXTS: Final[dict[str, re.Pattern[bytes]]] = {
    "telegraf": re.compile(rb"=(-?\d{1,19}(?:\.\d{1,17})?(?=[, \n]|$)|-?\d{1,19}(?=[iu]))"),
    "prometheus": re.compile(rb" (-?\d{1,19}(?:\.\d{1,17})?(?:e[-+]\d\d)?)(?=[ \n]|$)"),
    "nagios": re.compile(rb"=(-?\d{1,17}(?:\.\d{1,17})?)(?=[^\d.,eE]|$)"),
}
_STAMP: Final = re.compile(rb" (\d{16,19})(?=\n|$)")  # behind a line of Telegraf's
_NO_MARK: Final = (0, 0)
_FIRST: Final = 7_000_001  # of the numbers a parser is asked with: no agent's own


@dataclass(frozen=True, slots=True)
class Value:
    """The one value of a topic."""

    name: str
    counters: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Of a text: which of its numbers are values, of what names, and what is the same in each."""

    names: tuple[str, ...]
    places: tuple[int, ...]
    fixed: dict[str, float]  # told last
    counters: frozenset[str]


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a flat object: the names its keys become, in their order; None: they are the names."""

    names: tuple[str, ...] | None
    counters: frozenset[str]


@dataclass(slots=True)
class Lane:
    """What is known of a topic."""

    format: str
    machine: str
    value: Value | None = None
    patterns: dict[Mark, Pattern | None] = field(default_factory=dict)  # None: seen, and there is none or not yet
    seen: dict[Mark, None] = field(default_factory=dict)
    shapes: dict[tuple[str, ...], Shape | None] = field(default_factory=dict)  # by keys; None: there is none


class Lanes:
    """The lanes of one decoder, whose cycles are put together by ``assembler``."""

    def __init__(self, assembler: Assembler) -> None:
        self._lanes: dict[str, Lane] = {}
        self._assembler = assembler
        self._names = 0

    def clear(self) -> None:
        """Topics may mean something else now."""
        self._lanes.clear()
        self._names = 0

    def quickly(self, topic: str, payload: bytes, received_at_ms: int) -> list[Reading] | None:
        """What a message says, with what it completes; None: ask its parser."""
        lane = self._lanes.get(topic)
        if lane is None or len(payload) > MAX_PAYLOAD:
            return None
        if lane.value is not None:
            found = _bare(lane.format, payload, received_at_ms)
            if found is None:
                return None
            at_ms, value = found
            key, its = (lane.machine, lane.format), lane.value
            if self._assembler.joined(key, its.name, value, at_ms, received_at_ms, its.counters):
                return []
            return self._assembler.add(
                Reading(
                    lane.machine, at_ms, {its.name: value}, None, received_at_ms, lane.format, NO_FACTS, its.counters
                )
            )
        if lane.shapes:
            reading = _of_object(lane, payload, received_at_ms)
        elif lane.patterns:
            mark, numbers, stamp = _marked(lane.format, payload)
            pattern = lane.patterns.get(mark)
            reading = _read(lane, pattern, numbers, stamp, received_at_ms) if pattern is not None else None
        else:
            return None
        if reading is None:
            return None
        return self._assembler.add(reading) if lane.format in _CYCLES else [reading]

    def learn(self, route: Route, fmt: str, payload: bytes, heard: Sequence[Heard], parse: Parse) -> None:
        """What its parser made of a message, so that the next one like it need not be parsed."""
        if len(heard) != 1 or not isinstance(one := heard[0], Reading) or not _is_plain(one, route):
            return
        lane = self._lanes.get(route.topic)
        if lane is None:
            if len(self._lanes) >= MOST_LANES:
                return
            lane = self._lanes[route.topic] = Lane(fmt, route.machine)
        if (fmt in BARE or fmt == DATED) and (found := _bare(fmt, payload, route.received_at_ms)) is not None:
            if len(one.metrics) == 1 and (one.at_ms, [found[1]]) == (found[0], list(one.metrics.values())):
                lane.value = Value(intern(next(iter(one.metrics))), one.counters)
        elif fmt in TEXTS and lane.value is None:
            self._learn_text(lane, route, payload, one, parse)
        elif fmt in OBJECTS and lane.value is None and (flat := _flat(fmt, payload)) is not None:
            self._learn_object(lane, route, *flat, parse)

    def _learn_object(self, lane: Lane, route: Route, stamp: int | None, sent: dict[str, float], parse: Parse) -> None:
        keys = tuple(sent)
        if keys in lane.shapes or len(lane.shapes) >= MOST_PATTERNS or self._names + len(keys) > MOST_NAMES:
            return
        keys = tuple(map(intern, keys))
        lane.shapes[keys] = _shape(keys, route, stamp, parse)
        self._names += len(keys)

    def _learn_text(self, lane: Lane, route: Route, payload: bytes, one: Reading, parse: Parse) -> None:
        mark = _marked(lane.format, payload)[0]
        if mark == _NO_MARK or mark in lane.patterns or len(lane.patterns) >= MOST_PATTERNS:
            return
        if mark not in lane.seen:  # what comes once is not worth two more readings
            if len(lane.seen) >= MOST_PATTERNS:
                lane.seen.clear()
            lane.seen[mark] = None
            return
        pattern = None
        if self._names + len(one.metrics) <= MOST_NAMES:
            pattern = _pattern(lane, route, payload, one, parse)
        lane.patterns[mark] = pattern
        self._names += len(pattern.names) if pattern is not None else 0


def _is_plain(one: Reading, route: Route) -> bool:
    return one.machine == route.machine and one.seq is None and not one.facts and not one.deltas and not one.via


def _bare(fmt: str, payload: bytes, received_at_ms: int) -> tuple[int, float] | None:
    """Instant and value of a message that is nothing but these."""
    if fmt != DATED:
        return (received_at_ms, float(payload)) if _BARE.fullmatch(payload) else None
    found = _DATED.fullmatch(payload)
    if found is None:
        return None
    at_ms = round(float(found[1]) * 1000)
    within = EARLIEST_MS <= at_ms < LATEST_MS and at_ms <= received_at_ms + FUTURE_MS
    return (at_ms, float(found[2])) if within else None


def _flat(fmt: str, payload: bytes) -> tuple[int | None, dict[str, float]] | None:
    """A JSON object of nothing but numbers, no key twice, and the instant beside it; None for anything else."""
    if payload[:1] != b"{":
        return None
    try:
        sent = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    stamp, colons, values = None, len(sent), sent
    if fmt == STAMPED and type(inner := sent.get("values")) is dict:
        stamp, values = sent.get("ts"), inner
        colons += len(values)
        if type(stamp) is not int or len(sent) != 2:
            return None
    # Each key brings one colon: when there are no others, no key was given twice (the library keeps the last silently).
    if payload.count(b":") != colons or not values or not NUMBERS.issuperset(map(type, values.values())):
        return None
    return stamp, values


def _shape(keys: tuple[str, ...], route: Route, stamp: int | None, parse: Parse) -> Shape | None:
    """Which names an object's keys become, when each number is the value of one."""
    asked = dict(zip(keys, map(float, range(_FIRST, _FIRST + len(keys))), strict=True))
    try:
        said = parse(route, orjson.dumps(asked if stamp is None else {"ts": stamp, "values": asked}))
    except Refused:
        return None
    if len(said) != 1 or not isinstance(one := said[0], Reading) or not _is_plain(one, route):
        return None
    at_ms = route.received_at_ms if stamp is None else stamp
    if list(one.metrics.values()) != list(asked.values()) or one.at_ms != at_ms:
        return None
    names = tuple(map(intern, one.metrics))
    return Shape(None if names == keys else names, one.counters)


def _of_object(lane: Lane, payload: bytes, received_at_ms: int) -> Reading | None:
    flat = _flat(lane.format, payload)
    if flat is None:
        return None
    at_ms, metrics = flat
    shape = lane.shapes.get(tuple(metrics))
    if shape is None:
        return None
    if at_ms is None:
        at_ms = received_at_ms
    elif not EARLIEST_MS <= at_ms < LATEST_MS or at_ms > received_at_ms + FUTURE_MS:
        return None
    values = metrics.values()
    if shape.names is not None or int in map(type, values):
        try:
            metrics = dict(zip(shape.names or metrics, map(float, values), strict=True))
        except OverflowError:
            return None
    return Reading(lane.machine, at_ms, metrics, None, received_at_ms, lane.format, NO_FACTS, shape.counters)


def _marked(fmt: str, payload: bytes) -> tuple[Mark, list[bytes], bytes]:
    """All that stands between the numbers of a text, as a short mark (nought: there is none); the numbers; and
    the instant as it stands there, or nothing."""
    if b"\0" in payload:
        return _NO_MARK, [], b""  # it stands for the numbers below: no text that holds one may pass for another
    parts = TEXTS[fmt].split(payload)
    between, stamp = b"\0".join(parts[::2]), b""
    if fmt == "telegraf" and (stamps := _STAMP.findall(between)):
        stamp = stamps[0]
        if stamps.count(stamp) != len(stamps):
            return _NO_MARK, [], b""
        between = _STAMP.sub(b" @", between)
    # Python's own hash, keyed anew in each process: a sixth of the time of any that is not.
    return (len(between), hash(between)), parts[1::2], stamp


def _read(lane: Lane, its: Pattern, numbers: list[bytes], stamp: bytes, received_at_ms: int) -> Reading | None:
    at_ms = received_at_ms
    if stamp:
        try:
            at_ms = instant(nearest_ms(int(stamp)), received_at_ms)
        except Refused:
            return None
    metrics = dict(zip(its.names, map(float, map(numbers.__getitem__, its.places)), strict=True))
    if its.fixed:
        metrics |= its.fixed
    return Reading(lane.machine, at_ms, metrics, None, received_at_ms, lane.format, NO_FACTS, its.counters)


def _pattern(lane: Lane, route: Route, payload: bytes, one: Reading, parse: Parse) -> Pattern | None:
    """Which number is which name's value: those of a text that is the same but for its numbers tell."""
    parts = TEXTS[lane.format].split(payload)
    _, numbers, stamp = _marked(lane.format, payload)
    asked = list(range(_FIRST, _FIRST + len(numbers)))
    before = b" " if lane.format == "prometheus" else b"="  # what the expression took with the number
    for at, number in enumerate(asked):
        parts[2 * at + 1] = b"%b%d" % (before, number)
    try:
        said = parse(route, b"".join(parts))
    except Refused:
        return None
    if len(said) != 1 or not isinstance(other := said[0], Reading) or not _is_plain(other, route):
        return None
    if (tuple(other.metrics), other.counters, other.at_ms) != (tuple(one.metrics), one.counters, one.at_ms):
        return None
    place_of = {float(number): at for at, number in enumerate(asked)}
    places = [place_of.get(value) for value in other.metrics.values()]
    values = [place for place in places if place is not None]
    fixed = dict(list(other.metrics.items())[len(values) :])
    if None in places[: len(values)]:
        return None  # something fixed stands among them
    its = Pattern(tuple(map(intern, list(one.metrics)[: len(values)])), tuple(values), fixed, one.counters)
    again = _read(lane, its, numbers, stamp, route.received_at_ms)
    return its if again == one and again is not None and list(again.metrics) == list(one.metrics) else None
