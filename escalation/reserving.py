"""What of somebody's work is set aside: all of it for one account, or places of their room for an account or a tier.

Takes a session, never commits.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, cast, literal, null, or_, select, union_all
from sqlalchemy.orm import Session

from contracts.tiers import Tier
from escalation.incident import NotNow
from escalation.routing import CAPACITY, Kept
from models.audit import record
from models.customers import Customer
from models.duty import Detachment, Reservation
from models.people import Person

MOST = 50  # places of one reservation, as of anybody's room


@dataclass(frozen=True, slots=True)
class InHand:
    """So many incidents of one account and tier that somebody serves one way."""

    person_id: uuid.UUID
    mode: str
    customer_id: uuid.UUID
    tier: str
    count: int


def read(
    session: Session, now: datetime, held: Sequence[InHand]
) -> tuple[dict[uuid.UUID, uuid.UUID], dict[uuid.UUID, tuple[Kept, ...]]]:
    """Person → the account they are detached to, and person → the places kept of their room, in one question."""
    all_of_it = (Detachment.starts_at <= now, or_(Detachment.ends_at.is_(None), Detachment.ends_at > now))
    nothing = (cast(literal(""), String), cast(literal(""), String), literal(0), cast(null(), String))
    places = (Reservation.starts_at <= now, or_(Reservation.ends_at.is_(None), Reservation.ends_at > now))
    kept_of = (Reservation.tier, Reservation.mode, Reservation.places, Customer.name)
    rows: Iterable[Any] = session.execute(  # Any: columns of a union, which carry no types
        union_all(
            select(Detachment.person_id, Detachment.customer_id, *nothing).where(*all_of_it),
            select(Reservation.person_id, Reservation.customer_id, *kept_of)
            .outerjoin(Customer, Customer.id == Reservation.customer_id)
            .where(*places),
        )
    )
    detached: dict[uuid.UUID, uuid.UUID] = {}
    kept: dict[uuid.UUID, tuple[Kept, ...]] = {}
    for person_id, customer_id, tier, mode, size, name in rows:
        if not mode:
            detached[person_id] = customer_id
            continue
        mine = (one for one in held if one.person_id == person_id and one.mode == mode)
        has = sum(one.count for one in mine if (one.customer_id == customer_id if customer_id else one.tier == tier))
        kept[person_id] = (*kept.get(person_id, ()), Kept(mode, size, name or tier, customer_id, tier, has))
    return detached, kept


def reserve(
    session: Session,
    person: Person,
    whose: Customer | Tier,
    mode: str,
    places: int,
    by: str,
    now: datetime,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    reason: str = "",
) -> Reservation | NotNow:
    """Keep `places` of somebody's room for an account or a tier, from `start` (now) to `end` (until it is ended)."""
    if person.role != "engineer" or person.customer_id is not None or not person.active:
        return NotNow("Only engineers of ours have room to keep.", "Name one of them.", "person")
    if mode not in CAPACITY:
        return NotNow(f"Nobody is served {mode!r}.", f"Use one of {', '.join(CAPACITY)}.", "value")
    if not 1 <= places <= MOST:
        return NotNow(f"{places} places cannot be kept.", f"Keep 1 to {MOST}.", "value")
    begins = start or now
    if end is not None and end <= max(begins, now):
        return NotNow("It ends before it begins, or is over by now.", "Give a later end, or none.", "value")
    row = Reservation(
        person_id=person.id,
        customer_id=None if isinstance(whose, Tier) else whose.id,
        tier=whose.value if isinstance(whose, Tier) else "",
        mode=mode,
        places=places,
        starts_at=begins,
        ends_at=end,
        reason=reason,
        made_by=by,
    )
    session.add(row)
    session.flush()  # the audit names the row
    facts = {"person": str(person.id), "for": row.tier or str(row.customer_id), "mode": mode,
             "places": places, "from": begins.isoformat(), "until": end.isoformat() if end else None}  # fmt: skip
    record(session, actor=by, deed="reservation.made", subject=f"reservation:{row.id}", facts=facts, now=now)
    return row


def release(session: Session, row: Reservation, by: str, now: datetime) -> None:
    """The places are everybody's again; what it was stands in the audit."""
    session.delete(row)
    facts = {"person": str(row.person_id), "mode": row.mode, "places": row.places}
    record(session, actor=by, deed="reservation.ended", subject=f"reservation:{row.id}", facts=facts, now=now)


def of(session: Session, now: datetime, person_id: uuid.UUID) -> list[tuple[Reservation, str]]:
    """What is kept of somebody's room now or later, each with whose it is, the first to begin first."""
    ahead = or_(Reservation.ends_at.is_(None), Reservation.ends_at > now)
    rows = session.execute(
        select(Reservation, Customer.name)
        .outerjoin(Customer, Customer.id == Reservation.customer_id)
        .where(Reservation.person_id == person_id, ahead)
        .order_by(Reservation.starts_at, Reservation.id)
    )
    return [(row, name or row.tier) for row, name in rows]
