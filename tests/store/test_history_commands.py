"""`vigie history` as one types it: how long it is kept, as a file, and erased once that is confirmed."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import arro3.io
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import make_url, select

from app.commands.history import command
from models.audit import AuditEntry
from models.session import SYSTEM, Sessions, work
from telemetry import history
from tests.cast import Cast

START = datetime(2026, 3, 9, 0, 0, tzinfo=UTC)


@pytest.fixture
def desk(database: str, cast: Cast, sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    url = make_url(database).set(username="ROLE").render_as_string(hide_password=False)
    monkeypatch.setenv("VIGIE_DATABASE_URL", url.replace("ROLE", "{role}"))
    monkeypatch.setenv("VIGIE_DATA", str(tmp_path))
    told = [(round((START + timedelta(minutes=n)).timestamp() * 1000), {"cpu_util": 12.1}) for n in range(120)]
    with work(sessions, SYSTEM) as session:
        history.add(session, 1, [(cast.plant_machine, cast.plant, told)])
    return tmp_path


def said(*words: str) -> Result:
    return CliRunner().invoke(command, list(words))


SPAN = ("--from", "2026-03-09T00:00Z", "--to", "2026-03-09T01:00Z")


def test_a_span_is_written_to_a_file_of_either_kind(desk: Path) -> None:
    table, columns = desk / "out.csv", desk / "out.parquet"
    assert said("export", "plant-db-1", str(table), *SPAN).exit_code == 0
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (len(rows), rows[0]["at"], rows[0]["value"]) == (60, "2026-03-09T01:00:00.000+01:00", "12.1")
    assert said("export", "plant-db-1", str(columns), *SPAN, "--of", "hours").exit_code == 0
    assert arro3.io.read_parquet(columns).read_all().num_rows == 1
    assert said("export", "nobody", str(table)).exit_code == 1
    assert "is not an instant" in said("export", "plant-db-1", str(table), "--from", "soon").output


def test_erasing_asks_for_the_name_and_is_on_record(desk: Path, sessions: Sessions) -> None:
    refused = said("erase", "plant-db-1", *SPAN, "--reason", "names", "--confirm", "plant-db-2")
    assert refused.exit_code == 1
    assert "60 reports" in refused.output
    done = said("erase", "plant-db-1", *SPAN, "--reason", "names", "--confirm", "plant-db-1")
    assert done.exit_code == 0, done.output
    assert "60 reports erased" in done.output
    assert "nothing of this machine" in said("erase", "plant-db-1", *SPAN, "--reason", "x").output
    kept = said("kept", "plant-db-1").output
    assert "reports 184 days, figures 1,830 days" in kept or "reports 184 days, figures 1830 days" in kept
    assert "erased" in kept
    with work(sessions, SYSTEM) as session:
        actors = session.scalars(select(AuditEntry.actor).where(AuditEntry.deed == "history.erased")).all()
    assert actors == ["command line"]
