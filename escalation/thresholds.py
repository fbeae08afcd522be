"""Warnings before a promise is missed: a row a share of its budget, with the instant it is used up.

The rows are the timers: nothing looks at a clock to see whether it is time. A clock that pauses or is counted anew
moves the instants of what has not fired yet; what has fired stays fired. `timers` fires them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.clock import Pause
from contracts.promising import Leg
from models.calendars import Threshold
from models.incidents import Promise


def instants(legs: Sequence[Leg], pauses: tuple[Pause, ...], percents: Iterable[int]) -> dict[int, datetime | None]:
    """When each share is used up, of the leg that falls due first; None while the clock stands."""
    ends = [(leg.due(pauses), leg) for leg in legs]
    counted = [(end, leg) for end, leg in ends if end is not None]
    if not counted or any(pause.end is None for pause in pauses):
        return dict.fromkeys(percents)
    end, leg = min(counted, key=lambda pair: pair[0])
    return {percent: end if percent == 100 else leg.share(percent, pauses) for percent in percents}


def arm(
    session: Session, promise: Promise, legs: Sequence[Leg], pauses: tuple[Pause, ...], percents: Sequence[int]
) -> None:
    """Write the warnings of a new promise."""
    session.add_all(
        Threshold(
            customer_id=promise.customer_id,
            promise_id=promise.id,
            incident_id=promise.incident_id,
            percent=percent,
            at=at,
            fired_at=None,
            late=False,
        )
        for percent, at in instants(legs, pauses, percents).items()
    )


def rearm(session: Session, promise: Promise, legs: Sequence[Leg], pauses: tuple[Pause, ...]) -> None:
    """Move the instants of what has not fired yet to where the clock is counted now; none while it does not run."""
    session.flush()  # a promise written in this transaction has its rows
    waiting = _waiting(session, promise)
    found = instants(legs, pauses, [row.percent for row in waiting]) if promise.state == "running" else {}
    for row in waiting:
        row.at = found.get(row.percent)


def disarm(session: Session, promise: Promise) -> None:
    """Nothing more is warned of: it was kept, or nothing is owed any more."""
    session.flush()  # as above
    for row in _waiting(session, promise):
        row.at = None


def _waiting(session: Session, promise: Promise) -> list[Threshold]:
    query = select(Threshold).where(Threshold.promise_id == promise.id, Threshold.fired_at.is_(None))
    return list(session.scalars(query.order_by(Threshold.percent)))
