"""Escalations through the API and on the page, by our own people and by a customer."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from escalation import acts, intake
from escalation.incident import Actor
from escalation.intake import Signal
from models.incidents import Incident
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor


@pytest.fixture
def incident(sessions: Sessions, cast: Cast) -> str:
    signal = Signal(cast.plant_machine, "fan:1", "rule", 3, NOW, "A fan stands still", "Fan 1.", {}, None)
    with work(sessions, SYSTEM) as session:
        opened = intake.report(session, signal, NOW).incident_id
        assert opened is not None
        acts.claim(session, opened, Actor(cast.dee, "Dee"), NOW)
        return session.get_one(Incident, opened).label


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_a_customer_asks_and_sees_the_owner_and_the_next_word(visit: Callable[[str], Visitor], incident: str) -> None:
    ada, cy, bo = visit("ada"), visit("cy"), visit("bo")
    wanted = {"incident": incident, "reason": "no-progress", "words": "The mill stands since six."}
    asked = ada.post("/api/v1/escalations", wanted)
    assert (asked.status_code, asked.get_json()["owner"]) == (201, "Max")
    assert asked.get_json()["next_word_at"] == "2026-03-10T10:00:00Z"
    again = ada.post("/api/v1/escalations", {**wanted, "words": "Still."})
    assert (again.status_code, again.get_json()["id"]) == (200, asked.get_json()["id"])
    unknown = ada.post("/api/v1/escalations", {**wanted, "incident": "VG-99999"})
    assert (unknown.status_code, unknown.get_json()["errors"][0]["field"]) == (422, "incident")
    assert bo.post("/api/v1/escalations", wanted).status_code == 403  # he may open, not escalate
    assert cy.get("/api/v1/escalations").get_json()["items"] == []
    assert cy.get(f"/api/v1/escalations/{asked.get_json()['id']}").status_code == 404
    assert ada.post(f"/api/v1/escalations/{asked.get_json()['id']}/end", {"words": "x"}).status_code == 403


def test_on_the_page_it_is_asked_for_said_on_and_ended(visit: Callable[[str], Visitor], cast: Cast) -> None:
    max = visit("max")
    wanted = {"customer": "plant", "incident": "", "reason": "risk", "words": "Three outages in a month.",
              "exit_criteria": "A month without one.", "csrf": max.csrf}  # fmt: skip
    assert max.post("/escalations", data=wanted).status_code == 303
    said = text(max.get("/escalations").text)
    assert "1 escalation running" in said
    assert "Max answers for it" in said
    assert "A month without one." in said
    row = max.get("/api/v1/escalations").get_json()["items"][0]["id"]
    word = {"deed": "say", "words": "Dee is detached.", "trend": "improving", "next": "1d", "exit_criteria": "",
            "csrf": max.csrf}  # fmt: skip
    assert max.post(f"/escalations/{row}", data=word).status_code == 303
    kept = max.get(f"/api/v1/escalations/{row}").get_json()
    assert (kept["trend"], kept["next_word_at"]) == ("improving", "2026-03-11T09:00:00Z")
    ended = {"deed": "end", "words": "A month has passed.", "csrf": max.csrf}
    assert max.post(f"/escalations/{row}", data=ended).status_code == 303
    assert "None is running." in text(max.get("/escalations").text)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"words": " "}, "Say what is wrong; its owner begins with it."),
        ({"customer": "nobody"}, "Choose one of the customers."),
        ({"reason": "anger"}, "Choose one of the reasons."),
    ],
)
def test_a_wrong_field_says_what_to_do(visit: Callable[[str], Visitor], wrong: dict[str, str], said: str) -> None:
    max = visit("max")
    wanted = {"customer": "plant", "incident": "", "reason": "risk", "words": "Three.", "exit_criteria": "",
              "csrf": max.csrf, **wrong}  # fmt: skip
    answer = max.post("/escalations", data=wanted)
    assert answer.status_code == 422
    assert said in answer.text


def test_a_wordless_end_is_refused_beside_its_field(visit: Callable[[str], Visitor], cast: Cast) -> None:
    max = visit("max")
    row = max.post("/api/v1/escalations", {"customer": "plant", "reason": "risk", "words": "Three."}).get_json()["id"]
    answer = max.post(f"/escalations/{row}", data={"deed": "end", "words": "", "csrf": max.csrf})
    assert answer.status_code == 422
    assert "Ending it needs words. Say what was reached." in answer.text


def test_a_word_is_taken_back_on_the_page_and_through_the_api(visit: Callable[[str], Visitor], incident: str) -> None:
    ada, max = visit("ada"), visit("max")
    asked = ada.post("/api/v1/escalations", {"incident": incident, "reason": "risk", "words": "By mistake."})
    id = asked.get_json()["id"]
    assert "undo" not in asked.get_json()["history"][0], "how it is put back is ours"
    word = {
        "deed": "say",
        "words": "Wrong case.",
        "trend": "steady",
        "next": "1d",
        "exit_criteria": "",
        "csrf": max.csrf,
    }
    assert max.post(f"/escalations/{id}", data=word).status_code == 303
    assert "Take your last word back" in max.get("/escalations").text
    assert ada.post(f"/api/v1/escalations/{id}/undo").status_code == 409, "Max has said a word since"
    assert max.post(f"/escalations/{id}", data={"deed": "undo", "csrf": max.csrf}).status_code == 303
    page = max.get("/escalations").text
    assert "<s>Wrong case.</s>" in page
    assert "Take your last word back" not in page
    row = max.get(f"/api/v1/escalations/{id}").get_json()
    assert row["next_word_at"] == "2026-03-10T10:00:00Z"
    assert row["history"][-1]["undone"]["by"] == "Max"
