"""A reading asked by the desk, over a real broker to our agent and back onto the incident."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from escalation import diagnosis, diagnostics
from escalation.intake import report
from models.agreements import Contract
from models.diagnostics import DiagnosticAsk
from models.incidents import Incident
from models.machines import Machine
from models.session import SYSTEM, Sessions, work
from telemetry import agent_vitals, enrol
from telemetry.agent import Address, Agent
from telemetry.agent_queue import Queue
from telemetry.diagnosing import Diagnoser
from tests import desk
from tests.cast import Cast
from tests.rig import Rig, until

ME = "plant-db-1"


@contextmanager
def agent(rig: Rig, folder: Path, secret: str) -> Iterator[None]:
    """Our agent in a thread of its own; its queue is SQLite, which wants one thread."""
    ended = threading.Event()

    def run() -> None:
        queue = Queue(folder / "queue.sqlite")
        diagnoser = Diagnoser(ME, [], queue.is_asked_again)
        address = Address("127.0.0.1", rig.mqtt_port, ME, secret)
        Agent(address, queue, 1.0, agent_vitals.Vitals(), diagnoser).run(ended.is_set)
        queue.close()

    thread = threading.Thread(target=run, name="agent")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(20)


def test_what_was_asked_is_read_and_filed_and_everything_else_is_refused(
    rig: Rig, sessions: Sessions, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "PATIENCE", timedelta(minutes=8))  # on a busy machine two are soon over
    now = datetime.now(UTC)
    with work(sessions, SYSTEM) as session:
        contract = session.get_one(Contract, cast.plant_contract)
        contract.starts_on, contract.ends_on = (now - timedelta(days=30)).date(), (now + timedelta(days=300)).date()
        machine = session.get_one(Machine, cast.plant_machine)
        secret = enrol.rotate(session, machine, now)
        report(session, desk.signal(cast.plant_machine, now), now)
        incident_id = desk.the_incident(session).id
        diagnostics.consent(session, cast.plant, machine, desk.actor(cast, "ada"), now + timedelta(hours=1), now)
    rig.extra = {"VIGIE_FLUSH_S": "0.2"}
    rig.broker()
    rig.watch()
    bridge = rig.bridge()
    until(lambda: "bridge.connected" in bridge.words, "the bridge is connected", 180)

    def ended(ask_id: object) -> DiagnosticAsk | None:
        with work(sessions, SYSTEM) as session:
            row = session.get_one(DiagnosticAsk, ask_id)
            return row if row.ended_at is not None else None

    asked = {}
    with agent(rig, tmp_path, secret):
        with work(sessions, SYSTEM) as session:
            incident = session.get_one(Incident, incident_id)
            for reading, unit, lines in (("disk_usage", "", 0), ("log_tail", "sshd.service", 5)):
                row = diagnostics.ask(
                    session, incident, reading, unit, lines, desk.actor(cast, "dee"), datetime.now(UTC)
                )
                assert isinstance(row, DiagnosticAsk)
                asked[reading] = row.id
        told = until(lambda: ended(asked["disk_usage"]), "the disks are told", 180)
        assert told.state == "answered"
        assert told.result["disks"]
        refused = until(lambda: ended(asked["log_tail"]), "an unnamed unit is refused", 180)
        assert (refused.state, refused.why) == ("refused", "unit_not_allowed")
