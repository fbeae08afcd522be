"""Champions and challengers reach running watchers: each seat runs what the duties say, without a restart.

Asked with every beat. Loading a model and reading a day of history costs tens of milliseconds, so only so much is done
at a time; a machine that waits goes on as before. A model that cannot be taken is refused in words on its duty; the
machine goes on as before, the watcher says that it watches less well than it should, and tries again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.artefacts import ModelArtefact
from models.machines import Machine
from models.releases import ModelDuty, ModelRelease, ReleaseArtefact
from telemetry import history, installing, shelf
from telemetry.columns import Columns
from telemetry.releases import Incompatible
from telemetry.seat import Seat
from telemetry.watching import Watching

log = structlog.get_logger()

RECENT: Final = timedelta(hours=26)  # what the averages of a day are put back to
RELEARNED_FROM: Final = timedelta(days=3)
AT_ONCE_S: Final = 0.5  # of one beat; one machine at least
AGAIN_S: Final = (
    300.0  # a machine that said too little lately, or whose model was refused, is tried again so much later
)
MOST_TOLD: Final = 3  # machines that are named


@dataclass(frozen=True, slots=True)
class Duty:
    """What is to score a machine in a role."""

    duty_id: uuid.UUID
    machine_id: uuid.UUID
    customer_id: uuid.UUID
    release_id: uuid.UUID
    label: str
    is_taken: bool
    refused: str


class Succession:
    """What the seats of one watcher have taken over. One thread."""

    def __init__(self) -> None:
        self._not_before: dict[tuple[str, str, uuid.UUID], float] = {}  # machine, role, duty
        self._refused: dict[str, str] = {}  # machine → which champion it should have, and why it has not
        self._tried_again = False

    def give(self, session: Session, seats: Iterable[Seat], now: datetime) -> set[int]:
        """Let seats that are up to date take what is on duty now; partitions whose state has changed."""
        seats = [seat for seat in seats if not seat.is_rebuilding]
        duties = _duties(session) if seats else {}
        watched = {name for seat in seats for name in seat.watching.known}
        refused = {name: duty for (name, _), duty in duties.items() if duty.refused and name in watched}
        self._refused = {name: _why(duty.label, duty.refused) for name, duty in refused.items()}
        self._tried_again = False
        changed: set[int] = set()
        until = time.monotonic() + AT_ONCE_S
        for seat in seats:
            if seat.shadow.failed:
                self._give_up(session, seat, duties)
            for name in sorted(seat.watching.known):
                for role, watching in (("champion", seat.watching), ("challenger", seat.shadow.watching)):
                    if changed and time.monotonic() > until:
                        return changed
                    if self._follow(session, seat, name, role, watching, duties.get((name, role)), now):
                        changed.add(seat.partition)
        return changed

    def words(self) -> list[str]:
        """For the platform page: champions that could not be taken, and why."""
        if not self._refused:
            return []
        why = "; ".join(self._refused[name] for name in sorted(self._refused)[:MOST_TOLD])
        number = len(self._refused)
        return [f"{number} machine{'s go' if number > 1 else ' goes'} on without the model on duty ({why})"]

    def _follow(
        self, session: Session, seat: Seat, name: str, role: str, watching: Watching, duty: Duty | None, now: datetime
    ) -> bool:
        m = watching.known.get(name)
        if duty is None:
            if m is None or not m.release:
                return False
            if role == "challenger":
                seat.shadow.drop(name)
            else:
                _back_to_own(session, seat, name, now)
            return True
        if m is not None and m.release == duty.label and duty.is_taken:
            return False
        key = (name, role, duty.duty_id)
        if time.monotonic() < self._not_before.get(key, 0.0):
            return False
        if duty.refused:  # of these one at a time: thousands may have been refused
            if self._tried_again:
                return False
            self._tried_again, self._not_before[key] = True, time.monotonic() + AGAIN_S
        try:
            _take(session, seat, name, role, duty, now)
            self._refused.pop(name, None)
        except installing.NotYet:
            self._not_before[key] = time.monotonic() + AGAIN_S
            return False
        except (shelf.BadArtefact, Incompatible) as why:
            self._not_before[key] = time.monotonic() + AGAIN_S
            if role == "champion":
                self._refused[name] = _why(duty.label, f"{name}: {why}")
            if duty.refused:
                return False
            _refuse(session, duty, f"{name}: {why}")
        return True

    def _give_up(self, session: Session, seat: Seat, duties: dict[tuple[str, str], Duty]) -> None:
        for (name, role), duty in list(duties.items()):
            if role == "challenger" and name in seat.watching.known:
                _refuse(session, duty, f"{name}: scoring failed: {seat.shadow.failed}")
                del duties[name, role]
        seat.shadow.failed = ""


def _duties(session: Session) -> dict[tuple[str, str], Duty]:
    """What is on duty now, by machine and role; a challenger that was refused is not, a champion that was is."""
    d = ModelDuty
    rows = session.execute(
        select(Machine.name, d.role, d.id, d.machine_id, d.customer_id, d.release_id, ModelRelease.number, d.taken_at,
               d.refused)
        .join(Machine, Machine.id == d.machine_id)
        .join(ModelRelease, ModelRelease.id == d.release_id)
        .where(d.ended_at.is_(None), (d.refused == "") | (d.role == "champion"))
    )  # fmt: skip
    return {
        (row.name, row.role): Duty(
            row.id,
            row.machine_id,
            row.customer_id,
            row.release_id,
            f"M-{row.number}",
            row.taken_at is not None,
            row.refused,
        )
        for row in rows
    }


def _take(session: Session, seat: Seat, name: str, role: str, duty: Duty, now: datetime) -> None:
    row = session.execute(
        select(ReleaseArtefact.body, ReleaseArtefact.digest, ReleaseArtefact.lineage).where(
            ReleaseArtefact.release_id == duty.release_id, ReleaseArtefact.machine_id == duty.machine_id
        )
    ).one_or_none()
    if row is None:
        raise Incompatible("its artefact is gone: the history it was learned from was erased")
    one = installing.brought(duty.label, row.body, row.digest, row.lineage)
    recent = _recent(session, duty.machine_id, now - RECENT, now)
    if role == "champion":
        installing.install(seat.watching, name, one, recent)
        seat.models.pop(name, None)
        artefact = shelf.Artefact(row.body, row.digest, {**row.lineage, "release": duty.label})
        shelf.put(session, artefact, customer_id=duty.customer_id, machine_id=duty.machine_id, now=now)
    else:
        seat.shadow.take(name, one, recent, seat.watching)
    session.execute(update(ModelDuty).where(ModelDuty.id == duty.duty_id).values(taken_at=now, refused=""))
    log.info("watch.model_taken", machine=name, role=role, release=duty.label, digest=row.digest[:12])


def _why(label: str, why: str) -> str:
    return f"{label} on {why}"


def _refuse(session: Session, duty: Duty, why: str) -> None:
    session.execute(update(ModelDuty).where(ModelDuty.id == duty.duty_id).values(refused=why[:300]))
    log.error("watch.model_refused", release=duty.label, why=why)


def _back_to_own(session: Session, seat: Seat, name: str, now: datetime) -> None:
    """What the machine had learned by itself before it was given a release; learned anew where that is gone."""
    machine = session.execute(select(Machine.id, Machine.customer_id).where(Machine.name == name)).one()
    own = session.scalars(
        select(ModelArtefact)
        .where(ModelArtefact.machine_id == machine.id, ModelArtefact.name == shelf.NAME,
               ~ModelArtefact.lineage.has_key("release"))
        .order_by(ModelArtefact.created_at.desc())
        .limit(1)
    ).first()  # fmt: skip
    try:
        if own is None:
            raise Incompatible("nothing it learned by itself was kept")
        one = installing.brought("", own.body, own.digest, own.lineage)
        installing.install(seat.watching, name, one, _recent(session, machine.id, now - RECENT, now))
        artefact = shelf.Artefact(own.body, own.digest, own.lineage)
        shelf.put(session, artefact, customer_id=machine.customer_id, machine_id=machine.id, now=now)
        log.info("watch.model_given_back", machine=name, digest=own.digest[:12])
    except (installing.NotYet, shelf.BadArtefact, Incompatible) as why:
        installing.relearn(seat.watching, name, _recent(session, machine.id, now - RELEARNED_FROM, now))
        log.info("watch.learns_anew", machine=name, why=str(why))


def _recent(session: Session, machine_id: uuid.UUID, start: datetime, end: datetime) -> Columns:
    return history.reports(session, machine_id, None, start, end + timedelta(minutes=5))
