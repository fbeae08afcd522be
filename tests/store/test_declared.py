"""Declared mappings and gateways on the live path."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from models.mappings import GatewayMachine, SourceMapping
from models.security import SecurityEvent
from models.session import SYSTEM, work
from models.telemetry import DeadLetter
from telemetry import enrol
from tests.cast import Cast
from tests.plant import Plant

SPEC: dict[str, Any] = {
    "name": "oven",
    "topic": "bakery/{machine}/{probe}",
    "value": [{"path": "$.t", "metric": "{probe}.celsius", "scale": 0.5}],
}


def test_a_declared_mapping_is_spoken_behind_our_prefix_by_a_watcher_that_already_runs(
    plant: Plant, cast: Cast
) -> None:
    plant.tell("plant-db-1", {"t": 1234}, topic="vigie/plant-db-1/oven/core")
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 1, "refused": 1}
    with work(plant.sessions, SYSTEM) as session:
        session.add(SourceMapping(name="oven", spec=SPEC, author="Dee", created_at=plant.now))
        broken = {"name": "broken", "topic": "x"}
        session.add(SourceMapping(name="broken", spec=broken, author="Dee", created_at=plant.now))
    plant.watcher._beat("first")
    plant.tell("plant-db-1", {"t": 1234}, topic="vigie/plant-db-1/oven/core")
    plant.settle()
    assert [metrics for _, metrics in plant.stored(cast.plant_machine)] == [{"core.celsius": 617.0}]


def test_what_a_mapping_cannot_read_is_a_dead_letter_of_the_machine_its_topic_names(plant: Plant, cast: Cast) -> None:
    with work(plant.sessions, SYSTEM) as session:
        session.add(SourceMapping(name="oven", spec=SPEC, author="Dee", created_at=plant.now))
    plant.watcher._beat("first")
    for body in (b'{"t": "hot"}', b"{", b"", b'{"other": 1}', b'{"t": [1]}', b'{"t": 20}'):
        plant.tell("plant-db-1", body, topic="bakery/plant-db-1/core")
    plant.tell("plant-db-1", b"{", topic="bakery/nobody-here/core")
    plant.settle()
    letters = plant.one(
        select(DeadLetter.machine, DeadLetter.reason, DeadLetter.customer_id)
        .order_by(DeadLetter.position, DeadLetter.item)
    )  # fmt: skip
    assert letters == [
        *[("plant-db-1", why, cast.plant) for why in ("not_a_number", "not_json", "empty", "no_value", "not_a_number")],
        ("nobody-here", "not_json", None),
    ]
    assert plant.ledger("plant-db-1") == {"received": 6, "refused": 5, "scored": 1}
    assert [metrics for _, metrics in plant.stored(cast.plant_machine)] == [{"core.celsius": 10.0}]


def test_a_gateway_speaks_for_the_machines_declared_for_it_and_for_no_other(plant: Plant, cast: Cast) -> None:
    with work(plant.sessions, SYSTEM) as session:
        gateway, _ = enrol.enrol(session, cast.plant, "gw-1", plant.now)
        row = GatewayMachine(customer_id=cast.plant, gateway_id=gateway.id, machine_id=cast.plant_machine)
        row.created_at = plant.now
        session.add(row)
    body = {name: [{"values": {"t": 20.5}}] for name in ("plant-db-1", "joinery-files", "gw-1")}
    plant.tell("gw-1", body, topic="vigie/gw-1/thingsboard/v1/gateway/telemetry")
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 1, "scored": 1}
    assert plant.one(select(DeadLetter.reason, DeadLetter.machine)) == [("not_its_own", "joinery-files")]
    assert plant.ledger("joinery-files") == {"received": 1, "refused": 1}
    assert plant.stored(cast.joinery_machine) == []
    tried = plant.one(select(SecurityEvent.kind, SecurityEvent.username, SecurityEvent.count))
    assert tried == [("foreign_machine", "gw-1", 1)]


def test_a_watcher_that_comes_after_knows_the_births_of_before(plant: Plant, cast: Cast) -> None:
    from telemetry.seat import Seat

    born = b"\x12\x0e\x0a\x04temp\x10\x07\x20\x03\x50\x29\x18\x00"  # temp is alias 7, an Int32, 41
    said = b"\x12\x04\x10\x07\x50\x2a\x18\x01"  # alias 7 is 42
    before, after = Seat(0, 0, 60_000), Seat(0, 0, 60_000)
    before.decoder.decode("spBv1.0/G/NBIRTH/plant-db-1", born, 1_795_338_200_000)
    after.restore(before.snapshot())
    (heard,) = after.decoder.decode("spBv1.0/G/NDATA/plant-db-1", said, 1_795_338_200_000)
    assert getattr(heard, "metrics", None) == {"temp": 42.0}
