"""Messages like one that was understood before, understood again without their parser. Plain.

An agent says the same names on the same topic all its life; only its numbers change. So a topic's *lane* remembers what
its parser made of it: of a bare value the one name, of a text (influx lines, exposition text, performance data) its
pattern (`patterns.py`). Of a flat JSON object of numbers it remembers which keys become which names, found by asking
the parser once more with other numbers; where anything but those values changes by it, there is nothing to remember.
Whatever differs from what a lane knows goes to the parser, which alone says what is wrong with a message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Final

import orjson

from telemetry.formats import patterns
from telemetry.formats.assembler import Assembler
from telemetry.formats.instants import EARLIEST_MS, FUTURE_MS, LATEST_MS
from telemetry.formats.patterns import NO_MARK, Mark, Parse, Pattern
from telemetry.formats.route import Route
from telemetry.formats.strict import MAX_PAYLOAD, NUMBERS
from telemetry.reading import NO_FACTS, Heard, Reading, Refused

MOST_LANES: Final = 50_000  # topics; of what comes beyond, each message is parsed
MOST_NAMES: Final = 400_000  # in all patterns together
MOST_PATTERNS: Final = 16  # of one topic
MOST_TEXT: Final = 4_000_000  # bytes of all texts with an expression: some 60 MB of these
_BARE: Final = re.compile(rb"-?\d{1,18}(?:\.\d{1,18})?")
_DATED: Final = re.compile(rb"(\d{10}\.\d{3}):(-?\d{1,18}(?:\.\d{1,18})?)\0?")
BARE: Final = frozenset({"values", "glances", "linux2mqtt", "psmqtt", "telegraf"})
DATED: Final = "collectd"
STAMPED: Final = "thingsboard"  # its object may lie beside its instant
OBJECTS: Final = frozenset({"glances", STAMPED})
_CYCLES: Final = frozenset({"glances", "telegraf"})  # whose messages are parts of a round
_FIRST: Final = 7_000_001  # of the numbers a parser is asked with: no agent's own


@dataclass(frozen=True, slots=True)
class Value:
    """The one value of a topic."""

    name: str
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
    expressed: list[tuple[re.Pattern[bytes], Pattern]] = field(default_factory=list)
    seen: dict[Mark, None] = field(default_factory=dict)
    shapes: dict[tuple[str, ...], Shape | None] = field(default_factory=dict)  # by keys; None: there is none


class Lanes:
    """The lanes of one decoder, whose cycles are put together by ``assembler``."""

    def __init__(self, assembler: Assembler) -> None:
        self._lanes: dict[str, Lane] = {}
        self._assembler = assembler
        self._names = 0
        self._text = 0

    def clear(self) -> None:
        """Topics may mean something else now."""
        self._lanes.clear()
        self._names = self._text = 0

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
            reading = self._of_text(lane, payload, received_at_ms)
        else:
            return None
        if reading is None:
            return None
        return self._assembler.add(reading) if lane.format in _CYCLES else [reading]

    def _of_text(self, lane: Lane, payload: bytes, received_at_ms: int) -> Reading | None:
        for expression, pattern in lane.expressed:
            if (found := patterns.matched(expression, payload)) is not None:
                return patterns.read(lane.machine, lane.format, pattern, *found, received_at_ms)
        mark, numbers, stamp = patterns.marked(lane.format, payload)
        known = lane.patterns.get(mark)
        if known is None:
            return None
        known.met += 1
        if known.met == patterns.OFTEN and len(payload) <= patterns.LONGEST and self._text + len(payload) <= MOST_TEXT:
            lane.expressed.append((patterns.expressed(lane.format, payload), known))
            self._text += len(payload)
        return patterns.read(lane.machine, lane.format, known, numbers, stamp, received_at_ms)

    def learn(self, route: Route, fmt: str, payload: bytes, heard: Sequence[Heard], parse: Parse) -> None:
        """What its parser made of a message, so that the next one like it need not be parsed."""
        if len(heard) != 1 or not isinstance(one := heard[0], Reading) or not patterns.is_plain(one, route):
            return
        lane = self._lanes.get(route.topic)
        if lane is None:
            if len(self._lanes) >= MOST_LANES:
                return
            lane = self._lanes[route.topic] = Lane(fmt, route.machine)
        if (fmt in BARE or fmt == DATED) and (found := _bare(fmt, payload, route.received_at_ms)) is not None:
            if len(one.metrics) == 1 and (one.at_ms, [found[1]]) == (found[0], list(one.metrics.values())):
                lane.value = Value(intern(next(iter(one.metrics))), one.counters)
        elif fmt in patterns.TEXTS and lane.value is None:
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
        mark = patterns.marked(lane.format, payload)[0]
        if mark == NO_MARK or mark in lane.patterns or len(lane.patterns) >= MOST_PATTERNS:
            return
        if mark not in lane.seen:  # what comes once is not worth two more readings
            if len(lane.seen) >= MOST_PATTERNS:
                lane.seen.clear()
            lane.seen[mark] = None
            return
        pattern = None
        if self._names + len(one.metrics) <= MOST_NAMES:
            pattern = patterns.find(lane.format, route, payload, one, parse)
        lane.patterns[mark] = pattern
        self._names += len(pattern.names) if pattern is not None else 0


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
    if len(said) != 1 or not isinstance(one := said[0], Reading) or not patterns.is_plain(one, route):
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
