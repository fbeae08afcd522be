"""How a customer is served, through the API and on the incident's page."""

from __future__ import annotations

from collections.abc import Callable

from escalation import acts, intake
from escalation.incident import Actor
from escalation.intake import Signal
from models.incidents import Incident
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor

Visit = Callable[[str], Visitor]


def claimed(sessions: Sessions, cast: Cast, cause: str) -> str:
    signal = Signal(cast.plant_machine, cause, "rule", 3, NOW, "A fan stands still", "Fan.", {}, None)
    with work(sessions, SYSTEM) as session:
        opened = intake.report(session, signal, NOW).incident_id
        assert opened is not None
        acts.claim(session, opened, Actor(cast.dee, "Dee"), NOW)
        return session.get_one(Incident, opened).label


def test_the_api_changes_how_it_is_served_and_refuses_full_hands_in_words(
    visit: Visit, sessions: Sessions, cast: Cast
) -> None:
    dee, first, second = visit("dee"), claimed(sessions, cast, "fan:1"), claimed(sessions, cast, "fan:2")
    assert dee.get(f"/api/v1/incidents/{first}").get_json()["served_by"] == "written"
    done = dee.post(f"/api/v1/incidents/{first}/serve", {"by": "phone"})
    assert (done.status_code, done.get_json()["served_by"]) == (200, "phone")
    full = dee.post(f"/api/v1/incidents/{second}/serve", {"by": "phone"})
    assert full.status_code == 409
    assert full.get_json()["detail"] == "Dee has it, with hands full: 1 of 1 phone."
    assert full.get_json()["remedy"].startswith("Hand it over to Eve")
    assert dee.post(f"/api/v1/incidents/{second}/serve", {"by": "fax"}).status_code == 422
    assert dee.post(f"/api/v1/incidents/{first}/undo", {}).status_code == 200
    assert dee.post(f"/api/v1/incidents/{second}/serve", {"by": "phone"}).status_code == 200
    assert visit("ada").post(f"/api/v1/incidents/{first}/serve", {"by": "phone"}).status_code == 403


def test_the_page_says_how_it_is_served_and_a_form_changes_it(visit: Visit, sessions: Sessions, cast: Cast) -> None:
    dee, label = visit("dee"), claimed(sessions, cast, "fan:1")
    assert "Served in writing" in dee.get(f"/incidents/{label}").text
    assert "in a remote session" in dee.get(f"/incidents/{label}/acts?act=serve").text
    done = dee.post(f"/incidents/{label}/serve", data={"by": "remote", "csrf": dee.csrf})
    assert done.status_code == 303
    assert "Served in a remote session" in dee.get(f"/incidents/{label}").text
