"""Training a release: baselines of every machine from the history stored here, judged on what was held out.

What engineers confirmed as a problem is taken out of the history, so that it is not learned as normal; what they
dismissed stays in, so that it is. Maintenance is left out. Takes a session, never commits.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import audit
from models.base import new_id
from models.incidents import Finding
from models.machines import Machine
from models.releases import ModelRelease, ReleaseArtefact
from models.session import let_think
from telemetry import gridded, history, shelf, training, worked_on
from telemetry.baselines import Baselines
from telemetry.features import Array
from telemetry.machine import LEAST_ROWS
from telemetry.releases import FORMAT, digest_of
from telemetry.watching import Settings

LEAST_S: Final = 3600  # of history, as live
HELD_OUT: Final = 0.25  # the newest share of history is judged by a model that has not seen it
LEAST_HELD_OUT: Final = 120  # rows; fewer are judged by nobody
MARGIN: Final = timedelta(minutes=30)  # on either side of a confirmed problem
# What may be set: the usual value, and between which it makes sense.
SETTINGS: Final[Mapping[str, tuple[float, float, float]]] = {
    "threshold": (1.0, 0.5, 2.0),  # times the usual ones
    "ridge": (0.3, 0.01, 10.0),
    "cap": (6.0, 2.0, 50.0),
    "floor_of_range": (0.05, 0.001, 0.5),
    "linked_peaks_a_day": (0.5, 0.05, 10.0),
}


class BadSettings(ValueError):
    """A setting that is none, or out of its bounds; says which and what is possible."""


class NothingLearned(ValueError):
    """No machine had history to learn from; says why."""


@dataclass(slots=True)
class Trained:
    """What a training came to, before it is kept."""

    settings: dict[str, float]
    artefacts: dict[str, tuple[Machine, shelf.Artefact]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)  # machine → why
    held_out_days: float = 0.0
    held_out_alarms: float = 0.0
    confirmed: int = 0
    dismissed: int = 0
    reports: int = 0


def settings_of(given: Mapping[str, float]) -> dict[str, float]:
    """Every setting, the usual value where none is given. Raises `BadSettings`."""
    for name, value in given.items():
        if name not in SETTINGS:
            raise BadSettings(f"there is no setting {name}; there are: {', '.join(SETTINGS)}")
        _, low, high = SETTINGS[name]
        if not low <= value <= high:
            raise BadSettings(f"{name} must lie between {low:g} and {high:g}, not at {value:g}")
    return {name: float(given.get(name, usual)) for name, (usual, _, _) in SETTINGS.items()}


def machines_of(session: Session, customer_id: uuid.UUID | None, names: Sequence[str]) -> list[Machine]:
    """The machines in service to train: all, a customer's, or those named. Raises `NothingLearned` for a name of
    none."""
    wanted = select(Machine).where(Machine.retired_at.is_(None)).order_by(Machine.name)
    if customer_id is not None:
        wanted = wanted.where(Machine.customer_id == customer_id)
    if names:
        wanted = wanted.where(Machine.name.in_(names))
    found = list(session.scalars(wanted))
    if lacking := set(names) - {one.name for one in found}:
        raise NothingLearned(f"there is no machine {sorted(lacking)[0]} among those asked for")
    return found


@cache
def code_version() -> str:
    """Version of the package, and the digest of the code that fits and scores."""
    here = Path(__file__).parent
    told = hashlib.sha256()
    for name in ("baselines.py", "features.py", "training.py", "fleet.py", "relations.py", "scoring.py"):
        told.update((here / name).read_bytes())
    try:
        number = version("vigie")
    except PackageNotFoundError:  # run from the folder of its sources
        number = "unreleased"
    return f"{number}+{told.hexdigest()[:12]}"


def train(
    session: Session, machines: Sequence[Machine], start: datetime, end: datetime, settings: Mapping[str, float],
    said: Callable[[str], None] = lambda words: None,
) -> Trained:  # fmt: skip
    """Fit and judge each machine. ``said`` hears a line a machine. Raises `BadSettings`, `NothingLearned`."""
    out = Trained(settings_of(settings))
    if end - start < timedelta(seconds=LEAST_S):
        raise NothingLearned("the span is shorter than an hour: nothing can be learned of it")
    let_think(session)
    for machine in machines:
        why = _train_one(session, out, machine, start, end)
        if why:
            out.left_out[machine.name] = why
        said(f"{machine.name}: {why or 'learned'}")
    if not out.artefacts:
        first = next(iter(out.left_out.items()), ("no machine", "there is none"))
        raise NothingLearned(f"nothing was learned: {first[0]}: {first[1]}")
    return out


def keep(
    session: Session, trained: Trained, start: datetime, end: datetime, *, title: str, actor: str, now: datetime
) -> ModelRelease:
    """Keep a training as a release. It is on duty nowhere."""
    digests = {name: artefact.digest for name, (_, artefact) in sorted(trained.artefacts.items())}
    days = trained.held_out_days
    release = ModelRelease(
        id=new_id(), title=title, settings=trained.settings, machines=len(digests), made_at=now, made_by=actor,
        digest=digest_of(trained.settings, digests),
        lineage={
            "format": FORMAT, "code": code_version(), "from": _said(start), "to": _said(end),
            "reports": trained.reports, "artefacts": digests, "left_out": trained.left_out,
            "verdicts": {"confirmed_left_out": trained.confirmed, "dismissed_kept": trained.dismissed},
            "scores": {
                "held_out_machine_days": round(days, 2), "held_out_alarms": round(trained.held_out_alarms),
                "held_out_alarms_a_machine_day": round(trained.held_out_alarms / days, 3) if days else None,
            },
        },
    )  # fmt: skip
    session.add(release)
    session.flush()  # its number, and the artefacts refer to it
    for machine, artefact in trained.artefacts.values():
        session.add(
            ReleaseArtefact(
                id=new_id(), customer_id=machine.customer_id, release_id=release.id, machine_id=machine.id,
                digest=artefact.digest, body=artefact.body, lineage=artefact.lineage,
            )
        )  # fmt: skip
    facts = {"digest": release.digest, "machines": len(digests), "from": _said(start), "to": _said(end)}
    audit.record(session, actor=actor, deed="model.trained", subject=f"model {release.label}", now=now, facts=facts)
    return release


def _train_one(session: Session, out: Trained, machine: Machine, start: datetime, end: datetime) -> str:
    """Why it was left out; empty when it was learned."""
    columns = history.reports(session, machine.id, None, start, end)
    if not len(columns):
        return "no report is stored of that span"
    counters = gridded.counters_in(columns)
    confirmed, dismissed = _judged_spans(session, machine.id, start, end)
    columns = gridded.without(columns, confirmed + _maintenance(session, machine.id, start, end))
    book = gridded.notebook_of(columns, counters)
    if len(book.steps) < LEAST_ROWS or book.span_s < LEAST_S:
        return f"{book.span_s // 60} minutes of history are too few: an hour is the least"
    table, grid_s, _ = book.table()
    model = _fitted(table, book.names, grid_s, out.settings)
    model.counters_ = sorted(counters)
    cut = round(len(table) * (1 - HELD_OUT))
    if len(table) - cut >= LEAST_HELD_OUT and cut >= LEAST_ROWS:
        judged = _judged(_fitted(table[:cut], book.names, grid_s, out.settings), table, cut)
        out.held_out_days += judged.rows * grid_s / 86_400
        out.held_out_alarms += judged.over_a_day * judged.rows * grid_s / 86_400
    artefact = shelf.dumped(
        model, machine=machine.name, **{"from": _said(start), "to": _said(end), "code": code_version()},
        counters=sorted(counters), confirmed_left_out=len(confirmed),
    )  # fmt: skip
    out.artefacts[machine.name] = (machine, artefact)
    out.confirmed, out.dismissed = out.confirmed + len(confirmed), out.dismissed + dismissed
    out.reports += len(columns)
    return ""


def _fitted(table: Array, names: Sequence[str], grid_s: float, settings: Mapping[str, float]) -> Baselines:
    usual, times = Baselines(), settings["threshold"]
    return training.fitted(
        table, names, float(grid_s),
        own_threshold=usual.own_threshold * times, own_threshold_beside=usual.own_threshold_beside * times,
        linked_threshold=usual.linked_threshold * times,
        **{name: value for name, value in settings.items() if name != "threshold"},
    )  # fmt: skip


def _judged(model: Baselines, table: Array, cut: int) -> training.Judged:
    """How it behaves on rows it was not fitted on, by whichever score would rule the machine."""
    linked = model.linked_ and model.calm_ < Settings().calm_trusted
    score = model.score_samples(table) if linked else model.own_score(table) / model.own_threshold
    late = score[cut:]
    over = np.flatnonzero(late >= 1.0)
    alarms = 0 if len(over) == 0 else 1 + int((np.diff(over) * model.grid_s > 4 * 3600).sum())
    days = len(late) * model.grid_s / 86_400
    return training.Judged(len(late), alarms / days, float(np.median(late)), float(late.max(initial=0.0)))


def _judged_spans(
    session: Session, machine_id: uuid.UUID, start: datetime, end: datetime
) -> tuple[list[tuple[int, int]], int]:
    """The confirmed problems of a machine as spans, and how many findings were dismissed."""
    rows = session.execute(
        select(Finding.verdict, Finding.started_at, Finding.ended_at).where(
            Finding.machine_id == machine_id, Finding.verdict != "", Finding.started_at < end,
            (Finding.ended_at > start) | Finding.ended_at.is_(None),
        )
    ).all()  # fmt: skip
    spans = [
        (_ms(row.started_at - MARGIN), _ms((row.ended_at or end) + MARGIN)) for row in rows if row.verdict == "true"
    ]
    return spans, sum(row.verdict in ("benign", "false") for row in rows)


def _maintenance(session: Session, machine_id: uuid.UUID, start: datetime, end: datetime) -> list[tuple[int, int]]:
    return [(_ms(begins), _ms(ends)) for begins, ends, _ in worked_on.marks(session, machine_id, start, end)]


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _said(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
