"""What a machine reported, as tracks for charts: one point a bucket, no more than a screen can show."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.pages.evidence import Track
from models.machines import Machine, MachineState
from telemetry.vocabulary import is_scored, word

POINTS = 480  # a chart is rarely wider than this on a screen of twelve of them


def tracks_of(
    session: Session, machine_id: uuid.UUID, start: float, end: float, names: Sequence[str], points: int = POINTS
) -> dict[str, Track]:
    """The metrics named, between two instants in epoch seconds; a metric that was never reported is left out."""
    from telemetry import history  # numpy comes with it, and a web process that draws no chart does without

    span = history.read(
        session, machine_id, list(names), datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC), points
    )
    at = [moment / 1000 for moment in span.at_ms.tolist()]
    return {
        name: Track(at, [None if math.isnan(value) else value for value in line.mean.tolist()])
        for name, line in span.lines.items()
    }


def named(metric: str) -> tuple[str, str]:
    """Label and unit."""
    meaning = word(metric)
    return meaning.label, meaning.unit


def telling(session: Session, machine: Machine | None) -> list[str]:
    """The metrics that best show whether a machine is there: those of load and memory first."""
    latest = session.scalar(select(MachineState.latest).where(MachineState.machine_id == machine.id)) if machine else {}
    order = {"cpu": 0, "memory": 1, "temperature": 2}
    known = [name for name in latest or {} if is_scored(name)]
    return sorted(known, key=lambda name: (order.get(word(name).family, 3), name))
