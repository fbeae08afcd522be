"""Declared mappings, from their rows to the seats that decode by them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from telemetry import mapped_topics
from telemetry.seat import Seat


def give(session: Session, seats: Iterable[Seat]) -> None:
    """Let seats understand what is declared now."""
    known = mapped_topics.mappings(session)
    for seat in seats:
        seat.decoder.mappings = known
