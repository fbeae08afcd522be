"""Why a promise was missed: said on a form, shown on the incident with who and when, and wrong input said in words."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.api import BASE
from models.customers import Customer
from models.incidents import Incident, Promise
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW
from tests.http.conftest import Hands, Visitor
from tests.http.world import Things


@pytest.fixture
def missed(sessions: Sessions, world: dict[str, Things]) -> tuple[str, str]:
    """An incident of the plant's, and its first response, which was missed an hour ago."""
    with work(sessions, SYSTEM) as session:
        incident = session.get_one(Incident, world["plant"].incident)
        wanted = select(Promise).where(Promise.incident_id == incident.id, Promise.kind == "respond")
        promise = session.scalars(wanted).one()
        promise.breached_at, promise.state = NOW - timedelta(hours=1), "breached"
        return incident.label, str(promise.id)


def said(visitor: Visitor, missed: tuple[str, str], **form: str) -> Any:
    label, promise = missed
    return visitor("POST", f"/incidents/{label}/promises/{promise}/cause", data={**form, "csrf": visitor.csrf})


def test_the_incident_offers_the_form_and_shows_the_cause_with_who_and_when(
    visit: Callable[[str], Visitor], missed: tuple[str, str], hands: Hands
) -> None:
    dee, (label, promise) = visit("dee"), missed
    address = f"/incidents/{label}/promises/{promise}/cause"
    assert f'<a href="{address}">Say why it was missed</a>' in dee.get(f"/incidents/{label}").text
    form = dee.get(address)
    assert form.status_code == 200
    assert len(re.findall(r'type="radio" name="cause"', form.text)) == 8
    assert said(dee, missed, cause="parts", note="the fan came late").status_code == 303
    seen = dee.get(f"/incidents/{label}").text
    assert re.search(r"Missed because a part was missing \(the fan came late\), said by Dee, [^<]+\.", seen)
    assert f'<a href="{address}">Say it otherwise</a>' in seen
    hands.forward(minutes=5)
    assert "Until now: A part was missing (the fan came late), said by Dee" in dee.get(address).text
    assert said(visit("max"), missed, cause="capacity", note="").status_code == 303
    (row,) = [one for one in dee.get(f"{BASE}/incidents/{label}/promises").json["items"] if one["id"] == promise]  # type: ignore[index]
    assert (row["cause"], row["cause_note"], row["cause_by"], row["state"]) == ("capacity", "", "Max", "breached")
    assert row["cause_at"] == "2026-03-10T09:05:00Z"


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        ({}, "cause", "Choose one of the causes."),
        ({"cause": "laziness"}, "cause", "Choose one of the causes."),
        ({"cause": "other"}, "note", "Another cause needs words: say what it was."),
        ({"cause": "other", "note": " \n"}, "note", "Another cause needs words: say what it was."),
        ({"cause": "skill", "note": "x" * 2001}, "note", "At most 2,000 letters; this has 2,001."),
    ],
)
def test_wrong_input_is_said_beside_its_field_and_nothing_is_written(
    visit: Callable[[str], Visitor], missed: tuple[str, str], form: dict[str, str], field: str, words: str
) -> None:
    dee = visit("dee")
    answer = said(dee, missed, **form)
    assert answer.status_code == 422
    assert f'id="{field}-wrong">{words}<' in answer.text
    assert "Say why it was missed" in dee.get(f"/incidents/{missed[0]}").text


def test_a_promise_that_was_not_missed_has_no_cause_and_a_stranger_no_form(
    visit: Callable[[str], Visitor], world: dict[str, Things], sessions: Sessions, missed: tuple[str, str]
) -> None:
    dee, (label, promise) = visit("dee"), missed
    with work(sessions, SYSTEM) as session:
        row = session.get_one(Promise, uuid.UUID(promise))
        row.breached_at, row.state = None, "running"
    refused = said(dee, missed, cause="skill")
    assert (refused.status_code, "This promise was not missed" in refused.text) == (422, True)
    assert "Say why it was missed" not in dee.get(f"/incidents/{label}").text
    assert dee.get(f"/incidents/{label}/promises/nothing/cause").status_code == 404
    assert dee.get(f"/incidents/VG-999999/promises/{promise}/cause").status_code == 404
    assert visit("ada").get(f"/incidents/{label}/promises/{promise}/cause").status_code in (403, 404)


def test_the_customers_own_sentence_stands_beside_ours(
    visit: Callable[[str], Visitor], sessions: Sessions, missed: tuple[str, str]
) -> None:
    dee = visit("dee")
    assert "The customer reads:" not in dee.get(f"/incidents/{missed[0]}").text
    with work(sessions, SYSTEM) as session:
        incident = session.scalars(select(Incident).where(Incident.number == int(missed[0][3:]))).one()
        session.get_one(Customer, incident.customer_id).language = "fr"
    seen = dee.get(f"/incidents/{missed[0]}").text
    assert re.search(r'The customer reads:</span> <span lang="fr">[^<]*(heures|min|promis)[^<]*</span>', seen)
