"""Reachability through the front door: the link in a test page, one's own ways, the board, and the API."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from sqlalchemy import select

from escalation import proving
from models.notices import Notice
from models.people import Person
from models.reach import ReachProof
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Hands, Visitor

Visit = Callable[[str], Visitor]
MAIL = {"channel": "email", "address": "dee@example.org"}


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.fixture
def link(sessions: Sessions, cast: Cast) -> str:
    """Where Dee's test page leads."""
    proving.test_due(sessions, cast.now)
    with work(sessions, SYSTEM) as session:
        page = session.scalars(select(Notice).where(Notice.person_id == cast.dee)).one()
    return str(page.body["path"])


def test_a_test_page_is_answered_by_its_button_and_not_by_who_follows_the_link(
    stranger: Visitor, visit: Visit, sessions: Sessions, link: str, hands: Hands
) -> None:
    for _ in range(3):
        assert "I read it" in stranger.get(link).text
    with work(sessions, SYSTEM) as session:
        assert {row.answered_at for row in session.scalars(select(ReachProof))} == {None}
    hands.forward(seconds=11)
    assert "You can be reached" in stranger.post(link).text
    assert "You can be reached" in stranger.get(link).text
    board = text(visit("eve").get("/duty").text)
    assert "email in 11 s 10 Mar 2026" in board
    assert stranger.get(link + "x").status_code == 404
    hands.forward(days=8)
    assert stranger.get(link).status_code == 404


def test_the_board_names_who_did_not_answer(visit: Visit, link: str, hands: Hands) -> None:
    hands.forward(hours=5)
    board = text(visit("dee").get("/duty").text)
    assert "not proved reachable email not answered" in board
    assert "Nobody is proved reachable as engineer on duty" in board
    said = visit("dee").get("/api/v1/duty/reach").json or {}
    assert {(one["person"], one["standing"], one["reachable"]) for one in said["items"]} == {
        ("Dee", "not answered", False), ("Eve", "not answered", False)
    }  # fmt: skip
    assert any("Dee is on duty and not proved to be reachable" in words for words in said["unreachable"])


def test_a_way_is_added_confirmed_put_first_and_removed_on_ones_own_page(
    visit: Visit, sessions: Sessions, cast: Cast
) -> None:
    dee = visit("dee")
    assert "One method only." in dee.get("/my/ways").text
    new = {"channel": "sms", "address": "+33 6 12 34 56 78", "csrf": dee.csrf}
    added = dee.post("/my/ways", data=new | {"do": "add", "hours": "08:00-20:00"})
    assert (added.status_code, added.location) == (303, "/my/ways?said=code")
    with work(sessions, SYSTEM) as session:
        sent = session.scalars(select(Notice).where(Notice.channel == "sms")).one()
    (code,) = re.findall(r"\d{6}", sent.body["text"])
    refused = dee.post("/my/ways", data=new | {"do": "confirm", "code": "12"})
    assert (refused.status_code, "This is not the code that was sent." in refused.text) == (422, True)
    assert dee.post("/my/ways", data=new | {"do": "confirm", "code": code}).status_code == 303
    assert "confirmed by its code" in dee.get("/my/ways").text
    dee.post("/my/ways", data=new | {"do": "up"})
    dee.post("/my/ways", data=new | {"do": "keep", "quiet": "22:00-07:00", "loud": "1", "hours": ""})
    with work(sessions, SYSTEM) as session:
        first, second = session.get_one(Person, cast.dee).notify
        assert first == {"channel": "sms", "address": "+33 6 12 34 56 78", "quiet": "22:00-07:00", "loud": "1"}
    dee.post("/my/ways", data={**MAIL, "do": "remove", "csrf": dee.csrf})
    with work(sessions, SYSTEM) as session:
        assert session.get_one(Person, cast.dee).notify == [first]
    assert second["channel"] == "email"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"address": "soon"}, "It is no telephone number; give it as +33 6 12 34 56 78."),
        ({"channel": "pigeon"}, "It is no channel of this house"),
        ({"quiet": "late"}, "It is no span of hours; write it as 22:00-07:00."),
        ({"hours": "8-20"}, "It is no span of hours; write it as 08:00-20:00."),
        (MAIL, "This way is there already."),
        ({"address": "x" * 501}, "It is too long"),
    ],
)
def test_a_way_that_leads_nowhere_is_refused_beside_its_field(visit: Visit, wrong: dict[str, str], said: str) -> None:
    dee = visit("dee")
    given = {"channel": "sms", "address": "+33612345678", "do": "add", "csrf": dee.csrf}
    answer = dee.post("/my/ways", data=given | wrong)
    assert (answer.status_code, said in answer.text) == (422, True)


def test_a_manager_sees_to_others_ways_and_cannot_confirm_for_them(
    visit: Visit, sessions: Sessions, cast: Cast
) -> None:
    max_, eve = visit("max"), visit("eve")
    assert eve.get(f"/people/{cast.dee}/ways").status_code == 403
    assert max_.get(f"/people/{cast.dee}/ways").status_code == 200
    assert max_.get(f"/people/{cast.ada}/ways").status_code == 404
    ways = f"/api/v1/people/{cast.dee}/ways"
    assert eve.post(f"{ways}/code", MAIL).status_code == 403
    assert max_.post(f"{ways}/code", MAIL).status_code == 204
    with work(sessions, SYSTEM) as session:
        (code,) = re.findall(r"\d{6}", session.scalars(select(Notice)).one().body["text"])
    assert max_.post(f"{ways}/confirm", MAIL | {"code": code}).status_code == 403
    dee = visit("dee")
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    for _ in range(4):
        assert dee.post(f"{ways}/confirm", MAIL | {"code": wrong}).status_code == 409
    assert (dee.post(f"{ways}/confirm", MAIL | {"code": code}).json or {})["standing"] == "confirmed"
    assert dee.post(f"{ways}/test", MAIL).status_code == 204
    assert dee.post(f"{ways}/test", {**MAIL, "address": "x@example.org"}).status_code == 422
    (proof,) = (dee.get(f"{ways}/proofs").json or {})["items"]
    assert (proof["standing"], proof["reachable"]) == ("asked", True)


def test_the_log_of_notices_shows_words_of_the_house_and_no_code(visit: Visit, cast: Cast) -> None:
    dee = visit("dee")
    dee.post(f"/api/v1/people/{cast.dee}/ways/code", MAIL)
    answer = dee.get("/api/v1/notices")
    assert answer.status_code == 200
    (notice,) = (answer.json or {})["items"]
    assert (notice["customer_id"], notice["subject"]) == (None, "Vigie: your code")
    page = dee.get("/notices").text
    assert "Vigie: your code" in page
    assert re.search(r"code is \d{6}", page + answer.text) is None


def test_wrong_codes_over_the_api_are_counted_though_refused(visit: Visit, cast: Cast) -> None:
    dee = visit("dee")
    dee.post(f"/api/v1/people/{cast.dee}/ways/code", MAIL)
    said = [
        (dee.post(f"/api/v1/people/{cast.dee}/ways/confirm", MAIL | {"code": f"{n:06}"}).json or {})["detail"]
        for n in range(6)
    ]
    assert said[-1] == "Too many wrong codes."
