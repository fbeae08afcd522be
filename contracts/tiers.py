"""The four tiers as one readable table, and the terms a contract holds. Plain; every number is data and may be edited.

Source: the tier table of the product. Hours and minutes are service hours of the calendar in force, days business days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from contracts.budget import Budget as Budget
from contracts.hours import Hours, parse


class Tier(StrEnum):
    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"
    PLATINUM = "platinum"

    @property
    def rank(self) -> int:
        """1 bronze to 4 platinum: the stripes on the sleeve."""
        return list(Tier).index(self) + 1


class Watching(StrEnum):
    """What a contract lets us do with telemetry."""

    COLLECT = "collect"  # kept when sent
    WATCH = "watch"  # and silence and hard faults shown
    SHADOW = "shadow"  # and findings listed at the review, no incident
    DETECT = "detect"  # and detection opens incidents, pages, calls the customer


@dataclass(frozen=True, slots=True)
class RungTerms:
    """One rung of a tier's ladder: whom it calls (any of the names that exists) and how long it waits for a word."""

    who: str  # duty, second, account, lead, number-two, number-one
    wait: int  # seconds an unacknowledged page stays here before the next rung is climbed


@dataclass(frozen=True, slots=True)
class Terms:
    """What one version of a contract promises. `hours` are weekly hours per severity in words of `HOURS`."""

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

    def calendar(self, severity: int, zone: str, country: str = "") -> dict[str, Any]:
        """The service calendar for a severity at a place, in its JSON form. Around the clock knows no holidays."""
        return _calendar(self.hours[severity], zone, country)

    def service(self, severity: int, zone: str, country: str = "") -> Hours:
        """The same calendar, ready to count with."""
        return _service(self.hours[severity], zone, country)

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
        }

    @staticmethod
    def from_json(given: Mapping[str, Any]) -> Terms:
        """Terms as stored. Raises ValueError naming the field that is missing or wrong."""
        try:
            return Terms(
                tier=Tier(_one_of("tier", given["tier"], tuple(Tier))),
                scope=frozenset(_one_of("scope", word, tuple(sorted(_PROACTIVE))) for word in given["scope"]),
                hours={n: _one_of(f"hours.{n}", v, HOURS) for n, v in _by_severity("hours", given)},
                respond={n: Budget.from_json(v, f"respond.{n}") for n, v in _by_severity("respond", given)},
                update=Budget.from_json(given["update"], "update") if given["update"] else None,
                on_site=Budget.from_json(given["on_site"], "on_site"),
                skill_floor=_one_of("skill_floor", given["skill_floor"], SKILLS),
                named_people=tuple(given["named_people"]),
                review_months=_whole("review_months", given["review_months"]),
                watching=Watching(_one_of("watching", given["watching"], tuple(Watching))),
                ladder=tuple(RungTerms(str(r["who"]), _whole("ladder.wait", r["wait"])) for r in given["ladder"]),
                grace_days=_whole("grace_days", given.get("grace_days", 0)),
            )
        except KeyError as missing:
            raise ValueError(f"{missing.args[0]}: is missing from the terms") from None


def _calendar(name: str, zone: str, country: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"tz": zone, **HOURS[name]}
    if country and not spec.get("always_open"):
        spec["holidays"] = country
    return spec


@lru_cache(maxsize=1024)
def _service(name: str, zone: str, country: str) -> Hours:
    return parse(_calendar(name, zone, country))


def _by_severity(field: str, given: Mapping[str, Any]) -> list[tuple[int, Any]]:  # Any: unchecked JSON
    if set(given[field]) != {"1", "2", "3", "4"}:
        raise ValueError(f"{field}: needs a value for each of the severities 1, 2, 3 and 4")
    return [(int(severity), value) for severity, value in sorted(given[field].items())]


def _whole(field: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{field}: {value!r} is not a whole number from 0 on")
    return value


def _one_of(field: str, value: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"{field}: {value!r} is not known; use one of {', '.join(known)}")
    return value


SKILLS = ("junior", "confirmed", "senior")


def _weekly(days: tuple[str, ...], opens: str, closes: str) -> dict[str, Any]:
    return {"weekly": {day: [[opens, closes]] for day in days}}


_WORKDAYS = ("mon", "tue", "wed", "thu", "fri")
HOURS: Mapping[str, dict[str, Any]] = {
    "Mon-Fri 9-17": _weekly(_WORKDAYS, "09:00", "17:00"),
    "Mon-Fri 8-18": _weekly(_WORKDAYS, "08:00", "18:00"),
    "Mon-Sat 8-20": _weekly((*_WORKDAYS, "sat"), "08:00", "20:00"),
    "24x7": {"always_open": True},
}

_MIN, _H = 60, 3600
_HARDWARE = frozenset({"hardware"})
_SOFTWARE = _HARDWARE | {"software"}
_ADVICE = _SOFTWARE | {"installation", "environment"}
_PROACTIVE = _ADVICE | {"tele-alarm", "remote-administration"}


def _h(hours: int) -> Budget:
    return Budget(seconds=hours * _H)


def _days(days: int) -> Budget:
    return Budget(days=days)


def _ladder(*rungs: tuple[str, int]) -> tuple[RungTerms, ...]:
    return tuple(RungTerms(who, minutes * _MIN) for who, minutes in rungs)


DEFAULTS: Mapping[Tier, Terms] = {
    Tier.BRONZE: Terms(
        tier=Tier.BRONZE,
        scope=_HARDWARE,
        hours=dict.fromkeys((1, 2, 3, 4), "Mon-Fri 9-17"),
        respond={1: _h(4), 2: _h(8), 3: _days(2), 4: _days(5)},
        update=Budget(days=1),
        on_site=Budget(days=1, closing=True),
        skill_floor="junior",
        named_people=(),
        review_months=0,
        watching=Watching.COLLECT,
        ladder=_ladder(("duty", 120), ("second", 120), ("lead", 240)),
    ),
    Tier.SILVER: Terms(
        tier=Tier.SILVER,
        scope=_SOFTWARE,
        hours=dict.fromkeys((1, 2, 3, 4), "Mon-Fri 8-18"),
        respond={1: _h(2), 2: _h(4), 3: _days(1), 4: _days(3)},
        update=_h(4),
        on_site=Budget(days=1, closing=True),
        skill_floor="junior",
        named_people=(),
        review_months=0,
        watching=Watching.WATCH,
        ladder=_ladder(("duty", 60), ("second", 60), ("lead", 120), ("number-two", 240)),
    ),
    Tier.GOLD: Terms(
        tier=Tier.GOLD,
        scope=_ADVICE,
        hours={1: "24x7", **dict.fromkeys((2, 3, 4), "Mon-Sat 8-20")},
        respond={1: _h(1), 2: _h(2), 3: _h(4), 4: _days(1)},
        update=_h(1),
        on_site=_h(4),
        skill_floor="confirmed",
        named_people=("account engineer", "deputy"),
        review_months=6,
        watching=Watching.SHADOW,
        ladder=_ladder(
            ("duty", 20), ("second", 20), ("account", 30), ("lead", 30), ("number-two", 60), ("number-one", 60)
        ),
    ),
    Tier.PLATINUM: Terms(
        tier=Tier.PLATINUM,
        scope=_PROACTIVE,
        hours=dict.fromkeys((1, 2, 3, 4), "24x7"),
        respond={1: Budget(seconds=15 * _MIN), 2: _h(1), 3: _h(4), 4: _days(1)},
        update=Budget(seconds=30 * _MIN),
        on_site=_h(2),
        skill_floor="senior",
        named_people=("account engineer", "deputy", "escalation owner"),
        review_months=3,
        watching=Watching.DETECT,
        ladder=_ladder(
            ("duty", 5), ("second", 5), ("account", 10), ("lead", 10), ("number-two", 15), ("number-one", 15)
        ),
    ),
}
