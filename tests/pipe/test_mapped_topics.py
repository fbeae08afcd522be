"""A mapping declared while everything runs: a foreign agent keeps its own topics, and is heard, and nobody for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, select

from app.settings import Settings
from models.agreements import ContractLine
from models.machines import Machine, MachineState
from models.mappings import GatewayMachine, SourceMapping
from models.session import SYSTEM, Sessions, work
from telemetry import broker
from tests.cast import Cast
from tests.rig import BROKERS, Rig, until

pytestmark = pytest.mark.parametrize("rig", BROKERS, indirect=True)

SPEC: dict[str, Any] = {
    "name": "press-plc",
    "topic": "plant/{hall}/{machine}/sensors/{sensor}",
    "value": [{"path": "$.v", "metric": "{hall}.{sensor}", "scale": 0.5}],
}


def latest(sessions: Sessions, machine: str) -> dict[str, float]:
    with work(sessions, SYSTEM) as session:
        row = session.scalar(select(MachineState).join(Machine, Machine.id == MachineState.machine_id)
                             .where(Machine.name == machine))  # fmt: skip
        return dict(row.latest) if row else {}


def test_a_mapping_is_taken_up_by_broker_bridge_and_watcher_while_they_run(
    rig: Rig, sessions: Sessions, cast: Cast
) -> None:
    secrets = {name: rig.enrol(cast, name) for name in ("press-1", "press-2", "gw-1")}
    rig.broker()
    bridge = rig.bridge()
    rig.watch()
    until(lambda: "bridge.connected" in bridge.words, "the bridge is connected", 90)
    machines = {name: rig.client(name, secret) for name, secret in secrets.items()}
    with work(sessions, SYSTEM) as session:
        session.add(SourceMapping(name="press-plc", spec=SPEC, author="Dee", created_at=cast.now))
        ids = {one.name: one.id for one in session.scalars(select(Machine))}
        for name in secrets:
            session.add(ContractLine(customer_id=cast.plant, contract_id=cast.plant_contract, machine_id=ids[name]))
        row = GatewayMachine(customer_id=cast.plant, gateway_id=ids["gw-1"], machine_id=ids["press-2"])
        row.created_at = cast.now
        session.add(row)
    given = {name[6:].lower(): value for name, value in rig.environment.items() if name.startswith("VIGIE_")}
    keep = broker.credentials_loop(Settings(**given), sessions)  # type: ignore[arg-type]  # pydantic reads the texts
    keep(datetime.now(UTC))

    def own() -> bool:
        machines["press-1"].publish("plant/north/press-1/sensors/oil", b'{"v": 83}', 1)
        return latest(sessions, "press-1").get("north.oil") == 41.5

    until(own, "the machine is heard on the topic it always had", 60)
    # What nobody may say comes before what somebody may, on one connection each: it would have been heard first.
    machines["press-2"].publish("plant/north/press-1/sensors/forged", b'{"v": 1}', 1).wait_for_publish(30)
    machines["gw-1"].publish("plant/north/press-1/sensors/forged", b'{"v": 1}', 1).wait_for_publish(30)
    machines["gw-1"].publish("plant/south/press-2/sensors/oil", b'{"v": 20}', 1).wait_for_publish(30)
    machines["gw-1"].publish("vigie/press-2/report", b'{"metrics": {"own": 3}}', 1).wait_for_publish(30)
    until(
        lambda: latest(sessions, "press-2") == {"south.oil": 10.0, "own": 3.0}, "the gateway is heard for its machine"
    )
    machines["press-1"].publish("vigie/press-1/report", b'{"metrics": {"after": 1}}', 1).wait_for_publish(30)
    until(lambda: "after" in latest(sessions, "press-1"), "the machine's next word")
    assert "north.forged" not in latest(sessions, "press-1")

    with work(sessions, SYSTEM) as session:
        session.execute(delete(SourceMapping))
        session.execute(delete(GatewayMachine))
    secret = rig.enrol(cast, "press-3")
    keep(datetime.now(UTC))
    rig.client("press-3", secret)  # let in: the broker has read its files again
    machines["gw-1"].publish("vigie/press-2/report", b'{"metrics": {"own": 4}}', 1).wait_for_publish(30)
    machines["press-2"].publish("vigie/press-2/report", b'{"metrics": {"end": 1}}', 1).wait_for_publish(30)
    until(lambda: "end" in latest(sessions, "press-2"), "the machine's own word")
    assert latest(sessions, "press-2")["own"] == 3.0
    assert bridge.alive, bridge.words
