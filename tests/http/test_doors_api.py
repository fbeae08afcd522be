"""Doors through the API and the command, and what a stranger sees of a recording."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from app.commands.inbound import command
from models.audit import AuditEntry
from models.session import SYSTEM, Sessions, work
from tests import postgres
from tests.cast import Cast
from tests.http.conftest import Visitor

Visit = Callable[[str], Visitor]


def test_a_door_lives_from_its_making_to_its_end_on_record(
    visit: Visit, stranger: Visitor, cast: Cast, sessions: Sessions
) -> None:
    max_ = visit("max")
    made = max_.post("/api/v1/doors", {"customer": "plant", "name": "Shop", "kind": "hook", "machine": "plant-db-1"})
    assert made.status_code == 201
    door = made.json or {}
    assert door["address"].endswith("/in/hook")
    headers = {"X-Vigie-Token": door["token"]}
    path = f"/api/v1/doors/{door['id']}"
    assert stranger.client.post("/in/hook", json={"id": 1, "title": "Shop down"}, headers=headers).status_code == 200
    alerts = (max_.get(f"{path}/alerts?open=true").json or {})["items"]
    assert [(one["key"], one["state"]) for one in alerts] == [("1", "triggered")]
    assert (max_.get(f"{path}/standing").json or {})["standing"] == {
        "open": {"1": {"state": "", "acknowledged": False}}
    }
    changed = max_.patch(path, {"settings": {"severities": {"rot": 1}}})
    assert (changed.json or {})["settings"] == {"severities": {"rot": 1}}
    renewed = (max_.post(f"{path}/token").json or {})["token"]
    assert stranger.client.post("/in/hook", json={"id": 1}, headers=headers).status_code == 401
    assert stranger.client.post("/in/hook", json={"id": 1}, headers={"X-Vigie-Token": renewed}).status_code == 200
    assert max_("DELETE", path).status_code == 204
    assert stranger.client.post("/in/hook", json={"id": 1}, headers={"X-Vigie-Token": renewed}).status_code == 401
    with work(sessions, SYSTEM) as session:
        deeds = session.scalars(select(AuditEntry.deed).where(AuditEntry.deed.like("door.%"))).all()
    assert sorted(deeds) == ["door.changed", "door.closed", "door.made", "door.renewed"]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [({"mapping": {"colour": "a"}}, "mapping.colour"), ({"one_for": "group"}, "settings.one_for")],
)
def test_settings_that_fit_no_such_door_are_refused_by_their_field(
    wanted: dict[str, object], field: str, visit: Visit
) -> None:
    body = {"customer": "plant", "name": "Shop", "kind": "hook", "settings": wanted}
    said = visit("max").post("/api/v1/doors", body)
    assert said.status_code == 422
    assert [one["field"] for one in (said.json or {})["errors"]] == [field]


def test_a_customer_makes_no_door(visit: Visit) -> None:
    body = {"customer": "plant", "name": "Shop", "kind": "hook"}
    assert visit("ada").post("/api/v1/doors", body).status_code == 403


def test_a_stranger_replays_a_recording_and_sees_where_it_differs(
    database: str, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_DATABASE_URL", postgres.as_role(database, "worker"))
    monkeypatch.setenv("VIGIE_DATA", str(tmp_path))
    body = {"NOTIFICATIONTYPE": "PROBLEM", "HOSTNAME": "a", "HOSTSTATE": "DOWN", "NOTIFICATIONNUMBER": "1"}
    lines = [{"t_ms": 1, "path": "/nagios", "headers": {}, "body": json.dumps(body), "answered": answered}
             for answered in (503, 200)]  # fmt: skip
    file = tmp_path / "n.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines))
    head = {"type": "PROBLEM", "about": "a", "state": "DOWN", "number": "1"}
    stated = [{"after": 1, **head, "open": {}},
              {"after": 2, **head, "open": {"a": {"state": "DOWN", "acknowledged": False}}}]  # fmt: skip
    said = CliRunner().invoke(command, ["replay", str(file)])
    assert json.loads(said.output)["n.jsonl"] == {"format": "nagios", "after": stated}
    for open_now, status in (({}, 1), (stated[1]["open"], 0)):
        (tmp_path / "e.json").write_text(
            json.dumps({"n.jsonl": {"after": [stated[0], {**stated[1], "open": open_now}]}})
        )
        against = CliRunner().invoke(command, ["replay", str(file), "--against", str(tmp_path / "e.json")])
        assert against.exit_code == status, against.output
    (tmp_path / "bad.jsonl").write_text("{}\nnonsense\n")
    wrong = CliRunner().invoke(command, ["replay", str(tmp_path / "bad.jsonl")])
    assert wrong.exit_code == 1
    assert "line 2" in wrong.output
