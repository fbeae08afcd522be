"""What challengers would have opened, as rows: written with the batch it was heard in, each once. Takes a session."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.releases import ModelRelease, ShadowOpening
from telemetry.directory import Known
from telemetry.verdict import Verdict

Shadowed = tuple[Known, str, Verdict]  # whose, by which release (M-3), what would begin or end
_IDS: Final = uuid.UUID("2f0a6f0a-7a57-5c5e-9d0b-6d0f5c9b1f33")


def store(session: Session, said: Sequence[Shadowed]) -> None:
    """Write down what would have been opened, and the ends of that."""
    if not said:
        return
    numbers = {int(label.removeprefix("M-")) for _, label, _ in said}
    known = session.execute(select(ModelRelease.number, ModelRelease.id).where(ModelRelease.number.in_(numbers)))
    releases = {f"M-{number}": release_id for number, release_id in known}
    for whose, label, verdict in said:
        if label not in releases:
            continue  # taken away since: nobody asks for it any more
        row_id = uuid.uuid5(_IDS, f"{label}\n{verdict.finding_id}")
        if not verdict.opened:
            ended = update(ShadowOpening).where(ShadowOpening.id == row_id, ShadowOpening.ended_at.is_(None))
            session.execute(ended.values(ended_at=_at(verdict.at_ms)))
            continue
        row = {
            "id": row_id, "customer_id": whose.customer_id, "release_id": releases[label],
            "machine_id": whose.machine_id, "cause": verdict.cause, "severity": verdict.severity,
            "score": verdict.score, "opened_at": _at(verdict.started_ms), "summary": verdict.summary,
            "metrics": list(verdict.metrics),
        }  # fmt: skip
        session.execute(insert(ShadowOpening).values(row).on_conflict_do_nothing())


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
