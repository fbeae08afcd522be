"""A declared mapping for anything else: a topic pattern with named levels, and JSON paths with unit and scale. Plain.

A mapping as a person writes it (TOML, or the same as JSON)::

    name = "press-plc"
    topic = "plant/{hall}/{machine}/sensors/{sensor}"   # {machine} is who speaks; a last # takes whatever follows
    at = "$.ts"                                          # optional: epoch s, ms, µs or ns, or RFC 3339
    zone = "Europe/Paris"                                # optional: of times in it that have no offset
    seq = "$.n"                                          # optional: numbers of reports
    [[value]]
    path = "$.temp.value"                                # $.a.b, $['a b'], $[0], $[*] and $.* for each; $ is the whole
    metric = "{sensor}.temperature"                      # named levels, and {1}, {2} … for what each * stood for
    unit = "Cel"                                         # told as a fact of the machine
    scale = 0.1                                          # value × scale + offset
    [[value]]
    path = "$.door"
    metric = "door_open"
    words = { open = 1, closed = 0 }                     # texts that stand for numbers
    counter = false                                      # true: it only grows, so it becomes a rate

A message that is no JSON is a text: a number by itself is the value of ``$``. Under our own prefix the same mapping is
spoken as ``vigie/MACHINE/NAME/…``: then only the levels behind the pattern's ``{machine}`` are compared.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from telemetry.formats.instants import in_any_unit
from telemetry.formats.paths import ANY, MOST_FOUND, Step, first, found_at
from telemetry.formats.route import Route
from telemetry.formats.strict import MAX_NAME, add, json_of, name_ok, number, scalar, sequence, text_of
from telemetry.reading import NO_COUNTERS, NO_FACTS, Heard, Reading, Refused

MOST_VALUES: Final = 200
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_LEVEL: Final = re.compile(r"[a-z][a-z0-9_]{0,29}")
_STEP: Final = re.compile(r"\.([^.\[\]'\"\s]+)|\[(\d{1,6}|\*)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_KEYS: Final = {"name", "topic", "at", "zone", "seq", "value"}
_VALUE_KEYS: Final = {"path", "metric", "unit", "scale", "offset", "words", "counter"}


class BadMapping(ValueError):
    """A mapping that cannot be used: which field, what is wrong with it, and what to do."""

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field} {problem}; {remedy}")
        self.field, self.problem, self.remedy = field, problem, remedy


@dataclass(frozen=True, slots=True)
class Value:
    """What to take out of a message."""

    path: tuple[Step, ...]
    metric: str
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0
    words: Mapping[str, float] | None = None
    counter: bool = False


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping ready for use. ``levels`` holds literal levels and ``{name}``; ``open``: it ends with #."""

    name: str
    topic: str
    levels: tuple[str, ...]
    open: bool
    values: tuple[Value, ...]
    at: tuple[Step, ...] | None = None
    seq: tuple[Step, ...] | None = None
    zone: ZoneInfo | None = None

    def named(self, levels: Sequence[str]) -> dict[str, str] | None:
        """The named levels of a whole topic, or None when the pattern does not fit."""
        return _fit(self.levels, self.open, levels)

    def behind(self, levels: Sequence[str]) -> dict[str, str] | None:
        """The same for what follows our own prefix: the levels behind the machine's."""
        return _fit(self.levels[self.levels.index("{machine}") + 1 :], self.open, levels)

    def read(self, route: Route, payload: bytes, named: Mapping[str, str]) -> list[Heard]:
        """One reading. Raises ``Refused``."""
        sent = _content(payload)
        metrics: dict[str, float] = {}
        counters: set[str] = set()
        facts: dict[str, str] = {}
        problem: Refused | None = None
        places = ((one, *place) for one in self.values for place in found_at(sent, one.path))
        for count, (value, stars, found) in enumerate(places):
            try:
                if count >= MOST_FOUND:
                    raise Refused("too_many_metrics", f"its paths lead to more than {MOST_FOUND} places")
                as_number = _number(found, value)
                if as_number is None:
                    continue
                name = name_ok(_filled(value.metric, named, stars))
                add(metrics, name, _scaled(as_number, value))
            except Refused as refused:  # it takes no neighbour along
                problem = problem or refused
                if count >= MOST_FOUND:
                    break
                continue
            if value.counter:
                counters.add(name)
            if value.unit:
                facts[name_ok(f"unit.{name}"[:MAX_NAME])] = value.unit
        if not metrics:
            raise problem or Refused("no_value", f"mapping {self.name}: none of its paths holds a value")
        received = route.received_at_ms
        at = in_any_unit(first(sent, self.at), received, self.zone)
        marked = frozenset(counters) or NO_COUNTERS
        seq = sequence(first(sent, self.seq))
        heard = [Reading(route.machine, at, metrics, seq, received, self.name, facts or NO_FACTS, marked)]
        if problem is not None:
            raise Refused(problem.reason, problem.detail, heard)
        return [*heard]


def compiled(spec: Any, taken: Sequence[str] = (), where: str = "") -> Mapped:
    """A mapping from what a person wrote. ``taken`` are names that mean something else. Raises ``BadMapping``."""
    if not isinstance(spec, Mapping):
        raise BadMapping(where or "mapping", "is not a table", "write name, topic and [[value]]")
    _known(spec, _KEYS, where)
    name = spec.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadMapping(f"{where}name", "is not a name", "use a to z, 0 to 9 and -, beginning with a letter")
    if name in taken:
        raise BadMapping(f"{where}name", f"{name!r} is the name of a format of ours", "choose another")
    levels, is_open = _pattern(spec.get("topic"), f"{where}topic")
    values = spec.get("value")
    if not isinstance(values, list) or not values:
        raise BadMapping(f"{where}value", "is missing", "say with [[value]] at least once what to take")
    if len(values) > MOST_VALUES:
        raise BadMapping(f"{where}value", f"stands {len(values)} times", f"use at most {MOST_VALUES}, or a path with *")
    names = [level[1:-1] for level in levels if level.startswith("{")]
    read = tuple(_value(value, names, f"{where}value[{i}].") for i, value in enumerate(values))
    topic = "/".join([*levels, *(["#"] if is_open else [])])
    at, seq = (_path(spec[key], f"{where}{key}") if spec.get(key) is not None else None for key in ("at", "seq"))
    return Mapped(name, topic, levels, is_open, read, at, seq, _zone(spec, f"{where}zone"))


def _zone(spec: Mapping[str, Any], field: str) -> ZoneInfo | None:
    if (name := spec.get("zone")) is None:
        return None
    if spec.get("at") is None:
        raise BadMapping(field, "stands without an at", "say with at where the time stands, or leave the zone out")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError, AttributeError):  # whatever is no name of a zone
        raise BadMapping(field, "is not a zone", "write it as in Europe/Paris, or UTC") from None


def _pattern(topic: Any, field: str) -> tuple[tuple[str, ...], bool]:
    if not isinstance(topic, str) or not topic or len(topic) > 500:
        raise BadMapping(field, "is not a topic pattern", "write levels as in plant/{machine}/{sensor}")
    if not topic.isprintable():
        raise BadMapping(field, "holds a control character", "write it as one line of plain text")
    levels = topic.split("/")
    is_open = levels[-1] == "#"
    levels = levels[:-1] if is_open else levels
    for level in levels:
        inner = level[1:-1] if level.startswith("{") and level.endswith("}") else None
        if inner is not None and not _LEVEL.fullmatch(inner):
            raise BadMapping(field, f"has a level {level!r} that is no name", "use a to z, 0 to 9 and _ in braces")
        if inner is None and (not level or any(c in level for c in "+#{}")):
            raise BadMapping(field, f"has a level {level!r}", "name levels in braces; # may only come last")
    if levels.count("{machine}") != 1:
        raise BadMapping(field, "names no {machine}", "put {machine} in place of the level that names the machine")
    if len(set(filter(lambda level: level.startswith("{"), levels))) != sum(level.startswith("{") for level in levels):
        raise BadMapping(field, "uses one name for two levels", "give each level a name of its own")
    if levels[0] in {"vigie", "$SYS", "door"}:
        raise BadMapping(field, f"begins with {levels[0]}, which is ours", "leave our prefix out")
    return tuple(levels), is_open


def _value(spec: Any, names: Sequence[str], where: str) -> Value:
    if not isinstance(spec, Mapping):
        raise BadMapping(where.rstrip("."), "is not a table", "write path and metric")
    _known(spec, _VALUE_KEYS, where)
    path = _path(spec.get("path", "$"), f"{where}path")
    metric, unit = spec.get("metric"), spec.get("unit", "")
    if not isinstance(metric, str) or not metric or len(metric) > 200:
        raise BadMapping(f"{where}metric", "is not a name", "say what the value is called, such as temp.{sensor}")
    stars = path.count(ANY)
    for place in _PLACE.findall(metric):
        if place not in names and not (place.isdecimal() and 1 <= int(place) <= stars):
            known = ", ".join([*names, *map(str, range(1, stars + 1))])
            raise BadMapping(f"{where}metric", f"uses {{{place}}}, which nothing names", f"use one of {known}")
    if stars and not any(place.isdecimal() for place in _PLACE.findall(metric)):
        raise BadMapping(f"{where}metric", "is one name for many values", "put {1} where the path has its *")
    if not isinstance(unit, str) or len(unit) > 40:
        raise BadMapping(f"{where}unit", "is not a unit", "write it as a short text, such as Cel or By/s")
    scale, offset = (
        _plain_number(spec.get(key, default), f"{where}{key}") for key, default in (("scale", 1.0), ("offset", 0.0))
    )
    if scale == 0.0:
        raise BadMapping(f"{where}scale", "is 0, which makes every value the same", "leave it out for 1")
    counter = spec.get("counter", False)
    if not isinstance(counter, bool):
        raise BadMapping(f"{where}counter", "is neither true nor false", "say true for values that only grow")
    words = spec.get("words")
    if words is not None:
        if not isinstance(words, Mapping) or not words or not all(isinstance(word, str) for word in words):
            raise BadMapping(f"{where}words", "is not a table", "write { open = 1, closed = 0 }")
        words = {word: _plain_number(said, f"{where}words.{word}") for word, said in words.items()}
    return Value(path, metric, unit, scale, offset, words, counter)


def _known(spec: Mapping[str, Any], keys: set[str], where: str) -> None:
    for key in spec:
        if key not in keys:
            raise BadMapping(f"{where}{key}", "is not a word of a mapping", f"use {', '.join(sorted(keys))}")


def _plain_number(value: Any, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(float(value)) < 1e18:
        raise BadMapping(field, "is not a number", "write a finite number")
    return float(value)


def _path(text: Any, field: str) -> tuple[Step, ...]:
    if not isinstance(text, str) or not text.startswith("$") or len(text) > 500:
        raise BadMapping(field, "is not a path", "begin with $, as in $.temp.value")
    steps: list[Step] = []
    at = 1
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            raise BadMapping(
                field, f"cannot be read from {text[at : at + 20]!r} on", "use .name, ['name'], [0], [*] or .*"
            )
        key, place, *quoted = step.groups()
        if place is not None and place != ANY:
            steps.append(int(place))
        else:
            steps.append(next(word for word in (key, place, *quoted) if word is not None))
        at = step.end()
    if steps.count(ANY) > 3:
        raise BadMapping(field, "has more than three *", "name some of the levels")
    return tuple(steps)


def _fit(pattern: Sequence[str], is_open: bool, levels: Sequence[str]) -> dict[str, str] | None:
    if len(levels) < len(pattern) or (len(levels) > len(pattern) and not is_open):
        return None
    named: dict[str, str] = {}
    for wanted, level in zip(pattern, levels, strict=False):
        if wanted.startswith("{"):
            named[wanted[1:-1]] = level
        elif wanted != level:
            return None
    return named


def _content(payload: bytes) -> Any:
    text = text_of(payload)
    return json_of(text.encode()) if text[0] in '{["' else text


def _number(found: Any, value: Value) -> float | None:
    if isinstance(found, str):
        if value.words is not None and found in value.words:
            return value.words[found]
        return scalar(found)
    if isinstance(found, dict | list):
        raise Refused("not_a_number", f"{value.metric}: the path leads to {type(found).__name__}")
    return number(found)


def _scaled(sent: float, value: Value) -> float:
    scaled = sent * value.scale + value.offset
    if not math.isfinite(scaled):
        raise Refused("not_a_number", f"{value.metric}: {sent:g} is too large to be scaled")
    return scaled


def _filled(template: str, named: Mapping[str, str], stars: Sequence[str]) -> str:
    def put(place: re.Match[str]) -> str:
        word = place[1]
        return stars[int(word) - 1] if word.isdecimal() else named.get(word, "")

    return _PLACE.sub(put, template) if "{" in template else template
