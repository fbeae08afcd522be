"""Every act of an incident works without script: buttons lead to plain forms, and the forms do what they say."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from sqlalchemy import select

from escalation.intake import report
from models.incidents import Incident
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast
from tests.http.conftest import Hands, Visitor
from tests.http.test_incident_page import does
from tests.http.test_incident_page import incident as incident

Visit = Callable[[str], Visitor]


class Forms(HTMLParser):
    """The forms of a page as a browser without script has them: action → what it would send."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._fields: dict[str, str] = {}
        self._choice = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._fields = self.found.setdefault(given.get("action", ""), {})
        elif tag in ("input", "textarea") and "name" in given:
            self._fields[given["name"]] = given.get("value", "")
        elif tag == "select":
            self._choice = given["name"]
        elif tag == "option" and self._choice and (self._choice not in self._fields or "selected" in given):
            self._fields[self._choice] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._choice = ""


def forms(dee: Visitor, incident: str) -> dict[str, dict[str, str]]:
    page = dee.get(f"/incidents/{incident}/acts")
    assert page.status_code == 200, page.text
    found = Forms()
    found.feed(page.text)
    start = f"/incidents/{incident}/"
    return {action.removeprefix(start): sent for action, sent in found.found.items() if action.startswith(start)}


def press(dee: Visitor, incident: str, act: str, **filled: str) -> None:
    sent = forms(dee, incident)[act]
    assert set(filled) <= set(sent), "a field that is not on the form"
    answer = dee.post(f"/incidents/{incident}/{act}", data=sent | filled)
    assert (answer.status_code, answer.headers.get("Location")) == (303, f"/incidents/{incident}"), answer.text


def state(sessions: Sessions, incident: str) -> Incident:
    with work(sessions, SYSTEM) as session:
        return session.scalars(select(Incident).where(Incident.number == int(incident.removeprefix("VG-")))).one()


def test_an_incident_goes_from_open_to_closed_by_forms_alone(visit: Visit, incident: str, sessions: Sessions) -> None:
    dee = visit("dee")
    press(dee, incident, "note", text="I look")
    press(dee, incident, "reply", text="We are on it")
    press(dee, incident, "wait", reason="They open the door")
    assert state(sessions, incident).waiting_for == "customer"
    press(dee, incident, "resume")
    press(dee, incident, "workaround", text="Use the other pump")
    press(dee, incident, "severity", severity="1", reason="The line stands")
    press(dee, incident, "relate", kind="change", to="CHG-7")
    press(dee, incident, "unrelate")
    press(dee, incident, "join", role="scribe")
    press(dee, incident, "want_help", words="Who knows pumps?")
    press(dee, incident, "edit", text="We are on it at once")
    press(dee, incident, "resolve", text="A new bearing")
    assert state(sessions, incident).state == "resolved"
    press(dee, incident, "undo")
    assert state(sessions, incident).state != "resolved"
    press(dee, incident, "resolve", text="A new bearing")
    press(dee, incident, "close")
    assert state(sessions, incident).state == "closed"
    press(dee, incident, "reopen", reason="It is back")
    assert state(sessions, incident).is_open


def test_two_incidents_are_merged_by_a_form(
    visit: Visit, incident: str, sessions: Sessions, cast: Cast, hands: Hands
) -> None:
    with work(sessions, SYSTEM) as session:
        made = report(session, desk.signal(cast.plant_machine, hands(), "another"), hands())
    with work(sessions, SYSTEM) as session:
        other = session.get_one(Incident, made.incident_id).label
    dee = visit("dee")
    press(dee, incident, "merge", into=other, reason="one pump")
    assert state(sessions, incident).merged_into_id == made.incident_id
    press(dee, incident, "undo")
    assert state(sessions, incident).is_open


def test_every_button_of_the_page_leads_to_the_form_of_its_act(visit: Visit, incident: str) -> None:
    dee = visit("dee")
    does(dee, incident, "note", text="mine")
    found = Forms()
    page = dee.get(f"/incidents/{incident}").text
    found.feed(page)
    assert f"/incidents/{incident}/acts" in found.found
    buttons = {part.partition('"')[0] for part in page.split('data-act="')[1:]}
    assert {"wait", "resolve", "escalate", "edit"} <= buttons
    assert buttons <= set(forms(dee, incident)), "a button whose act has no form"
    for act in sorted(buttons):
        first = dee.get(f"/incidents/{incident}/acts?act={act}").text.partition('id="wanted"')[2][:300]
        assert f"/incidents/{incident}/{act}" in first, f"{act} comes first when it was meant"


@pytest.mark.parametrize("name", ["ada", "cy"])
def test_contacts_have_no_page_of_acts(visit: Visit, incident: str, name: str) -> None:
    assert visit(name).get(f"/incidents/{incident}/acts").status_code in (403, 404)
