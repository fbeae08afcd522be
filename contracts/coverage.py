"""Cover by proof: where contracts and telemetry disagree about a machine. A finding for the account manager, never a
silent gift and never a silent refusal. Never commits.

A machine `reports` when the delivery ledger counted something of it within a day, also when its contract refused it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.agreements import CoverageGap
from models.base import new_id

# A machine that is quiet for a night is not a gap in the contract; one that is quiet for a day is.
QUIET = timedelta(days=1)
KINDS = ("uncovered", "unheard")

# Machines with whether a line in force covers them (its contract in force or in its days of grace), when they were
# heard last, and since when they report in the present stretch of a day. What another said in its name is no report.
_FLEET = text(
    """
    WITH running AS (
        SELECT c.id, c.customer_id, (CAST(:now AS timestamptz) AT TIME ZONE c.zone)::date AS today
        FROM contracts c
        WHERE c.state = 'active'
          AND c.starts_on <= (CAST(:now AS timestamptz) AT TIME ZONE c.zone)::date
          AND (c.ends_on IS NULL OR c.ends_on + coalesce((
                SELECT (t.body ->> 'grace_days')::int FROM contract_terms t
                WHERE t.contract_id = c.id AND t.effective_at <= :now
                ORDER BY t.effective_at DESC, t.version DESC LIMIT 1), 0)
               >= (CAST(:now AS timestamptz) AT TIME ZONE c.zone)::date)
    )
    SELECT m.id, m.customer_id, m.created_at,
        EXISTS (
            SELECT 1 FROM contract_lines l JOIN running r ON r.id = l.contract_id
            WHERE r.customer_id = m.customer_id
              AND (l.machine_id = m.id OR l.site_id = m.site_id
                   OR (l.machine_id IS NULL AND l.site_id IS NULL AND l.service = ''))
              AND (l.starts_on IS NULL OR l.starts_on <= r.today) AND (l.ends_on IS NULL OR r.today <= l.ends_on)
        ) AS covered,
        heard.first_at, greatest(heard.last_at, s.last_received_at) AS last_at
    FROM machines m
    LEFT JOIN machine_states s ON s.machine_id = m.id
    LEFT JOIN LATERAL (
        SELECT min(d.hour) AS first_at, max(d.hour) AS last_at FROM delivery_ledger d
        WHERE d.machine = m.name AND d.hour > :since - interval '1 hour'
          AND d.received > coalesce((d.reasons ->> 'not_its_own')::int, 0)
    ) heard ON true
    WHERE m.retired_at IS NULL AND (CAST(:customer AS uuid) IS NULL OR m.customer_id = :customer)
    ORDER BY m.customer_id, m.name
    """
)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """`uncovered`: it reports and stands on no line in force. `unheard`: it stands on one and does not report."""

    machine_id: uuid.UUID
    customer_id: uuid.UUID
    kind: str
    since: datetime  # first report without cover that we know of, or the last one heard (never: the enrolment)


def disagreements(session: Session, now: datetime, customer_id: uuid.UUID | None = None) -> list[Disagreement]:
    """Every one there is now, of one customer or of all in reach."""
    found = []
    for row in session.execute(_FLEET, {"now": now, "since": now - QUIET, "customer": customer_id}):
        reports = row.last_at is not None and row.last_at > now - QUIET
        if reports and not row.covered:
            found.append(Disagreement(row.id, row.customer_id, "uncovered", row.first_at or row.last_at))
        elif row.covered and not reports and row.created_at <= now - QUIET:
            found.append(Disagreement(row.id, row.customer_id, "unheard", row.last_at or row.created_at))
    return found


def keep(session: Session, now: datetime) -> list[CoverageGap]:
    """Write down those that are new, end those that are over; answers with the new ones."""
    found = disagreements(session, now)
    present = {(one.machine_id, one.kind) for one in found}
    for gap in session.query(CoverageGap).filter(CoverageGap.ended_at.is_(None)).with_for_update():
        if (gap.machine_id, gap.kind) not in present:
            gap.ended_at = now
    session.flush()  # one that ended makes room for the next of its kind
    made = []
    for one in found:
        row = insert(CoverageGap).values(
            id=new_id(), customer_id=one.customer_id, machine_id=one.machine_id, kind=one.kind, since=one.since,
            found_at=now, told=[], settled_by="", settled_reason="",
        )  # fmt: skip
        open_ones = CoverageGap.ended_at.is_(None)
        once = row.on_conflict_do_nothing(index_elements=["machine_id", "kind"], index_where=open_ones)
        written = session.execute(once.returning(CoverageGap.id)).scalar_one_or_none()
        if written is not None:
            made.append(session.get_one(CoverageGap, written))
    return made


def settle(gap: CoverageGap, by: str, reason: str, now: datetime) -> None:
    """An account manager has looked at it and said what is to be; it stays listed until it is over."""
    gap.settled_at, gap.settled_by, gap.settled_reason = now, by, reason
