"""The whole path on real programs: Mosquitto, Kafka, PostgreSQL, a bridge and two watchers, each its own process."""

from __future__ import annotations

import json
import math
import random
import threading
import time
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import paho.mqtt.client as mqtt
import pytest
from sqlalchemy import select

from models.agreements import Contract, ContractLine
from models.decisions import DecisionRow
from models.fleet_events import FleetMember
from models.incidents import Finding, Incident, Promise
from models.machines import Machine
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from telemetry import enrol, history
from tests.cast import Cast
from tests.pipe.conftest import rig as rig
from tests.rig import Child, Rig, until

KILLS = 10
MACHINES = 6


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def on_kafka(rig: Rig, kafka: str) -> None:
    rig.extra |= {
        "VIGIE_LOG": "kafka",
        "VIGIE_KAFKA_SERVERS": kafka,
        "VIGIE_KAFKA_TOPIC": f"stack-{uuid.uuid4().hex}",
        "VIGIE_PARTITIONS": "4",
        "VIGIE_FLUSH_S": "1",
        "VIGIE_SNAPSHOT_S": "5",
    }


def watched(rig: Rig, cast: Cast, names: list[str]) -> dict[str, tuple[uuid.UUID, str]]:
    """Machines under Ada's platinum contract, which holds today: name to id and secret."""
    now = datetime.now(UTC)
    made = {}
    with work(rig.sessions, SYSTEM) as session:
        contract = session.get_one(Contract, cast.plant_contract)
        contract.starts_on, contract.ends_on = (now - timedelta(days=30)).date(), (now + timedelta(days=300)).date()
        for name in names:
            machine, secret = enrol.enrol(session, cast.plant, name, now)
            session.add(ContractLine(customer_id=cast.plant, contract_id=cast.plant_contract, machine_id=machine.id))
            made[name] = (machine.id, secret)
    return made


def start(rig: Rig) -> tuple[Child, dict[str, Child]]:
    rig.broker()
    watchers = {name: rig.watch(name) for name in ("watch-1", "watch-2")}
    bridge = rig.bridge()
    until(lambda: "bridge.connected" in bridge.words, "the bridge is connected", 60)
    return bridge, watchers


def stored(sessions: Sessions, machine: uuid.UUID) -> list[int]:
    """The instants of every report in history, each as often as it is there."""
    now = datetime.now(UTC)
    with work(sessions, SYSTEM) as session:
        columns = history.reports(session, machine, None, now - timedelta(days=2), now + timedelta(hours=1))
        return [at for at, _ in columns.rows()]


def metrics(at: datetime, rng: random.Random, fault: float = 0.0) -> dict[str, float]:
    """Twelve metrics that move together over the day; `fault` 1 is a fan that hardly turns."""
    load = 0.5 + 0.3 * math.sin(at.timestamp() / 86400 * 2 * math.pi) + rng.gauss(0, 0.03)
    fan = (3000 + 2500 * load + rng.gauss(0, 40)) * (1 - 0.9 * fault)
    return {
        "cpu_util": 100 * load, "load_1": 8 * load + rng.gauss(0, 0.1), "mem_used_pct": 40 + 10 * load,
        "disk_used_pct./": 61.0, "disk_read_mb_s": 5 + 30 * load + rng.gauss(0, 1),
        "disk_write_mb_s": 3 + 20 * load + rng.gauss(0, 1), "net_rx_mb_s": 2 + 9 * load + rng.gauss(0, 0.3),
        "net_tx_mb_s": 1 + 8 * load + rng.gauss(0, 0.3), "temp_c.cpu": 38 + 30 * load + 30 * fault + rng.gauss(0, 0.4),
        "fan_rpm.1": fan, "procs": 220 + 30 * load, "tcp_established": 80 + 90 * load + rng.gauss(0, 2),
    }  # fmt: skip


def test_a_fault_told_over_mqtt_becomes_an_incident_under_contract(
    rig: Rig, kafka: str, sessions: Sessions, cast: Cast
) -> None:
    on_kafka(rig, kafka)
    machine, secret = watched(rig, cast, ["plant-fan"])["plant-fan"]
    start(rig)
    client = rig.client("plant-fan", secret)
    rng = random.Random(7)
    now = datetime.now(UTC)
    past = [now - timedelta(hours=36) + timedelta(minutes=i) for i in range(36 * 60 - 14)]
    reports = [{"seq": i + 1, "at": ms(at), "metrics": metrics(at, rng)} for i, at in enumerate(past)]
    for i in range(0, len(reports), 500):
        sent = client.publish("vigie/plant-fan/report", json.dumps(reports[i : i + 500]), qos=1)
    live = [now - timedelta(minutes=13) + timedelta(seconds=10 * i) for i in range(13 * 6)]
    for i, at in enumerate(live):
        fault = 1.0 if i >= 18 else 0.0
        report = {"seq": len(reports) + i + 1, "at": ms(at), "metrics": metrics(at, rng, fault)}
        sent = client.publish("vigie/plant-fan/report", json.dumps(report), qos=1)
    sent.wait_for_publish(30)

    def incident() -> Incident | None:
        with work(sessions, SYSTEM) as session:
            return session.scalar(select(Incident).where(Incident.machine_id == machine, Incident.kind == "anomaly"))

    opened = until(incident, "the model opens an incident", 60)
    assert opened.tier == "platinum"
    with work(sessions, SYSTEM) as session:
        finding = session.scalars(select(Finding).where(Finding.incident_id == opened.id)).first()
        decision = session.get_one(DecisionRow, opened.decision_id)
        promise = session.scalars(select(Promise).where(Promise.incident_id == opened.id)).first()
        notice = session.scalars(select(Notice).where(Notice.incident_id == opened.id)).first()
    assert finding is not None
    assert {"fan_rpm.1", "temp_c.cpu"} & set(finding.metrics)
    assert decision.outcome == "granted"
    assert promise is not None
    assert promise.due_at is not None
    assert notice is not None
    until(lambda: len(stored(sessions, machine)) >= len(past) + len(live), "all of it is in history", 60)
    assert sorted(stored(sessions, machine)) == [ms(at) for at in (*past, *live)]


class Plant:
    """Machines that publish numbered reports until told to stop, and know which were acknowledged."""

    def __init__(self, rig: Rig, machines: dict[str, tuple[uuid.UUID, str]]) -> None:
        self.machines = machines
        self.sent: dict[str, list[int]] = {name: [] for name in machines}
        self.acknowledged: dict[str, set[int]] = {name: set() for name in machines}
        self.full: set[str] = set()  # whose disk is full
        self._clients = {name: rig.client(name, secret) for name, (_, secret) in machines.items()}
        self._infos: list[tuple[str, int, mqtt.MQTTMessageInfo]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def _play(self) -> None:
        began = ms(datetime.now(UTC))
        turn = 0
        while not self._stop.wait(0.01):
            turn += 1
            for name in self.machines:
                self._tell(name, began + turn, turn)

    def _tell(self, name: str, at: int, seq: int) -> None:
        disk = 99.0 if name in self.full else 60.0
        report = {"seq": seq, "at": at, "metrics": {"cpu_util": seq % 50, "disk_used_pct./": disk}}
        info = self._clients[name].publish(f"vigie/{name}/report", json.dumps(report), qos=1)
        self.sent[name].append(at)
        self._infos.append((name, at, info))

    def stop(self) -> None:
        """No more reports; those the broker has acknowledged are known from now on."""
        self._stop.set()
        self._thread.join(10)
        for name, at, info in self._infos:
            info.wait_for_publish(30)
            if info.is_published():
                self.acknowledged[name].add(at)


@pytest.mark.timeout(240)
def test_nothing_acknowledged_is_lost_and_nothing_doubled_however_often_bridge_and_watchers_are_killed(
    rig: Rig, kafka: str, sessions: Sessions, cast: Cast
) -> None:
    on_kafka(rig, kafka)
    machines = watched(rig, cast, [f"plant-{i}" for i in range(MACHINES)])
    bridge, watchers = start(rig)
    plant = Plant(rig, machines)
    rng = random.Random(3)
    for kill in range(KILLS):
        time.sleep(rng.uniform(1.0, 2.0))
        if kill == 3:
            plant.full |= {"plant-1", "plant-2"}
        if kill % 2:
            bridge.kill()
            bridge = rig.bridge()
        else:
            name = f"watch-{1 + kill // 2 % 2}"
            watchers[name].kill()
            watchers[name] = rig.watch(name)
    time.sleep(2)
    plant.stop()
    for name, (machine, _) in machines.items():
        want = plant.acknowledged[name]
        assert len(want) > 100
        until(lambda m=machine, w=want: w <= set(stored(sessions, m)), f"all of {name} is in history", 60)
        counts = Counter(stored(sessions, machine))
        assert max(counts.values()) == 1, "a report is in history twice"
        assert set(counts) <= set(plant.sent[name])
    with work(sessions, SYSTEM) as session:
        opened = session.execute(
            select(Machine.name, Incident.cause, Incident.id).join(Incident, Incident.machine_id == Machine.id)
        ).all()
        gathered = session.execute(
            select(Machine.name, FleetMember.cause, FleetMember.incident_id)
            .join(FleetMember, FleetMember.machine_id == Machine.id)
        ).all()  # fmt: skip
        findings = session.execute(select(Finding.machine_id, Finding.cause)).all()
    # What begins together on two machines of one contract may be gathered into one incident of that contract; each
    # machine stands under one incident either way.
    assert len({(name, cause) for name, cause, _ in opened}) == len(opened)
    assert Counter((name, cause) for name, cause, _ in {*map(tuple, opened), *map(tuple, gathered)}) == {
        ("plant-1", "disk:/"): 1,
        ("plant-2", "disk:/"): 1,
    }
    assert len(findings) == 2
