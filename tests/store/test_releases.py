"""A release is trained of what is stored, scores in the shadow, opens when promoted, and gives way when rolled back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Delete, Update, delete, select, text, update

from models.artefacts import ModelArtefact
from models.audit import AuditEntry
from models.incidents import Finding
from models.machines import Machine
from models.releases import ModelDuty, ReleaseArtefact, ShadowOpening
from models.session import SYSTEM, Sessions, work
from telemetry import release_training, releases, succession
from tests.cast import Cast
from tests.plant import Plant
from tests.store.modelled import NAME, beat, calm, release, remember, row, speak, watched


def do(plant: Plant, what: Callable[..., object], label: str, **more: object) -> object:
    with work(plant.sessions, SYSTEM) as session:
        found = releases.find(session, label)
        return what(session, found, actor="Max", now=plant.now, **more)


def promote(plant: Plant, label: str) -> None:
    do(plant, releases.promote, label, reason="fewer false alarms")


def test_a_training_says_of_what_and_how_well(plant: Plant) -> None:
    remember(plant)
    made = row(plant, release(plant, threshold=1.25))
    assert (made.label, made.machines, made.made_by) == ("M-1", 1, "Max")
    assert made.settings["threshold"] == 1.25
    assert made.lineage["code"].count("+") == 1
    assert list(made.lineage["artefacts"]) == [NAME]
    assert made.lineage["scores"]["held_out_machine_days"] == pytest.approx(0.12, abs=0.02)
    assert plant.one(select(AuditEntry.deed).where(AuditEntry.subject == "model M-1")) == [("model.trained",)]


def test_a_releases_digest_is_of_its_settings_and_artefacts(plant: Plant) -> None:
    remember(plant)
    made = row(plant, release(plant, ridge=0.5))
    assert made.digest == releases.digest_of(made.settings, made.lineage["artefacts"])
    assert made.digest != releases.digest_of(made.settings | {"ridge": 0.3}, made.lineage["artefacts"])
    assert made.digest != releases.digest_of(made.settings, {NAME: "0" * 64})


def test_a_confirmed_problem_is_not_learned_and_a_dismissed_one_is(plant: Plant, cast: Cast) -> None:
    remember(plant)
    at = plant.now - timedelta(hours=3)
    said = {"customer_id": cast.plant, "machine_id": cast.plant_machine, "cause": "cpu", "kind": "anomaly",
            "severity": 3, "summary": "", "created_at": at, "judged_at": plant.now}  # fmt: skip
    with work(plant.sessions, SYSTEM) as session:
        session.add(Finding(**said, started_at=at, opened_at=at, ended_at=at + timedelta(hours=1), verdict="true"))
        session.add(Finding(**said, started_at=at, opened_at=at, ended_at=at + timedelta(hours=2), verdict="benign"))
    release(plant)
    (lineage,) = plant.one(select(ReleaseArtefact.lineage))[0]
    assert lineage["rows"] == 12 * 60 - 120  # the hour, and half an hour on either side
    assert row(plant, "M-1").lineage["verdicts"] == {"confirmed_left_out": 1, "dismissed_kept": 1}


def test_what_cannot_be_learned_of_is_left_out_with_the_reason(plant: Plant) -> None:
    with pytest.raises(release_training.NothingLearned, match="plant-db-1: no report"):
        release(plant)
    remember(plant, hours=0.5)
    with pytest.raises(release_training.NothingLearned, match="too few"):
        release(plant)


@pytest.mark.parametrize(("name", "value"), [("threshold", 3.0), ("nonsense", 1.0), ("ridge", 0.0)])
def test_a_setting_that_is_none_is_named(plant: Plant, name: str, value: float) -> None:
    with pytest.raises(release_training.BadSettings, match=name):
        release(plant, **{name: value})


def test_a_promoted_release_scores_on_the_running_watcher_and_names_itself_on_what_it_opens(plant: Plant) -> None:
    remember(plant)
    speak(plant)
    label = release(plant)
    assert watched(plant).release == ""
    promote(plant, label)
    m = watched(plant)
    assert m.release == label
    ((taken, digest),) = plant.one(
        select(ModelDuty.taken_at, ReleaseArtefact.digest).join(
            ReleaseArtefact, ReleaseArtefact.release_id == ModelDuty.release_id
        )
    )
    assert taken is not None
    speak(plant, 60)
    assert plant.one(select(Finding.id)) == []  # it fits the machine as it stands
    speak(plant, 4, loud=60.0)
    ((evidence, of),) = plant.one(select(Finding.evidence, Finding.model_digest))
    assert evidence["model"]["release"] == label
    assert of == evidence["model"]["digest"] == digest


def test_a_promotion_outlives_the_watcher(plant: Plant) -> None:
    remember(plant)
    speak(plant)
    promote(plant, release(plant))
    watched(plant)
    plant.watcher.stopping = True
    plant.watcher.run("first")
    plant.readers[0].close()
    plant.watcher = plant.watch("second")
    speak(plant)
    assert next(s for s in plant.watcher.seats.values() if NAME in s.heard).watching.known[NAME].release == "M-1"


def test_a_rollback_brings_back_what_ran_before_step_by_step(plant: Plant) -> None:
    remember(plant)
    speak(plant, 90)
    plant.watcher.turn(0.02)  # its own model goes on the shelf
    live = select(ModelArtefact.digest).where(ModelArtefact.retired_at.is_(None))
    ((own,),) = plant.one(live)
    first, second = release(plant), release(plant, threshold=1.5)
    for label in (first, second):
        promote(plant, label)
        assert watched(plant).release == label
        plant.now += timedelta(minutes=1)
    assert watched(plant).stricter == 1.5
    do(plant, releases.rollback, second, reason="it slept")
    assert (watched(plant).release, watched(plant).stricter) == (first, 1.0)
    do(plant, releases.rollback, first, reason="it slept too")
    assert watched(plant).release == ""
    assert plant.one(live) == [(own,)]
    with pytest.raises(releases.NotNow, match="nowhere"):
        do(plant, releases.rollback, first, reason="again")
    deeds = plant.one(select(AuditEntry.deed, AuditEntry.actor).order_by(AuditEntry.id))
    assert [deed for deed, _ in deeds if "promot" in deed or "rolled" in deed] == [
        "model.promoted", "model.promoted", "model.rolled_back", "model.rolled_back",
    ]  # fmt: skip
    assert {actor for deed, actor in deeds if deed.startswith("model.")} == {"Max"}


def test_a_machine_whose_own_model_is_gone_learns_anew_after_a_rollback(plant: Plant) -> None:
    remember(plant)
    speak(plant)
    promote(plant, release(plant))
    watched(plant)
    with work(plant.sessions, SYSTEM) as session:
        session.execute(text("DELETE FROM model_artefacts WHERE NOT lineage ? 'release'"))
    do(plant, releases.rollback, "M-1", reason="no")
    assert not watched(plant).is_fitted
    speak(plant)
    assert watched(plant).is_fitted


def test_a_challenger_says_what_it_would_open_and_opens_nothing(plant: Plant) -> None:
    remember(plant)
    speak(plant)
    promote(plant, release(plant, threshold=2.0))
    do(plant, releases.shadow, release(plant, threshold=0.6))
    seat = beat(plant)
    assert [m.release for m in seat.shadow.watching.known.values()] == ["M-2"]
    speak(plant, 5)
    speak(plant, 5, loud=20.0)
    speak(plant, 8)
    assert plant.one(select(Finding.id)) == []
    ((machine, opened, ended),) = plant.one(
        select(Machine.name, ShadowOpening.opened_at, ShadowOpening.ended_at).join(Machine)
    )
    assert machine == NAME
    assert opened < ended < plant.now
    do(plant, releases.end_shadow, "M-2")
    assert beat(plant).shadow.watching.known == {}


def test_the_shadow_goes_on_where_the_next_watcher_takes_over(plant: Plant) -> None:
    remember(plant)
    speak(plant)
    do(plant, releases.shadow, release(plant, threshold=0.6))
    beat(plant)
    speak(plant, 5)
    speak(plant, 5, loud=20.0)
    plant.watcher.stopping = True
    plant.watcher.run("first")
    plant.readers[0].close()
    plant.watcher = plant.watch("second")
    speak(plant, 8)
    assert [ended is not None for (ended,) in plant.one(select(ShadowOpening.ended_at))] == [True]


def test_a_broken_challenger_takes_no_champion_along(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(plant)
    speak(plant)
    do(plant, releases.shadow, release(plant))
    seat = beat(plant)
    monkeypatch.setattr(seat.shadow.watching, "feed", lambda heard: 1 / 0)
    speak(plant, 3)
    assert len(plant.stored(plant.cast.plant_machine)) > 12 * 60
    beat(plant)
    assert "division" in plant.one(select(ModelDuty.refused))[0][0]
    assert beat(plant).shadow.watching.known == {}


def test_a_tampered_artefact_is_refused_and_named(plant: Plant) -> None:
    remember(plant)
    speak(plant)
    label = release(plant)
    with work(plant.sessions, SYSTEM) as session:
        session.execute(update(ReleaseArtefact).values(body=b"something else"))
    with pytest.raises(releases.Tampered, match="M-1: the artefact of plant-db-1"):
        promote(plant, label)
    with work(plant.sessions, SYSTEM) as session:
        session.execute(text("UPDATE release_artefacts SET digest = encode(sha256(body), 'hex')"))
    with pytest.raises(releases.Tampered):
        do(plant, releases.shadow, label)


@pytest.mark.parametrize(
    ("done", "said"),
    [(update(ReleaseArtefact).values(body=b"something else"), "digest"), (delete(ReleaseArtefact), "is gone")],
)
def test_an_artefact_changed_or_lost_after_its_promotion_is_refused_by_the_watcher(
    plant: Plant, done: Update | Delete, said: str
) -> None:
    remember(plant)
    speak(plant)
    promote(plant, release(plant))
    with work(plant.sessions, SYSTEM) as session:
        session.execute(done)
    assert watched(plant).release == ""
    ((why,),) = plant.one(select(ModelDuty.refused))
    assert NAME in why
    assert said in why
    assert said in plant.watcher.facts()["degraded"]


def test_readings_are_stored_while_a_model_is_refused_and_it_is_taken_once_it_is_right_again(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(plant)
    speak(plant)
    promote(plant, label := release(plant))
    ((body,),) = plant.one(select(ReleaseArtefact.body))
    with work(plant.sessions, SYSTEM) as session:
        session.execute(update(ReleaseArtefact).values(body=b"something else"))
    assert watched(plant).release == ""
    stored = len(plant.stored(plant.cast.plant_machine))
    speak(plant)
    assert len(plant.stored(plant.cast.plant_machine)) == stored + 3
    with work(plant.sessions, SYSTEM) as session:
        session.execute(update(ReleaseArtefact).values(body=body))
    assert watched(plant).release == "", "it is not tried with every beat"
    assert f"1 machine goes on without the model on duty ({label} on {NAME}" in plant.watcher.facts()["degraded"]
    monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + succession.AGAIN_S)
    assert watched(plant).release == label
    assert plant.one(select(ModelDuty.refused)) == [("",)]
    assert "model on duty" not in plant.watcher.facts()["degraded"]


def test_a_release_of_another_format_is_refused(plant: Plant) -> None:
    remember(plant)
    label = release(plant)
    with work(plant.sessions, SYSTEM) as session:
        session.execute(text("UPDATE model_releases SET lineage = lineage || '{\"format\": 99}'"))
    with pytest.raises(releases.Incompatible, match="format 99"):
        promote(plant, label)


@pytest.mark.parametrize("wanted", ["M-9", "deadbeef", "nonsense", "", "M-", "0" * 64])
def test_an_unknown_model_is_named(plant: Plant, wanted: str) -> None:
    with work(plant.sessions, SYSTEM) as session, pytest.raises(releases.Unknown, match=wanted or "names no model"):
        releases.find(session, wanted)


def test_a_release_is_found_by_its_digest(plant: Plant) -> None:
    remember(plant)
    made = row(plant, release(plant))
    assert row(plant, made.digest[:8]).label == row(plant, "m-1").label == row(plant, "1").label == "M-1"


def test_no_customer_reads_a_release_and_none_anothers_duty(plant: Plant, cast: Cast, web_sessions: Sessions) -> None:
    remember(plant)
    promote(plant, release(plant))
    for customer, duties in ((cast.plant, 1), (cast.joinery, 0)):
        with work(web_sessions, customer) as session:
            assert session.execute(text("SELECT count(*) FROM model_releases")).scalar() == 0
            assert session.execute(text("SELECT count(*) FROM model_duties")).scalar() == duties
            assert session.execute(text("SELECT count(*) FROM release_artefacts")).scalar() == duties


def test_quiet_minutes_are_quiet() -> None:
    """Guards the plant of these tests: what is called calm must not alarm anybody."""
    from datetime import UTC, datetime

    assert all(40 < value < 60 for value in calm(datetime(2026, 1, 1, tzinfo=UTC)).values())
