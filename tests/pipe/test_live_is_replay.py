"""Live equals replay: what real broker, bridge and watcher open, `vigie replay` opens from the recording, id by id."""

from __future__ import annotations

import csv
import json
import math
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from models.agreements import Contract, ContractLine
from models.incidents import Finding, Incident
from models.machines import Machine
from models.session import SYSTEM, work
from models.telemetry import DeliveryCount
from telemetry import recording, replay
from tests.cast import Cast
from tests.rig import Rig, until

Line = tuple[str, dict[str, object] | list[dict[str, object]]]
NAMES = ("live-fan", "live-leak", "live-calm")
HISTORY = timedelta(hours=30)


def metrics(at: datetime, rng: random.Random, name: str, ill: bool) -> dict[str, float]:
    load = 0.5 + 0.3 * math.sin(at.timestamp() / 86400 * 2 * math.pi) + rng.gauss(0, 0.03)
    return {
        "cpu_util": 100 * load,
        "mem_used_pct": 40 + 10 * load + (35 if ill and name == "live-leak" else 0),
        "swap_used_pct": 1 + rng.gauss(0, 0.1) + (40 if ill and name == "live-leak" else 0),
        "latency_ms": 20 + 30 * load + rng.gauss(0, 1) + (300 if ill and name == "live-leak" else 0),
        "temp_c.cpu": 38 + 30 * load + rng.gauss(0, 0.4),
        "fan_rpm.1": 0.0 if ill and name == "live-fan" else 3000 + 2500 * load + rng.gauss(0, 40),
        "net_rx_mb_s": 2 + 9 * load + rng.gauss(0, 0.3),
        "procs": 220 + 30 * load,
    }


def told(now: datetime) -> list[Line]:
    """History in arrays, then eight minutes of single reports: ill from the third minute to the sixth.

    All of them are younger than a quarter of an hour when they arrive, however busy the computer is.
    """
    rng = random.Random(11)
    lines: list[Line] = []
    for name in NAMES:
        past = [now - HISTORY + timedelta(minutes=i) for i in range(int(HISTORY.total_seconds() / 60) - 9)]
        reports = [
            {"seq": i + 1, "at": round(at.timestamp() * 1000), "metrics": metrics(at, rng, name, False)}
            for i, at in enumerate(past)
        ]
        lines += [(name, reports[i : i + 240]) for i in range(0, len(reports), 240)]
    for i in range(8 * 6):
        at = now - timedelta(minutes=8) + timedelta(seconds=10 * i)
        for name in NAMES:
            report = {"seq": 100_000 + i, "at": round(at.timestamp() * 1000),
                      "metrics": metrics(at, rng, name, 18 <= i < 36)}  # fmt: skip
            lines.append((name, report))
    return lines


@pytest.mark.timeout(600)
def test_the_same_recording_opens_the_same_live_and_in_replay(rig: Rig, cast: Cast, tmp_path: Path) -> None:
    """One partition, as replay has one: like machines are judged alike among those that one watcher hears."""
    secrets = {name: rig.enrol(cast, name) for name in NAMES}
    with work(rig.sessions, SYSTEM) as session:
        contract = session.get_one(Contract, cast.plant_contract)
        today = datetime.now(UTC).date()
        contract.starts_on, contract.ends_on = today - timedelta(days=30), today + timedelta(days=300)
        session.add(ContractLine(customer_id=cast.plant, contract_id=cast.plant_contract))  # it covers everything
    rig.extra |= {"VIGIE_PARTITIONS": "1"}
    rig.broker()
    bridge = rig.bridge()
    until(lambda: "bridge.connected" in bridge.words, "the bridge is connected")
    rig.watch()
    clients = {name: rig.client(name, secrets[name]) for name in NAMES}
    kept = tmp_path / "told.jsonl"
    with kept.open("w") as out:
        for name, body in told(datetime.now(UTC)):
            payload, topic = json.dumps(body), f"vigie/{name}/report"
            line = {"t_ms": round(time.time() * 1000), "topic": topic, "payload": payload}
            # Acknowledged before the next is told: what comes over three connections arrives in this order.
            clients[name].publish(topic, payload, qos=1).wait_for_publish(120)
            out.write(json.dumps(line) + "\n")
    incidents = tmp_path / "incidents.csv"
    replay.replay(recording.messages(kept), incidents)
    with incidents.open(newline="") as file:
        replayed = {(row["incident"], row["machine"], row["cause"], bool(row["end"])) for row in csv.DictReader(file)}
    assert {machine for _, machine, _, _ in replayed} >= {"live-fan", "live-leak"}
    assert any(ended for _, _, _, ended in replayed)

    def heard() -> int:
        with work(rig.sessions, SYSTEM) as session:
            return session.scalar(select(func.sum(DeliveryCount.scored))) or 0

    total = len(NAMES) * (int(HISTORY.total_seconds() / 60) - 9 + 8 * 6)
    until(lambda: heard() == total, "the watcher has heard everything", 300)
    with work(rig.sessions, SYSTEM) as session:
        rows = session.execute(
            select(Finding.id, Machine.name, Finding.cause, Finding.ended_at)
            .join(Machine, Machine.id == Finding.machine_id)
            .where(Machine.name.in_(NAMES), Finding.kind != "silence")
        ).all()
        opened = session.execute(
            select(Machine.name, Incident.cause)
            .join(Machine, Machine.id == Incident.machine_id)
            .where(Incident.kind != "silence")
        ).all()
    assert {(str(row.id), row.name, row.cause, row.ended_at is not None) for row in rows} == replayed
    assert {tuple(row) for row in opened} == {(machine, cause) for _, machine, cause, _ in replayed}
