"""Releases as they are read: where each is on duty, and what a challenger would open beside what was opened."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from models.incidents import Finding, Incident
from models.machines import Machine
from models.releases import ModelDuty, ModelRelease, ShadowOpening
from telemetry.matching import Opening, Pair, paired

SHOWN: Final = 100  # releases, the newest
LONGEST: Final = timedelta(days=35)  # of a table: as long as scores are kept
_LIVE: Final = ModelDuty.ended_at.is_(None)


@dataclass(slots=True)
class Shown:
    """A release and where it stands, in numbers of machines."""

    release: ModelRelease
    champion: int = 0
    challenger: int = 0
    waiting: int = 0  # of both: no watcher has taken it yet
    served: bool = False  # it was champion once
    refused: list[tuple[str, str]] = field(default_factory=list)  # machine, why

    @property
    def standing(self) -> str:
        """In words."""
        said = [
            f"{word} of {number}" for word, number in (("champion", self.champion), ("challenger", self.challenger))
            if number
        ]  # fmt: skip
        if self.waiting:
            said.append(f"{self.waiting} not taken yet")
        if self.refused:
            said.append(f"{len(self.refused)} refused")
        return ", ".join(said) or ("rolled back or replaced" if self.served else "on duty nowhere")


@dataclass(frozen=True, slots=True)
class Table:
    """What a challenger would have opened, beside what the champion opened on the same machines in the same time."""

    since: datetime | None
    until: datetime
    machines: int
    pairs: Sequence[Pair]  # a: the champion, b: the challenger; the newest first
    both: int
    champion_only: int
    challenger_only: int

    @property
    def sentence(self) -> str:
        """What is counted."""
        if self.since is None:
            return "It was never challenger: nothing was scored in its shadow."
        return (
            f"On {self.machines} {'machine' if self.machines == 1 else 'machines'} since {self.since:%Y-%m-%d %H:%M} "
            f"UTC: {self.both} opened by both, {self.champion_only} by the champion only, {self.challenger_only} by "
            "the challenger only. Findings of the model are counted, before contract and desk."
        )


def every(session: Session, limit: int = SHOWN) -> list[Shown]:
    """The newest releases with their duties."""
    rows = session.scalars(select(ModelRelease).order_by(ModelRelease.number.desc()).limit(limit)).all()
    return standing(session, rows)


def of(session: Session, release: ModelRelease) -> Shown:
    """One of them."""
    return standing(session, [release])[0]


def standing(session: Session, releases: Sequence[ModelRelease]) -> list[Shown]:
    """Releases with their duties. Two queries."""
    found = {one.id: Shown(one) for one in releases}
    taken = func.count().filter(_LIVE, ModelDuty.refused == "", ModelDuty.taken_at.is_(None))
    rows = session.execute(
        select(ModelDuty.release_id, ModelDuty.role, func.count().filter(_LIVE, ModelDuty.refused == ""), taken)
        .where(ModelDuty.release_id.in_(found))
        .group_by(ModelDuty.release_id, ModelDuty.role)
    )
    for release_id, role, live, waiting in rows:
        one = found[release_id]
        one.waiting += waiting
        if role == "champion":
            one.champion, one.served = live, True
        else:
            one.challenger = live
    refused = session.execute(
        select(ModelDuty.release_id, Machine.name, ModelDuty.refused)
        .join(Machine, Machine.id == ModelDuty.machine_id)
        .where(ModelDuty.release_id.in_(found), _LIVE, ModelDuty.refused != "")
        .order_by(Machine.name)
    )
    for release_id, name, why in refused:
        found[release_id].refused.append((name, why))
    return list(found.values())


def table(session: Session, release: ModelRelease, now: datetime, limit: int = 200) -> Table:
    """The table of a challenger, of the last 35 days at most."""
    spans = session.execute(
        select(ModelDuty.machine_id, func.min(ModelDuty.taken_at),
               case((func.bool_or(_LIVE), None), else_=func.max(ModelDuty.ended_at)))
        .where(ModelDuty.release_id == release.id, ModelDuty.role == "challenger", ModelDuty.taken_at.is_not(None))
        .group_by(ModelDuty.machine_id)
    ).all()  # fmt: skip
    duty: dict[uuid.UUID, tuple[datetime, datetime]] = {
        machine_id: (max(since, now - LONGEST), until or now) for machine_id, since, until in spans
    }
    if not duty:
        return Table(None, now, 0, [], 0, 0, 0)
    since = min(start for start, _ in duty.values())
    names = session.execute(select(Machine.id.label("machine_id"), Machine.name).where(Machine.id.in_(duty))).all()
    f, s = Finding, ShadowOpening
    champion = [
        Opening(row.name, row.cause, row.severity, row.opened_at, row.ended_at, row.summary, _note(row))
        for row in session.execute(
            select(f.machine_id, Machine.name, f.cause, f.severity, f.opened_at, f.ended_at, f.summary, f.verdict,
                   f.held_back, Incident.number)
            .join(Machine, Machine.id == f.machine_id)
            .outerjoin(Incident, Incident.id == f.incident_id)
            .where(f.machine_id.in_(duty), f.kind == "anomaly", f.opened_at <= now,
                   f.ended_at.is_(None) | (f.ended_at >= since))
            .order_by(f.opened_at.desc())
            .limit(5000)
        )
        if row.opened_at <= duty[row.machine_id][1]
    ]  # fmt: skip
    challenger = [
        Opening(row.name, row.cause, row.severity, row.opened_at, row.ended_at, row.summary)
        for row in session.execute(
            select(Machine.name, s.cause, s.severity, s.opened_at, s.ended_at, s.summary)
            .join(Machine, Machine.id == s.machine_id)
            .where(s.release_id == release.id, s.opened_at >= since)
            .order_by(s.opened_at.desc())
            .limit(5000)
        )
    ]
    # What the champion had open when the shadow began pairs with what the challenger sees of it; else it is of no time
    # they shared.
    began = {row.name: duty[row.machine_id][0] for row in names}
    pairs = [
        pair for pair in paired(champion, challenger)[::-1] if pair.b or pair.one.opened_at >= began[pair.one.machine]
    ]
    counts = [sum(pair.by == by for pair in pairs) for by in ("both", "a", "b")]
    return Table(since, now, len(duty), pairs[:limit], *counts)


def _note(row: object) -> str:
    """What became of a champion's finding: its incident, what held it back, what engineers said."""
    number, held, verdict = (getattr(row, name) for name in ("number", "held_back", "verdict"))
    said = [f"VG-{number}" if number else f"held back: {held}" if held else "", f"judged {verdict}" if verdict else ""]
    return ", ".join(part for part in said if part)
