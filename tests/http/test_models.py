"""Models on pages and in the API: read by the desk, acted on by who may, in words when it cannot be, by no other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from models.audit import AuditEntry
from models.base import new_id
from models.incidents import Finding
from models.releases import ModelComparison, ModelDuty, ModelRelease, ReleaseArtefact, ShadowOpening
from models.session import SYSTEM, Sessions, work
from telemetry.releases import FORMAT, digest_of
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor

Visit = Callable[[str], Visitor]
SETTINGS = {"threshold": 1.2}


@pytest.fixture
def model(sessions: Sessions, cast: Cast) -> ModelRelease:
    """A release of Ada's machine; what a watcher would load of it is no matter here."""
    body = b"weights"
    digests = {"plant-db-1": hashlib.sha256(body).hexdigest()}
    lineage = {
        "format": FORMAT, "code": "1.0+abc", "from": "2026-03-07T09:00:00Z", "to": "2026-03-10T09:00:00Z",
        "reports": 4320, "artefacts": digests, "left_out": {"plant-old": "no report is stored of that span"},
        "verdicts": {"confirmed_left_out": 1, "dismissed_kept": 2},
        "scores": {"held_out_machine_days": 0.75, "held_out_alarms": 0, "held_out_alarms_a_machine_day": 0.0},
    }  # fmt: skip
    with work(sessions, SYSTEM) as session:
        release = ModelRelease(
            id=new_id(), title="quieter", digest=digest_of(SETTINGS, digests), settings=SETTINGS, lineage=lineage,
            machines=1, made_at=NOW, made_by="Max",
        )  # fmt: skip
        session.add(release)
        session.flush()
        session.add(
            ReleaseArtefact(customer_id=cast.plant, release_id=release.id, machine_id=cast.plant_machine, body=body,
                            digest=digests["plant-db-1"], lineage={})
        )  # fmt: skip
        session.flush()
        session.expunge_all()
        return release


def test_a_promotion_and_a_rollback_by_api_are_audited_acts_of_a_person(
    visit: Visit, model: ModelRelease, sessions: Sessions
) -> None:
    root = visit("root")
    assert root.post("/api/v1/models/M-1/promote", {"reason": "calmer at night"}).json == {
        "label": "M-1", "machines": 1,
    }  # fmt: skip
    shown = root.get(f"/api/v1/models/{model.digest[:10]}").json
    assert (shown["champion"], shown["waiting"], shown["lineage"]["reports"]) == (1, 1, 4320)
    again = root.post("/api/v1/models/M-1/promote", {"reason": "again"})
    assert (again.status_code, "champion already" in again.json["detail"]) == (409, True)
    assert root.post("/api/v1/models/M-1/rollback", {"reason": "it slept"}).status_code == 200
    assert root.get("/api/v1/models").json["items"][0]["champion"] == 0
    with work(sessions, SYSTEM) as session:
        told = session.execute(
            select(AuditEntry.deed, AuditEntry.actor, AuditEntry.facts["reason"].astext)
            .where(AuditEntry.subject == "model M-1").order_by(AuditEntry.id)
        ).all()  # fmt: skip
    assert [tuple(row) for row in told] == [
        ("model.promoted", "Root", "calmer at night"), ("model.rolled_back", "Root", "it slept"),
    ]  # fmt: skip


def test_who_may_not_does_not(visit: Visit, model: ModelRelease) -> None:
    body = {"reason": "because"}
    assert visit("dee").post("/api/v1/models/M-1/promote", body).status_code == 403
    assert visit("dee").get("/models/M-1").status_code == 200
    assert "Promote" not in visit("dee").get("/models/M-1").text
    for name in ("ada", "cy"):
        for path in ("/api/v1/models", "/api/v1/models/M-1", "/api/v1/models/M-1/openings", "/models"):
            assert visit(name).get(path).status_code == 403, path
        assert visit(name).post("/api/v1/models/M-1/promote", body).status_code == 403


@pytest.mark.parametrize("wanted", ["M-9", "deadbeef", "nonsense"])
def test_an_unknown_model_is_not_found(visit: Visit, model: ModelRelease, wanted: str) -> None:
    assert visit("root").get(f"/api/v1/models/{wanted}").status_code == 404
    assert visit("root").post(f"/api/v1/models/{wanted}/shadow").status_code == 404
    assert visit("root").get(f"/models/{wanted}").status_code == 404


def test_a_tampered_artefact_is_refused_and_named_everywhere(
    visit: Visit, model: ModelRelease, sessions: Sessions
) -> None:
    with work(sessions, SYSTEM) as session:
        session.execute(update(ReleaseArtefact).values(body=b"other weights"))
    root = visit("root")
    answer = root.post("/api/v1/models/M-1/promote", {"reason": "now"})
    assert answer.status_code == 409
    assert "the artefact of plant-db-1 is not the one that was trained" in answer.json["detail"]
    page = root.post("/models/M-1/promote", data={"csrf": root.csrf, "reason": "now"})
    assert (page.status_code, "is not the one that was trained" in page.text) == (409, True)
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(ModelDuty)).all() == []


def test_a_promotion_wants_a_reason(visit: Visit, model: ModelRelease) -> None:
    root = visit("root")
    assert root.post("/api/v1/models/M-1/promote", {"reason": ""}).status_code == 422
    page = root.post("/models/M-1/promote", data={"csrf": root.csrf, "reason": " "})
    assert (page.status_code, "Say why" in page.text) == (422, True)


def test_the_page_shadows_and_shows_what_each_would_have_opened(
    visit: Visit, model: ModelRelease, sessions: Sessions, cast: Cast
) -> None:
    root = visit("root")
    assert root.post("/models/M-1/shadow", data={"csrf": root.csrf}).status_code == 303
    mine = {"customer_id": cast.plant, "machine_id": cast.plant_machine, "severity": 3, "score": 7.0}
    at = NOW - timedelta(hours=1)
    with work(sessions, SYSTEM) as session:
        session.execute(text("UPDATE model_duties SET since = :at, taken_at = :at"), {"at": at - timedelta(hours=1)})
        session.add(ShadowOpening(**mine, release_id=model.id, cause="cpu", opened_at=at, summary="cpu seen by both"))
        session.add(
            ShadowOpening(**mine, release_id=model.id, cause="mem", opened_at=at - timedelta(minutes=50),
                          ended_at=at - timedelta(minutes=45), summary="mem by the challenger")
        )  # fmt: skip
        session.add(
            Finding(**mine, cause="cpu", kind="anomaly", started_at=at, opened_at=at, created_at=at, summary="cpu odd",
                    verdict="benign")
        )  # fmt: skip
    table = visit("dee").get("/api/v1/models/M-1/openings").json
    assert (table["both"], table["champion_only"], table["challenger_only"]) == (1, 0, 1)
    assert [item["by"] for item in table["items"]] == ["both", "challenger"]
    assert table["items"][0]["champion"]["became"] == "judged benign"
    assert "before contract and desk" in table["counts"]
    for page in (root.get("/models").text, root.get("/models/M-1").text):
        assert "1 opened by both, 0 by the champion only, 1 by the challenger only" in page
        assert "mem by the challenger" in page
    assert root.post("/models/M-1/end", data={"csrf": root.csrf}).status_code == 303
    assert "End the shadow" not in root.get("/models/M-1").text


def test_a_kept_comparison_is_shown_with_its_words(visit: Visit, model: ModelRelease, sessions: Sessions) -> None:
    item = {"machine": "plant-db-1", "cause": "cpu", "severity": 3, "opened_at": "2026-03-10T08:00:00Z",
            "ended_at": None, "summary": "cpu odd", "verdict": "true"}  # fmt: skip
    result = {"a": "own", "b": "M-1", "machines": 1, "reports": 60, "left_out": {}, "both_count": 0, "lost_count": 1,
              "gained_count": 0, "both": [], "lost": [item], "gained": []}  # fmt: skip
    with work(sessions, SYSTEM) as session:
        session.add(ModelComparison(b_id=model.id, starts_at=NOW, ends_at=NOW, made_at=NOW, made_by="Max",
                                    result=result))  # fmt: skip
    assert visit("dee").get("/api/v1/models/M-1/comparisons").json["items"][0]["result"]["lost_count"] == 1
    page = visit("dee").get("/models/M-1").text
    assert "1 lost and 0 gained under M-1" in page
    assert "judged true" in page


def test_the_finder_and_the_platform_lead_to_the_models(visit: Visit, cast: Cast) -> None:
    assert "No model was trained here yet" in visit("dee").get("/models").text
    assert 'href="/models"' in visit("dee").get("/platform").text
    assert "/models" in visit("dee").get("/search?q=models").text


def test_what_was_open_when_the_shadow_began_is_no_gain_of_the_challenger(
    visit: Visit, model: ModelRelease, sessions: Sessions, cast: Cast
) -> None:
    mine = {"customer_id": cast.plant, "machine_id": cast.plant_machine, "severity": 3, "score": 7.0}
    before, since = NOW - timedelta(hours=3), NOW - timedelta(hours=2)
    with work(sessions, SYSTEM) as session:
        session.add(
            ModelDuty(customer_id=cast.plant, machine_id=cast.plant_machine, role="challenger", release_id=model.id,
                      since=since, taken_at=since, begun_by="Max")
        )  # fmt: skip
        for cause in ("cpu", "mem"):  # one that the challenger sees too, and one that nobody opened in its time
            ended = None if cause == "cpu" else since + timedelta(minutes=1)
            session.add(
                Finding(**mine, cause=cause, kind="anomaly", started_at=before, opened_at=before, created_at=before,
                        ended_at=ended, summary=cause)
            )  # fmt: skip
        session.add(
            ShadowOpening(**mine, release_id=model.id, cause="cpu", opened_at=NOW - timedelta(hours=1), summary="cpu")
        )
    table: Any = visit("dee").get("/api/v1/models/M-1/openings").json
    assert (table["both"], table["champion_only"], table["challenger_only"]) == (1, 0, 0)
