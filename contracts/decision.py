"""The decision: what a contract answers when it is asked. Plain and complete: its test is a table.

Every answer carries the rule it follows from, a reason with the fact, and a remedy: what would make it possible.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

from contracts import clock, words
from contracts.tiers import Terms, Tier, Watching

KINDS = (
    "open_incident",
    "raise_severity",
    "out_of_hours",
    "site_visit",
    "spare_part",
    "hardware_support",
    "software_support",
    "installation_advice",
    "named_engineer",
    "dossier_review",
    "escalation",
    "telemetry",
    "silence_watch",
    "detection",
    "proactive_call",
    "remote_administration",
    "remote_diagnostics",
    "detached_engineer",
)

# What must be in the terms' scope for the ask, and the first tier that has it.
_SCOPE: Mapping[str, tuple[str, Tier]] = {
    "hardware_support": ("hardware", Tier.BRONZE),
    "spare_part": ("hardware", Tier.BRONZE),
    "site_visit": ("hardware", Tier.BRONZE),
    "software_support": ("software", Tier.SILVER),
    "installation_advice": ("installation", Tier.GOLD),
    "remote_administration": ("remote-administration", Tier.PLATINUM),
    "remote_diagnostics": ("tele-alarm", Tier.PLATINUM),
    "proactive_call": ("tele-alarm", Tier.PLATINUM),
    "detached_engineer": ("tele-alarm", Tier.PLATINUM),
}
# Asks that carry a promise to respond.
_PROMISED = ("open_incident", "raise_severity", "hardware_support", "software_support", "installation_advice")


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked. `severity` 1 (gravest) to 4."""

    kind: str
    asked_at: datetime
    severity: int = 3
    machine_id: uuid.UUID | None = None
    channel: str = "api"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"ask: {self.kind!r} is not known; use one of {', '.join(KINDS)}")
        if self.severity not in (1, 2, 3, 4):
            raise ValueError("severity: must be 1 (gravest), 2, 3 or 4")


@dataclass(frozen=True, slots=True)
class ContractFacts:
    """What is known of the contract itself. `state`: draft, active, suspended, cancelled, expired or none."""

    state: str = "none"
    number: str = ""
    zone: str = "UTC"  # of the contract: its dates are read in it
    site_zone: str = ""  # of the place served, whose calendar counts; empty: the contract's own
    country: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    covered: bool = True  # the machine asked for stands on a line in force

    @property
    def hours_zone(self) -> str:
        return self.site_zone or self.zone

    def standing(self, now: datetime, grace_days: int = 0) -> str:
        """The state as dates make it, inclusive in the contract's own zone: active, grace, expired, not_started…"""
        if self.state != "active":
            return self.state
        today = now.astimezone(ZoneInfo(self.zone)).date()
        if self.starts_on and today < self.starts_on:
            return "not_started"
        if self.ends_on and today > self.ends_on:
            return "grace" if today <= self.ends_on + timedelta(days=grace_days) else "expired"
        return "active"


@dataclass(frozen=True, slots=True)
class Usage:
    """What is left of each allowance, by ask; an ask that is not named is not counted."""

    left: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Granted:
    rule: str
    reason: str
    remedy: str = ""
    respond_by: datetime | None = None
    on_site_by: datetime | None = None
    skill: str = ""  # the floor of who should answer
    uses: str = ""  # the allowance this takes one from
    outcome: Literal["granted"] = "granted"


@dataclass(frozen=True, slots=True)
class Shadow:
    """Seen and listed for the review; nobody is called."""

    rule: str
    reason: str
    remedy: str
    outcome: Literal["shadow"] = "shadow"


@dataclass(frozen=True, slots=True)
class Refused:
    rule: str
    reason: str
    remedy: str
    next_opening: datetime | None = None
    outcome: Literal["refused"] = "refused"


Decision: TypeAlias = Granted | Shadow | Refused


def decide(
    ask: Ask, terms: Terms | None, usage: Usage, now: datetime, contract: ContractFacts, language: str = "en"
) -> Decision:
    """Answer an ask under `terms` (None: there is no contract), in the words of `language` (en or fr)."""
    standing = contract.standing(now, terms.grace_days if terms else 0) if terms else "none"
    say = words.Speaker(
        language,
        number=contract.number or "-",
        tier=words.tier(terms.tier, language) if terms else "",
        ends=contract.ends_on,
        starts=contract.starts_on,
        severity=ask.severity,
    )
    if terms is None or standing not in ("active", "grace"):
        return _refuse(say, f"contract.{standing}")
    if not contract.covered and ask.kind not in ("escalation", "dossier_review", "named_engineer"):
        return _refuse(say, "coverage.machine")
    if ask.kind in usage.left and usage.left[ask.kind] <= 0:
        return _refuse(say, "allowance.spent", ask=words.ask(ask.kind, language))
    answer = _by_terms(ask, terms, contract, say)
    if isinstance(answer, Granted) and ask.kind in usage.left:
        answer = replace(answer, uses=ask.kind)
    if isinstance(answer, Granted) and standing == "grace":
        reason, remedy = say("contract.grace", "reason"), say("contract.grace", "remedy")
        return replace(answer, rule="contract.grace", reason=reason, remedy=remedy)
    return answer


def _by_terms(ask: Ask, terms: Terms, contract: ContractFacts, say: words.Speaker) -> Decision:
    match ask.kind:
        case "telemetry":
            return _grant(say, f"telemetry.{terms.watching}")
        case "silence_watch":
            return _silence(say, terms.watching)
        case "detection":
            return _detection(say, terms.watching)
        case "named_engineer":
            return _watch(say, "named", bool(terms.named_people), people=", ".join(terms.named_people))
        case "dossier_review":
            return _watch(say, "review", terms.review_months > 0, months=terms.review_months)
        case "escalation":
            return _grant(say, "escalation.granted", skill=terms.skill_floor)
        case "out_of_hours":
            return _out_of_hours(ask, terms, contract, say)
    scope, first = _SCOPE.get(ask.kind, ("", Tier.BRONZE))
    if scope and scope not in terms.scope:
        return _refuse(say, f"scope.{ask.kind}", first=words.tier(first, say.language))
    return _promise(ask, terms, contract, say)


def _promise(ask: Ask, terms: Terms, contract: ContractFacts, say: words.Speaker) -> Granted:
    calendar = terms.service(ask.severity, contract.hours_zone, contract.country)
    respond = terms.respond[ask.severity].due(calendar, ask.asked_at) if ask.kind in _PROMISED else None
    visit = terms.on_site.due(calendar, ask.asked_at) if ask.kind == "site_visit" else None
    budget = terms.on_site if visit else terms.respond[ask.severity]
    rule = f"promise.{ask.kind}" if respond or visit else f"scope.{ask.kind}"
    if rule.startswith("promise"):
        open_now = clock.is_open(calendar, ask.asked_at)
        reason = say(
            "promise.open" if open_now else "promise.closed",
            "reason",
            ask=words.ask(ask.kind, say.language),
            budget=words.budget(budget, say.language),
            by=words.instant(respond or visit, contract.hours_zone),
        )
        return Granted(rule, reason, "", respond, visit, terms.skill_floor)
    reason = say("scope.granted", "reason", ask=words.ask(ask.kind, say.language))
    return Granted(rule, reason, "", skill=terms.skill_floor)


def _out_of_hours(ask: Ask, terms: Terms, contract: ContractFacts, say: words.Speaker) -> Decision:
    calendar = terms.service(ask.severity, contract.hours_zone, contract.country)
    if clock.is_open(calendar, ask.asked_at):
        return _grant(say, "hours.open", hours=words.hours(terms.hours[ask.severity], say.language))
    opening = clock.next_open(calendar, ask.asked_at)
    refused = _refuse(
        say,
        "hours.closed",
        hours=words.hours(terms.hours[ask.severity], say.language),
        opening=words.instant(opening, contract.hours_zone),
    )
    return Refused(refused.rule, refused.reason, refused.remedy, opening)


def _detection(say: words.Speaker, watching: Watching) -> Decision:
    if watching is Watching.DETECT:
        return _grant(say, "detection.open")
    if watching is Watching.SHADOW:
        return Shadow("detection.shadow", say("detection.shadow", "reason"), say("detection.shadow", "remedy"))
    return _refuse(say, "detection.none")


def _silence(say: words.Speaker, watching: Watching) -> Decision:
    if watching is Watching.COLLECT:
        return _refuse(say, "silence.refused")
    return _grant(say, "silence.open" if watching is Watching.DETECT else "silence.shown")


def _watch(say: words.Speaker, name: str, has: bool, **facts: Any) -> Decision:  # Any: words to fill in
    return _grant(say, f"{name}.granted", **facts) if has else _refuse(say, f"{name}.refused", **facts)


def _grant(say: words.Speaker, rule: str, skill: str = "", **facts: Any) -> Granted:  # Any: words to fill in
    return Granted(rule, say(rule, "reason", **facts), say(rule, "remedy", **facts), skill=skill)


def _refuse(say: words.Speaker, rule: str, **facts: Any) -> Refused:  # Any: words to fill in
    return Refused(rule, say(rule, "reason", **facts), say(rule, "remedy", **facts))
