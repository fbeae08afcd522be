"""Traces: what a seat's machines scored minute by minute, and what held them back, kept for who asks why later.

They go to the database with the seat's snapshot: what lies between the last snapshot and a crash is heard again and so
traced again. One row a machine and hour.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson
from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from models.restraints import Restraint, ScoreTrace
from models.session import SYSTEM, Sessions, work
from telemetry.machine import Machine
from telemetry.restraint import Run
from telemetry.scoring import Score
from telemetry.verdicts import THRESHOLD

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
KEPT: Final = timedelta(days=35)
_IDS: Final = uuid.UUID("7d3f0c1e-52c4-5c0b-8f0e-1d6a3b9c4e77")

_SCORES: Final = text(
    """
    INSERT INTO score_traces AS t (machine_id, hour, customer_id, scores)
    SELECT m.id, to_timestamp(given.hour), m.customer_id, given.scores::jsonb
    FROM unnest(CAST(:names AS text[]), CAST(:hours AS bigint[]), CAST(:scores AS text[])) AS given(name, hour, scores)
    JOIN machines m ON m.name = given.name
    ORDER BY m.id, given.hour
    ON CONFLICT (machine_id, hour) DO UPDATE SET scores = (
        SELECT jsonb_agg(coalesce(nullif(new.value, 'null'), old.value, 'null') ORDER BY new.place)
        FROM jsonb_array_elements(excluded.scores) WITH ORDINALITY AS new(value, place)
        LEFT JOIN jsonb_array_elements(t.scores) WITH ORDINALITY AS old(value, place) USING (place)
    )
    """
)
_RESTRAINTS: Final = text(
    """
    INSERT INTO restraints AS r (id, customer_id, machine_id, rule, words, began_at, ended_at, score, threshold, facts)
    SELECT :id, m.customer_id, m.id, :rule, :words, :began_at, :ended_at, :score, :threshold, '{}'
    FROM machines m WHERE m.name = :machine
    ON CONFLICT (id) DO UPDATE SET words = excluded.words, ended_at = excluded.ended_at,
        score = greatest(r.score, excluded.score), threshold = excluded.threshold
    """
)


@dataclass(slots=True)
class Traces:
    """What was scored and held back since the last snapshot."""

    hours: dict[tuple[str, int], list[float | None]] = field(default_factory=dict)
    runs: dict[tuple[str, str, int], Run] = field(default_factory=dict)

    def take(self, scores: list[Score], machines: Callable[[str], Machine | None]) -> None:
        """Note new scores (the list is emptied), and what holds their machines back."""
        for name, at_ms, score in scores:
            hour, within = divmod(at_ms, HOUR_MS)
            row = self.hours.get((name, hour))
            if row is None:
                row = self.hours[name, hour] = [None] * 60
            minute = within // MINUTE_MS
            before = row[minute]
            row[minute] = round(score, 3) if before is None or score > before else before
        for name in {name for name, _, _ in scores}:
            m = machines(name)
            if m is not None and m.held is not None:
                self.runs[name, m.held.rule, m.held.began_ms] = Run(**asdict(m.held))
        scores.clear()

    def forget(self, name: str) -> None:
        """Nothing of this machine is to be kept."""
        self.hours = {key: row for key, row in self.hours.items() if key[0] != name}
        self.runs = {key: run for key, run in self.runs.items() if key[0] != name}


def keep(session: Session, traces: Traces) -> None:
    """Write down what was traced. The caller empties it once it has committed."""
    if traces.hours:
        rows = [(name, hour * 3600, orjson.dumps(row).decode()) for (name, hour), row in traces.hours.items()]
        names, hours, scores = (list(column) for column in zip(*rows, strict=True))
        session.execute(_SCORES, {"names": names, "hours": hours, "scores": scores})
    given = [_row(machine, run) for (machine, _, _), run in sorted(traces.runs.items())]
    if given:
        session.execute(_RESTRAINTS, given)


def _row(machine: str, run: Run) -> dict[str, object]:
    return {
        "id": uuid.uuid5(_IDS, f"{machine}\n{run.rule}\n{run.began_ms}"),
        "machine": machine,
        "rule": run.rule,
        "words": run.words,
        "began_at": datetime.fromtimestamp(run.began_ms / 1000, UTC),
        "ended_at": datetime.fromtimestamp(run.last_ms / 1000, UTC),
        "score": run.peak * THRESHOLD,
        "threshold": run.bar * THRESHOLD,
    }


def erase(session: Session, machine_id: uuid.UUID, start: datetime, end: datetime) -> None:
    """Take away what a machine scored from `start`, the beginning of an hour, to `end`, and what was held back."""
    trace, run = ScoreTrace, Restraint
    session.execute(delete(trace).where(trace.machine_id == machine_id, trace.hour >= start, trace.hour < end))
    session.execute(delete(run).where(run.machine_id == machine_id, run.began_at >= start, run.began_at < end))


def forgetting_loop(sessions: Sessions) -> Callable[[datetime], None]:
    """The body of a loop that lets go of what is older than `KEPT`."""

    def body(now: datetime) -> None:
        with work(sessions, SYSTEM) as session:
            session.execute(delete(ScoreTrace).where(ScoreTrace.hour < now - KEPT))
            session.execute(delete(Restraint).where(Restraint.began_at < now - KEPT))

    return body
