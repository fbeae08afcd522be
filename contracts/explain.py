"""A clock explains itself: what counted, what was closed, what was paused, and one sentence that says it. Plain.

The segments are in order, leave no gap, and those that counted sum to the elapsed time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from contracts import clock
from contracts.budget import Budget
from contracts.clock import Pause, Segment
from contracts.explain_words import SENTENCES, WHAT, WHY, WHY_NOW, instant
from contracts.hours import Calendar, Hours

State = Literal["running", "paused", "met", "breached", "cancelled"]


@dataclass(frozen=True, slots=True)
class Clock:
    """What is known of one promise. `start` is the instant its budget counts from; `now` ends its life so far."""

    kind: str
    state: State
    start: datetime
    budget: Budget
    hours: Hours
    pauses: tuple[Pause, ...] = ()
    due_at: datetime | None = None
    met_at: datetime | None = None
    breached_at: datetime | None = None
    party: str = "customer"

    @property
    def promised_at(self) -> datetime | None:
        """When it was or is due; a breach keeps the instant that was missed."""
        return self.due_at or self.breached_at


@dataclass(frozen=True, slots=True)
class Explanation:
    segments: tuple[Segment, ...]
    counted: timedelta
    closed: timedelta
    paused: timedelta
    sentence: str


def explain(given: Clock, now: datetime, language: str = "en", zone: str = "") -> Explanation:
    """Lay a clock open at an instant. Instants in the sentence are read in `zone` (its calendar's own by default)."""
    until = max(given.met_at or now, given.start)
    spoken = language if language in SENTENCES else "en"
    told = clock.segments(given.hours, given.start, until, given.pauses)
    parts = tuple(_with_reason(part, given.hours, spoken) for part in told)
    sums = {
        kind: sum((part.end - part.start for part in parts if part.kind == kind), timedelta(0))
        for kind in ("counted", "closed", "paused")
    }
    sentence = _sentence(given, sums, parts, now, spoken, zone or clock.zone_of(given.hours))
    return Explanation(parts, sums["counted"], sums["closed"], sums["paused"], sentence)


def _with_reason(part: Segment, hours: Hours, language: str) -> Segment:
    """A closed stretch says which public holiday it covers, if any; otherwise that it lies outside service hours."""
    if part.kind != "closed":
        return part
    return replace(part, reason=_holiday(hours, part, language) or "hours")


def _holiday(hours: Hours, part: Segment, language: str) -> str:
    if not isinstance(hours, Calendar) or not hours.holidays:
        return ""
    zone = ZoneInfo(hours.zone)
    day, last = part.start.astimezone(zone).date(), (part.end - timedelta(microseconds=1)).astimezone(zone).date()
    while day <= last:
        name = hours.holiday(day, language)
        if name and day not in hours.date_hours and hours.weekly[day.weekday()]:
            return f"holiday: {name}"
        day += timedelta(days=1)
    return ""


def _sentence(
    given: Clock,
    sums: dict[str, timedelta],
    parts: Sequence[Segment],
    now: datetime,
    language: str,
    zone: str,
) -> str:
    promised = given.promised_at
    what = "answer" if given.party == "vendor" else given.kind
    slots = {
        "what": WHAT[language].get(what, what.replace("_", " ")),
        "budget": budget_words(given.budget, language),
        "counted": span(sums["counted"], language),
        "closed": span(sums["closed"], language),
        "paused": span(sums["paused"], language),
        "why": WHY[language].get(_reason(parts), WHY[language][""]),
        "why_now": "",
        "since": "",
        "opens": "",
        "due": instant(promised, zone, language) if promised else "",
        "met": instant(given.met_at, zone, language) if given.met_at else "",
        "late": span((given.met_at or now) - promised, language) if promised else "",
    }
    if given.state == "paused":
        holding = given.pauses[-1] if given.pauses else None
        reason = holding.reason if holding else ""
        slots["why_now"] = WHY_NOW[language].get(reason, WHY_NOW[language][""])
        slots["since"] = instant(holding.start if holding else given.start, zone, language)
    situation = _situation(given, now)
    opens = clock.next_open(given.hours, now) if situation == "resting" else None
    if situation == "resting" and opens is not None:
        slots["opens"] = instant(opens, zone, language)
    return SENTENCES[language][_key(given, situation, sums)].format(**slots)


def _situation(given: Clock, now: datetime) -> str:
    if given.state == "cancelled":
        return "missed" if given.breached_at else "cancelled"
    if given.breached_at is not None:
        return "made_good" if given.met_at else "late"
    if given.met_at is not None or given.state == "met":
        return "met"
    if given.state == "paused":
        return "paused"
    if given.due_at is None:
        return "never"
    if given.due_at < now:
        return "late"
    is_resting = not clock.is_open(given.hours, now) and clock.next_open(given.hours, now) is not None
    return "resting" if is_resting and given.party == "customer" and given.start <= now else "running"


def _key(given: Clock, situation: str, sums: dict[str, timedelta]) -> str:
    if given.party != "customer":
        return situation if situation == "never" else f"{given.party}.{situation}"
    if situation == "paused":
        return "paused.days" if given.budget.days else "paused"
    if situation not in ("running", "resting", "met"):
        return situation
    if given.budget.days:
        return f"{situation}.days"
    if situation == "resting":
        return "resting.paused" if sums["paused"] else "resting.plain"
    detail = {(False, False): "plain", (True, False): "closed", (False, True): "paused", (True, True): "both"}
    return f"{situation}.{detail[bool(sums['closed']), bool(sums['paused'])]}"


def _reason(parts: Sequence[Segment]) -> str:
    """The one reason all paused stretches share; empty when they differ."""
    reasons = {part.reason for part in parts if part.kind == "paused"}
    return reasons.pop() if len(reasons) == 1 else ""


def budget_words(budget: Budget, language: str) -> str:
    """ "4 h", "2 business days", "1 jour ouvré"."""
    if not budget.days:
        return span(timedelta(seconds=budget.seconds), language)
    many = budget.days > 1
    if language == "fr":
        return f"{budget.days} jours ouvrés" if many else "1 jour ouvré"
    return f"{budget.days} business days" if many else "1 business day"


def span(given: timedelta, language: str = "en") -> str:
    """A length of time to the second, in as few words as it takes: "1 h 20 min", "3 d 4 h", "45 s"."""
    whole = max(0, int(given.total_seconds()))
    days, rest = divmod(whole, 86_400)
    if whole < 172_800:
        days, rest = 0, whole
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    day = "j" if language == "fr" else "d"
    named = ((days, day), (hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{number} {unit}" for number, unit in named if number) or "0 min"
