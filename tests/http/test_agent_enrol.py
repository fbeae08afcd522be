"""The agent enrols itself at a real web server: it waits, keeps what it is given for its owner only, and is told no."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.serving import make_server

from app.settings import Settings
from contracts.life import By
from models.enrolment import Enrolment, EnrolmentCode
from models.session import SYSTEM, Sessions, work
from telemetry import agent_enrol, approving, enrolling, pki
from telemetry.agent_enrol import Application, EnrolmentRefused
from tests.cast import NOW, Cast

BY = By("tests", "tests")


@pytest.fixture
def desk(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def code(sessions: Sessions, cast: Cast) -> str:
    with work(sessions, SYSTEM) as session:
        lasting = datetime(2026, 3, 12, tzinfo=UTC) - NOW
        return enrolling.make_code(session, cast.plant, "a rack", "tests", NOW, lasting=lasting, most_uses=1)[1]


def decide(sessions: Sessions, deed: Callable[..., object]) -> None:
    with work(sessions, SYSTEM) as session:
        deed(session, session.scalars(select(Enrolment)).one())


def test_it_waits_across_a_restart_and_keeps_a_certificate_for_its_owner_only(
    desk: str, code: str, sessions: Sessions, tmp_path: Path, settings: Settings
) -> None:
    pki.init(settings.pki_folder, "the desk", datetime.now(UTC))
    asked, folder = (
        Application(desk, code, "plant-new", by_certificate=True, facts=(("os", "ours"),)),
        tmp_path / "state",
    )
    assert agent_enrol.enrol(asked, folder, lambda wait_s: False) is None
    decide(sessions, lambda session, one: approving.approve(session, one, BY, NOW, uncovered=True))
    given = agent_enrol.enrol(asked, folder, lambda wait_s: False)
    assert given is not None
    assert (given.machine, given.password, given) == ("plant-new", "", agent_enrol.kept(folder))
    assert {path.name for path in folder.iterdir()} == {"credential.json", "machine.crt", "machine.key"}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(EnrolmentCode.uses)).one() == 1


def test_it_is_told_why_it_was_refused_and_forgets_its_ticket(
    desk: str, code: str, sessions: Sessions, tmp_path: Path
) -> None:
    asked = Application(desk, code, "plant-new")
    agent_enrol.enrol(asked, tmp_path / "state", lambda wait_s: False)
    assert json.loads((tmp_path / "state" / "ticket.json").read_text())["ticket"].startswith("vgt_")
    decide(sessions, lambda session, one: enrolling.refuse(session, one, "Not this rack.", "tests", NOW))
    with pytest.raises(EnrolmentRefused, match="Not this rack"):
        agent_enrol.enrol(asked, tmp_path / "state", lambda wait_s: False)
    assert list((tmp_path / "state").iterdir()) == []


def test_a_desk_that_is_away_is_waited_for_and_a_wrong_code_is_not(desk: str, tmp_path: Path, cast: Cast) -> None:
    waits: list[float] = []

    def rest(wait_s: float) -> bool:
        waits.append(wait_s)
        return len(waits) < 3

    assert agent_enrol.enrol(Application("http://127.0.0.1:9", "vge_x", "a"), tmp_path, rest) is None
    assert waits == [10.0, 20.0, 40.0]
    with pytest.raises(EnrolmentRefused, match="This code opens nothing"):
        agent_enrol.enrol(Application(desk, "vge_x", "plant-new"), tmp_path, rest)
    with pytest.raises(EnrolmentRefused, match="no address"):
        agent_enrol.check_address("desk.example.org")
