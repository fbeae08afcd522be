"""What comes back to the intake by itself: fleet events that end, and findings that no longer have to wait."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from contracts import ledger
from escalation import gathering, recovering, restraining
from escalation.intake import report
from escalation.signal import Report
from models.incidents import Finding
from models.session import SYSTEM, Sessions, work


def second_look_loop(sessions: Sessions) -> Callable[[datetime], None]:
    """The body of a loop that ends fleet events and opens what no longer has to wait; seconds apart is enough."""

    def body(now: datetime) -> None:
        recovering.settle_all(sessions, now, report)
        for id in restraining.waiting_ids(sessions):
            with work(sessions, SYSTEM) as session:
                gathering.take_lock(session)
                open_held(session, id, now)

    return body


def open_held(session: Session, finding_id: uuid.UUID, now: datetime, *, anyway: bool = False) -> Report | None:
    """Open what was held back, if nothing asks for that any more (or `anyway`, because a person says so).

    None: it still waits, is over, or was never held back. The caller holds `gathering.take_lock`.
    """
    finding = session.get(Finding, finding_id, with_for_update=True, populate_existing=True)
    if finding is None or not finding.held_back or finding.ended_at is not None:
        return None
    signal = replace(recovering.signal_of(finding), at_once=anyway)
    if not anyway:
        holds = ledger.standing(session, finding.customer_id, now, finding.machine_id)
        waits = holds.terms is None or restraining.asks(session, holds.contract_id, holds.terms, signal, now)
        if waits:
            return None
    finding.decision_id, finding.held_back, finding.held_words = None, "", ""
    session.flush()  # the intake looks for an answer it had
    return report(session, signal, now)
