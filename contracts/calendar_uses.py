"""Who names a calendar, and taking one away that nobody names. Takes a session, never commits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from contracts import amending, calendar_names, calendars, proposals
from contracts.life import CannotBe
from contracts.terms import Terms
from models import audit
from models.agreements import Contract, TermsProposal
from models.calendars import CalendarVersion, ServiceCalendar

MOST_NAMED = 5
_SAID = {
    "contract": "contract {name}",
    "proposal": "a proposal for contract {name}",
    "calendar": "calendar {name}",
}


@dataclass(frozen=True, slots=True)
class Use:
    """Somebody who names a calendar."""

    kind: Literal["contract", "proposal", "calendar"]
    name: str  # number of the contract, name of the calendar


def uses(session: Session, calendar: ServiceCalendar, now: datetime) -> list[Use]:
    """Who would miss a calendar: contracts whose terms name it now or later, proposals that wait, other calendars.

    A promise that runs does not: it keeps the calendar as it was when it was made. Nor does a cancelled contract.
    """
    return [
        *(Use("contract", number) for number in _contracts(session, calendar.name, now)),
        *(Use("proposal", number) for number in _proposed(session, calendar.name, now)),
        *(Use("calendar", name) for name in _calendars(session, calendar, now)),
    ]


def remove(session: Session, calendar: ServiceCalendar, actor: str, now: datetime) -> CannotBe | None:
    """Take a calendar away with its versions; refused, with their names, while somebody names it."""
    audit.take_turns(session, calendar.customer_id or audit.HOUSE)
    session.scalar(select(ServiceCalendar.id).where(ServiceCalendar.id == calendar.id).with_for_update())
    found = uses(session, calendar, now)
    if found:
        more = len(found) - MOST_NAMED
        told = [_SAID[use.kind].format(name=use.name) for use in found[:MOST_NAMED]]
        named = ", ".join(told) + (f" and {more} more" if more > 0 else "")
        return CannotBe(f"The calendar {calendar.name} is named by {named}.", "Let them name another calendar first.")
    facts = {"title": calendar.title, "versions": len(calendars.versions(session, calendar))}
    audit.record(
        session, actor=actor, deed="remove calendar", subject=calendar.name,
        customer_id=calendar.customer_id or audit.HOUSE, facts=facts, now=now,
    )  # fmt: skip
    session.execute(delete(CalendarVersion).where(CalendarVersion.calendar_id == calendar.id))
    session.delete(calendar)
    session.flush()  # the name is free for whoever asks in this transaction
    return None


def _contracts(session: Session, name: str, now: datetime) -> Iterator[str]:
    for contract in session.scalars(select(Contract).where(Contract.state != "cancelled").order_by(Contract.number)):
        every = proposals.versions_of(session, contract)
        held = [row for row in every if row.effective_at <= now][-1:]
        ahead = [row for row in every if row.effective_at > now]
        if any(name in Terms.from_json(row.body).named() for row in (*held, *ahead)):
            yield contract.number


def _proposed(session: Session, name: str, now: datetime) -> Iterator[str]:
    waiting = (
        select(TermsProposal, Contract)
        .join(Contract, Contract.id == TermsProposal.contract_id)
        .where(TermsProposal.state == "pending")
        .order_by(Contract.number)
    )
    for proposal, contract in session.execute(waiting):
        base, _ = proposals.at(session, contract, proposal.effective_at or now)
        if name in amending.changed(base, proposal.changes).named() - base.named():
            yield contract.number


def _calendars(session: Session, calendar: ServiceCalendar, now: datetime) -> Iterator[str]:
    others: Sequence[ServiceCalendar] = session.scalars(
        select(ServiceCalendar).where(ServiceCalendar.id != calendar.id).order_by(ServiceCalendar.name)
    ).all()
    for other in others:
        every = calendars.versions(session, other)
        held = calendars.in_force(session, other, now.date())
        ahead = [row for row in every if row.effective_on > now.date()]
        if any(calendar.name in calendar_names.named_in(row.body) for row in (*([held] if held else []), *ahead)):
            yield other.name
