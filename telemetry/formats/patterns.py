"""Texts like one that was understood before: the same but for their numbers. Plain.

A *pattern* is all that stands between the numbers of a text (influx lines, exposition text, performance data), and
which number is the value of which name. It is found by asking the parser once more with other numbers in those
places; where anything but those values changes by it, there is none. A text is first known by the *mark* of what stands
between its numbers; a pattern that is met again and again gets an expression of its own, which compares and takes the
numbers in one go, at a third of the price. Making one costs a millisecond and some kilobytes: not every text has one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Final
from weakref import WeakValueDictionary

from telemetry.formats.instants import EARLIEST_MS, FUTURE_MS, LATEST_MS, nearest_ms
from telemetry.formats.route import Route
from telemetry.reading import NO_FACTS, Heard, Reading, Refused

Parse = Callable[[Route, bytes], list[Heard]]
Mark = tuple[int, int]
NO_MARK: Final = (0, 0)
# Numbers where each format has values; digits anywhere else are part of the pattern.
TEXTS: Final[dict[str, re.Pattern[bytes]]] = {
    "telegraf": re.compile(rb"=(-?\d{1,19}(?:\.\d{1,17})?(?=[, \n]|$)|-?\d{1,19}(?=[iu]))"),
    "prometheus": re.compile(rb" (-?\d{1,19}(?:\.\d{1,17})?(?:e[-+]\d\d)?)(?=[ \n]|$)"),
    "nagios": re.compile(rb"=(-?\d{1,17}(?:\.\d{1,17})?)(?=[^\d.,eE]|$)"),
}
# Taken with a number above.
_BEFORE: Final = {"telegraf": b"=", "prometheus": b" ", "nagios": b"="}
# The same numbers where what follows is known. Possessive: nothing that may follow a number can be a part of it. One
# with an exponent is told by the mark: to look for it would make every other dearer.
_NUMBER: Final = {
    "telegraf": rb"(-?+\d{1,19}+(?:\.\d{1,17}+)?+)",
    "prometheus": rb"(-?+\d{1,19}+(?:\.\d{1,17}+)?+)",
    "nagios": rb"(-?+\d{1,17}+(?:\.\d{1,17}+)?+)",
}
_WHOLE: Final = rb"(-?+\d{1,19}+)"  # of Telegraf's, before its i or u
_STAMP: Final = re.compile(rb" (\d{16,19})(?=\n|$)")  # behind a line of Telegraf's
_FIRST: Final = 7_000_001  # of the numbers a parser is asked with: no agent's own
OFTEN: Final = 12  # times a pattern is met before it gets an expression
LONGEST: Final = 4_096  # bytes of a text that may have one
_COMPILED: Final[WeakValueDictionary[bytes, re.Pattern[bytes]]] = WeakValueDictionary()  # like machines say like texts


@dataclass(slots=True)
class Pattern:
    """Of a text: which of its numbers are values, of what names, and what is the same in each."""

    names: tuple[str, ...]
    places: tuple[int, ...]
    in_order: bool  # every number is a value
    fixed: dict[str, float]  # told last
    counters: frozenset[str]
    met: int = 0  # without an expression


def marked(fmt: str, payload: bytes) -> tuple[Mark, list[bytes], bytes]:
    """All that stands between the numbers of a text, as a short mark (nought: there is none); the numbers; and
    the instant as it stands there, or nothing."""
    if b"\0" in payload:
        return NO_MARK, [], b""  # it stands for the numbers below: no text that holds one may pass for another
    parts = TEXTS[fmt].split(payload)
    between, stamp = b"\0".join(parts[::2]), b""
    if fmt == "telegraf" and (stamps := _STAMP.findall(between)):
        stamp = stamps[0]
        if stamps.count(stamp) != len(stamps):
            return NO_MARK, [], b""
        between = _STAMP.sub(b" @", between)
    # Python's own hash, keyed anew in each process: a sixth of the time of any that is not.
    return (len(between), hash(between)), parts[1::2], stamp


def read(
    machine: str, fmt: str, its: Pattern, numbers: Sequence[bytes], stamp: bytes, received_at_ms: int
) -> Reading | None:
    """What a text of this pattern says, by all its numbers and its instant; None: its parser knows why not."""
    told = numbers if its.in_order else [numbers[place] for place in its.places]
    at_ms = received_at_ms
    if stamp:
        at_ms = int(stamp[:13]) if len(stamp) == 19 else nearest_ms(int(stamp))
        if not EARLIEST_MS <= at_ms < LATEST_MS or at_ms > received_at_ms + FUTURE_MS:
            return None
    metrics = dict(zip(its.names, map(float, told), strict=True))
    if its.fixed:
        metrics |= its.fixed
    return Reading(machine, at_ms, metrics, None, received_at_ms, fmt, NO_FACTS, its.counters)


def expressed(fmt: str, payload: bytes) -> re.Pattern[bytes]:
    """`payload` but for its numbers and its instant: what it matches has the same mark."""
    between = b"\0".join(TEXTS[fmt].split(payload)[::2])
    source: list[bytes] = []
    for at, piece in enumerate(_STAMP.split(between) if fmt == "telegraf" else [between]):
        if at % 2:
            source.append(rb" (?P<at>\d{16,19}+)" if at == 1 else rb" (?P=at)")
            continue
        first, *others = piece.split(b"\0")
        source.append(re.escape(first))
        for other in others:
            whole = fmt == "telegraf" and other[:1] in (b"i", b"u")
            source += (_BEFORE[fmt], _WHOLE if whole else _NUMBER[fmt], re.escape(other))
    text = b"".join(source)
    if (known := _COMPILED.get(text)) is None:
        known = _COMPILED[text] = re.compile(text)
    return known


def matched(expression: re.Pattern[bytes], payload: bytes) -> tuple[Sequence[bytes], bytes] | None:
    """The numbers of a text, and its instant as it stands there or nothing; None where it is another text."""
    found = expression.fullmatch(payload)
    if found is None:
        return None
    groups = found.groups()
    if (dated := expression.groupindex.get("at")) is None:
        return groups, b""
    return groups[: dated - 1] + groups[dated:], groups[dated - 1]


def find(fmt: str, route: Route, payload: bytes, one: Reading, parse: Parse) -> Pattern | None:
    """Which number is which name's value: those of a text that is the same but for its numbers tell."""
    parts = TEXTS[fmt].split(payload)
    _, numbers, stamp = marked(fmt, payload)
    asked = list(range(_FIRST, _FIRST + len(numbers)))
    for at, number in enumerate(asked):
        parts[2 * at + 1] = b"%b%d" % (_BEFORE[fmt], number)
    try:
        said = parse(route, b"".join(parts))
    except Refused:
        return None
    if len(said) != 1 or not isinstance(other := said[0], Reading) or not is_plain(other, route):
        return None
    if (tuple(other.metrics), other.counters, other.at_ms) != (tuple(one.metrics), one.counters, one.at_ms):
        return None
    place_of = {float(number): at for at, number in enumerate(asked)}
    places = [place_of.get(value) for value in other.metrics.values()]
    told = [place for place in places if place is not None]
    fixed = dict(list(other.metrics.items())[len(told) :])
    if None in places[: len(told)]:
        return None  # something fixed stands among them
    names = tuple(map(intern, list(one.metrics)[: len(told)]))
    its = Pattern(names, tuple(told), told == list(range(len(numbers))), fixed, one.counters)
    again = read(route.machine, fmt, its, numbers, stamp, route.received_at_ms)
    return its if again == one and again is not None and list(again.metrics) == list(one.metrics) else None


def is_plain(one: Reading, route: Route) -> bool:
    """Nothing but values of the machine that the topic names."""
    return one.machine == route.machine and one.seq is None and not one.facts and not one.deltas and not one.via
