"""Rungs of the ladders in force on which nobody can be reached, now or within a week: an alarm by day, before any
incident climbs. Reads rows.

The same function that calls people on a rung (`duty.whom`) says who stands on it now. Of people called by name or by
their place in the house it is also looked ahead: when all of them will be absent at once. Hours that a zone or a
schedule lacks somebody are for `unmanned` to find.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.ladder_terms import ROLES, slug
from contracts.tiers import DEFAULTS, Tier
from escalation import duty, unmanned
from escalation.duty import Duty
from escalation.roster import AHEAD, Roster
from escalation.routing import ELSEWHERE, Order, Passed
from escalation.unmanned import Span
from escalation.words import listed, rung_name
from models.agreements import Contract, ContractTerms
from models.customers import Customer
from models.people import NamedPerson, Person

_DAY = timedelta(days=1)  # the dates of a contract are days of a zone of its own
_BY_ACCOUNT = ("account", *ROLES)
_HOUSE = ("lead", "number-two", "number-one")

Rung = tuple[str, uuid.UUID | None]  # the word of a rung, and whose account where it names a role of one


@dataclass(frozen=True, slots=True)
class Dark:
    """A rung nobody can be reached on. `since` lies ahead where everybody on it will be absent."""

    rung: Rung
    subject: str
    words: str
    since: datetime


class Named(NamedTuple):
    """Somebody named for an account."""

    customer: uuid.UUID
    name: str  # of the account
    duty: str
    person: uuid.UUID


def named(session: Session) -> list[Named]:
    """Everybody named for an account, by its name."""
    rows = select(NamedPerson.customer_id, Customer.name, NamedPerson.duty, NamedPerson.person_id)
    of_accounts = rows.join(Customer, Customer.id == NamedPerson.customer_id).order_by(Customer.name)
    return [Named(*row) for row in session.execute(of_accounts)]


def by_duty_of(named: Iterable[Named]) -> dict[uuid.UUID, dict[str, uuid.UUID]]:
    """Customer → duty → whom its contracts name for it."""
    found: dict[uuid.UUID, dict[str, uuid.UUID]] = {}
    for one in named:
        found.setdefault(one.customer, {})[one.duty] = one.person
    return found


def find(
    session: Session, now: datetime, known: Roster, missing: Collection[uuid.UUID], named: Iterable[Named]
) -> list[Dark]:
    """Every dark rung of the ladders in force, those of now first. `missing`: who is not proved to be reachable.

    The caller sees every customer (`SYSTEM`, `STAFF`). A fixed number of queries, whatever the number of contracts.
    """
    rungs = in_force(session, now)
    roles = by_duty_of(named)
    away = known.absences
    present, later = [], []
    for (word, customer), callers in sorted(rungs.items(), key=lambda rung: (rung[0][0], sorted(rung[1].values()))):
        by_duty = roles.get(customer, {}) if customer is not None else {}
        desk = Duty(Order((), ()), known.people, tuple(by_duty.values()), by_duty, known)
        whose = f" of {callers[customer]}" if customer is not None else ""
        subject = f"{rung_name(word)}{whose}"
        because = next(filter(None, (_because(one, word, missing, away, now) for one in _seen_by(desk, callers))), "")
        if because:
            said = f"Nobody can be reached as {subject}: {because}. A ladder in force calls them."
            present.append(Dark((word, customer), subject, said, now))
            continue
        for low, high in _ahead(_holders(desk, word), away, now):
            said = (f"Nobody will be reached as {subject} from {low:%Y-%m-%d %H:%M} to {high:%Y-%m-%d %H:%M} UTC: "
                    "everybody on this rung is absent then. Name somebody else beside them.")  # fmt: skip
            later.append(Dark((word, customer), subject, said, low))
    return [*present, *later]


def in_force(session: Session, now: datetime) -> dict[Rung, dict[uuid.UUID, str]]:
    """The rungs that the contracts of today call, whatever their number, each with the accounts whose ladder does and
    their names; the usual ladder where terms have none."""
    today = now.date()
    running = (
        Contract.state == "active",
        Contract.starts_on <= today + _DAY,
        Contract.ends_on.is_(None) | (Contract.ends_on >= today - _DAY),
    )
    latest = (
        select(ContractTerms.contract_id, func.max(ContractTerms.version).label("version"))
        .where(ContractTerms.effective_at <= now)
        .group_by(ContractTerms.contract_id)
        .subquery()
    )
    of_terms = (
        select(Contract.customer_id, Customer.name, Contract.tier, ContractTerms.body["ladder"])
        .join(Customer, Customer.id == Contract.customer_id)
        .outerjoin(latest, latest.c.contract_id == Contract.id)
        .outerjoin(
            ContractTerms,
            (ContractTerms.contract_id == Contract.id) & (ContractTerms.version == latest.c.version),
        )
        .where(*running)
    )
    found: dict[Rung, dict[uuid.UUID, str]] = {}
    for customer, name, tier, ladder in session.execute(of_terms):
        usual = [rung.who for rung in DEFAULTS[Tier(tier)].ladder]
        words = usual if ladder is None else [str(rung["who"]) for rung in ladder]
        for word in words:
            if word != "second":
                rung = (word, customer if word in _BY_ACCOUNT else None)
                found.setdefault(rung, {})[customer] = name
    return found


def _seen_by(desk: Duty, callers: Collection[uuid.UUID]) -> Iterator[Duty]:
    """The desk as the accounts see it that call a rung: without who works for another of them alone. Those for whom
    nobody does are alike, and one of them stands for all."""
    known = desk.known
    alone = [one for one in known.engineers if one.exclusive is not None] if known is not None else []
    theirs = {one.exclusive for one in alone}
    for account in sorted(theirs.intersection(callers), key=str) + [None] * (not theirs.issuperset(callers)):
        passed = (Passed(one.person_id, one.name, ELSEWHERE) for one in alone if one.exclusive != account)
        yield replace(desk, order=Order((), tuple(passed)))


def _holders(desk: Duty, word: str) -> list[Person]:
    """Who stands on a rung by name or by their place in the house, reachable or not. Those on duty stand on theirs by
    their turns, which is another matter."""
    people = desk.people.values()
    if word in _BY_ACCOUNT:
        wanted = {
            "account": tuple(desk.roles.values()),
            "account-engineer": (desk.roles.get(ROLES["account-engineer"]), desk.roles.get(ROLES["deputy"])),
        }
        ids = wanted.get(word, (desk.roles.get(ROLES.get(word, "")),))
        return [desk.people[id] for id in dict.fromkeys(ids) if id is not None and id in desk.people]
    if word == "lead":  # where no lead is there, managers and administrators are called
        return [one for one in people if word in one.rungs or one.role in ("manager", "administrator")]
    if word in _HOUSE:
        return [one for one in people if word in one.rungs]
    kind, _, name = word.partition(":")
    return [one for one in people if kind == "person" and one.email.lower() == name.lower()]


def _because(
    desk: Duty, word: str, missing: Collection[uuid.UUID], away: Mapping[uuid.UUID, Sequence[Span]], now: datetime
) -> str:
    """Why nobody can be reached on a rung now; empty when somebody can, when its hours mean nobody to be there, and
    where `proving` raises an alarm of its own because nobody on it is proved."""
    kind, _, name = word.partition(":")
    if kind == "schedule":
        return _because_of_schedule(desk, name, missing)
    if word == "duty" or kind == "team":
        return _because_of_turns(desk, name, missing)
    if any(place.person_id not in missing for place in duty.whom(desk, word)):
        return ""
    standing = set(desk.named) if word == "account" else {id for id, one in desk.people.items() if word in one.rungs}
    if standing and standing <= set(missing):
        return ""
    gone, holders = duty.elsewhere(desk), _holders(desk, word)
    whys = [f"is {ELSEWHERE}" if one.id in gone else _why(one, missing, away, now) for one in holders]
    said = [f"{one.name} {why}" for one, why in zip(holders, whys, strict=True)]
    return listed(said) or "nobody stands on it"


def _because_of_turns(desk: Duty, unit: str, missing: Collection[uuid.UUID]) -> str:
    known = desk.known
    if known is None:
        return ""
    on = [one for one in known.engineers if one.units and unit in ("", *one.units)]
    if not on and unit and all(plan.unit != unit for plan in known.plans):
        return "nobody has a turn of duty there"
    there = [desk.people[id].name for id, units in known.units.items() if id in desk.people and unit in ("", *units)]
    turns = {id for plan in known.plans if unit in ("", plan.unit) for one in plan.schedule.layers for id in one.people}
    if not on and there and turns.isdisjoint(one.person_id for one in known.engineers):
        return listed([f"{name} has duty and is no engineer" for name in sorted(there)])
    if {one.person_id for one in on} <= set(missing):
        return ""
    away = {one.person_id: ELSEWHERE if one.person_id in duty.elsewhere(desk) else one.away for one in on}
    if any(not away[one.person_id] and one.reachable and one.person_id not in missing for one in on):
        return ""
    because = {
        one.name: f"is {away[one.person_id]}" if away[one.person_id] else _unreached(one.reachable) for one in on
    }
    return listed([f"{name} {why}" for name, why in because.items()])


def _because_of_schedule(desk: Duty, name: str, missing: Collection[uuid.UUID]) -> str:
    if desk.known is None or all(slug(plan.name) != name for plan in desk.known.plans):
        return "there is no schedule of this name"
    holder = desk.people.get(desk.known.standing.get(name, uuid.UUID(int=0)))
    if holder is not None and holder.id in duty.elsewhere(desk):
        return f"{holder.name} is {ELSEWHERE}"
    if holder is None or (holder.notify and holder.id not in missing):
        return ""
    return f"{holder.name} {_unreached(bool(holder.notify))}"


def _unreached(has_a_way: bool) -> str:
    return "is not proved to be reachable" if has_a_way else "has no way to be reached"


def _why(
    person: Person, missing: Collection[uuid.UUID], away: Mapping[uuid.UUID, Sequence[Span]], now: datetime
) -> str:
    until = [high for low, high in away.get(person.id, ()) if low <= now < high]
    if until:
        return f"is absent until {max(until):%Y-%m-%d %H:%M} UTC"
    return _unreached(bool(person.notify)) if not person.notify or person.id in missing else "is not called by it"


def _ahead(holders: Sequence[Person], away: Mapping[uuid.UUID, Sequence[Span]], now: datetime) -> Iterator[Span]:
    """When, within a week, every one of them will be absent."""
    able = [one for one in holders if one.notify]
    if not able:
        return
    there = [span for one in able for span in unmanned.uncovered(now, now + AHEAD, away.get(one.id, ()))]
    yield from unmanned.uncovered(now, now + AHEAD, there)
