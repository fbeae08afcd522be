"""Hand-overs on the pages and through the API: offered with a note, accepted or refused with a reason."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from app.pages import case
from escalation import acts, handover, intake, still_held
from escalation.handover import Note
from escalation.incident import Actor
from escalation.intake import Signal
from models.incidents import Incident
from models.people import Shift
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.http.conftest import Hands, Visitor
from tests.http.test_pages import counting


@pytest.fixture
def incident(sessions: Sessions, cast: Cast) -> str:
    """The label of one Dee has claimed."""
    signal = Signal(cast.plant_machine, "fan:1", "rule", 3, NOW, "A fan stands still", "Fan 1.", {}, None)
    with work(sessions, SYSTEM) as session:
        opened = intake.report(session, signal, NOW).incident_id
        assert opened is not None
        acts.claim(session, opened, Actor(cast.dee, "Dee"), NOW)
        return session.get_one(Incident, opened).label


def offered(dee: Visitor, incident: str, cast: Cast) -> str:
    form = {"taker": str(cast.eve), "state": "The fan is ordered.", "tried": "A reset.", "avoid": "Power it down.",
            "csrf": dee.csrf}  # fmt: skip
    answer = dee.post(f"/incidents/{incident}/hand-over", data=form)
    assert answer.status_code == 303, answer.text
    return incident


def test_the_taker_sees_the_note_on_the_floor_and_accepts(
    visit: Callable[[str], Visitor], incident: str, cast: Cast
) -> None:
    dee, eve = visit("dee"), visit("eve")
    assert "best first" in dee.get(f"/incidents/{incident}/hand-over").text
    offered(dee, incident, cast)
    assert "1 incident handed over to you" in eve.get("/").text
    assert "handed over to you" not in dee.get("/").text
    waiting = eve.get("/handovers").text
    assert "Power it down." in waiting
    row = eve.get("/api/v1/handovers").get_json()["items"][0]["id"]
    accepted = eve.post(f"/handovers/{row}", data={"answer": "accepted", "csrf": eve.csrf})
    assert (accepted.status_code, accepted.location) == (303, f"/incidents/{incident}")
    assert eve.get(f"/api/v1/incidents/{incident}").get_json()["owner"]["name"] == "Eve"


def test_a_refusal_without_a_reason_is_asked_for_one_on_the_same_page(
    visit: Callable[[str], Visitor], incident: str, cast: Cast
) -> None:
    dee, eve = visit("dee"), visit("eve")
    offered(dee, incident, cast)
    row = eve.get("/api/v1/handovers").get_json()["items"][0]["id"]
    answer = eve.post(f"/handovers/{row}", data={"answer": "refused", "csrf": eve.csrf})
    assert answer.status_code == 409
    assert "A refusal needs a reason; the giver reads it." in answer.text
    assert (
        eve.post(f"/handovers/{row}", data={"answer": "refused", "reason": "Ill.", "csrf": eve.csrf}).status_code == 303
    )
    assert "<b>Eve did not take it over:</b> Ill." in dee.get(f"/incidents/{incident}").text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"taker": ""}, "Choose who takes it."),
        ({"state": " "}, "Write how it stands; the taker begins with it."),
        ({"taker": "dee"}, "Choose who takes it."),
        ({"tried": "x" * 4001}, "At most 4,000 letters; this has 4,001."),
    ],
)
def test_a_wrong_field_says_what_to_do_and_keeps_the_rest(
    visit: Callable[[str], Visitor], incident: str, cast: Cast, wrong: dict[str, str], said: str
) -> None:
    dee = visit("dee")
    form = {"taker": str(cast.eve), "state": "S", "tried": "T", "avoid": "Keep this.", "csrf": dee.csrf, **wrong}
    answer = dee.post(f"/incidents/{incident}/hand-over", data=form)
    assert answer.status_code == 422
    assert said in answer.text
    assert "Keep this." in answer.text


def test_the_api_offers_and_answers(visit: Callable[[str], Visitor], incident: str, cast: Cast) -> None:
    dee, eve = visit("dee"), visit("eve")
    row = dee.post(f"/api/v1/incidents/{incident}/handover", {"taker": str(cast.eve), "state": "Half done."})
    assert (row.status_code, row.get_json()["state"]) == (201, "offered")
    mine = dee.post(f"/api/v1/handovers/{row.get_json()['id']}/answer", {"answer": "accepted"})
    assert mine.status_code == 409
    done = eve.post(f"/api/v1/handovers/{row.get_json()['id']}/answer", {"answer": "accepted"})
    assert done.get_json()["state"] == "accepted"
    unknown = dee.post(f"/api/v1/incidents/{incident}/handover", {"taker": str(uuid.uuid4()), "state": "x"})
    assert (unknown.status_code, unknown.get_json()["errors"][0]["field"]) == (422, "taker")


def test_the_incident_shows_the_offer_with_its_note_and_takes_the_answer(
    visit: Callable[[str], Visitor], incident: str, cast: Cast
) -> None:
    dee, eve, max_ = visit("dee"), visit("eve"), visit("max")
    offered(dee, incident, cast)
    assert "Dee offers it to you" in eve.get(f"/incidents/{incident}").text
    assert "Dee offers it to Eve" in max_.get(f"/incidents/{incident}").text
    assert "Keep it after all" in dee.get(f"/incidents/{incident}").text
    assert "Take it over" in eve.get(f"/incidents/{incident}/acts?act=take_over").text
    script = {"headers": {"Accept": "application/json"}}
    foreign = max_.post(f"/incidents/{incident}/take_over", data={"csrf": max_.csrf}, **script)
    assert (foreign.status_code, "Only the one it is offered to" in foreign.get_json()["said"]) == (409, True)
    silent = eve.post(f"/incidents/{incident}/not_over", data={"csrf": eve.csrf}, **script)
    assert (silent.status_code, "still empty" in silent.get_json()["said"]) == (422, True)
    assert eve.post(f"/incidents/{incident}/take_over", data={"csrf": eve.csrf}, **script).status_code == 200
    kept = max_.get(f"/incidents/{incident}").text
    assert "Eve took it over from Dee" in kept
    assert "Power it down." in kept  # what not to do is still to be read
    again = eve.post(f"/incidents/{incident}/take_over", data={"csrf": eve.csrf}, **script)
    assert again.status_code == 409


def test_a_long_list_of_hand_overs_asks_no_more_than_a_short_one(
    visit: Callable[[str], Visitor], sessions: Sessions, app: Flask, incident: str, cast: Cast
) -> None:
    dee, eve = visit("dee"), visit("eve")
    offered(dee, incident, cast)
    with counting(app) as few:
        assert "from Dee, answer by" in eve.get("/handovers").text
    with work(sessions, SYSTEM) as session:
        for number in range(2, 5):
            signal = Signal(cast.plant_machine, f"fan:{number}", "rule", 3, NOW, f"Fan {number}", "Still.", {}, None)
            opened = intake.report(session, signal, NOW).incident_id
            assert opened is not None
            acts.claim(session, opened, Actor(cast.dee, "Dee"), NOW)
            handover.offer(session, opened, Actor(cast.dee, "Dee"), NOW, Note("so"), taker_id=cast.eve)
    with counting(app) as many:
        listed = eve.get("/handovers").text
    assert listed.count("from Dee, answer by") == 4
    assert listed.count("first response by ") == 4
    assert len(many) == len(few)


def test_an_offer_and_its_note_outlast_any_number_of_newer_lines(
    visit: Callable[[str], Visitor], hands: Hands, incident: str, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    dee = visit("dee")
    offered(dee, incident, cast)
    hands.forward(seconds=5)
    monkeypatch.setattr(case, "LONGEST_STORY", 3)
    for number in range(3):
        dee.post(f"/incidents/{incident}/note", data={"text": f"Word {number}.", "csrf": dee.csrf})
    shown = visit("eve").get(f"/incidents/{incident}").text
    assert "Dee offers it to you" in shown
    assert "Power it down." in shown


def test_who_claims_it_out_of_other_hands_has_it_since_then(
    visit: Callable[[str], Visitor], hands: Hands, incident: str
) -> None:
    hands.forward(minutes=42)
    eve = visit("eve")
    assert eve.post(f"/incidents/{incident}/claim", data={"csrf": eve.csrf}).status_code == 303
    claimed = f"{(NOW + timedelta(minutes=42)).astimezone():%M}"
    floor, page = visit("max").get("/").text, visit("max").get(f"/incidents/{incident}").text
    assert f":{claimed}" in floor.partition("has it since ")[2][:8]
    assert f":{claimed}" in page.partition("leads since ")[2][:8]


def ends_soon(sessions: Sessions, cast: Cast, ends_at: datetime) -> None:
    """Dee's turn ends then; Eve's goes on."""
    with work(sessions, SYSTEM) as session:
        session.execute(update(Shift).where(Shift.person_id == cast.dee).values(ends_at=ends_at))


def test_one_form_hands_over_and_keeps_what_goes_on_after_a_turn(
    visit: Callable[[str], Visitor], sessions: Sessions, incident: str, cast: Cast
) -> None:
    dee, eve = visit("dee"), visit("eve")
    with work(sessions, SYSTEM) as session:
        signal = Signal(cast.plant_machine, "disk", "rule", 2, NOW, "A disk fails", "Disk 1.", {}, None)
        opened = intake.report(session, signal, NOW).incident_id
        assert opened is not None
        acts.claim(session, opened, Actor(cast.dee, "Dee"), NOW)
        other = session.get_one(Incident, opened).label
    ends_soon(sessions, cast, NOW + timedelta(minutes=20))
    still_held.attend(sessions, NOW)
    assert [one["incident"] for one in dee.get("/api/v1/duty/turn-ends").get_json()["items"]] == [other, incident]
    board = dee.get("/duty").text
    assert board.count("<b>not handed over</b>") == 2
    form = dee.get("/handovers/turn").text
    assert "It ends at" in form
    assert all(name in form for name in (f"taker-{incident}", f"taker-{other}", "I stay with it"))
    given = {f"taker-{incident}": str(cast.eve), f"state-{incident}": "The fan is ordered.", f"taker-{other}": "stay",
             f"state-{other}": "The part comes at noon.", f"until-{other}": "2026-03-10T12:00",
             "csrf": dee.csrf}  # fmt: skip
    assert dee.post("/handovers/turn", data=given).status_code == 303
    lines = {one["incident"]: one for one in dee.get("/api/v1/duty/turn-ends").get_json()["items"]}
    assert lines[incident]["offered_to"] == str(cast.eve)
    assert (lines[other]["stays_until"], lines[other]["reason"]) == ("2026-03-10T11:00:00Z", "The part comes at noon.")
    board = dee.get("/duty").text
    assert "offered to Eve, answer by" in board
    assert "stays until 12:00: The part comes at noon." in board
    assert "offered to Eve" in eve.get(f"/people/{cast.dee}").text
    (row,) = eve.get("/api/v1/handovers").get_json()["items"]
    assert eve.post(f"/handovers/{row['id']}", data={"answer": "accepted", "csrf": eve.csrf}).status_code == 303
    assert [one["incident"] for one in dee.get("/api/v1/duty/turn-ends").get_json()["items"]] == [other]


def test_where_one_of_them_is_refused_nothing_of_the_form_is_done(
    visit: Callable[[str], Visitor], sessions: Sessions, incident: str, cast: Cast
) -> None:
    dee = visit("dee")
    ends_soon(sessions, cast, NOW + timedelta(minutes=20))
    late = {f"taker-{incident}": "stay", f"state-{incident}": "I stay.", f"until-{incident}": "2026-03-12T12:00"}
    for given, said in (
        ({}, "Write how at least one of them stands"),
        ({f"state-{incident}": "So."}, "Choose who takes it, or that you stay."),
        ({f"state-{incident}": "So.", f"taker-{incident}": "stay"}, "Choose until when you stay."),
        ({f"state-{incident}": "x" * 4001, f"taker-{incident}": "stay"}, "At most 4,000 letters"),
        (late, "Nobody stays longer than 12 hours after their turn."),
        ({f"state-{incident}": "So.", f"taker-{incident}": str(cast.dee)}, "This person cannot take it."),
    ):
        answer = dee.post("/handovers/turn", data={**given, "csrf": dee.csrf})
        assert answer.status_code == 422
        assert said in answer.text
    assert dee.get("/api/v1/handovers").get_json()["items"] == []
    (one,) = dee.get("/api/v1/duty/turn-ends").get_json()["items"]
    assert one["stays_until"] is None


def test_staying_is_said_through_the_api_with_its_refusals(
    visit: Callable[[str], Visitor], sessions: Sessions, incident: str, cast: Cast
) -> None:
    dee, eve = visit("dee"), visit("eve")
    ends_soon(sessions, cast, NOW + timedelta(minutes=20))
    wish = {"until": "2026-03-10T11:00:00Z", "reason": "The part comes."}
    refused = eve.post(f"/api/v1/incidents/{incident}/stay", wish)
    assert (refused.status_code, refused.get_json()["detail"]) == (409, "Only whoever has it can stay with it.")
    done = dee.post(f"/api/v1/incidents/{incident}/stay", wish)
    assert (done.status_code, done.get_json()["stays_until"]) == (200, "2026-03-10T11:00:00Z")
    assert "stays with it after their turn, until 12:00" in dee.get(f"/incidents/{incident}").text


def test_the_board_and_the_form_ask_the_same_few_questions_for_one_and_for_many(
    app: Flask, visit: Callable[[str], Visitor], sessions: Sessions, incident: str, cast: Cast
) -> None:
    dee = visit("dee")
    ends_soon(sessions, cast, NOW + timedelta(minutes=20))
    counts = []
    for more in (0, 6):
        with work(sessions, SYSTEM) as session:
            for number in range(more):
                signal = Signal(cast.plant_machine, f"fan:{number + 2}", "rule", 3, NOW, "A fan", "Fan.", {}, None)
                opened = intake.report(session, signal, NOW).incident_id
                assert opened is not None
                acts.claim(session, opened, Actor(cast.dee, "Dee"), NOW)
        for path in ("/duty", "/handovers/turn", f"/people/{cast.dee}"):
            with counting(app) as asked:
                assert dee.get(path).status_code == 200
            counts.append((path, len(asked)))
    assert counts[:3] == counts[3:]
    assert max(number for _, number in counts) <= 36, counts
