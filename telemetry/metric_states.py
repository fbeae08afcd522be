"""Of every metric of a machine: whether it speaks, since when not, when it was last heard, and in which rhythm.

Made when somebody asks, of what history holds. That something fell silent is the watcher's word (`metric_silence`);
where nobody watches, the same measure is taken here. Takes a session.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.incidents import Finding
from models.machines import Machine, MachineState
from telemetry import history, metric_silence, patience, rollups
from telemetry.columns import Columns, Floats, Instants
from telemetry.figures import HOUR_MS, names_in

State = Literal["speaking", "silent", "unknown"]
_LATELY: Final = timedelta(hours=2)  # of reports themselves; what was heard longer ago is looked up by its hours
_BY_HOURS: Final = timedelta(days=10)
_BY_DAYS: Final = timedelta(days=400)
_PAUSES: Final = 15  # of the newest pauses the middle one is the rhythm, as it is of machines
_LEAST_PAUSES: Final = 2
_HOURS_LOOKED_INTO: Final = 8


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a metric was heard last, how often in what was looked at, and after how many seconds again, usually."""

    last_at: datetime
    cadence_s: float | None
    times: int


@dataclass(frozen=True, slots=True)
class MetricState:
    """`since`: of a silence, when it was heard last before. `why` tells what makes it unknown."""

    state: State
    since: datetime | None = None
    last_at: datetime | None = None
    cadence_s: float | None = None
    why: str = ""


NEVER: Final = MetricState("unknown", why="it was never heard")


def of(
    session: Session, machine: Machine, state: MachineState | None, names: Collection[str], now: datetime
) -> dict[str, MetricState]:
    """The state of each of these metrics, by their names as sent."""
    heard = rhythms(session, machine.id, names, now)
    missed = _missed(session, machine.id)
    floor_s = patience.floors_of(session, [(machine.customer_id, machine.id)], now).get(machine.id, patience.LEAST_S)
    speaking = state.speaking if state is not None else "unknown"
    return {name: judged(name, speaking, heard.get(name), missed.get(name), floor_s, now) for name in names}


def judged(
    name: str, machine: str, rhythm: Rhythm | None, missed_since: datetime | None, floor_s: float, now: datetime
) -> MetricState:
    """One metric, of what is known of it and of its machine (speaking, silent or unknown). Plain."""
    if rhythm is None and missed_since is None:
        return NEVER
    last, cadence = (rhythm.last_at, rhythm.cadence_s) if rhythm is not None else (missed_since, None)
    if machine == "unknown":
        return MetricState("unknown", None, last, cadence, "nothing is known of its machine now")
    if machine == "silent":
        return MetricState("silent", last, last, cadence)
    if missed_since is not None:
        return MetricState("silent", missed_since, last, cadence)
    if last is not None and (now - last).total_seconds() <= patience.patience_s(cadence, floor_s):
        return MetricState("speaking", None, last, cadence)
    if metric_silence.comes_and_goes(name):
        return MetricState("unknown", None, last, cadence, "it comes and goes with what it is about")
    if rhythm is None or rhythm.times < metric_silence.LEARNED:
        return MetricState("unknown", None, last, cadence, "it was heard too seldom to be missed")
    return MetricState("silent", last, last, cadence)


def rhythms(session: Session, machine_id: uuid.UUID, names: Collection[str], now: datetime) -> dict[str, Rhythm]:
    """Of those of these metrics that history still holds."""
    end = now + timedelta(hours=1)  # a machine's clock may be ahead within its tolerance
    found = _in_reports(history.reports(session, machine_id, names, now - _LATELY, end))
    older = [name for name in names if name not in found or found[name].times <= _LEAST_PAUSES]
    if older:
        found |= _by_hours(session, machine_id, older, now)
    oldest = [name for name in older if name not in found]
    return found | _by_days(session, machine_id, oldest, now) if oldest else found


def _in_reports(columns: Columns) -> dict[str, Rhythm]:
    found: dict[str, Rhythm] = {}
    for name, values in columns.values.items():
        at = columns.at_ms[~np.isnan(values)]
        if len(at):
            pauses = np.diff(at[-_PAUSES - 1 :])
            cadence = float(np.median(pauses)) / 1000 if len(pauses) >= _LEAST_PAUSES else None
            found[name] = Rhythm(history.instant(int(at[-1])), cadence, len(at))
    return found


def _by_hours(session: Session, machine_id: uuid.UUID, names: Collection[str], now: datetime) -> dict[str, Rhythm]:
    """Of what was heard longer ago, or too seldom to tell by the last hours."""
    counted = rollups.hours(session, machine_id, names, now - _BY_HOURS, now + timedelta(hours=1))
    last: dict[str, int] = {}
    found: dict[str, Rhythm] = {}
    for name in names_in(counted):
        count = np.nan_to_num(counted.values[f"n:{name}"])
        hours, count = counted.at_ms[count > 0], count[count > 0]
        if len(hours):
            last[name] = int(hours[-1])
            found[name] = Rhythm(history.instant(last[name]), _of_hours(hours, count), int(count.sum()))
    exact = _exactly(session, machine_id, last)
    return {name: Rhythm(exact.get(name, one.last_at), one.cadence_s, one.times) for name, one in found.items()}


def _by_days(session: Session, machine_id: uuid.UUID, names: Collection[str], now: datetime) -> dict[str, Rhythm]:
    """Of what was not heard for long: on which day it was."""
    counted = rollups.days(session, machine_id, names, now - _BY_DAYS, now)
    found = {}
    for name in names_in(counted):
        count = np.nan_to_num(counted.values[f"n:{name}"])
        if count.any():
            day = int(counted.at_ms[count > 0][-1])
            found[name] = Rhythm(history.instant(day), None, int(count.sum()))
    return found


def _of_hours(hours: Instants, count: Floats) -> float | None:
    """Seconds between two values, of how many there were in each hour that had any."""
    usual = float(np.median(count[-_PAUSES:]))
    if usual >= 1.5:
        return HOUR_MS / 1000 / usual
    pauses = np.diff(hours[-_PAUSES - 1 :])
    return float(np.median(pauses)) / 1000 if len(pauses) >= _LEAST_PAUSES else None


def _exactly(session: Session, machine_id: uuid.UUID, last_hours: Mapping[str, int]) -> dict[str, datetime]:
    """Within its last hour, the instant a metric was heard last; of the newest such hours, where reports are kept."""
    found: dict[str, datetime] = {}
    for hour_ms in sorted(set(last_hours.values()), reverse=True)[:_HOURS_LOOKED_INTO]:
        names = [name for name, at in last_hours.items() if at == hour_ms]
        start = history.instant(hour_ms)
        within = history.reports(session, machine_id, names, start, start + timedelta(hours=1))
        found |= {name: one.last_at for name, one in _in_reports(within).items()}
    return found


def _missed(session: Session, machine_id: uuid.UUID) -> dict[str, datetime]:
    """Metrics the watcher says are silent → since when, by the report that held them last."""
    rows = session.execute(
        select(Finding.started_at, Finding.evidence, Finding.metrics).where(
            Finding.machine_id == machine_id, Finding.kind == "silence", Finding.ended_at.is_(None),
            Finding.cause.startswith(metric_silence.CAUSE),
        )
    )  # fmt: skip
    found: dict[str, datetime] = {}
    for since, evidence, metrics in rows:
        named: Iterable[str] = evidence.get("silent") or metrics
        found |= dict.fromkeys(named, since)
    return found
