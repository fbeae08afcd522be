"""The rest of the seeded night: what other tiers were answered, and how the platform itself stands."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agreements import Contract
from models.decisions import DecisionRow
from models.incidents import Finding
from models.machines import Machine
from models.telemetry import DeadLetter, DeliveryCount, LogPosition, LogRecord, ProcessBeat

HOST = "seeded"


def shadow(session: Session, now: datetime) -> None:
    """Gold sees, and does not act."""
    gold = session.scalars(
        select(Machine)
        .join(Contract, Contract.customer_id == Machine.customer_id)
        .where(Contract.tier == "gold")
        .limit(1)
    ).one()
    session.add(
        Finding(
            customer_id=gold.customer_id, machine_id=gold.id, cause="memory", kind="anomaly", severity=2, score=6.1,
            started_at=now - timedelta(hours=3), opened_at=now - timedelta(hours=3),
            ended_at=now - timedelta(hours=2), summary="Memory in use 88 %, 40 to 55 expected",
            metrics=["mem_used_pct"], evidence={}, shadow=True, created_at=now - timedelta(hours=3),
        )
    )  # fmt: skip


_ANSWERS = {
    "bronze": ("refused", "detection.none", "Detection begins with gold, in shadow, and opens incidents on platinum; "
               "your contract is bronze.", "Move the contract to gold to see findings at the review."),
    "silver": ("granted", "telemetry.watch", "Silver keeps the telemetry and shows silence and hard faults.",
               "Gold lists findings at the review; platinum opens incidents by itself."),
    "gold": ("shadow", "detection.shadow", "Detection runs in shadow on gold: the finding is listed at the review, no "
             "incident is opened.", "With platinum this would have opened an incident."),
}  # fmt: skip


def decided(session: Session, now: datetime) -> None:
    for contract in session.scalars(select(Contract).where(Contract.tier.in_(list(_ANSWERS)))):
        outcome, rule, reason, remedy = _ANSWERS[contract.tier]
        machine = session.scalars(select(Machine).where(Machine.customer_id == contract.customer_id).limit(1)).one()
        session.add(
            DecisionRow(
                customer_id=contract.customer_id, contract_id=contract.id, machine_id=machine.id, severity=2,
                ask="telemetry" if outcome == "granted" else "detection", asked_at=now - timedelta(hours=1),
                outcome=outcome, rule=rule, reason=reason, remedy=remedy,
            )
        )  # fmt: skip


def platform(session: Session, now: datetime) -> None:
    for name, state, restarts in (("supervisor", "running", 0), ("postgres", "running", 0), ("broker", "running", 0),
                                  ("bridge", "running", 0), ("watch-1", "running", 1), ("work", "running", 0),
                                  ("web", "running", 0), ("lab", "waiting", 3)):  # fmt: skip
        session.add(
            ProcessBeat(
                name=name, pid=4000 + restarts, host=HOST, state=state, restarts=restarts,
                started_at=now - timedelta(hours=4),
                beat_at=now - timedelta(minutes=4 if name == "lab" else 0), why="exit code 1" if restarts else "",
                facts={"messages": 41200, "behind_s": 0.4} if name in ("bridge", "watch-1") else {},
            )
        )  # fmt: skip
    hour = now.replace(minute=0, second=0, microsecond=0)
    for machine in session.scalars(select(Machine).limit(20)):
        for back in range(6):
            odd = back == 2
            session.add(
                DeliveryCount(
                    machine=machine.name, hour=hour - timedelta(hours=back), customer_id=machine.customer_id,
                    received=384 if odd else 360, scored=330 if odd else 360, duplicate=24 if odd else 0,
                    refused=6 if odd else 0, late=24 if odd else 0, missing=12 if odd else 0,
                    reasons={"bad_instant": 6} if odd else {},
                )
            )  # fmt: skip
    for place, (reason, detail, payload) in enumerate(
        (("not_json", "the payload is not valid JSON", b'{"metrics": {"cpu_ut'),
         ("bad_instant", "1970-01-01T00:04:11Z is not a time between 2000 and 2100", b'{"at": 251000, "metrics"'),
         ("unknown_topic", "no source is declared for this topic", b"\x12\x00\xff42"))
    ):  # fmt: skip
        session.add(
            DeadLetter(
                received_at=now - timedelta(minutes=12 * (place + 1)), topic="vigie/x/report", machine="",
                reason=reason, detail=detail, payload=payload, partition=0, position=place, item=0,
            )
        )  # fmt: skip
    session.add(LogRecord(partition=0, position=41, appended_at=now, body=b""))
    session.add(LogPosition(reader="watch", partition=0, position=42, moved_at=now, owner="watch-1"))
