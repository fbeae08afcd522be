"""Storing what a seat heard: one transaction with history, states, ledger, dead letters, findings and the position."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts import ledger
from contracts.decision import Ask
from escalation import diagnostics, gathering, intake, recovering
from escalation.intake import Signal
from models import audit
from models.artefacts import ModelArtefact
from models.base import new_id
from models.incidents import Finding
from models.telemetry import DeadLetter
from telemetry import changes_kept, clocks_kept, history, positions, security, shadowing, shelf, taught
from telemetry.admission import Heard
from telemetry.deliveries import Deliveries, as_json
from telemetry.directory import Known
from telemetry.frozen import with_windows
from telemetry.pending import Pending
from telemetry.rules import brought_by
from telemetry.seat import Seat
from telemetry.storable import storable
from telemetry.told import Letter
from telemetry.verdict import Verdict

_REBIRTH: Final = text("SELECT pg_notify('vigie_rebirth', :node)")  # the bridge asks (bridge_desk.py)
_MOST_REBIRTHS: Final = 100  # the others are wanted again by their next word
_LATELY: Final = timedelta(minutes=2)
MOST_WINDOWS: Final = 20  # frozen in one flush; each costs a look into history
WINDOWS_A_CUSTOMER: Final = 2
MOST_ANSWERS: Final = 20  # of one contract to as many machines in one flush

Models: TypeAlias = Mapping[str, shelf.Artefact]  # by machine

# All machines of a flush in one statement: a row of its own for each costs more than all there is to store.
_STATE = text(
    """
    INSERT INTO machine_states AS s (machine_id, customer_id, last_at, last_received_at, last_seq, seqs, cadence_s,
        skew_s, speaking, since, health, said, telemetry, latest, facts)
    SELECT g.machine_id, g.customer_id, g.last_at, g.last_received_at, g.last_seq, g.seqs, g.cadence_s,
        g.skew_s, CASE WHEN g.lately THEN 'speaking' ELSE 'unknown' END, CAST(:now AS timestamptz), g.health, g.said,
        g.telemetry, g.latest, g.facts
    FROM json_to_recordset(CAST(:rows AS json)) AS g(machine_id uuid, customer_id uuid, last_at timestamptz,
        last_received_at timestamptz, last_seq bigint, seqs jsonb, cadence_s float8, skew_s float8, lately boolean,
        health text, said text, telemetry text, latest jsonb, facts jsonb)
    ON CONFLICT (machine_id) DO UPDATE SET
        last_at = excluded.last_at, last_received_at = excluded.last_received_at, last_seq = excluded.last_seq,
        seqs = excluded.seqs, cadence_s = excluded.cadence_s, skew_s = excluded.skew_s,
        since = CASE WHEN excluded.speaking = 'speaking' AND s.speaking <> 'speaking' THEN excluded.since
            ELSE coalesce(s.since, excluded.since) END,
        speaking = CASE WHEN excluded.speaking = 'speaking' THEN 'speaking' ELSE s.speaking END,
        health = excluded.health, said = excluded.said, telemetry = excluded.telemetry, latest = excluded.latest,
        facts = excluded.facts
    """
)


def artefacts(seats: Sequence[Seat]) -> Models:
    """Models of what opened. To be made before a transaction: skops takes seconds where cores are few."""
    return {
        verdict.machine: shelf.dumped(seat.models[verdict.machine], machine=whose.name)
        for seat in seats
        for whose, verdict in seat.pending.verdicts
        if verdict.opened and verdict.machine in seat.models
    }


def store(session: Session, seats: Sequence[Seat], owner: str, now: datetime, models: Models) -> None:
    """What seats have pending, positions and `artefacts`, together. Raises `positions.Overtaken`: nothing is kept."""
    seats = sorted(seats, key=lambda seat: seat.partition)
    pending = [seat.pending for seat in seats]
    # First the positions: whoever has lost a partition learns it before it writes anything.
    for seat in seats:
        positions.move(session, seat.partition, owner, seat.position, seat.reached, now, seat.decoder.cycles())
    history.add(session, history.part_number(seats[0].partition, now), _reports(pending))
    _store_states(session, seats, now)
    clocks_kept.store(session, [moved for each in pending for moved in each.clocks])
    changes_kept.store(session, [change for each in pending for change in each.changes], now)
    Deliveries.together(each.deliveries for each in pending).write(session)
    for seat in seats:
        _store_letters(session, seat.partition, seat.pending)
        for whose, verdict in seat.pending.verdicts:
            if verdict.opened and (model := models.get(verdict.machine)) is not None:
                shelf.put(session, model, customer_id=whose.customer_id, machine_id=whose.machine_id, now=now)
    _tell(session, pending, now)
    shadowing.store(session, [said for seat in seats for said in seat.shadow.said])
    for seat in seats:
        for node in seat.decoder.births.take_wanted()[:_MOST_REBIRTHS]:
            session.execute(_REBIRTH, {"node": "/".join(node)[:200]})


def _reports(pending: Sequence[Pending]) -> list[tuple[uuid.UUID, uuid.UUID, list[history.Report]]]:
    """What each machine said, in one row: one that was renamed just now may have said it under two names."""
    found: dict[uuid.UUID, tuple[uuid.UUID, uuid.UUID, list[history.Report]]] = {}
    for each in pending:
        for name, reports in sorted(each.reports.items()):
            if (whose := each.touched.get(name)) is not None:
                _, _, before = found.get(whose.machine_id, (None, None, []))
                found[whose.machine_id] = (whose.machine_id, whose.customer_id, before + reports)
    return list(found.values())


def _store_states(session: Session, seats: Sequence[Seat], now: datetime) -> None:
    # By id, so that two watchers cannot wait for each other crosswise; one renamed just now is one row: the last heard.
    touched = [(seat, whose, seat.heard[name]) for seat in seats for name, whose in seat.pending.touched.items()]
    touched.sort(key=lambda each: (each[1].machine_id, each[2].last_received_ms))
    if rows := {whose.machine_id: _state_row(seat, whose, heard, now) for seat, whose, heard in touched}:
        session.execute(_STATE, {"now": now, "rows": as_json(list(rows.values()))})


def _state_row(seat: Seat, whose: Known, heard: Heard, now: datetime) -> dict[str, Any]:
    received = _instant(heard.last_received_ms)
    return {
        "machine_id": whose.machine_id,
        "customer_id": whose.customer_id,
        "last_at": _instant(heard.last_at_ms),
        "last_received_at": received,
        "last_seq": heard.numbers.receipt,
        "seqs": heard.numbers.spans,
        "cadence_s": heard.cadence_s,
        "skew_s": heard.skew_s,
        "lately": received is not None and now - received < _LATELY,
        "health": seat.watching.health(whose.name) if whose.is_watched else "unknown",
        "said": heard.said,
        "telemetry": whose.telemetry,
        "latest": heard.latest,
        "facts": heard.facts,
    }


def _store_letters(session: Session, partition: int, pending: Pending) -> None:
    if rows := [_letter_row(partition, letter) for letter in pending.letters.values()]:
        session.execute(insert(DeadLetter).on_conflict_do_nothing(), rows)
    if foreign := [letter for letter in pending.letters.values() if letter.reason == "not_its_own"]:
        security.note_foreign(session, [(each.envelope, storable(each.machine)) for each in foreign])


def _letter_row(partition: int, letter: Letter) -> dict[str, Any]:
    return {
        "id": new_id(),
        "received_at": _instant(letter.envelope.arrived_ms) or datetime.fromtimestamp(0, UTC),
        "topic": storable(letter.envelope.topic.decode("utf-8", "backslashreplace")),
        "machine": storable(letter.machine),
        "customer_id": letter.customer_id,
        "reason": letter.reason,
        "detail": storable(letter.detail),
        "payload": letter.envelope.payload,
        "partition": partition,
        "position": letter.position,
        "item": letter.item,
        "apart": letter.apart and list(letter.apart),
        "counted": [[storable(line), reason, number] for (line, reason), number in letter.counted.items()],
    }


def _tell(session: Session, pending: Sequence[Pending], now: datetime) -> None:
    """Conditions that began go to the duty desk together; one that ended, after what began before it; then answers."""
    verdicts, answers = [told for p in pending for told in p.verdicts], [told for p in pending for told in p.answers]
    if any(verdict.opened for _, verdict in verdicts):
        gathering.take_lock(session)
    # Every customer's turn is taken now and in one order, so that two watchers cannot wait for each other crosswise.
    audit.take_all_turns(session, (whose.customer_id for whose, _ in (*verdicts, *answers)))
    began: list[tuple[Known, Verdict]] = []
    ended: list[tuple[Known, Verdict]] = []
    asked: Counter[uuid.UUID] = Counter()
    for whose, verdict in verdicts:
        if whose.telemetry == "watch" and verdict.kind == "anomaly":
            asked[whose.customer_id] += verdict.opened
            # Of many at once a few answers say what all of them would.
            if verdict.opened and asked[whose.customer_id] <= MOST_ANSWERS:
                question = Ask("detection", asked_at=now, machine_id=whose.machine_id, severity=verdict.severity)
                ledger.ask(session, whose.customer_id, question, now, asked_by="watch")
        elif verdict.opened:
            if any((told.machine, told.cause) == (verdict.machine, verdict.cause) for _, told in ended):
                _end(session, ended, now)
                ended = []
            began.append((whose, verdict))
        else:
            if any((told.machine, told.cause) == (verdict.machine, verdict.cause) for _, told in began):
                _begin(session, began, now)
                began = []
            ended.append((whose, verdict))
    _begin(session, began, now)
    _end(session, ended, now)
    for whose, answer in answers:
        diagnostics.answered(session, whose.machine_id, answer.ask, answer.body, now)


def _end(session: Session, verdicts: Sequence[tuple[Known, Verdict]], now: datetime) -> None:
    """Conditions that ended; those of a fleet event all at once, but for the last of each incident."""
    for _, verdict in verdicts:
        taught.keep_peak(session, verdict)
    endings = [(whose.machine_id, verdict.cause, _at(verdict.at_ms), verdict.finding_id) for whose, verdict in verdicts]
    done = recovering.many_recovered(session, endings) if len(endings) > 1 else set()
    for at, (machine_id, cause, instant, finding_id) in enumerate(endings):
        if at not in done:
            intake.condition_ended(session, machine_id, cause, instant, now, finding_id=finding_id)


def _begin(session: Session, verdicts: Sequence[tuple[Known, Verdict]], now: datetime) -> None:
    if not verdicts:
        return
    verdicts = list(verdicts)
    shown = sorted(_with_windows(verdicts))
    asked = [(whose.machine_id, verdict, _first_sign(verdict)) for whose, verdict in (verdicts[at] for at in shown)]
    for at, evidence in zip(shown, with_windows(session, asked), strict=True):
        verdicts[at] = (verdicts[at][0], replace(verdicts[at][1], evidence=evidence))
    digests = _digests(session, [whose for whose, verdict in verdicts if verdict.kind == "anomaly"])
    rows = [_finding_row(whose, verdict, digests.get(whose.machine_id, ""), now) for whose, verdict in verdicts]
    session.execute(insert(Finding).on_conflict_do_nothing(index_elements=["id"]), rows)
    intake.report_all(session, [_signal(whose, verdict) for whose, verdict in verdicts], now)


def _with_windows(verdicts: Sequence[tuple[Known, Verdict]]) -> set[int]:
    """Whose window is frozen: everybody's, or when many begin at once the gravest of each customer, by name.

    They are the ones a fleet event's incidents are made of; history keeps the windows of the others as it keeps all.
    """
    if len(verdicts) <= MOST_WINDOWS:
        return set(range(len(verdicts)))
    order = sorted(range(len(verdicts)), key=lambda at: (verdicts[at][1].severity, verdicts[at][0].name))
    counted: Counter[uuid.UUID] = Counter()
    chosen = set()
    for at in order:
        counted[verdicts[at][0].customer_id] += 1
        if counted[verdicts[at][0].customer_id] <= WINDOWS_A_CUSTOMER:
            chosen.add(at)
    return chosen


def _digests(session: Session, machines: Sequence[Known]) -> dict[Any, str]:
    if not machines:
        return {}
    found = session.execute(
        select(ModelArtefact.machine_id, ModelArtefact.digest).where(
            ModelArtefact.machine_id.in_([whose.machine_id for whose in machines]),
            ModelArtefact.name == shelf.NAME,
            ModelArtefact.retired_at.is_(None),
        )
    )
    return {row.machine_id: row.digest for row in found}


def _finding_row(whose: Known, verdict: Verdict, digest: str, now: datetime) -> dict[str, Any]:
    return {
        "id": verdict.finding_id,
        "customer_id": whose.customer_id,
        "machine_id": whose.machine_id,
        "cause": verdict.cause,
        "kind": verdict.kind,
        "severity": verdict.severity,
        "score": verdict.score,
        "started_at": _first_sign(verdict),
        "opened_at": _at(verdict.started_ms),
        "summary": verdict.summary,
        "metrics": list(verdict.metrics),
        "evidence": dict(verdict.evidence),
        "model_digest": digest,
        "created_at": now,
    }


def _signal(whose: Known, verdict: Verdict) -> Signal:
    return Signal(
        machine_id=whose.machine_id,
        cause=verdict.cause,
        kind=verdict.kind,
        severity=verdict.severity,
        seen_at=_at(verdict.at_ms),
        title=verdict.title,
        summary=verdict.summary,
        evidence=dict(verdict.evidence),
        finding_id=verdict.finding_id,
        began_at=_first_sign(verdict),
        brings=brought_by(verdict.cause) if verdict.kind == "forecast" else frozenset(),
    )


def _first_sign(verdict: Verdict) -> datetime:
    since = verdict.evidence.get("since_ms")
    return _at(int(since) if isinstance(since, int | float) else verdict.started_ms)


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _instant(ms: int) -> datetime | None:
    return _at(ms) if ms >= 0 else None
