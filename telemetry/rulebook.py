"""Where the hard-fault rules stand on one machine: past the limit since, open since, calm since. Plain."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from telemetry.rules import RULES, Rule, applying
from telemetry.standing import Standing, grew, past
from telemetry.synonyms import sense
from telemetry.vocabulary import UPTIME

_BY_NAME: Final = {rule.name: rule for rule in RULES}


@dataclass(frozen=True, slots=True)
class Turn:
    """A rule's condition began or ended on a metric."""

    rule: Rule
    metric: str
    part: str
    value: float
    grown: float
    since_ms: int
    started_ms: int
    opened: bool

    @property
    def cause(self) -> str:
        """The incident's key."""
        return self.rule.cause.format(self.part).rstrip(":")

    @property
    def title(self) -> str:
        """The fault in a few words."""
        number = self.grown if "{grown" in self.rule.title else self.value
        s, es = ("", "") if round(number) == 1 else ("s", "es")
        value = (
            -self.value if self.rule.opens < 0 else max(self.value, 0.0)
        )  # how far behind; never days less than none
        text = self.rule.title.format(
            self.part, value=value, grown=self.grown, s=s, es=es, expires=_expires(self.value)
        )
        return " ".join(text.split())

    @property
    def tells_its_number(self) -> bool:
        """Whether the title has said how much already."""
        return any(number in self.rule.title for number in ("{value", "{grown", "{expires"))

    @property
    def cure(self) -> str:
        """What to do."""
        return " ".join(self.rule.cure.format(self.part).split())


def _expires(days: float) -> str:
    """In whole days: of what is left, a day begun is no day."""
    if days < 1:
        return "has expired" if days < 0 else "expires within a day"
    return f"expires in {int(days)} day" + ("" if int(days) == 1 else "s")


class RuleBook:
    """Where every rule stands on one machine."""

    def __init__(self) -> None:
        self.standing: dict[tuple[str, str], Standing] = {}
        self._names: tuple[str, ...] = ()
        # Metric, rule, part, where it stands, factor and offset to our unit, test and limit.
        self._looked_at: list[tuple[str, Rule, str, Standing, float, float, str, float]] = []
        self._uptime: tuple[str, Standing] | None = None  # `last` of it is the newest value
        self._at_ease: bool | None = None  # nothing open and nothing in doubt where the last report was looked at
        self._bounds: list[tuple[str, float, float]] = []  # of metrics in our own unit: calm is what lies between
        self._others: list[tuple[str, Standing, float, float, str, float]] = []

    def is_calm(self, metrics: Mapping[str, float]) -> bool:
        """Whether `look` would turn nothing and change nothing, of a report that says the same metrics as the last."""
        if self._at_ease is None:
            self._at_ease = all(
                s.calm_ms < 0 and s.seen if test == "grew" else s.since_ms < 0 and s.ran
                for _, _, _, s, _, _, test, _ in self._looked_at
            )
        if not self._at_ease:
            return False
        for metric, low, high in self._bounds:
            if not low < metrics[metric] < high:
                return False
        for metric, s, factor, offset, test, limit in self._others:
            value = metrics[metric] * factor + offset
            if not (value > limit if test == "below" else value == s.last if test == "grew" else value < limit):
                return False
        return True

    def look(
        self, metrics: Mapping[str, float], fmt: str, at_ms: int, learning: bool, before_ms: int = -1
    ) -> list[Turn]:
        """Turns at this reading; ``before_ms`` is the instant of the one before.

        While ``learning`` what is normal is noted (a fan that runs, a count so far), nothing opens.
        """
        turns: list[Turn] = []
        self._at_ease = None
        if (shape := (fmt, *metrics)) != self._names:
            self.told_until(before_ms)
            self._plan(shape)
        for metric, rule, part, s, factor, offset, test, limit in self._looked_at:
            value = metrics[metric] * factor + offset
            # Nothing open, nothing in doubt, well within the limit: the answer of nearly every reading.
            if test != "grew":
                if s.since_ms < 0 and s.ran and (value > limit if test == "below" else value < limit):
                    continue
                turn = past(rule, s, value, at_ms, learning)
            elif value == s.last and s.calm_ms < 0 and s.seen:
                continue
            else:
                turn = grew(rule, s, value, at_ms, learning)
            if turn is not None:
                since, started, opened, grown = turn
                turns.append(Turn(rule, metric, part, value, grown, since, started, opened))
        return turns

    def told_until(self, at_ms: int) -> None:
        """Note that whatever the last report told was told at this instant. Of what is told again and again nothing is
        noted until it is asked for: here, before `unheard`, and when reports of another shape come."""
        for _, _, _, s, *_ in self._looked_at:
            s.at_ms = at_ms
        if self._uptime is not None:
            self._uptime[1].at_ms = at_ms

    def unheard(self, metrics: Iterable[str], fmt: str, at_ms: int) -> list[str]:
        """Which of these a rule looks at (or tells how long it runs), and nothing of it was told then or since."""
        return [
            name
            for name in metrics
            if any(self._newest((rule.name, name)) < at_ms for rule, _ in applying(name, fmt))
            or (UPTIME.fullmatch(name) and self._newest(("", name)) < at_ms)
        ]

    def look_back(self, metrics: Mapping[str, float], fmt: str, at_ms: int, learning: bool) -> tuple[list[Turn], bool]:
        """Turns at a reading dated before others, of metrics that are `unheard`; and whether the machine had booted."""
        turns, booted = list[Turn](), False
        for metric, said in metrics.items():
            factor, offset = _unit(metric)
            value = said * factor + offset
            for rule, part in applying(metric, fmt):
                s = self.standing.setdefault((rule.name, metric), Standing())
                if s.at_ms >= at_ms:
                    continue
                s.at_ms = at_ms
                turn = (grew if rule.test == "grew" else past)(rule, s, value, at_ms, learning)
                if turn is not None:
                    since, started, opened, grown = turn
                    turns.append(Turn(rule, metric, part, value, grown, since, started, opened))
            if UPTIME.fullmatch(metric):
                s = self.standing.setdefault(("", metric), Standing())
                booted = booted or said < s.last
                s.last, s.at_ms = said, at_ms
        return turns, booted

    def _newest(self, key: tuple[str, str]) -> int:
        s = self.standing.get(key)
        return -1 if s is None else s.at_ms

    def _plan(self, shape: tuple[str, ...]) -> None:
        """Which rules look at which metrics of reports of this shape."""
        fmt, *names = shape
        self._looked_at = [
            (
                metric,
                rule,
                part,
                self.standing.setdefault((rule.name, metric), Standing()),
                *_unit(metric),
                rule.test,
                rule.opens,
            )
            for metric in names
            for rule, part in applying(metric, fmt)
        ]
        between: dict[str, tuple[float, float]] = {}
        self._others = []
        for metric, _, _, s, factor, offset, test, limit in self._looked_at:
            if test == "grew" or factor != 1.0 or offset != 0.0:
                self._others.append((metric, s, factor, offset, test, limit))
                continue
            low, high = between.get(metric, (-math.inf, math.inf))
            between[metric] = (max(low, limit), high) if test == "below" else (low, min(high, limit))
        self._bounds = [(metric, *both) for metric, both in between.items()]
        clock = next((name for name in names if UPTIME.fullmatch(name)), None)
        self._uptime = None if clock is None else (clock, self.standing.setdefault(("", clock), Standing()))
        self._names = shape

    @property
    def is_looking(self) -> bool:
        """Whether anything in reports like the last one is looked at."""
        return bool(self._looked_at) or self._uptime is not None

    def open_on(self, metrics: Collection[str]) -> str | None:
        """Cause of a condition that is open on one of these metrics, the first of them first."""
        for metric in metrics:
            for looked_at, rule, part, s, *_ in self._looked_at:
                if looked_at == metric and s.started_ms >= 0:
                    return Turn(rule, metric, part, 0, 0, 0, 0, True).cause
        return None

    def firing(self) -> list[str]:
        """The cause of every condition open now, one for each rule and metric."""
        return [
            Turn(rule, metric, part, 0, 0, 0, 0, True).cause
            for (name, metric), s in self.standing.items()
            if s.started_ms >= 0
            for rule, part in applying(metric, _BY_NAME[name].format)
            if rule.name == name
        ]

    def go_on(self, rule: str, metric: str, since_ms: int, started_ms: int) -> str | None:
        """A rule's condition on a metric stands since then, whatever was heard; its cause. None when it stands already,
        or no such rule looks at this metric any more."""
        applies = [(r, part) for r, part in _applying_at_all(metric) if r.name == rule]
        s = self.standing.setdefault((rule, metric), Standing()) if applies else None
        if s is None or s.started_ms >= 0:
            return None
        s.since_ms, s.started_ms, s.ran, self._at_ease = since_ms, started_ms, True, None
        # A count has grown by then for the last time that is known; a value is calm once it is seen to be.
        s.calm_ms = started_ms if applies[0][0].test == "grew" else -1
        return Turn(applies[0][0], metric, applies[0][1], 0, 0, 0, 0, True).cause

    def began_anew(self, metrics: Mapping[str, float]) -> bool:
        """Whether the machine has booted since its last report; known once the report was looked at."""
        if self._uptime is None:
            return False
        metric, s = self._uptime
        before, s.last = s.last, metrics[metric]
        return s.last < before


def _unit(metric: str) -> tuple[float, float]:
    """Factor and offset that turn a value as sent into our own unit; those that change no bit where none is known."""
    known = sense(metric)
    return (1.0, -0.0) if known is None else (known.factor, known.offset)


def _applying_at_all(metric: str) -> list[tuple[Rule, str]]:
    """Rules that look at this metric in one wire format or another."""
    formats = {"", *(rule.format for rule in RULES)}
    return [found for fmt in sorted(formats) for found in applying(metric, fmt)]
