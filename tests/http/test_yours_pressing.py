"""A customer asks for escalation on their own page, and follows it there: who answers for it, and the next word."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

import pytest
from sqlalchemy import select

from app.pages.yours_pressing import WORDS
from app.pages.yours_story import told
from escalation import pressing
from models.customers import Customer
from models.escalations import Escalation
from models.incidents import TimelineEntry
from models.people import NamedPerson, Person
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


def escalates(who: Visitor, label: str, words: str, **more: str) -> int:
    form = {"deed": "escalate", "words": words, "because": "promise-missed", "csrf": who.csrf, **more}
    return int(who.post(f"/yours/{label}", data=form).status_code)


def test_a_contact_escalates_and_reads_who_answers_and_how_it_goes(
    visit: Visit, incident: str, sessions: Sessions, cast: Cast
) -> None:
    ada, dee = visit("ada"), visit("dee")
    with work(sessions, SYSTEM) as session:
        session.add(NamedPerson(customer_id=cast.plant, person_id=cast.eve, duty="escalation owner"))
    assert "Somebody who can decide answers for it by name" in ada.get(f"/yours/{incident}").text
    assert escalates(ada, incident, "") == 422
    assert escalates(ada, incident, "The presses stand since six.") == 303
    page = ada.get(f"/yours/{incident}").text
    assert "Eve answers for it. Next word by" in page
    assert "The presses stand since six." in page
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(Escalation)).one()
        assert (row.by_customer, row.reason) == (True, "promise-missed")
    said = {"deed": "say", "words": "The part is on its way.", "trend": "improving", "next": "4h",
            "exit_criteria": "The presses run for a day.", "csrf": dee.csrf}  # fmt: skip
    assert dee.post(f"/escalations/{row.id}", data=said).status_code == 303
    page = ada.get(f"/yours/{incident}").text
    assert "it gets better" in page
    assert "The part is on its way." in page
    assert "It ends when: The presses run for a day." in page
    assert escalates(ada, incident, "Nobody has called.") == 303  # joins the one that runs
    with work(sessions, SYSTEM) as session:
        assert len(session.scalars(select(Escalation)).all()) == 1


def test_one_without_the_right_is_not_offered_it(visit: Visit, incident: str) -> None:
    bo = visit("bo")
    page = bo.get(f"/yours/{incident}").text
    assert WORDS["en"]["may_not"] in page
    assert 'value="escalate"' not in page
    assert escalates(bo, incident, "Now!") == 403


def test_a_french_customer_reads_all_of_it_in_french(
    visit: Visit, incident: str, sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.plant).language = "fr"
        session.get_one(Person, cast.ada).languages = ["fr"]
    ada, dee = visit("ada"), visit("dee")
    wait = {"waiting_for": "vendor", "reason": "une pièce", "csrf": dee.csrf}
    assert dee.post(f"/incidents/{incident}/wait", data=wait).status_code == 303
    assert dee.post(f"/incidents/{incident}/resume", data={"csrf": dee.csrf}).status_code == 303
    assert escalates(ada, incident, "Rien ne bouge.") == 303
    page = ada.get(f"/yours/{incident}").text.replace("\u202f", " ").replace("\u00a0", " ").replace("’", "'")
    for said in ("Dee y travaille.", "Il attend un fournisseur ; nous veillons : une pièce", "L'attente est terminée.",
                 "Prochaine nouvelle", "Le redire, avec ce qui est nouveau"):  # fmt: skip
        assert said in page
    for english in ("works on it", "The wait is over", "Waiting for the vendor"):
        assert english not in page


def test_a_contact_escalates_the_whole_account_and_reads_how_it_ends(
    visit: Visit, sessions: Sessions, cast: Cast
) -> None:
    ada, dee = visit("ada"), visit("dee")
    form = {"words": "Every week another one.", "because": "repeated", "csrf": ada.csrf}
    assert "a first word within four hours" in ada.get("/yours").text
    assert ada.post("/yours", data=form | {"words": " "}).status_code == 422
    assert ada.post("/yours", data=form).status_code == 303
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(Escalation)).one()
        assert (row.customer_id, row.incident_id, row.reason) == (cast.plant, None, "repeated")
    page = ada.get("/yours").text
    assert "answers for it. Next word by" in page
    assert "Every week another one." in page
    assert "Every week another one." not in visit("cy").get("/yours").text
    assert visit("bo").post("/yours", data=form | {"csrf": visit("bo").csrf}).status_code == 403
    ends = {"deed": "end", "words": "The fans are new.", "trend": "improving", "next": "4h", "csrf": dee.csrf}
    assert dee.post(f"/escalations/{row.id}", data=ends).status_code == 303
    page = ada.get("/yours").text
    assert page.count("The fans are new.") == 1
    assert "De-escalated" not in page
    assert "Every week another one." in page
    assert ada.post("/yours", data=form | {"words": "Again."}).status_code == 303  # what ended is not joined
    with work(sessions, SYSTEM) as session:
        assert len(session.scalars(select(Escalation)).all()) == 2


def test_the_account_is_escalated_in_french_and_what_is_said_again_has_no_english_before_it(
    visit: Visit, sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.plant).language = "fr"
    ada = visit("ada")
    assert "ensemble de votre compte" in ada.get("/yours").text
    for words in ("Rien ne va.", "Toujours rien."):
        assert ada.post("/yours", data={"words": words, "because": "risk", "csrf": ada.csrf}).status_code == 303
    page = ada.get("/yours").text
    assert "Toujours rien." in page
    assert "Asked again" not in page


def test_what_is_over_is_not_escalated_and_the_page_says_so(visit: Visit, incident: str, sessions: Sessions) -> None:
    ada, dee = visit("ada"), visit("dee")
    assert dee.post(f"/incidents/{incident}/resolve", data={"text": "A new part.", "csrf": dee.csrf}).status_code == 303
    form = {"deed": "escalate", "words": "Too late!", "because": "risk", "csrf": ada.csrf}
    answer = ada.post(f"/yours/{incident}", data=form)
    assert (answer.status_code, answer.text.count(WORDS["en"]["wrong_over"])) == (422, 1)
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(Escalation)).all() == []


def test_every_word_of_it_stands_in_both_languages() -> None:
    assert set(WORDS["en"]) == set(WORDS["fr"])
    assert {*pressing.REASONS, *pressing.TRENDS} <= set(WORDS["en"])


def test_a_line_without_a_reason_is_told_without_one() -> None:
    line = TimelineEntry(kind="reopened", actor="Dee", text="Reopened.", facts={})
    assert told(line, "fr", UTC).replace("\u202f", " ") == "Il est de nouveau ouvert."
    assert told(TimelineEntry(kind="reply", actor="Dee", text="On arrive.", facts={}), "en", UTC) == "On arrive."


def test_a_severity_we_set_and_a_visit_we_promise_are_told_in_their_language() -> None:
    facts = {"from": 3, "to": 2}
    line = TimelineEntry(
        kind="severity", actor="Dee", text="Severity changed from 3 to 2: two lines: A, B", facts=facts
    )
    assert told(line, "en", UTC) == "Dee set severity 2 instead of 3: two lines: A, B"
    assert told(line, "fr", UTC).replace("\u202f", " ").endswith("gravité 2 au lieu de 3 : two lines: A, B")
    agreed = TimelineEntry(kind="severity", actor="Ada", text="Ada est d'accord.", facts={**facts, "agreed": True})
    assert told(agreed, "fr", UTC) == "Ada est d'accord."
    visit = TimelineEntry(
        kind="promised", actor="Dee", text="A visit on site is promised.", facts={"promise": "on_site"}
    )
    assert told(visit, "fr", UTC) == "Une intervention sur site est promise."
