"""The decision: what a contract answers when it is asked. Plain and complete: its test is a table.

Every answer carries the rule it follows from, a reason with the fact, and a remedy: what would make it possible.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from contracts import clock, outside, words
from contracts.answers import Decision as Decision
from contracts.answers import Granted as Granted
from contracts.answers import Promised as Promised
from contracts.answers import Refused as Refused
from contracts.answers import Shadow as Shadow
from contracts.asking import KINDS as KINDS
from contracts.asking import OF_THE_CUSTOMER, POOL, PROMISED, RIGHT, SCOPE_FOR
from contracts.asking import Ask as Ask
from contracts.asking import Contact as Contact
from contracts.asking import ContractFacts as ContractFacts
from contracts.asking import Usage as Usage
from contracts.outside import SOLD, Offer
from contracts.terms import Terms, Watching
from contracts.words import Said


@dataclass(slots=True)  # not frozen: one is made for every question, and writing frozen fields costs a microsecond
class _Case:
    """One question on its way to an answer, and how its answers are said."""

    ask: Ask
    terms: Terms
    contract: ContractFacts
    now: datetime
    language: str

    def say(self, key: str, **more: Any) -> Said:  # Any: see words.Said
        return Said(self.language, key, more, self)

    def __getitem__(self, name: str) -> Any:  # Any: see words.Said
        """A fact that stands in many sentences; looked up when one of them is read."""
        return _COMMON[name](self)

    def grant(self, rule: str, **more: Any) -> Granted:  # Any: as above
        return Granted(rule, self.say(rule, **more), skill=self.terms.skill_floor)

    def refuse(
        self, rule: str, key: str = "", opening: datetime | None = None, **more: Any
    ) -> Refused:  # Any: as above
        return Refused(rule, self.say(key or rule, opening=opening, **more), opening)

    def elsewhere(
        self, rule: str, key: str = "", opening: datetime | None = None, **more: Any
    ) -> Refused:  # Any: as above
        """Refused here, and a way on for money where there is one."""
        return _elsewhere(self.ask, self.contract, rule, self.say(key or rule, opening=opening, **more), opening)


_COMMON: Mapping[str, Callable[[_Case], Any]] = {  # Any: see words.Said
    "number": lambda case: case.contract.number or "-",
    "tier": lambda case: case.terms.tier,
    "ends": lambda case: case.contract.ends_on,
    "starts": lambda case: case.contract.starts_on,
    "severity": lambda case: case.ask.severity,
    "hours": lambda case: case.terms.hours_of(case.ask.severity),
    "zone": lambda case: case.contract.hours_zone,
    "ask": lambda case: case.ask.kind,
}


def decide(
    ask: Ask, terms: Terms | None, usage: Usage, now: datetime, contract: ContractFacts, language: str = "en"
) -> Decision:
    """Answer an ask under `terms` (None: there is no contract), in the words of `language` (en or fr)."""
    language = language if language in words.LANGUAGES else "en"
    if terms is None:
        return _elsewhere(ask, contract, "contract.none", Said(language, "contract.none", {"ask": ask.kind}), None)
    case = _Case(ask, terms, contract, now, language)
    standing = contract.standing(now, terms.grace_days)
    if standing not in ("active", "grace"):
        begins = contract.midnight(contract.starts_on) if standing == "not_started" and contract.starts_on else None
        return case.elsewhere(f"contract.{standing}", opening=begins)
    refused = _who(case) or _covered(case) or _left(case, usage)
    if refused is not None:
        return refused
    answer = _by_terms(case)
    if isinstance(answer, Refused):
        return answer
    pool = POOL.get(ask.kind, "")
    if isinstance(answer, Granted) and pool in usage.left:
        answer = replace(answer, uses=pool, units=ask.units)
    if standing == "grace" and contract.ends_on:
        last = contract.ends_on + timedelta(days=terms.grace_days)
        return replace(answer, rule="contract.grace", grace=case.say("contract.grace", last=last))
    return answer


def outside_contract(ask: Ask, offer: Offer, zone: str, country: str, language: str = "en") -> Granted:
    """The answer to a customer who takes a way on for money: what is promised on it, and from what price."""
    terms = outside.terms_of(offer.path)
    calendar, budget = terms.service(ask.severity, zone, country), terms.respond[ask.severity]
    by = budget.due(calendar, ask.asked_at)
    facts = {"least": (offer.least, offer.currency), "budget": budget, "by": by, "zone": zone}
    said = Said(language if language in words.LANGUAGES else "en", f"outside.{offer.path}", facts)
    return Granted(said.key, said, by, skill=terms.skill_floor, promises=(Promised("respond", budget, by),))


def _elsewhere(ask: Ask, contract: ContractFacts, rule: str, said: Said, opening: datetime | None) -> Refused:
    """Refused, with what it would cost; an ask that is not for sale is told what would make it possible instead."""
    offers = outside.offers(ask.kind, ask.severity, contract.rates)
    if not offers:
        return Refused(
            rule, replace(said, key=f"{said.key}.unsold" if rule.startswith("contract.") else said.key), opening
        )
    paid, emergency = offers
    prices = {
        "price": (paid.hour, paid.currency),
        "least": (paid.least, paid.currency),
        "urgent": (emergency.hour, emergency.currency),
    }
    return Refused(rule, replace(said, facts={**said.facts, **prices}), opening, offers)


def _who(case: _Case) -> Refused | None:
    """A contact without the right is refused, with the names of those who have it."""
    contact, right = case.ask.contact, RIGHT.get(case.ask.kind)
    if contact is None or right is None or right in contact.may:
        return None
    others = contact.others.get(right, ())
    key = f"contact.{right}" if others else f"contact.{right}.nobody"
    return case.refuse(f"contact.{right}", key, name=contact.name, others=others)


def _covered(case: _Case) -> Refused | None:
    contract, ask = case.contract, case.ask
    if contract.covered or ask.kind in OF_THE_CUSTOMER:
        return None
    rule = "coverage.service" if ask.service else "coverage.machine"
    if contract.covered_from is not None:
        begins = contract.midnight(contract.covered_from)
        return case.elsewhere(rule, f"{rule}.later", begins, begins=contract.covered_from, service=ask.service)
    return case.elsewhere(rule, service=ask.service) if ask.kind in SOLD else case.refuse(rule, f"{rule}.unsold")


def _left(case: _Case, usage: Usage) -> Refused | None:
    """Where the allowance does not suffice: when the next one begins, if one does."""
    pool = POOL.get(case.ask.kind, "")
    left = usage.left.get(pool)
    if left is None or left >= case.ask.units:
        return None
    rule = "allowance.short" if left > 0 else "allowance.spent"
    day = usage.renewed_on.get(pool)
    opening = case.contract.midnight(day) if day else None
    key = rule if day else f"{rule}.last"
    return case.elsewhere(rule, key, opening, pool=pool, left=left, units=case.ask.units, next=day)


def _by_terms(case: _Case) -> Decision:
    ask, terms = case.ask, case.terms
    match ask.kind:
        case "telemetry":
            return case.grant(f"telemetry.{terms.watching}")
        case "silence_watch":
            return _silence(case)
        case "detection":
            return _detection(case)
        case "named_engineer":
            if not terms.named_people:
                return case.refuse("named.refused")
            return replace(case.grant("named.granted", people=terms.named_people), people=terms.named_people)
        case "dossier_review":
            months = terms.review_months
            return case.grant("review.granted", months=months) if months else case.refuse("review.refused")
        case "escalation":
            return replace(case.grant("escalation.granted"), people=terms.named_people)
        case "out_of_hours":
            return _out_of_hours(case)
        case "open_incident" if ask.channel == "telemetry" and terms.watching is not Watching.DETECT:
            return _detection(case)  # what a machine says by itself opens an incident where detection does
    scope, first = SCOPE_FOR.get(ask.kind, ("", None))
    if scope and scope not in terms.scope:
        return case.elsewhere(f"scope.{ask.kind}", first=first)
    return _promise(case)


def _promise(case: _Case) -> Granted:
    ask, terms, zone, country = case.ask, case.terms, case.contract.hours_zone, case.contract.country
    calendar = terms.service(ask.severity, zone, country, "on_site" if ask.kind == "site_visit" else "respond")
    start = ask.since or ask.asked_at
    people = terms.named_people
    if ask.kind in PROMISED:
        budget = terms.respond[ask.severity]
        by = budget.due(calendar, start)
        promises: tuple[Promised, ...] = (Promised("respond", budget, by),)
        if ask.severity == 1 and terms.update is not None and by is not None:
            spoken = terms.service(1, zone, country, "update")
            promises = (*promises, Promised("update", terms.update, terms.update.due(spoken, by)))
    elif ask.kind == "site_visit":
        budget = terms.on_site
        by = budget.due(calendar, start)
        promises = (Promised("on_site", budget, by),)
    else:
        return replace(case.grant(f"scope.{ask.kind}"), people=people, said=case.say("scope.granted"))
    opening = None if clock.is_open(calendar, ask.asked_at) else clock.next_open(calendar, ask.asked_at)
    key = _promise_key(ask, by, opening)
    said = case.say(key, budget=budget, by=by, opening=opening)
    respond, visit = (None, by) if ask.kind == "site_visit" else (by, None)
    return Granted(f"promise.{ask.kind}", said, respond, visit, terms.skill_floor, people, "", 0, opening, promises)


def _promise_key(ask: Ask, by: datetime | None, opening: datetime | None) -> str:
    if by is None:
        return "promise.never"
    if ask.kind == "site_visit":
        return "visit.closed" if opening else "visit.open"
    if opening is None:
        return "promise.open"
    return "promise.closed.phone" if ask.channel == "phone" else "promise.closed"


def _out_of_hours(case: _Case) -> Decision:
    calendar = case.terms.service(case.ask.severity, case.contract.hours_zone, case.contract.country)
    if clock.is_open(calendar, case.ask.asked_at):
        return case.grant("hours.open")
    opening = clock.next_open(calendar, case.ask.asked_at)
    key = "hours.closed" if opening else "hours.closed.never"
    return case.elsewhere("hours.closed", key, opening)


def _detection(case: _Case) -> Decision:
    match case.terms.watching:
        case Watching.DETECT:
            return case.grant("detection.open")
        case Watching.SHADOW:
            return Shadow("detection.shadow", case.say("detection.shadow"))
        case _:
            return case.refuse("detection.none")


def _silence(case: _Case) -> Decision:
    if case.terms.watching is Watching.COLLECT:
        return case.refuse("silence.refused")
    return case.grant("silence.open" if case.terms.watching is Watching.DETECT else "silence.shown")
