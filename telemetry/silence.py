"""Machines that should have spoken and did not.

Three states. *Speaking*: heard within its learned rhythm. *Silent*: not heard although the way from it to us was open.
*Unknown*: never heard, or the way is closed (broker, bridge or watcher), which says nothing about the machine and
resolves nothing. A machine's own "offline" is a hint in the evidence and decides nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts import ledger
from contracts.decision import Ask
from escalation import intake
from escalation.intake import Signal
from models.incidents import Finding
from models.machines import Machine, MachineState
from models.session import SYSTEM, Sessions, work
from models.telemetry import ProcessBeat
from telemetry.maintenance import Window, covering, last_end
from telemetry.worked_on import windows_of

log = structlog.get_logger()

CAUSE: Final = "silence"
SEVERITY: Final = 2
LEAST_S: Final = 30.0
# Four reports missed, and the time a report may take through bridge, log and flush.
MISSED: Final = 4
UNDERWAY_S: Final = 10.0
_UNLEARNED_S: Final = 60.0  # the rhythm taken for a machine that has not reported thrice
_FRESH: Final = timedelta(seconds=20)
_MOST_LAG: Final = 200  # records; behind by more, the watcher cannot know who is silent
_AT_ONCE: Final = 200
_IDS: Final = uuid.UUID("5a1c1f0e-6d0b-5f55-9c51-3f4f3d6f2c11")


def patience_s(cadence_s: float | None) -> float:
    """Seconds without a report after which a machine of this rhythm is silent."""
    return max(LEAST_S, MISSED * (cadence_s or _UNLEARNED_S) + UNDERWAY_S)


@dataclass
class Path:
    """Whether the way from the machines to us is open, and since when. The time it was closed counts against nobody."""

    open_since: datetime | None = None

    def look(self, session: Session, now: datetime) -> None:
        """Ask the bridge's and the watchers' own words."""
        beats = session.scalars(select(ProcessBeat).where(ProcessBeat.beat_at > now - _FRESH)).all()
        bridges = [beat.facts for beat in beats if beat.name.startswith("bridge")]
        watchers = [beat.facts for beat in beats if beat.name.startswith("watch")]
        carried = any(facts.get("connected") and facts.get("log_away_s", 0) < UNDERWAY_S for facts in bridges)
        heard = bool(watchers) and all(facts.get("lag_records", 0) < _MOST_LAG for facts in watchers)
        if not (carried and heard):
            self.open_since = None
        elif self.open_since is None:
            self.open_since = now


def look(session: Session, path: Path, now: datetime) -> int:
    """One look at everybody: who fell silent, who is unknown now, whose silence is over. How many changed."""
    path.look(session, now)
    ended = _over(session, now)
    quiet = _quiet(session, now)
    if path.open_since is None:
        unknown = [row.machine_id for row in quiet]
        if unknown:
            session.execute(
                update(MachineState)
                .where(MachineState.machine_id.in_(unknown), MachineState.speaking == "speaking")
                .values(speaking="unknown", since=now)
            )
        return ended + len(unknown)
    since = path.open_since
    windows = windows_of(session, [row.machine_id for row in quiet], now) if quiet else {}
    fallen = [row for row in quiet if _is_missed(row, since, windows.get(row.machine_id, ()), now)]
    return ended + _fell_silent(session, fallen[:_AT_ONCE], now)


def silence_loop(sessions: Sessions) -> Callable[[datetime], None]:
    """The body of a loop that looks for silence; every five seconds is often enough."""
    path = Path()

    def body(now: datetime) -> None:
        with work(sessions, SYSTEM) as session:
            changed = look(session, path, now)
        if changed:
            log.info("silence.changed", machines=changed)

    return body


def _quiet(session: Session, now: datetime) -> Sequence[Any]:  # Any: rows of the columns below
    """Machines called speaking (or unknown, and heard before) that their rhythm says should have spoken by now."""
    limit = func.greatest(LEAST_S, MISSED * func.coalesce(MachineState.cadence_s, _UNLEARNED_S) + UNDERWAY_S)
    return session.execute(
        select(
            MachineState.machine_id,
            MachineState.customer_id,
            MachineState.last_received_at,
            MachineState.cadence_s,
            MachineState.said,
            MachineState.telemetry,
            Machine.name,
        )
        .join(Machine, Machine.id == MachineState.machine_id)
        .where(
            MachineState.speaking.in_(("speaking", "unknown")),
            MachineState.last_received_at.is_not(None),
            MachineState.telemetry != "refused",
            Machine.retired_at.is_(None),
            func.extract("epoch", now - MachineState.last_received_at) > limit,
        )
        .order_by(MachineState.machine_id)
    ).all()


def _is_missed(row: Any, since: datetime, windows: Sequence[Window], now: datetime) -> bool:
    """Whether it has been quiet for too long; time in which it is worked on counts no more than a closed way."""
    if covering(windows, now) is not None:
        return False
    worked_on_until = last_end(windows, now)
    since = max(since, row.last_received_at, worked_on_until or since)
    return now - since > timedelta(seconds=patience_s(row.cadence_s))


def _fell_silent(session: Session, rows: Sequence[Any], now: datetime) -> int:
    signals = []
    for row in rows:
        still = session.scalar(
            update(MachineState)
            .where(
                MachineState.machine_id == row.machine_id,
                # The watcher may have heard from it since we looked.
                MachineState.last_received_at == row.last_received_at,
            )
            .values(speaking="silent", since=now)
            .returning(MachineState.machine_id)
        )
        if still is None:
            continue
        log.info("silence.began", machine=row.name, last_heard=row.last_received_at.isoformat())
        if row.telemetry == "collect":
            # Collected only: the answer is written down, and nothing else.
            question = Ask("silence_watch", asked_at=now, machine_id=row.machine_id, severity=SEVERITY)
            ledger.ask(session, row.customer_id, question, now, asked_by="silence")
            continue
        signals.append(_signal(session, row, now))
    if signals:
        intake.report_all(session, signals, now)
    return len(rows)


def _signal(session: Session, row: Any, now: datetime) -> Signal:
    heard: datetime = row.last_received_at
    usual = f"every {row.cadence_s:.0f} s" if row.cadence_s else "in a rhythm not learned yet"
    silent_s = (now - heard).total_seconds()
    summary = f"No report since {heard:%H:%M:%S} UTC, {silent_s:.0f} s ago; it reported {usual}"
    if row.said == "offline":
        summary += "; its connection to the broker has ended"
    evidence = {
        "last_heard": heard.isoformat(),
        "cadence_s": row.cadence_s,
        "patience_s": patience_s(row.cadence_s),
        "said": row.said,
    }
    finding_id = uuid.uuid5(_IDS, f"{row.name}\n{CAUSE}\n{round(heard.timestamp() * 1000)}")
    session.execute(
        insert(Finding)
        .values(
            id=finding_id,
            customer_id=row.customer_id,
            machine_id=row.machine_id,
            cause=CAUSE,
            kind="silence",
            severity=SEVERITY,
            score=silent_s,
            started_at=heard,
            opened_at=now,
            summary=summary,
            metrics=[],
            evidence=evidence,
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["id"])
    )
    return Signal(
        machine_id=row.machine_id,
        cause=CAUSE,
        kind="silence",
        severity=SEVERITY,
        seen_at=now,
        title="The machine has fallen silent",
        summary=summary,
        evidence=evidence,
        finding_id=finding_id,
        began_at=heard,
    )


def _over(session: Session, now: datetime) -> int:
    """Machines that speak again: their open silence ends at the report that ended it."""
    rows = session.execute(
        select(Finding.id, Finding.machine_id, MachineState.last_received_at)
        .join(MachineState, MachineState.machine_id == Finding.machine_id)
        .where(Finding.kind == "silence", Finding.ended_at.is_(None), MachineState.speaking == "speaking")
        .order_by(Finding.machine_id)
        .limit(_AT_ONCE)
    ).all()
    for finding_id, machine_id, heard in rows:
        intake.condition_ended(session, machine_id, CAUSE, heard or now, now, finding_id=finding_id)
        # The end is stated here too: a finding the contract refused has no incident that could say it.
        session.execute(
            update(Finding).where(Finding.id == finding_id, Finding.ended_at.is_(None)).values(ended_at=heard or now)
        )
    return len(rows)
