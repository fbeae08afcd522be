"""A senior engineer detached to one account: first for it, and routed to nobody else until it ends. Takes a session,
never commits."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.incident import NotNow
from escalation.routing import LEVELS
from models.audit import record
from models.customers import Customer
from models.duty import Detachment
from models.people import Person


def detach(
    session: Session,
    person: Person,
    customer: Customer,
    reason: str,
    by: str,
    now: datetime,
    *,
    start: datetime | None = None,
) -> Detachment | NotNow:
    """Detach them from `start` on (now, where none is said)."""
    if person.role != "engineer" or person.level != LEVELS[-1]:
        return NotNow(
            f"{person.name} is not a senior engineer.", "Detach somebody who can carry an account alone.", "person"
        )
    if open_one(session, person.id) is not None:
        return NotNow(f"{person.name} is detached already.", "End that detachment first.")
    made = Detachment(customer_id=customer.id, person_id=person.id, starts_at=start or now, ends_at=None,
                      reason=reason, made_by=by)  # fmt: skip
    session.add(made)
    session.flush()  # the audit names the row
    facts = {"person": str(person.id), "reason": reason}
    record(session, actor=by, deed="detachment.made", subject=f"detachment:{made.id}", customer_id=customer.id,
           facts=facts, now=now)  # fmt: skip
    return made


def end(session: Session, row: Detachment, by: str, now: datetime) -> Detachment | NotNow:
    """They are everybody's again. One that has not begun is called off: it never held, and only the audit tells of
    it."""
    if row.ends_at is not None:
        return NotNow("It has ended already.", "Nothing needs to be done.")
    if row.starts_at > now:
        session.delete(row)
        facts = {"person": str(row.person_id), "reason": row.reason, "from": row.starts_at.isoformat()}
        record(session, actor=by, deed="detachment.called_off", subject=f"detachment:{row.id}",
               customer_id=row.customer_id, facts=facts, now=now)  # fmt: skip
        return row
    if row.starts_at == now:
        return NotNow("It begins this very instant.", "End it in a moment.")
    row.ends_at = now
    record(session, actor=by, deed="detachment.ended", subject=f"detachment:{row.id}", customer_id=row.customer_id,
           now=now)  # fmt: skip
    return row


def open_one(session: Session, person_id: uuid.UUID) -> Detachment | None:
    """The detachment of this person that has not ended, begun or not."""
    return session.scalar(select(Detachment).where(Detachment.person_id == person_id, Detachment.ends_at.is_(None)))
