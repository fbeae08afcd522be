"""How long a machine may be quiet before it is silent: by its learned rhythm, never less than its contract says."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import ledger
from contracts.terms import LEAST_SILENCE_S
from models.agreements import ContractTerms

LEAST_S: Final = float(LEAST_SILENCE_S)
# Four reports missed, and the time a report may take through bridge, log and flush.
MISSED: Final = 4
UNDERWAY_S: Final = 10.0
UNLEARNED_S: Final = 60.0  # the rhythm taken for a machine that has not reported thrice


def patience_s(cadence_s: float | None, floor_s: float = LEAST_S) -> float:
    """Seconds without a report after which a machine of this rhythm is silent; `floor_s` is its contract's word."""
    return max(LEAST_S, floor_s, MISSED * (cadence_s or UNLEARNED_S) + UNDERWAY_S)


def floors_of(
    session: Session, machines: Iterable[tuple[uuid.UUID, uuid.UUID]], now: datetime
) -> dict[uuid.UUID, float]:
    """Of (customer, machine): for how many seconds at least a contract lets a machine be quiet, where it says so."""
    machines = list(machines)
    said = ContractTerms.body.has_key("silence_s") & ContractTerms.customer_id.in_({one for one, _ in machines})
    owners = set(session.scalars(select(ContractTerms.customer_id).where(said).distinct())) if machines else set()
    found: dict[uuid.UUID, float] = {}
    for customer_id, machine_id in machines:
        terms = ledger.standing(session, customer_id, now, machine_id).terms if customer_id in owners else None
        if terms is not None and terms.silence_s is not None:
            found[machine_id] = float(terms.silence_s)
    return found
