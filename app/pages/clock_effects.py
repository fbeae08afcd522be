"""What a change of contract does to the promises that run, as a person reads it before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import words
from models.agreements import Contract
from models.incidents import OPEN_STATES, Incident, Promise


@dataclass(frozen=True, slots=True)
class Running:
    """One promise that runs: the incident, what is owed, and by when."""

    label: str
    title: str
    kind: str
    due: str


@dataclass(frozen=True, slots=True)
class Clocks:
    """A sentence, and the promises it is about."""

    said: str
    rows: Sequence[Running] = ()


def running(session: Session, contract: Contract, now: datetime, zone: tzinfo) -> list[Running]:
    """The promises of open incidents under this contract, the next one first."""
    rows = session.execute(
        select(Incident, Promise)
        .join(Promise, Promise.incident_id == Incident.id)
        .where(
            Incident.contract_id == contract.id,
            Incident.state.in_(OPEN_STATES),
            Promise.state.in_(("running", "paused", "breached")),
            Promise.met_at.is_(None),
        )
        .order_by(Promise.due_at.nulls_last(), Incident.number)
    )
    return [
        Running(
            incident.label,
            incident.title,
            promise.kind.replace("_", " "),
            words.hour(promise.due_at, zone, now) if promise.due_at else "stands while we wait",
        )
        for incident, promise in rows
    ]


def of_terms(session: Session, contract: Contract, now: datetime, zone: tzinfo) -> Clocks:
    """A change of terms: what runs keeps the terms it was made under."""
    rows = running(session, contract, now, zone)
    if not rows:
        return Clocks("No promise runs under this contract, so none moves.")
    promises = words.count(len(rows), "promise runs", "promises run")
    return Clocks(
        f"{promises} under this contract. What was promised stays promised; later asks get these terms.", rows
    )


_OF_STATE = {
    "active": "Later asks are answered under its terms from now on.",
    "suspended": "They are kept all the same; what is asked from now on is refused, with a paid way.",
    "cancelled": "They are kept all the same; what is asked from now on is answered as without a contract.",
    "expired": "They are kept all the same; what is asked from now on is answered as without a contract.",
}


def of_state(session: Session, contract: Contract, to: str, now: datetime, zone: tzinfo) -> Clocks:
    """A new state, by what the contract's clocks do at its end."""
    rows = running(session, contract, now, zone)
    if not rows:
        return Clocks("No promise runs under this contract, so none moves.")
    return Clocks(
        f"{words.count(len(rows), 'promise runs', 'promises run')} under this contract. {_OF_STATE[to]}", rows
    )
