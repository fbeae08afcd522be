"""Splitting an incident and saying what it belongs to, from the incident's page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from models.incidents import Incident, TimelineEntry
from models.relations import IncidentRelation
from models.session import SYSTEM, Sessions, work
from tests.http.conftest import Visitor
from tests.http.test_incident_page import does
from tests.http.test_incident_page import incident as incident

Visit = Callable[[str], Visitor]


@pytest.fixture
def line(visit: Visit, incident: str, sessions: Sessions) -> str:
    """The id of a line of the story that belongs to another problem."""
    does(visit("dee"), incident, "note", text="The crane beeps too")
    with work(sessions, SYSTEM) as session:
        return str(session.scalars(select(TimelineEntry.id).where(TimelineEntry.kind == "note")).one())


def test_lines_go_to_a_new_incident_with_a_name_of_its_own(
    visit: Visit, incident: str, line: str, sessions: Sessions
) -> None:
    dee = visit("dee")
    form = dee.get(f"/incidents/{incident}/split-off").text
    assert "The crane beeps too" in form
    assert f'href="/incidents/{incident}/split-off"' in dee.get(f"/incidents/{incident}").text
    sent = {"title": "The crane beeps", "reason": "another machine", "severity": "4", "entry": line, "csrf": dee.csrf}
    gone = dee.post(f"/incidents/{incident}/split-off", data=sent)
    assert gone.status_code == 303
    made = dee.get(gone.headers["Location"]).text
    assert "The crane beeps" in made
    assert f"split off from {incident}" in made
    with work(sessions, SYSTEM) as session:
        new = session.scalars(select(Incident).where(Incident.title == "The crane beeps")).one()
        assert (new.severity, gone.headers["Location"]) == (4, f"/incidents/{new.label}")
    does(dee, incident, "undo")
    with work(sessions, SYSTEM) as session:
        assert session.get_one(Incident, new.id).state == "closed"


def test_a_split_that_lacks_something_says_what_beside_the_field(visit: Visit, incident: str, line: str) -> None:
    dee = visit("dee")

    def sent(**form: str) -> str:
        answer = dee.post(f"/incidents/{incident}/split-off", data={**form, "csrf": dee.csrf})
        assert answer.status_code == 422
        return answer.text

    nothing = sent(title="", reason="")
    assert "Give it a name." in nothing
    assert "Choose at least one cause or one line" in nothing
    kept = sent(title="The crane", reason="", entry=line)
    assert f'value="{line}" checked' in kept, "what was chosen stays chosen"
    assert "is not in the incident" in sent(title="a", reason="b", entry="0198c5a0-0000-7000-8000-000000000000")


def test_a_relation_is_said_and_said_no_more(visit: Visit, incident: str, sessions: Sessions) -> None:
    dee = visit("dee")
    assert "Say what it belongs to" in dee.get(f"/incidents/{incident}").text
    does(dee, incident, "relate", kind="vendor_case", to="SR-3-111", party="Acme Disks")
    page = dee.get(f"/incidents/{incident}").text
    assert "the vendor&#39;s case SR-3-111 (Acme Disks)" in page
    with work(sessions, SYSTEM) as session:
        relation = str(session.scalars(select(IncidentRelation.id)).one())
    assert f'data-relation="{relation}"' in page
    does(dee, incident, "unrelate", relation=relation)
    page = dee.get(f"/incidents/{incident}").text
    assert f'data-relation="{relation}"' not in page
    assert "It has ended already" in does(dee, incident, "unrelate", 409, relation=relation)


def test_a_way_around_that_holds_no_more_is_said_by_its_button(visit: Visit, incident: str) -> None:
    dee = visit("dee")
    assert "workaround_gone" not in dee.get(f"/incidents/{incident}").text
    does(dee, incident, "workaround", text="Use press 2.")
    assert 'data-act="workaround_gone"' in dee.get(f"/incidents/{incident}").text
    does(dee, incident, "workaround_gone", reason="press 2 stands too")
    assert "workaround_gone" not in dee.get(f"/incidents/{incident}").text
