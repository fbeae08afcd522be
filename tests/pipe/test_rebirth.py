"""A Sparkplug node whose words no longer fit together is asked to be born again, and its births make them fit."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import select

from models.machines import Machine, MachineState
from models.session import SYSTEM, Sessions, work
from telemetry import enrol
from telemetry.formats.sparkplug_wire import payload_of
from tests.cast import Cast
from tests.rig import Rig, until


def text(number: int, word: bytes) -> bytes:
    return bytes([number << 3 | 2, len(word)]) + word


def message(metric: bytes, seq: int) -> bytes:
    return text(2, metric) + bytes([0x18, seq])


BORN = text(1, b"temp") + bytes([0x10, 7, 0x20, 3, 0x50, 41])  # name, alias 7, Int32, 41
SAID = bytes([0x10, 7, 0x50, 42])  # alias 7, 42


def test_a_node_whose_alias_nobody_knows_is_asked_for_its_birth_and_heard_after_it(
    rig: Rig, sessions: Sessions, cast: Cast
) -> None:
    name = "plant-db-1"
    with work(sessions, SYSTEM) as session:
        secret = enrol.rotate(session, session.get_one(Machine, cast.plant_machine), cast.now)
    rig.broker()
    bridge = rig.bridge()
    rig.watch()
    until(lambda: "bridge.connected" in bridge.words, "the bridge is connected", 90)
    client = rig.client(name, secret)
    commands: list[bytes] = []

    def on_message(client: Any, data: Any, received: Any) -> None:
        commands.append(received.payload)
        client.publish(f"spBv1.0/G/NBIRTH/{name}", message(BORN, 0), 1)
        client.publish(f"spBv1.0/G/NDATA/{name}", message(SAID, 1), 1)

    client.on_message = on_message
    client.subscribe(f"spBv1.0/G/NCMD/{name}", 1)

    def asked() -> bool:
        client.publish(f"spBv1.0/G/NDATA/{name}", message(SAID, 5), 1)
        time.sleep(1)
        return bool(commands)

    until(asked, "the node is asked for its birth", 60)
    (metric,) = payload_of(commands[0]).metrics
    assert (metric.name, metric.raw) == ("Node Control/Rebirth", 1)

    def latest() -> dict[str, float]:
        with work(sessions, SYSTEM) as session:
            return (
                session.scalar(select(MachineState.latest).where(MachineState.machine_id == cast.plant_machine)) or {}
            )

    until(lambda: latest() == {"temp": 42.0}, "its data is understood", 60)
