"""What a change of contract does to the promises that run: read before it is done, then done just so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.identity import Caller
from contracts.terms import Terms
from escalation import amended, consequences
from escalation.incident import Actor
from models.agreements import Contract, ContractTerms

_CHANGES: Mapping[str, consequences.Change] = {
    "suspended": "suspension",
    "expired": "expiry",
    "cancelled": "cancellation",
}
_LATER = {
    "active": "What is asked from now on is answered under its terms.",
    "suspended": "What is asked from now on is refused, with a paid or an emergency way.",
    "cancelled": "What is asked from now on is answered as without a contract.",
    "expired": "What is asked after its last day is answered as without a contract.",
}


@dataclass(frozen=True, slots=True)
class Clocks:
    """One sentence on the whole, one for each promise that would move, and what holds afterwards."""

    said: str
    moved: Sequence[str] = ()
    later: str = ""


def of_terms(session: Session, contract: Contract, start: datetime, after: Terms) -> Clocks:
    """What new terms would do from an instant on."""
    first, *moved = consequences.forecast(session, contract, "upgrade", start, after).words("en", contract.zone)
    return Clocks(first, moved)


def of_state(session: Session, contract: Contract, to: str, now: datetime) -> Clocks:
    """What another state would do."""
    if to not in _CHANGES:
        return Clocks("No running promise would move: what is frozen into an incident stays.", (), _LATER[to])
    first, *moved = consequences.forecast(session, contract, _CHANGES[to], now).words("en", contract.zone)
    return Clocks(first, moved, _LATER[to])


def follow_terms(session: Session, contract: Contract, made: ContractTerms, who: Caller, now: datetime) -> None:
    """Let what runs follow a version that is in force, as it was foreseen."""
    amended.follow(session, contract, made, now, actor=_actor(who))


def follow_state(session: Session, contract: Contract, to: str, who: Caller, now: datetime) -> None:
    """Let what runs follow a state, as it was foreseen."""
    if to in _CHANGES:
        consequences.carry_out(session, contract, _CHANGES[to], now, actor=_actor(who))


def _actor(who: Caller) -> Actor:
    return Actor(who.person, who.actor)
