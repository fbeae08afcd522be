"""When each user name of a machine last came in, and from where: what tells which credential is still needed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from models.machines import Machine, MachineCredential
from telemetry.broker_log import CONNECTED, Sighting

_EVERY: Final = timedelta(minutes=1)  # who comes in each second is written down once a minute
_LONGEST: Final = 100


def note(session: Session, sightings: Iterable[Sighting]) -> None:
    """Write down who came in. The broker does not say by which of several certificates: it is told of each."""
    newest = {one.user: one for one in sorted(sightings, key=lambda one: one.at) if one.kind == CONNECTED and one.user}
    for user, one in sorted(newest.items()):
        machine, _, label = user.partition("@")
        came_in(session, machine, label, datetime.fromtimestamp(one.at, UTC), one.address)


def came_in(session: Session, machine: str, label: str, at: datetime, address: str) -> None:
    """One machine under one of its user names."""
    whose = select(Machine.id).where(Machine.name == machine, Machine.retired_at.is_(None)).scalar_subquery()
    row = MachineCredential
    session.execute(
        update(row)
        .where(
            row.machine_id == whose, row.label == label, row.revoked_at.is_(None),
            or_(row.last_used_at.is_(None), row.last_used_at < at - _EVERY),
        )
        .values(last_used_at=at, last_used_from=address[:_LONGEST])
        .execution_options(synchronize_session=False)
    )  # fmt: skip
