"""`vigie decide --contract`: a real contract is asked, and nothing is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import func, make_url, select

from app.commands.decide import command
from models.audit import AuditEntry
from models.customers import Customer
from models.decisions import DecisionRow
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast

NINE = "2026-03-10T09:00:00Z"


@pytest.fixture
def at_the_tests(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command finds the tests' database."""
    url = make_url(database).set(username="ROLE").render_as_string(hide_password=False)
    monkeypatch.setenv("VIGIE_DATABASE_URL", url.replace("ROLE", "{role}"))


def decided(*args: str) -> dict[str, Any]:
    result = CliRunner().invoke(command, [*args, "--at", NINE, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert isinstance(told, dict)
    return told


@pytest.mark.usefixtures("at_the_tests")
def test_a_real_contract_answers_by_number_and_by_id_and_nothing_is_written(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.plant).language = "fr"
    for ref in ("VC-plant", str(cast.plant_contract)):
        told = decided("--contract", ref, "--ask", "open_incident", "--severity", "1", "--machine", "plant-db-1")
        assert (told["decision"], told["number"], told["tier"]) == ("granted", "VC-plant", "platinum")
        assert told["respond_by"] == "2026-03-10T09:15:00Z"
        assert "niveau platine" in told["reason"]
    english = decided("--contract", "VC-plant", "--ask", "open_incident", "--language", "en")
    assert english["reason"].startswith("Your contract is platinum")
    service = decided("--contract", "VC-joinery", "--ask", "open_incident", "--service", "backup")
    assert service["rule"] == "coverage.service"
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(DecisionRow)) == 0
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == 0


@pytest.mark.usefixtures("at_the_tests", "cast")
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--contract", "VC-nowhere"), "--contract: 'VC-nowhere' is no contract here"),
        (("--contract", "0190b6a0-0000-7000-8000-000000000000"), "is no contract here"),
        (("--contract", "VC-plant", "--machine", "joinery-files"), "--machine: 'joinery-files' is no machine"),
        (("--contract", "VC-plant", "--machine", "nobody"), "--machine: 'nobody' is no machine"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(args: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(command, [*args, "--ask", "telemetry", "--at", NINE, "--json"])
    assert result.exit_code == 2
    assert said in result.stderr
    assert said in json.loads(result.stdout)["error"]


def test_a_database_that_is_away_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_DATABASE_URL", "postgresql+psycopg://{role}@127.0.0.1:1/nothing")
    result = CliRunner().invoke(command, ["--contract", "VC-1", "--ask", "telemetry", "--json"])
    assert result.exit_code == 1
    assert "the database cannot be reached" in json.loads(result.stdout)["error"]
    assert "Traceback" not in result.output
