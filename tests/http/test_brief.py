"""The one-page brief: everything somebody at the top must know, as a page and as a PDF."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

import pytest
from pypdf import PdfReader
from sqlalchemy import select

from escalation import acts, intake, undo
from escalation.incident import Actor
from escalation.intake import Signal
from escalation.tick import tick_all
from models.incidents import Incident
from models.people import NamedPerson
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.http.conftest import Hands, Visitor

WORDS = 'A fan stands still #eval("1+1") *bold* <script>'


@pytest.fixture
def incident(sessions: Sessions, cast: Cast, hands: Hands) -> str:
    """Severity 2 on a platinum machine; its first response was missed, and Max was asked for."""
    signal = Signal(cast.plant_machine, "fan:1", "rule", 2, NOW, WORDS, "Fan 1 stands still.", {}, None)
    with work(sessions, SYSTEM) as session:
        opened = intake.report(session, signal, NOW).incident_id
        assert opened is not None
        session.add(NamedPerson(customer_id=cast.plant, person_id=cast.eve, duty="account engineer"))
        acts.claim(session, opened, Actor(cast.dee, "Dee"), NOW)
        label = session.get_one(Incident, opened).label
    hands.forward(minutes=90)
    tick_all(sessions, hands())
    with work(sessions, SYSTEM) as session:
        acts.escalate(session, opened, Actor(cast.dee, "Dee"), hands(), "The spare part is nowhere.")
    return label


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_the_brief_says_what_was_promised_missed_and_asked(visit: Callable[[str], Visitor], incident: str) -> None:
    said = text(visit("max").get(f"/incidents/{incident}/brief").text)
    assert "Dee asked for escalation: The spare part is nowhere." in said
    assert "VC-plant, platinum when it opened" in said
    assert "ends 31 Dec 2026, in 296 days" in said
    assert "Worth nobody has said" in said
    assert "first response 11:00 missed, and still owed 30 min late" in said
    assert "In the last 90 days no promises kept and 1 missed." in said
    assert "Account engineer Eve" in said
    assert "Their contacts Ada, Bo" in said
    assert "Call Ada&#39;s Plant" in said


def test_the_brief_is_printed_and_words_from_outside_are_only_words(
    visit: Callable[[str], Visitor], incident: str
) -> None:
    answer = visit("max").get(f"/incidents/{incident}/brief.pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.data.startswith(b"%PDF-")
    assert answer.headers["Content-Disposition"] == f'inline; filename="{incident}-brief.pdf"'
    printed = pages_of(answer.data)
    assert len(printed) == 1
    assert 'A fan stands still #eval("1+1") *bold* <script>' in printed[0]
    assert "The spare part is nowhere." in printed[0]


def pages_of(pdf: bytes) -> list[str]:
    """The text of each page, read by another program than the one that wrote it."""
    reader = PdfReader(BytesIO(pdf))
    return [re.sub(r"\s+", " ", page.extract_text()) for page in reader.pages]


def test_an_unknown_incident_has_no_brief(visit: Callable[[str], Visitor]) -> None:
    assert visit("max").get("/incidents/VG-9/brief").status_code == 404
    assert visit("ada").get("/incidents/VG-9/brief.pdf").status_code == 403


def test_a_quiet_customer_has_a_brief_without_gaps(
    visit: Callable[[str], Visitor], sessions: Sessions, cast: Cast
) -> None:
    asked = intake.Request(severity=4, title="A question", summary="")
    with work(sessions, SYSTEM) as session:
        opened = intake.open_by_person(session, cast.joinery, asked, Actor(cast.cy, "Cy", is_customer=True), NOW)
        assert opened.incident is not None
        session.flush()
        label = opened.incident.label
    said = text(visit("max").get(f"/incidents/{label}/brief").text)
    assert "Leads nobody" in said
    assert "Nothing else is open at this customer’s." in said
    assert "Name somebody who takes it" in said


def test_the_brief_says_what_is_at_stake_a_year(visit: Callable[[str], Visitor], incident: str) -> None:
    max_ = visit("max")
    for worth, status in (("much", 422), ("120000 EUR", 200)):
        assert max_.patch("/api/v1/contracts/VC-plant", {"worth": worth}).status_code == status
    assert max_.get("/api/v1/contracts/VC-plant").json["worth"] == "120000 EUR"  # type: ignore[index]
    assert "Worth 120,000 EUR a year" in text(max_.get(f"/incidents/{incident}/brief").text)
    printed = PdfReader(BytesIO(max_.get(f"/incidents/{incident}/brief.pdf").data)).pages[0].extract_text()
    assert "120,000 EUR a year" in printed


def test_the_brief_leaves_out_what_was_taken_back(
    visit: Callable[[str], Visitor], incident: str, sessions: Sessions, cast: Cast, hands: Hands
) -> None:
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(Incident)).one()
        acts.note(session, row.id, Actor(cast.dee, "Dee"), hands(), "The roof leaks")
        acts.note(session, row.id, Actor(cast.dee, "Dee"), hands(), "The pump leaks")
        undo.undo(session, row.id, Actor(cast.dee, "Dee"), hands())
    said = text(visit("max").get(f"/incidents/{incident}/brief").text)
    assert "The roof leaks" in said
    assert "The pump leaks" not in said
    assert "took back" not in said


def test_the_brief_says_what_was_escalated_in_whose_words_and_who_answers(
    visit: Callable[[str], Visitor], incident: str, hands: Hands
) -> None:
    ada, dee = visit("ada"), visit("dee")
    asked = {"incident": incident, "reason": "no-progress", "words": "We lose orders"}
    row = ada.post("/api/v1/escalations", asked).get_json()["id"]
    told = "Ada escalated the case: “We lose orders.” Max answers for it; the next word is due 12:30."
    assert told in text(visit("max").get(f"/incidents/{incident}/brief").text)
    assert told in pages_of(visit("max").get(f"/incidents/{incident}/brief.pdf").data)[0].replace("\n", " ")
    assert dee.post(f"/api/v1/escalations/{row}/end", {"words": "Found."}).status_code == 200
    assert "escalated the case" not in text(visit("max").get(f"/incidents/{incident}/brief").text)


def test_the_brief_is_one_page_whatever_people_wrote(
    visit: Callable[[str], Visitor], incident: str, sessions: Sessions, cast: Cast, hands: Hands
) -> None:
    ada, long = visit("ada"), "The press stands. " * 500
    for about in ({"incident": incident}, {}):
        asked = {"reason": "risk", "words": long, **about}
        assert ada.post("/api/v1/escalations", asked).status_code == 201
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(Incident)).one()
        row.title, row.summary = long[:200], long
        for text_ in (long, "w" * 9_000) * 6:
            acts.note(session, row.id, Actor(cast.dee, "Dee"), hands(), text_)
        for number in range(4):
            signal = Signal(cast.plant_machine, f"fan:{number + 2}", "rule", 2, NOW, long[:200], long, {}, None)
            intake.report(session, signal, NOW)
    printed = pages_of(visit("max").get(f"/incidents/{incident}/brief.pdf").data)
    assert len(printed) == 1
    assert re.search(r"(press|stands\.|The) …” Max answers for it", printed[0])
    assert printed[0].count("wwww …") >= 1
    assert "Decide whether a senior engineer is detached" in printed[0]


def test_the_brief_says_in_the_readers_hours_since_when(
    visit: Callable[[str], Visitor], sessions: Sessions, cast: Cast
) -> None:
    began = {"since_ms": (NOW - timedelta(minutes=20)).timestamp() * 1000}
    signal = Signal(cast.plant_machine, "memory", "anomaly", 2, NOW, "Memory", "93 %, since 08:40.", began, None)
    with work(sessions, SYSTEM) as session:
        label = session.get_one(Incident, intake.report(session, signal, NOW).incident_id).label
    assert "93 %, since 09:40." in visit("max").get(f"/incidents/{label}/brief").text
