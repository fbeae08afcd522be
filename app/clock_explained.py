"""A promise's row as a clock that explains itself, in the language of whoever reads it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from contracts import explain
from contracts.budget import Budget
from contracts.explain import Clock, Explanation
from contracts.hours import parse
from escalation import promises
from models.customers import Customer
from models.incidents import Incident, Promise


def start_of(promise: Promise) -> datetime:
    """The instant its budget counts from."""
    return promise.counts_from or promise.started_at


def explained(promise: Promise, now: datetime, language: str, zone: str = "") -> Explanation:
    """The clock of a promise, laid open. Raises ValueError for a frozen calendar this version cannot read."""
    clock = Clock(
        kind=promise.kind,
        state=promise.state,  # type: ignore[arg-type]  # the table allows these words and no other
        start=start_of(promise),
        budget=Budget.from_json(promise.budget),
        hours=parse(promise.calendar),
        pauses=promises.pauses(promise),
        due_at=promise.due_at,
        met_at=promise.met_at,
        breached_at=promise.breached_at,
        party=promise.party,
    )
    return explain.explain(clock, now, language, zone)


def language_of(session: Session, incident: Incident) -> str:
    """The language of the customer an incident belongs to."""
    return session.get_one(Customer, incident.customer_id).language
