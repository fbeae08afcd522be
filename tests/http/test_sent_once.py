"""A form that is sent twice is done once, without script: known by the mark of its page and what it holds."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from app import sent_once
from escalation import intake
from escalation.intake import Signal
from models.attachments import Attachment
from models.escalations import Escalation
from models.inbound import InboundDoor
from models.incidents import Incident, TimelineEntry
from models.people import IdempotentAnswer
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor

Visit = Callable[[str], Visitor]


@pytest.fixture
def incident(sessions: Sessions, cast: Cast) -> str:
    signal = Signal(cast.plant_machine, "fan:1", "rule", 3, NOW, "A fan stands still", "Fan 1.", {}, None)
    with work(sessions, SYSTEM) as session:
        return session.get_one(Incident, intake.report(session, signal, NOW).incident_id).label


@pytest.fixture
def plain(visit: Visit) -> Visitor:
    """Dee at a browser without script: what she sends has the token in the form, and no header."""
    return Visitor(visit("dee").client)


def drawn(who: Visitor, path: str) -> str:
    """What the forms of a page that is drawn now hold as `csrf`."""
    found = re.search(r'<meta name="csrf" content="([^"]+)"', who.get(path).text)
    assert found is not None
    return found[1]


def notes(sessions: Sessions) -> int:
    with work(sessions, SYSTEM) as session:
        return session.scalar(select(func.count()).where(TimelineEntry.kind == "note")) or 0


def test_the_same_form_of_the_same_page_is_done_once_and_leads_to_the_same_place(
    plain: Visitor, sessions: Sessions, incident: str
) -> None:
    form = {"csrf": drawn(plain, f"/incidents/{incident}/acts"), "text": "Seen on site."}
    answers = [plain.post(f"/incidents/{incident}/note", data=form) for _ in range(3)]
    assert {(one.status_code, one.location) for one in answers} == {(303, f"/incidents/{incident}")}
    assert notes(sessions) == 1
    plain.post(f"/incidents/{incident}/note", data={**form, "text": "And again."})
    plain.post(f"/incidents/{incident}/note", data={**form, "csrf": drawn(plain, f"/incidents/{incident}/acts")})
    assert notes(sessions) == 3, "other words, or another page, are another form"


def test_an_escalation_pressed_twice_is_one_and_one_that_was_refused_may_be_sent_again(
    plain: Visitor, sessions: Sessions, incident: str
) -> None:
    page = drawn(plain, "/escalations")
    empty = {"csrf": page, "incident": incident, "words": ""}
    assert [plain.post("/escalations", data=empty).status_code for _ in range(2)] == [422, 422]
    form = {**empty, "words": "It stands still since this morning."}
    assert [plain.post("/escalations", data=form).status_code for _ in range(2)] == [303, 303]
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Escalation)) == 1


def test_a_file_is_the_same_by_its_bytes_however_the_browser_parts_the_form(
    plain: Visitor, sessions: Sessions, incident: str
) -> None:
    page = drawn(plain, f"/incidents/{incident}")
    for words in (b"one", b"one", b"two"):
        form = {"csrf": page, "file": (io.BytesIO(words), "log.txt")}
        plain.post(f"/incidents/{incident}/attach", data=form, content_type="multipart/form-data")
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Attachment)) == 2


def test_who_comes_second_while_the_first_is_at_work_is_told_so(
    plain: Visitor, sessions: Sessions, incident: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent_once, "_PATIENCE_S", 0.0)
    form = {"csrf": drawn(plain, f"/incidents/{incident}/acts"), "text": "Seen."}
    plain.post(f"/incidents/{incident}/note", data=form)
    with work(sessions, SYSTEM) as session:
        session.execute(update(IdempotentAnswer).values(status=None, body=None))
    second = plain.post(f"/incidents/{incident}/note", data=form)
    assert (second.status_code, "has no answer yet" in second.text) == (409, True)
    assert notes(sessions) == 1


def test_a_deed_that_is_done_is_answered_though_its_answer_cannot_be_kept(
    plain: Visitor, sessions: Sessions, incident: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = {"csrf": drawn(plain, f"/incidents/{incident}/acts"), "text": "Seen."}

    def away(*_: object) -> None:
        raise OperationalError("away", None, Exception())

    monkeypatch.setattr(sent_once, "update", away)
    assert plain.post(f"/incidents/{incident}/note", data=form).status_code == 303
    assert notes(sessions) == 1


def test_a_secret_is_made_and_shown_once_and_the_second_answer_says_so(
    visit: Visit, sessions: Sessions, cast: Cast
) -> None:
    plain = Visitor(visit("max").client)
    form = {"csrf": drawn(plain, "/doors/new"), "name": "Alertmanager", "kind": "alertmanager",
            "customer": str(cast.plant)}  # fmt: skip
    first, second = (plain.post("/doors/new", data=form) for _ in range(2))
    assert (first.status_code, "vgd_" in first.text) == (200, True)
    assert (second.status_code, "done once" in second.text, "vgd_" in second.text) == (409, True, False)
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(InboundDoor)) == 1


@pytest.mark.parametrize("mark", ["a\0b", "é", "a" * 65, "a b", ""])
def test_a_mark_that_is_none_of_ours_keeps_nothing_from_being_done(
    plain: Visitor, sessions: Sessions, incident: str, mark: str
) -> None:
    token = drawn(plain, f"/incidents/{incident}/acts").partition(".")[0]
    form = {"csrf": f"{token}.{mark}", "text": "Seen."}
    assert [plain.post(f"/incidents/{incident}/note", data=form).status_code for _ in range(2)] == [303, 303]
    assert notes(sessions) == 2


def test_a_mark_opens_nothing_without_the_token(plain: Visitor, incident: str) -> None:
    form = {"csrf": ".mark", "text": "Seen."}
    assert plain.post(f"/incidents/{incident}/note", data=form).status_code == 403
