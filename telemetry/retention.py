"""Retention: what is older than the terms keep goes, in whole days, and it is said what went.

Reports go when the roll-ups know of them; their days are sealed, so that what comes late for them is added to figures
and replaces none. Then figures go in turn, and with
them what was told of changes. Takes a session, never commits.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts import keeping, ledger
from contracts.keeping import Keeping
from models import audit
from models.base import new_id
from models.history import HistoryRemoval, ReadingRollup
from models.session import SYSTEM, Sessions, work
from models.telemetry import ReadingBlock
from telemetry import changes_kept, history
from telemetry.columns import packed, unpacked
from telemetry.figures import where

log = structlog.get_logger()

ACTOR: Final = "retention"
_MACHINES_AT_ONCE: Final = 20  # a transaction stays short
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = uuid.UUID(int=0)  # before every machine's id
_UNAGREED: Final = keeping.USUAL["bronze"]
# The oldest of each machine, found by one step in an index each.
_OLDEST: Final = text(
    """
    SELECT m.id, m.customer_id, b.hour AS reports_from, least(r.starts_at, c.at) AS figures_from
    FROM machines m
    LEFT JOIN LATERAL (SELECT hour FROM reading_blocks WHERE machine_id = m.id AND rolled ORDER BY hour LIMIT 1) b
        ON true
    LEFT JOIN LATERAL (
        SELECT starts_at FROM reading_rollups WHERE machine_id = m.id AND grain = 'day' ORDER BY starts_at LIMIT 1
    ) r ON true
    LEFT JOIN LATERAL (SELECT at FROM machine_changes WHERE machine_id = m.id ORDER BY at LIMIT 1) c ON true
    WHERE m.id > :after AND (b.hour < :least OR r.starts_at < :least OR c.at < :least)
    ORDER BY m.id LIMIT :limit
    """
)


@dataclass(frozen=True, slots=True)
class Cleared:
    """What went of one machine."""

    customer_id: uuid.UUID
    reports: int = 0
    days_of_figures: int = 0


def keeping_of(session: Session, customer_id: uuid.UUID, machine_id: uuid.UUID, now: datetime) -> Keeping:
    """How long a machine's history is kept now: as the contract says that answers for it, or the least there is."""
    terms = ledger.standing(session, customer_id, now, machine_id).terms
    return terms.keeping if terms is not None else _UNAGREED


def clear(
    session: Session, now: datetime, after: uuid.UUID = _FIRST, limit: int = _MACHINES_AT_ONCE
) -> uuid.UUID | None:
    """Clear the next machines by id; the last one looked at, or None when there are no more."""
    least = _midnight(now) - timedelta(days=keeping.LEAST_DAYS)
    rows = session.execute(_OLDEST, {"after": after, "least": least, "limit": limit}).all()
    cleared: list[Cleared] = []
    for machine_id, customer_id, reports_from, figures_from in rows:
        kept = keeping_of(session, customer_id, machine_id, now)
        found = _clear_machine(session, machine_id, customer_id, kept, now, (reports_from, figures_from))
        if found.reports or found.days_of_figures:
            cleared.append(found)
    _say(session, cleared, now)
    return rows[-1].id if len(rows) == limit else None


def retention_loop(sessions: Sessions) -> Callable[[datetime], None]:
    """The body of a loop that clears once a day, and at the start of its process."""
    done: datetime | None = None

    def body(now: datetime) -> None:
        nonlocal done
        if done == _midnight(now):
            return
        after: uuid.UUID | None = _FIRST
        while after is not None:
            with work(sessions, SYSTEM) as session:
                after = clear(session, now, after)
        done = _midnight(now)

    return body


def _clear_machine(
    session: Session, machine_id: uuid.UUID, customer_id: uuid.UUID, kept: Keeping, now: datetime,
    oldest: tuple[datetime | None, datetime | None],
) -> Cleared:  # fmt: skip
    reports_from, figures_from = oldest
    reports_to = _midnight(now) - timedelta(days=kept.reports_days)
    figures_to = _midnight(now) - timedelta(days=kept.figures_days)
    reports = days = 0
    history.hold(session, machine_id)
    if reports_from is not None and reports_from < reports_to:
        reports = _reports(session, machine_id, reports_to)
        _write_down(session, machine_id, customer_id, "reports", reports_from, reports_to, reports, now)
    if figures_from is not None and figures_from < figures_to:
        days = _figures(session, machine_id, figures_to)
        changes_kept.forget(session, machine_id, _EVER, figures_to)
        if days:
            _write_down(session, machine_id, customer_id, "figures", figures_from, figures_to, 0, now)
    return Cleared(customer_id, reports, days)


def _reports(session: Session, machine_id: uuid.UUID, before: datetime) -> int:
    block, rollup = ReadingBlock, ReadingRollup
    mine = (block.machine_id == machine_id, block.hour < before, block.rolled)
    total = session.scalar(select(func.coalesce(func.sum(block.reports), 0)).where(*mine))
    session.execute(delete(block).where(*mine))
    session.execute(
        update(rollup)
        .where(rollup.machine_id == machine_id, rollup.grain == "hour", rollup.starts_at < before, ~rollup.sealed)
        .values(sealed=True)
    )
    return int(total or 0)


def _figures(session: Session, machine_id: uuid.UUID, before: datetime) -> int:
    """Days of figures that went; a month that is not over yet loses those of its days only."""
    rollup = ReadingRollup
    mine = (rollup.machine_id == machine_id, rollup.starts_at < before)
    gone = session.execute(delete(rollup).where(*mine, rollup.grain == "hour").returning(rollup.starts_at)).all()
    before_ms = round(before.timestamp() * 1000)
    for row in session.scalars(select(rollup).where(*mine, rollup.grain == "day").with_for_update()):
        known = unpacked(row.body)
        left = where(known, known.at_ms >= before_ms)
        if len(left):
            row.body = packed(left)
        else:
            session.delete(row)
    session.flush()  # the caller's next statements count what is there
    return len(gone)


def _write_down(
    session: Session, machine_id: uuid.UUID, customer_id: uuid.UUID, what: str, start: datetime, end: datetime,
    reports: int, now: datetime,
) -> None:  # fmt: skip
    """One row a machine and kind, which grows day by day."""
    row = insert(HistoryRemoval).values(
        id=new_id(), machine_id=machine_id, customer_id=customer_id, kind="aged", what=what, starts_at=start,
        ends_at=end, reports=reports, actor=ACTOR, reason="", done_at=now, facts={},
    )  # fmt: skip
    session.execute(
        row.on_conflict_do_update(
            index_elements=["machine_id", "what"],
            index_where=text("kind = 'aged'"),
            set_={
                "ends_at": func.greatest(HistoryRemoval.ends_at, row.excluded.ends_at),
                "starts_at": func.least(HistoryRemoval.starts_at, row.excluded.starts_at),
                "reports": HistoryRemoval.reports + row.excluded.reports,
                "done_at": row.excluded.done_at,
            },
        )
    )


def _say(session: Session, cleared: Sequence[Cleared], now: datetime) -> None:
    """One entry a customer in the audit, one line in the log."""
    by_customer: dict[uuid.UUID, list[Cleared]] = defaultdict(list)
    for one in cleared:
        by_customer[one.customer_id].append(one)
    for customer_id, some in sorted(by_customer.items()):
        facts = {
            "machines": len(some),
            "reports": sum(one.reports for one in some),
            "days_of_figures": sum(one.days_of_figures for one in some),
        }
        audit.record(
            session, actor=ACTOR, deed="history.aged", subject=f"customer {customer_id}", now=now,
            customer_id=customer_id, facts=facts,
        )  # fmt: skip
        log.info("history.aged", customer=str(customer_id), **facts)


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
