"""`vigie demo` and `vigie lab` from the outside: what they say, what they keep, and who may read it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from app import demo_secrets
from app.cli import main
from models.machines import Machine
from models.session import SYSTEM, Sessions, work
from models.telemetry import LabOrder
from tests import postgres


@pytest.fixture
def at_desk(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of a running house, with its data folder."""
    monkeypatch.setenv("VIGIE_DATA", str(tmp_path))
    monkeypatch.setenv("VIGIE_DATABASE_URL", postgres.as_role(database, "worker"))
    return tmp_path


def vigie(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def test_install_keeps_the_secrets_for_their_owner_only(at_desk: Path) -> None:
    assert "61 machines" in vigie("demo", "install").output
    lab, agent = demo_secrets.lab_file(at_desk), demo_secrets.agent_file(at_desk)
    assert len(demo_secrets.read(lab)) == 60
    assert [name.startswith("this-host-") for name in demo_secrets.read(agent)] == [True]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (lab, agent)} == {0o600}


def test_installing_again_keeps_every_secret(at_desk: Path) -> None:
    vigie("demo", "install")
    files = (demo_secrets.lab_file(at_desk), demo_secrets.agent_file(at_desk))
    before = [(path.read_bytes(), demo_secrets.stamp(path)) for path in files]
    vigie("demo", "install")
    assert [(path.read_bytes(), demo_secrets.stamp(path)) for path in files] == before


def test_remove_forgets_the_secrets_too(at_desk: Path, sessions: Sessions) -> None:
    vigie("demo", "install")
    assert "13 customers" in vigie("demo", "status").output
    assert "61 machines" in vigie("demo", "remove").output
    assert demo_secrets.read(demo_secrets.lab_file(at_desk)) == {}
    assert demo_secrets.stamp(demo_secrets.agent_file(at_desk)) == 0
    assert "no demo" in vigie("demo", "status").output
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(Machine)).all() == []


def test_a_demo_that_was_removed_stays_away_until_it_is_asked_for(at_desk: Path) -> None:
    vigie("demo", "install")
    assert not demo_secrets.is_sent_away(at_desk)
    assert "`vigie demo install` brings it back" in vigie("demo", "remove").output
    assert demo_secrets.is_sent_away(at_desk)
    vigie("demo", "install")
    assert not demo_secrets.is_sent_away(at_desk)


def test_a_start_without_the_demo_is_named_when_one_is_installed(
    at_desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "next start without --no-demo" in vigie("demo", "install").output
    monkeypatch.setenv("VIGIE_DEMO", "true")
    assert "--no-demo" not in vigie("demo", "install").output


def test_a_fault_by_hand_is_an_order_the_lab_can_read(at_desk: Path, sessions: Sessions) -> None:
    said = vigie("lab", "fault", "log", "tst-web-1", "--severity", "0.5", "--speed", "4", "--for", "10")
    assert said.output == "tst-web-1: a runaway log fills /var\n"
    with work(sessions, SYSTEM) as session:
        order = session.scalars(select(LabOrder)).one()
    assert (order.kind, order.machine, order.taken_at) == ("log", "tst-web-1", None)
    assert (order.options["severity"], order.options["speed"]) == (0.5, 4.0)
    assert order.options["until"]


def test_a_machine_the_lab_does_not_play_is_named_in_the_answer(at_desk: Path) -> None:
    for words in (("fault", "fan", "nobody"), ("cure", "nobody")):
        said = vigie("lab", *words)
        assert said.exit_code == 1
        assert "plays no machine called nobody" in said.output


def test_list_shows_what_is_broken(at_desk: Path, sessions: Sessions) -> None:
    vigie("lab", "fault", "nic", "tst-web-1")
    assert "nic for" not in vigie("lab", "list").output  # not taken yet
    with work(sessions, SYSTEM) as session:
        order = session.scalars(select(LabOrder)).one()
        order.taken_at, order.outcome = order.asked_at, "begun"
    line = next(text for text in vigie("lab", "list").output.splitlines() if "tst-web-1" in text)
    assert "nic for 0 min" in line


def test_a_cure_ends_every_fault_of_its_machine(at_desk: Path, sessions: Sessions) -> None:
    vigie("lab", "fault", "nic", "tst-web-1")
    vigie("lab", "cure", "tst-web-1")
    with work(sessions, SYSTEM) as session:
        for order in session.scalars(select(LabOrder)):
            order.taken_at, order.outcome = order.asked_at, "cured" if order.kind == "cure" else "begun"
    assert "nic for" not in vigie("lab", "list").output


def test_the_agent_wants_name_and_secret_together(at_desk: Path) -> None:
    said = vigie("agent", "--username", "somebody")
    assert said.exit_code == 2
    assert "goes with --password-file" in said.output
