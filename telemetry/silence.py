"""Machines that should have spoken and did not.

Three states. *Speaking*: heard within its learned rhythm. *Silent*: not heard although the way from it to us was open.
*Unknown*: never heard, or the way is closed, which says nothing about the machine and resolves nothing. The way may be
closed in our house (broker, bridge or watcher): one alarm, and nobody is called silent. Or out there (`cut_off.py`):
when everything at a site falls silent it is the site, one incident at one of its machines, and the others are unknown;
so is a machine behind a silent gateway. A machine's own "offline" is a hint in the evidence and decides nothing.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts import ledger
from contracts.decision import Ask
from escalation import intake, recovering
from escalation.intake import Signal
from models.incidents import Finding
from models.machines import Machine, MachineState
from models.session import SYSTEM, Sessions, work
from models.telemetry import ProcessBeat
from telemetry import cut_off
from telemetry.cut_off import Cut
from telemetry.maintenance import Window, covering, last_end
from telemetry.patience import LEAST_S, MISSED, UNDERWAY_S, UNLEARNED_S, floors_of, patience_s
from telemetry.worked_on import windows_of

log = structlog.get_logger()

CAUSE: Final = "silence"
PATH: Final = "path"  # the way in, among the processes: it beats with the desk and closes with bridge or watcher
SEVERITY: Final = 2
# A client whose broker was away tries again at ever longer intervals, commonly up to two minutes.
_RECONNECT: Final = timedelta(seconds=120)
_FRESH: Final = timedelta(seconds=20)
_MOST_LAG: Final = 200  # records; behind by more, the watcher cannot know who is silent
_AT_ONCE: Final = 2_000  # machines a look: a fleet that falls silent is told within seconds
_NAMED: Final = 20  # machines the log names of those
_IDS: Final = uuid.UUID("5a1c1f0e-6d0b-5f55-9c51-3f4f3d6f2c11")


@dataclass
class Path:
    """Whether the way from the machines to us is open, and since when. The time it was closed counts against nobody."""

    open_since: datetime | None = None
    closed_since: datetime | None = None
    why: str = ""

    def look(self, session: Session, now: datetime) -> None:
        """Ask the bridge's and the watchers' own words."""
        beats = session.scalars(select(ProcessBeat).where(ProcessBeat.beat_at > now - _FRESH)).all()
        bridges = [beat.facts for beat in beats if beat.name.startswith("bridge")]
        watchers = [beat.facts for beat in beats if beat.name.startswith("watch")]
        self.why = _closed_by(bridges, watchers)
        if self.why:
            self.open_since = None
            self.closed_since = self.closed_since or now
        elif self.open_since is None:
            self.open_since, self.closed_since = now, None

    def tell(self, session: Session, unknown: int, now: datetime) -> None:
        """Say how the way stands, for the platform page and for the watchman, who raises one alarm for all of it."""
        state = "closed" if self.closed_since else "running"
        row = {
            "state": state, "beat_at": now, "started_at": self.closed_since or self.open_since or now,
            "facts": {"unknown_machines": unknown, "because": self.why} if self.why else {"unknown_machines": unknown},
        }  # fmt: skip
        new = insert(ProcessBeat).values(name=PATH, pid=os.getpid(), **row)
        session.execute(new.on_conflict_do_update(index_elements=[ProcessBeat.name], set_=row))


def _closed_by(bridges: Sequence[Mapping[str, Any]], watchers: Sequence[Mapping[str, Any]]) -> str:
    """Why nothing can be heard of anybody; empty while the way is open."""
    if not bridges:
        return "no bridge gives a sign of life"
    connected = [facts for facts in bridges if facts.get("connected")]
    if not connected:
        return "no bridge is connected to its broker"
    if all(facts.get("log_away_s", 0) >= UNDERWAY_S for facts in connected):
        return "the log is away"
    if not watchers:
        return "no watcher gives a sign of life"
    if any(facts.get("lag_records", 0) >= _MOST_LAG for facts in watchers):
        return "the watchers are far behind"
    if any(facts.get("lag_s", 0) >= UNDERWAY_S for facts in watchers):
        return "the watchers have not heard yet what has arrived"
    return ""


def look(session: Session, path: Path, now: datetime) -> int:
    """One look at everybody: who fell silent, who is unknown now, whose silence is over. How many changed."""
    path.look(session, now)
    ended = _over(session, now)
    quiet = _quiet(session, now)
    if path.open_since is None:
        changed = _unknown(session, quiet, now)
        path.tell(session, len(quiet), now)
        return ended + changed
    path.tell(session, 0, now)
    since = path.open_since
    windows = windows_of(session, [row.machine_id for row in quiet], now) if quiet else {}
    fallen = [row for row in quiet if _is_missed(row, since, windows.get(row.machine_id, ()), now)]
    floors = floors_of(session, [(row.customer_id, row.machine_id) for row in fallen], now)
    fallen = [
        row for row in fallen
        if row.machine_id not in floors or _is_missed(row, since, (), now, floors[row.machine_id])
    ]  # fmt: skip
    sorted_out = cut_off.sort_out(session, fallen, now, patience_s)
    changed = _unknown(session, sorted_out.unknown, now)
    return ended + changed + _fell_silent(session, sorted_out.silent[:_AT_ONCE], sorted_out.cuts, floors, now)


def _unknown(session: Session, rows: Sequence[Any], now: datetime) -> int:
    """Of these nothing is known any more; how many that is news of."""
    heard = (MachineState.machine_id.in_([row.machine_id for row in rows]), MachineState.speaking == "speaking")
    changed = update(MachineState).where(*heard).values(speaking="unknown", since=now)
    return len(session.scalars(changed.returning(MachineState.machine_id)).all()) if rows else 0


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
    limit = func.greatest(LEAST_S, MISSED * func.coalesce(MachineState.cadence_s, UNLEARNED_S) + UNDERWAY_S)
    return session.execute(
        select(
            MachineState.machine_id,
            MachineState.customer_id,
            MachineState.last_received_at,
            MachineState.cadence_s,
            MachineState.said,
            MachineState.speaking,
            MachineState.telemetry,
            Machine.name,
            Machine.site_id,
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


def _is_missed(row: Any, since: datetime, windows: Sequence[Window], now: datetime, floor_s: float = LEAST_S) -> bool:
    """Whether it has been quiet for too long; time in which it is worked on counts no more than a closed way."""
    if covering(windows, now) is not None:
        return False
    if row.last_received_at < since:
        since += _RECONNECT
    worked_on_until = last_end(windows, now)
    since = max(since, row.last_received_at, worked_on_until or since)
    return now - since > timedelta(seconds=patience_s(row.cadence_s, floor_s))


def _fell_silent(
    session: Session, rows: Sequence[Any], cuts: Mapping[uuid.UUID, Cut], floors: Mapping[uuid.UUID, float],
    now: datetime,
) -> int:  # fmt: skip
    # The watcher may have heard from one of them since we looked.
    seen = [(row.machine_id, row.last_received_at) for row in rows]
    fell = set(
        session.scalars(
            update(MachineState)
            .where(tuple_(MachineState.machine_id, MachineState.last_received_at).in_(seen))
            .values(speaking="silent", since=now)
            .returning(MachineState.machine_id)
        )
        if seen
        else ()
    )
    rows = [row for row in rows if row.machine_id in fell]
    for row in rows[:_NAMED]:
        log.info("silence.began", machine=row.name, last_heard=row.last_received_at.isoformat(), of=len(rows))
    for row in rows:
        if row.telemetry == "collect":
            # Collected only: the answer is written down, and nothing else.
            question = Ask("silence_watch", asked_at=now, machine_id=row.machine_id, severity=SEVERITY)
            ledger.ask(session, row.customer_id, question, now, asked_by="silence")
    signals = [
        _signal(row, cuts.get(row.machine_id), floors.get(row.machine_id, LEAST_S), now)
        for row in rows if row.telemetry != "collect"
    ]  # fmt: skip
    if signals:
        owners = {row.machine_id: row.customer_id for row in rows}
        findings = [_finding_row(signal, owners[signal.machine_id], now) for signal in signals]
        session.execute(insert(Finding).on_conflict_do_nothing(index_elements=["id"]), findings)
        intake.report_all(session, signals, now)
    return len(rows)


def _signal(row: Any, cut: Cut | None, floor_s: float, now: datetime) -> Signal:
    heard: datetime = row.last_received_at
    usual = f"every {row.cadence_s:.0f} s" if row.cadence_s else "in a rhythm not learned yet"
    silent_s = (now - heard).total_seconds()
    summary = f"No report since {heard:%H:%M:%S} UTC; it reported {usual}"
    if cut is not None:
        summary += f"; nor from the {cut.others} others at {cut.site}, whose way to us may be cut"
    if row.said == "offline":
        summary += "; its connection to the broker has ended"
    evidence = {
        "last_heard": heard.isoformat(),
        "cadence_s": row.cadence_s,
        "patience_s": patience_s(row.cadence_s, floor_s),
        "said": row.said,
        "silent_s": silent_s,
    }
    if cut is not None:
        evidence["site"], evidence["others"] = cut.site, cut.others
    return Signal(
        machine_id=row.machine_id,
        cause=CAUSE,
        kind="silence",
        severity=SEVERITY,
        seen_at=now,
        title="The machine has fallen silent" if cut is None else f"Everything at {cut.site} has fallen silent",
        summary=summary,
        evidence=evidence,
        finding_id=uuid.uuid5(_IDS, f"{row.name}\n{CAUSE}\n{round(heard.timestamp() * 1000)}"),
        began_at=heard,
    )


def _finding_row(signal: Signal, customer_id: uuid.UUID, now: datetime) -> dict[str, Any]:
    return {
        "id": signal.finding_id,
        "customer_id": customer_id,
        "machine_id": signal.machine_id,
        "cause": CAUSE,
        "kind": "silence",
        "severity": SEVERITY,
        "score": signal.evidence["silent_s"],
        "started_at": signal.began_at,
        "opened_at": now,
        "summary": signal.summary,
        "metrics": [],
        "evidence": dict(signal.evidence),
        "created_at": now,
    }


def _over(session: Session, now: datetime) -> int:
    """Machines that speak again: their open silence ends at the report that ended it."""
    rows = session.execute(
        select(Finding.id, Finding.machine_id, MachineState.last_received_at)
        .join(MachineState, MachineState.machine_id == Finding.machine_id)
        .where(
            Finding.kind == "silence",
            Finding.cause == CAUSE,
            Finding.ended_at.is_(None),
            MachineState.speaking == "speaking",
        )
        .order_by(Finding.machine_id)
        .limit(_AT_ONCE)
    ).all()
    endings = [(machine_id, CAUSE, heard or now, finding_id) for finding_id, machine_id, heard in rows]
    done = recovering.many_recovered(session, endings) if len(endings) > 1 else set()
    for at, (machine_id, cause, heard, finding_id) in enumerate(endings):
        if at not in done:
            intake.condition_ended(session, machine_id, cause, heard, now, finding_id=finding_id)
        # The end is stated here too: a finding the contract refused has no incident that could say it.
        session.execute(
            update(Finding).where(Finding.id == finding_id, Finding.ended_at.is_(None)).values(ended_at=heard)
        )
    return len(rows)
