"""The incident page's further acts: each through its form, each taken back, files as downloads, help on the floor."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from sqlalchemy import select

from escalation.intake import condition_ended, report
from models.duty import Training
from models.incidents import Incident, TimelineEntry
from models.notices import Notice
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast
from tests.http.conftest import Hands, Visitor


@pytest.fixture
def incident(visit: Callable[[str], Visitor]) -> str:
    """The label of one Ada asked for and Dee has claimed."""
    asked = {"title": "The press stands still", "severity": 3, "machine": "plant-db-1"}
    label = visit("ada").post("/api/v1/incidents", asked).get_json()["incident"]["label"]
    does(visit("dee"), label, "claim")
    return str(label)


def does(who: Visitor, label: str, deed: str, status: int = 200, **form: str) -> str:
    """Do one thing as the page's script does; what was said."""
    answer = who.post(f"/incidents/{label}/{deed}", data=form, headers={"Accept": "application/json"})
    assert answer.status_code == status, answer.text
    return str(answer.get_json()["said"])


def test_every_further_act_has_its_place_on_the_page(
    visit: Callable[[str], Visitor], incident: str, cast: Cast, sessions: Sessions
) -> None:
    dee, eve, ada = visit("dee"), visit("eve"), visit("ada")
    does(dee, incident, "second")
    assert "I stand beside" in eve.get(f"/incidents/{incident}").text
    assert "You are asked to stand beside as second" in eve.get("/").text
    does(eve, incident, "accept")
    does(dee, incident, "join", role="lead")
    with work(sessions, SYSTEM) as session:
        session.add(Training(person_id=cast.eve, subject="storage", level="senior"))
    does(dee, incident, "want_help", subject="storage", words="who knows this array?")
    assert "Help wanted with storage" in eve.get("/").text
    assert "Help wanted with storage" not in dee.get("/").text
    does(dee, incident, "workaround", text="Use press 2.")
    does(dee, incident, "workaround_gone", reason="it broke too")
    does(dee, incident, "relate", kind="vendor_case", to="SR-3-111")
    ada.post(f"/api/v1/incidents/{incident}/severities", {"severity": 2, "reason": "two presses now"})
    page = dee.get(f"/incidents/{incident}").text
    for said in (
        "waits for your word: two presses now",
        "Eve, second",
        "Dee, lead",
        "who knows this array?",
        "SR-3-111",
    ):
        assert said in page, said
    does(dee, incident, "agree")
    assert "severity 2, agreed 10:00" in dee.get(f"/incidents/{incident}").text  # nine in UTC is ten in Paris
    assert "is still empty" in does(dee, incident, "merge", 422)
    assert "Use 1 (gravest) to 4" in does(dee, incident, "severity", 409, severity="²", reason="so")
    assert "Name another one" in does(dee, incident, "merge", 409, into="VG-999")


def test_a_page_act_is_taken_back_and_its_letter_never_leaves(
    visit: Callable[[str], Visitor], incident: str, sessions: Sessions, cast: Cast, hands: Hands
) -> None:
    dee = visit("dee")
    does(dee, incident, "resolve", text="It runs.")
    with work(sessions, SYSTEM) as session:
        letter = session.scalars(select(Notice).where(Notice.person_id == cast.ada)).one()
        assert (letter.next_try_at - hands()).total_seconds() == 60
    hands.forward(seconds=59)
    does(dee, incident, "undo")
    page = dee.get(f"/incidents/{incident}").text
    assert "taken back by Dee" in page or 'class="undone"' in page
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(Notice).where(Notice.person_id == cast.ada)).all() == []
    hands.forward(seconds=2)  # the claim before it is more than a minute old by now
    assert "for a minute" in does(dee, incident, "undo", 409)


def test_an_edit_shows_the_former_text_folded_away(
    visit: Callable[[str], Visitor], incident: str, sessions: Sessions
) -> None:
    dee = visit("dee")
    does(dee, incident, "note", text="The belt is torn")
    with work(sessions, SYSTEM) as session:
        entry = str(session.scalars(select(TimelineEntry.id).where(TimelineEntry.kind == "note")).one())
    does(dee, incident, "edit", entry=entry, text="The chain is torn")
    page = dee.get(f"/incidents/{incident}").text
    assert "The chain is torn" in page
    assert "<summary>edited, 1 former text</summary>" in page


def test_a_file_of_the_form_is_kept_and_handed_out_as_a_download(
    visit: Callable[[str], Visitor], incident: str
) -> None:
    dee = visit("dee")
    form = {"file": (io.BytesIO(b"12:00 torn\n"), "belt.log"), "csrf": dee.csrf}
    assert dee.post(f"/incidents/{incident}/attach", data=form).status_code == 303
    page = dee.get(f"/incidents/{incident}").text
    href = page.split("/files/")[1].split('"')[0]
    got = dee.get(f"/incidents/{incident}/files/{href}")
    assert (got.data, got.content_type) == (b"12:00 torn\n", "application/octet-stream")
    assert got.headers["Content-Disposition"].startswith("attachment")
    form = {"file": (io.BytesIO(b"MZ"), "belt.exe"), "csrf": dee.csrf}
    refused = dee.post(f"/incidents/{incident}/attach", data=form, headers={"Accept": "application/json"})
    assert (refused.status_code, "a program" in refused.get_json()["said"]) == (422, True)
    none = dee.post(f"/incidents/{incident}/attach", data={"csrf": dee.csrf})
    assert none.status_code == 422


def test_an_alarm_is_judged_and_what_a_person_told_us_is_not(
    visit: Callable[[str], Visitor], incident: str, cast: Cast, sessions: Sessions, hands: Hands
) -> None:
    dee = visit("dee")
    with work(sessions, SYSTEM) as session:
        found = desk.finding(session, cast.plant_machine, hands())
        opened = report(session, desk.signal(cast.plant_machine, hands(), finding_id=found), hands()).incident_id
        alarm = session.get_one(Incident, opened).label
    for label, asked in ((incident, False), (alarm, True)):
        assert ('data-act="verdict"' in dee.get(f"/incidents/{label}").text) == asked
        assert (f"/incidents/{label}/verdict" in dee.get(f"/incidents/{label}/acts").text) == asked
    does(dee, alarm, "verdict", word="benign")
    assert "Judged <b>benign</b>" in dee.get(f"/incidents/{alarm}").text


def test_an_instant_of_the_story_is_read_on_the_readers_clock(
    visit: Callable[[str], Visitor], sessions: Sessions, cast: Cast
) -> None:
    at = cast.now - desk.minutes(12)
    told = {"summary": f"Memory in use 93 %, since {at:%H:%M}", "evidence": {"since_ms": 1000 * at.timestamp()}}
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.dee).email = "dee@example.org"
        report(session, desk.signal(cast.plant_machine, cast.now, **told), cast.now)
        report(session, desk.signal(cast.plant_machine, cast.now, **told), cast.now)
        condition_ended(session, cast.plant_machine, "memory", at, cast.now)
        letter = session.scalars(select(Notice.body).where(Notice.rung >= 0)).first()
        label = desk.the_incident(session).label
    assert letter is not None
    assert "since 2026-03-10 09:48 (Europe/Paris)" in letter["text"]
    dee, ada = visit("dee"), visit("ada")  # both in Paris, where it was 9:48 while it was 8:48 in UTC
    assert "93 %, since 09:48" in dee.get(f"/incidents/{label}").text
    assert "Seen again: Memory in use 93 %, since 09:48" in dee.get(f"/incidents/{label}").text.replace("</b>", "")
    assert "had ended at 09:48, before" in ada.get(f"/yours/{label}?language=en").text
    lines = [one["text"] for one in dee.get(f"/api/v1/incidents/{label}/timeline").get_json()["items"]]
    assert "Seen again: Memory in use 93 %, since 2026-03-10T08:48:00Z" in lines
    assert dee.get(f"/api/v1/incidents/{label}").get_json()["summary"].endswith("since 2026-03-10T08:48:00Z")
