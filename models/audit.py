"""The audit: one entry a deed, each carrying the hash of the one before it in its customer's chain."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base, Json

# One after the other as they stand: the inner question is answered first, row by row.
_TURNS = text(
    """
    SELECT count(pg_advisory_xact_lock(hashtextextended(chain, 42)))
    FROM (
        SELECT chain FROM unnest(CAST(:chains AS text[])) WITH ORDINALITY AS given(chain, at) ORDER BY at OFFSET 0
    ) AS in_order
    """
)
HOUSE = uuid.UUID(int=0)  # the chain of deeds that concern no customer


class AuditEntry(Base):
    """Insert-only: no process may change or delete it. No foreign key, so it outlives its subject."""

    __tablename__ = "audit"
    __table_args__ = (Index("uq_audit_chain_previous", "customer_id", "previous", unique=True),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[uuid.UUID] = mapped_column(default=HOUSE)
    at: Mapped[datetime]
    actor: Mapped[str]
    deed: Mapped[str]
    subject: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    previous: Mapped[str]
    hash: Mapped[str]


def digest(
    previous: str, customer_id: uuid.UUID, at: datetime, actor: str, deed: str, subject: str, facts: Json
) -> str:
    """SHA-256 over the previous hash and the entry's own words, in one canonical JSON form."""
    stamp = at.astimezone(UTC).isoformat(timespec="microseconds")
    words = [previous, str(customer_id), stamp, actor, deed, subject, facts]
    return hashlib.sha256(
        json.dumps(words, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    ).hexdigest()


def take_turns(session: Session, customer_id: uuid.UUID) -> None:
    """Hold a customer's chain until the transaction ends.

    Whoever also locks rows of that customer and will write an entry takes this first: one order for all, no deadlock.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:chain, 42))"), {"chain": str(customer_id)})


def take_all_turns(session: Session, customers: Iterable[uuid.UUID]) -> None:
    """`take_turns` for many customers in one order, in one statement."""
    if chains := [str(customer_id) for customer_id in sorted(set(customers))]:
        session.execute(_TURNS, {"chains": chains})


def record(
    session: Session,
    *,
    actor: str,
    deed: str,
    subject: str,
    now: datetime,
    customer_id: uuid.UUID | None = None,
    facts: Json | None = None,
) -> AuditEntry:
    """Append one entry to the customer's chain (the house's when none). `facts` must be plain JSON.

    An advisory lock held to the end of the transaction makes writers of one chain take turns.
    """
    chain = customer_id or HOUSE
    plain: Json = json.loads(json.dumps(facts or {}, sort_keys=True))
    take_turns(session, chain)
    last = session.scalar(
        select(AuditEntry.hash).where(AuditEntry.customer_id == chain).order_by(AuditEntry.id.desc()).limit(1)
    )
    previous = last or ""
    entry = AuditEntry(
        customer_id=chain,
        at=now,
        actor=actor,
        deed=deed,
        subject=subject,
        facts=plain,
        previous=previous,
        hash=digest(previous, chain, now, actor, deed, subject, plain),
    )
    session.add(entry)
    session.flush()  # the next entry of this transaction must find this one
    return entry


def first_broken_link(entries: Iterable[AuditEntry]) -> AuditEntry | None:
    """The first entry of one chain, given in order, that does not follow from the one before; None when all do."""
    previous = ""
    for entry in entries:
        said = digest(previous, entry.customer_id, entry.at, entry.actor, entry.deed, entry.subject, entry.facts)
        if entry.previous != previous or entry.hash != said:
            return entry
        previous = entry.hash
    return None
