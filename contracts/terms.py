"""The terms a contract holds: every number it promises, as data. Plain; `tiers` has the usual ones of each tier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

from contracts import hour_words, keeping
from contracts.budget import Budget
from contracts.clock_terms import ClockTerms
from contracts.hours import Hours, parse
from contracts.keeping import Keeping
from contracts.ladder_terms import KNOWN, ClimbTerms, is_rung
from contracts.ladder_terms import RUNGS as RUNGS

T = TypeVar("T")


class Tier(StrEnum):
    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"
    PLATINUM = "platinum"

    @property
    def rank(self) -> int:
        """1 bronze to 4 platinum: the stripes on the sleeve."""
        return _RANKS[self]


# False alarms a week a contract puts up with before detection asks for more, where its terms do not say.
FALSE_ALARMS: Mapping[str, int] = {"bronze": 1, "silver": 2, "gold": 3, "platinum": 5}
_RANKS = {tier: rank for rank, tier in enumerate(Tier, 1)}


class Watching(StrEnum):
    """What a contract lets us do with telemetry."""

    COLLECT = "collect"  # kept when sent
    WATCH = "watch"  # and silence and hard faults shown
    SHADOW = "shadow"  # and findings listed at the review, no incident
    DETECT = "detect"  # and detection opens incidents, pages, calls the customer


SKILLS = ("junior", "confirmed", "senior")
SCOPE = ("hardware", "software", "installation", "environment", "tele-alarm", "remote-administration")
# What may be counted, and the months of each period it may be counted by.
POOLS = ("cases", "visits", "remote_hours", "advice_hours")
PERIODS: Mapping[str, int] = {"month": 1, "quarter": 3, "half": 6, "year": 12}
# Larger numbers in terms are slips of the hand.
_MOST_DAYS, _MOST_UNITS, _MOST_WAIT_S = 3660, 100_000, 366 * 86_400
_MOST_FALSE = 1000
LEAST_SILENCE_S, _MOST_SILENCE_S = 30, 7 * 86_400


@dataclass(frozen=True, slots=True)
class RungTerms:
    """One rung of a tier's ladder: whom it calls (any of the names that exists) and how long it waits for a word."""

    who: str  # as `ladder_terms.is_rung` knows them
    wait: int  # seconds an unacknowledged page stays here before the next rung is climbed


@dataclass(frozen=True, slots=True)
class AllowanceTerms:
    """So many units in each period of the contract, counted from its first day."""

    units: int
    period: str = "year"  # of PERIODS


@dataclass(frozen=True, slots=True)
class Terms:
    """What one version of a contract promises. `hours` are per severity, as `hour_words` reads them."""

    tier: Tier
    scope: frozenset[str]
    hours: Mapping[int, str]
    respond: Mapping[int, Budget]
    update: Budget | None  # next update while a severity 1 is open
    on_site: Budget
    skill_floor: str
    named_people: tuple[str, ...]
    review_months: int  # 0: no dossier, no review
    watching: Watching
    ladder: tuple[RungTerms, ...]
    grace_days: int = 0
    allowances: Mapping[str, AllowanceTerms] = field(default_factory=dict)  # what is not named is not counted
    clocks: ClockTerms = field(default_factory=ClockTerms)
    false_alarms: int | None = None  # a week that detection may cost the customer; None: the usual of the tier
    climbing: ClimbTerms = field(default_factory=ClimbTerms)
    silence_s: int | None = None  # a machine quiet for less is never called silent; None: the usual
    keep: Mapping[str, int] = field(default_factory=dict)  # days reports and figures are kept, where not as usual

    @property
    def keeping(self) -> Keeping:
        """How long what its machines send is kept."""
        return keeping.read(self.keep or None, self.tier.value)

    def named(self) -> frozenset[str]:
        """The calendars these terms refer to by name."""
        found = self.clocks.named()
        for words in self.hours.values():
            found |= hour_words.names(words)
        return found

    def hours_of(self, severity: int, kind: str = "respond") -> str:
        """The hours a clock counts in, as terms write them: its own, or those of the severity."""
        return self.clocks.hours.get(kind) or self.hours[severity]

    @property
    def false_alarms_a_week(self) -> int:
        """The budget in force."""
        return self.false_alarms if self.false_alarms is not None else FALSE_ALARMS[self.tier.value]

    def calendar(self, severity: int, zone: str, country: str = "", kind: str = "respond") -> dict[str, Any]:
        """The calendar of a clock for a severity at a place, in its JSON form. Around the clock knows no holidays."""
        return self.clocks.calendar(self.hours_of(severity, kind), zone, country)

    def service(self, severity: int, zone: str, country: str = "", kind: str = "respond") -> Hours:
        """The same calendar, ready to count with."""
        words = self.hours_of(severity, kind)
        if hour_words.NAMED in words:
            return parse(self.calendar(severity, zone, country, kind))
        return _service(words, zone if self.clocks.zone in ("site", "contract") else self.clocks.zone, country)

    def to_json(self) -> dict[str, Any]:
        return {
            "tier": self.tier.value,
            "scope": sorted(self.scope),
            "hours": {str(k): v for k, v in self.hours.items()},
            "respond": {str(k): v.to_json() for k, v in self.respond.items()},
            "update": self.update.to_json() if self.update else None,
            "on_site": self.on_site.to_json(),
            "skill_floor": self.skill_floor,
            "named_people": list(self.named_people),
            "review_months": self.review_months,
            "watching": self.watching.value,
            "ladder": [{"who": rung.who, "wait": rung.wait} for rung in self.ladder],
            "grace_days": self.grace_days,
            "allowances": {kind: {"units": one.units, "period": one.period} for kind, one in self.allowances.items()},
            **({"clocks": clocks} if (clocks := self.clocks.to_json()) else {}),
            **({"false_alarms": self.false_alarms} if self.false_alarms is not None else {}),
            **({"silence_s": self.silence_s} if self.silence_s is not None else {}),
            **({"climbing": climbing} if (climbing := self.climbing.to_json()) else {}),
            **({"keep": dict(self.keep)} if self.keep else {}),
        }

    @staticmethod
    def from_json(given: Mapping[str, Any]) -> Terms:
        """Terms as stored. Raises ValueError naming the field that is missing or wrong."""
        try:
            return Terms(
                tier=Tier(_one_of("tier", given["tier"], tuple(Tier))),
                scope=frozenset(_each("scope", given["scope"], lambda name, word: _one_of("scope", word, SCOPE))),
                hours={n: hour_words.checked(f"hours.{n}", v) for n, v in _by_severity("hours", given)},
                respond={n: Budget.from_json(v, f"respond.{n}") for n, v in _by_severity("respond", given)},
                update=Budget.from_json(given["update"], "update") if given["update"] else None,
                on_site=Budget.from_json(given["on_site"], "on_site"),
                skill_floor=_one_of("skill_floor", given["skill_floor"], SKILLS),
                named_people=_each("named_people", given["named_people"], _line),
                review_months=_whole("review_months", given["review_months"], 120),
                watching=Watching(_one_of("watching", given["watching"], tuple(Watching))),
                ladder=_ladder(given["ladder"]),
                grace_days=_whole("grace_days", given.get("grace_days", 0), _MOST_DAYS),
                allowances=_allowances(given.get("allowances", {})),
                clocks=ClockTerms.from_json(given.get("clocks", {})),
                false_alarms=None
                if given.get("false_alarms") is None
                else _whole("false_alarms", given["false_alarms"], _MOST_FALSE),
                silence_s=None
                if given.get("silence_s") is None
                else _whole("silence_s", given["silence_s"], _MOST_SILENCE_S, LEAST_SILENCE_S),
                climbing=ClimbTerms.from_json(given.get("climbing", {})),
                keep=keeping.said(given.get("keep"), given["tier"]),
            )
        except KeyError as missing:
            raise ValueError(f"{missing.args[0]}: is missing from the terms") from None


@lru_cache(maxsize=1024)
def _service(words: str, zone: str, country: str) -> Hours:
    return parse(hour_words.spec(words, zone, country, {}))


def _by_severity(name: str, given: Mapping[str, Any]) -> list[tuple[int, Any]]:  # Any: unchecked JSON
    if not isinstance(given[name], Mapping) or set(given[name]) != {"1", "2", "3", "4"}:
        raise ValueError(f"{name}: needs a value for each of the severities 1, 2, 3 and 4")
    return [(int(severity), value) for severity, value in sorted(given[name].items())]


def _each(name: str, given: object, read: Callable[[str, Any], T]) -> tuple[T, ...]:  # Any: unchecked JSON
    if not isinstance(given, list | tuple) or len(given) > 50:
        raise ValueError(f"{name}: give a list of at most 50")
    return tuple(read(f"{name}.{at}", one) for at, one in enumerate(given))


def _ladder(given: object) -> tuple[RungTerms, ...]:
    if not given:
        raise ValueError("ladder: needs at least one rung, or nobody is ever called")
    return _each("ladder", given, _rung)


def _rung(name: str, given: object) -> RungTerms:
    if not isinstance(given, Mapping):
        raise ValueError(f'{name}: give whom it calls and how long it waits, as {{"who": "duty", "wait": 600}}')
    if not is_rung(given["who"]):
        raise ValueError(f"ladder.who: {given['who']!r} is not known; use one of {KNOWN}")
    return RungTerms(given["who"], _whole("ladder.wait", given["wait"], _MOST_WAIT_S, least=1))


def _line(name: str, given: object) -> str:
    if not isinstance(given, str) or not given.strip() or len(given) > 80:
        raise ValueError(f"{name}: give a duty in words, such as account engineer")
    return given


def _allowances(given: object) -> dict[str, AllowanceTerms]:
    if not isinstance(given, Mapping):
        raise ValueError('allowances: give them by what they count, as {"visits": {"units": 4, "period": "year"}}')
    found = {}
    for kind, one in sorted(given.items()):
        name = f"allowances.{_one_of('allowances', kind, POOLS)}"
        if not isinstance(one, Mapping) or set(one) - {"units", "period"} or "units" not in one:
            raise ValueError(f"{name}: give units and a period ({', '.join(PERIODS)})")
        units = _whole(f"{name}.units", one["units"], _MOST_UNITS)
        found[kind] = AllowanceTerms(units, _one_of(f"{name}.period", one.get("period", "year"), tuple(PERIODS)))
    return found


def _whole(name: str, value: object, most: int, least: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name}: {value!r} is not a whole number from {least} to {most}")
    return value


def _one_of(name: str, value: object, known: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name}: {value!r} is not known; use one of {', '.join(known)}")
    return value
