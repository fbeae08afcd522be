"""What a machine told last, once a span of it is erased: only what was told after it stays."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from models.machines import MachineState
from telemetry import history

_LATELY = timedelta(hours=1)  # nearly all of what a machine tells it tells within


def left(
    session: Session, machine_id: uuid.UUID, latest: Mapping[str, float], last_at_ms: int, start: datetime,
    end: datetime,
) -> dict[str, float]:  # fmt: skip
    """Of the newest value of each metric those that may stay when the span from `start` up to `end` goes.

    A value bears no instant of its own: what is not found in a report since `end` may be of the span, and goes.
    """
    last = datetime.fromtimestamp(max(last_at_ms, 0) / 1000, UTC)
    if last < start:
        return dict(latest)
    until, gone = last + timedelta(milliseconds=1), set(latest)
    for since in (max(end, last - _LATELY), end):
        if gone and since < until:
            gone -= history.reports(session, machine_id, gone, since, until).values.keys()
    return {name: value for name, value in latest.items() if name not in gone}


def of_state(
    session: Session, state: MachineState, start: datetime, end: datetime
) -> tuple[dict[str, float], dict[str, str]]:
    """The newest values and the texts a machine's row may keep; the texts go when its last report does."""
    if state.last_at is None:
        return state.latest, state.facts
    latest = left(session, state.machine_id, state.latest, round(state.last_at.timestamp() * 1000), start, end)
    return latest, {} if start <= state.last_at < end else state.facts
