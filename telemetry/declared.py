"""Declared mappings, from their rows to the seats that decode by them."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.mappings import SourceMapping
from telemetry.formats.mapped import BadMapping, Mapped, compiled
from telemetry.formats.sources import RESERVED
from telemetry.seat import Seat

log = structlog.get_logger()


def mappings(session: Session) -> list[Mapped]:
    """Every declared mapping, the oldest first. One that is no longer understood is left out, and the log says so."""
    out: list[Mapped] = []
    for name, spec in session.execute(
        select(SourceMapping.name, SourceMapping.spec).order_by(SourceMapping.created_at, SourceMapping.id)
    ):
        try:
            out.append(compiled(spec, RESERVED))
        except BadMapping as problem:
            log.error("watch.mapping_unusable", mapping=name, why=str(problem))
    return out


def give(session: Session, seats: Iterable[Seat]) -> None:
    """Let seats understand what is declared now."""
    known = mappings(session)
    for seat in seats:
        seat.decoder.mappings = known
