"""A customer's own page of an incident: what is said there, the severity agreed from there, in their language."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from app.pages.yours_words import WORDS
from escalation import intake, notify
from escalation.incident import Actor
from models.customers import Customer
from models.incidents import Incident
from models.notices import Notice
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Visitor

Visit = Callable[[str], Visitor]


@pytest.fixture
def incident(visit: Visit) -> str:
    """The label of one Ada asked for and Dee has claimed."""
    asked = {"title": "The press stands still", "severity": 3, "machine": "plant-db-1"}
    label = str(visit("ada").post("/api/v1/incidents", asked).get_json()["incident"]["label"])
    assert visit("dee").post(f"/incidents/{label}/claim", data={}).status_code == 303
    return label


def proposes(who: Visitor, label: str, severity: int, reason: str) -> None:
    form = {"severity": str(severity), "reason": reason}
    assert who.post(f"/incidents/{label}/severity", data=form).status_code == 303


def says(who: Visitor, label: str, status: int = 303, **form: str) -> str:
    answer = who.post(f"/yours/{label}", data={**form, "csrf": who.csrf})
    assert answer.status_code == status, answer.text
    return answer.text


def severity(sessions: Sessions) -> int:
    with work(sessions, SYSTEM) as session:
        return session.scalars(select(Incident.severity)).one()


def test_a_contact_agrees_to_a_milder_severity(visit: Visit, incident: str, sessions: Sessions) -> None:
    dee, ada = visit("dee"), visit("ada")
    proposes(dee, incident, 4, "it waits until Monday")
    listed, page = ada.get("/yours").text, ada.get(f"/yours/{incident}").text
    assert "A severity waits for your word." in listed
    assert "Dee asks for severity 4 (it was 3): it waits until Monday" in page
    assert severity(sessions) == 3, "a milder one waits for the customer"
    says(ada, incident, deed="agree")
    assert severity(sessions) == 4
    page = ada.get(f"/yours/{incident}").text
    assert "Agreed by Ada." in page
    assert "A severity waits" not in ada.get("/yours").text


def test_a_contact_who_does_not_agree_says_why_and_the_severity_before_holds_again(
    visit: Visit, incident: str, sessions: Sessions
) -> None:
    dee, ada = visit("dee"), visit("ada")
    proposes(dee, incident, 1, "the whole hall")
    assert severity(sessions) == 1, "a graver one of ours holds at once"
    assert "If you do not agree, severity 3 holds again." in ada.get(f"/yours/{incident}").text
    assert "Say why; the other side reads it." in says(ada, incident, 422, deed="disagree")
    assert severity(sessions) == 1
    says(ada, incident, deed="disagree", answer="only press 4")
    assert severity(sessions) == 3
    assert "Not agreed by Ada: only press 4" in ada.get(f"/yours/{incident}").text


def test_a_contact_asks_for_another_severity_and_reads_our_answer(
    visit: Visit, incident: str, sessions: Sessions
) -> None:
    dee, ada = visit("dee"), visit("ada")
    assert "that severity holds already" in says(ada, incident, 422, deed="propose", severity="3", reason="x").lower()
    assert "Choose a severity from 1 to 4." in says(ada, incident, 422, deed="propose", severity="9", reason="x")
    says(ada, incident, deed="propose", severity="2", reason="a second press stands")
    assert "Ada of yours asks for severity 2" in ada.get(f"/yours/{incident}").text
    assert dee.post(f"/incidents/{incident}/agree", data={}).status_code == 303
    assert severity(sessions) == 2
    assert "a second press stands. Agreed by Dee." in ada.get(f"/yours/{incident}").text
    dee.post(f"/incidents/{incident}/resolve", data={"text": "A fuse.", "now": "1"})
    assert "It is over" in says(ada, incident, 422, deed="propose", severity="1", reason="again")


def test_the_page_reads_like_a_person_wrote_it_and_in_french(
    visit: Visit, incident: str, sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.plant).language = "fr"
    proposes(visit("dee"), incident, 1, "tout le hall")
    visit("dee").post(f"/incidents/{incident}/note", data={"text": "between us"})
    ada = visit("ada")
    page = ada.get(f"/yours/{incident}").text
    for words in ("Dee y travaille.", "Dee demande la gravité 1", "Je suis d’accord", "Ce qui s’est passé"):
        assert words in page
    assert "between us" not in page, "internal notes are ours"
    assert ada.get(f"/incidents/{incident}").headers["Location"].endswith(f"/yours/{incident}"), "as letters link it"
    assert visit("dee").get(f"/yours/{incident}").headers["Location"].endswith(f"/incidents/{incident}")


def test_what_we_saw_ourselves_is_told_in_the_customers_words_and_language(
    visit: Visit, sessions: Sessions, cast: Cast
) -> None:
    signal = intake.Signal(
        machine_id=cast.plant_machine, cause="fan:1", kind="rule", severity=2, title="Fan 1 has stopped",
        summary="Fan 1 has stopped (Fan 1 0 rpm)", seen_at=cast.now, evidence={"rule": "fan_stopped"},
    )  # fmt: skip
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.plant).language = "fr"
        session.flush()
        intake.report(session, signal, cast.now)
        incident = session.scalars(select(Incident)).one()
        notify.tell_customer(session, incident, "Nous arrivons.", Actor(cast.dee, "Dee"), cast.now)
        label = incident.label
        subjects = set(session.scalars(select(Notice.subject).where(Notice.rung < 0)))
    seen = "Un ventilateur de plant-db-1 ne tourne pas comme il devrait"
    ada = visit("ada")
    for page in (ada.get("/yours").text, ada.get(f"/yours/{label}").text):
        assert seen in page
        assert "Fan 1 has stopped" not in page
    assert "Nous avons ouvert cet incident" in page
    assert any(seen in subject for subject in subjects)
    assert "Fan 1 has stopped" in visit("dee").get(f"/incidents/{label}").text


def test_an_incident_of_another_customer_is_not_there(visit: Visit, incident: str) -> None:
    cy = visit("cy")
    assert cy.get(f"/yours/{incident}").status_code == 404
    assert cy.post(f"/yours/{incident}", data={"deed": "agree", "csrf": cy.csrf}).status_code == 404
    assert "The press stands still" not in cy.get("/yours").text
    assert cy.get("/yours/nonsense").status_code == 404


def test_a_contact_who_may_not_open_reads_and_does_not_answer(
    visit: Visit, incident: str, sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.bo).may = []
    proposes(visit("dee"), incident, 4, "it waits until Monday")
    bo = visit("bo")
    assert "those of yours who may open incidents may answer" in bo.get(f"/yours/{incident}").text
    assert bo.post(f"/yours/{incident}", data={"deed": "agree", "csrf": bo.csrf}).status_code == 403


def test_every_sentence_has_both_languages_with_the_same_facts() -> None:
    import string

    assert WORDS["en"].keys() == WORDS["fr"].keys()
    for key, english in WORDS["en"].items():
        facts = [{name for _, name, _, _ in string.Formatter().parse(text) if name}
                 for text in (english, WORDS["fr"][key])]  # fmt: skip
        assert facts[0] == facts[1], key
