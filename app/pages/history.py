"""What a machine reported, as tracks for charts: one point a bucket, no more than a screen can show."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from app.pages.evidence import Track
from telemetry import history

POINTS = 480  # a chart is rarely wider than this on a screen of twelve of them


def tracks_of(
    session: Session, machine_id: uuid.UUID, start: float, end: float, names: Sequence[str], points: int = POINTS
) -> dict[str, Track]:
    """The metrics named, between two instants in epoch seconds; a metric that was never reported is left out."""
    span = history.read(
        session, machine_id, list(names), datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC), points
    )
    at = [moment / 1000 for moment in span.at_ms.tolist()]
    return {
        name: Track(at, [None if math.isnan(value) else value for value in line.mean.tolist()])
        for name, line in span.lines.items()
    }
