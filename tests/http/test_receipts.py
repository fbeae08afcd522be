"""Receipts of providers that call back by GET, or at one address for all: what they note, and what they never can."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import pytest
from sqlalchemy import select

from app.sealing import link_key
from app.settings import Settings
from escalation import outbox
from escalation.channels.provider import receipt_path, receipts_path
from models.incidents import TimelineEntry
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW
from tests.http.conftest import Visitor
from tests.http.test_acknowledge import page_to_dee as page_to_dee
from tests.http.test_acknowledge import settings as settings

Declare = Callable[..., None]


@pytest.fixture
def declare(settings: Settings) -> Declare:
    """The one provider there is: `gate`, with these receipts."""

    def declared(**receipts: object) -> None:
        one = {"url": "https://gate.example/send", "form": {"to": "{{to}}"}, "channel": "email", "receipts": receipts}
        (settings.data / "providers.json").write_text(json.dumps({"gate": one}))

    return declared


def heard(sessions: Sessions, notice: Notice) -> str:
    with work(sessions, SYSTEM) as session:
        return str(session.get_one(Notice, notice.id).receipt.get("delivery", ""))


def test_a_receipt_by_get_is_noted_where_it_is_declared(
    stranger: Visitor, settings: Settings, sessions: Sessions, page_to_dee: Notice, declare: Declare
) -> None:
    declare(by="get", state="dlr", delivered=["0"], failed=["1", "2"])
    path = receipt_path("gate", page_to_dee.id, link_key(settings), "GET")
    for quiet in ("", "?dlr=", "?other=0"):
        assert stranger.client.get(path + quiet).status_code == 204
        assert heard(sessions, page_to_dee) == "", "a scanner that follows the address notes nothing"
    for method in ("HEAD", "OPTIONS"):
        stranger.client.open(path + "?dlr=0", method=method)
        assert heard(sessions, page_to_dee) == ""
    for word, came in (("2", "failed"), ("2", "failed"), ("0", "delivered"), ("2", "delivered")):
        said = stranger.client.get(f"{path}?dlr={word}&more=%C3%A9%00")
        assert (said.status_code, said.headers["Cache-Control"]) == (204, "no-store")
        assert heard(sessions, page_to_dee) == came
    with work(sessions, SYSTEM) as session:
        told = session.scalars(select(TimelineEntry.text).where(TimelineEntry.kind == "notice")).all()
    assert told == ["Dee could not be told by email: gate reports 2"]


def test_a_get_needs_its_own_seal_and_its_own_declaration(
    stranger: Visitor, settings: Settings, sessions: Sessions, page_to_dee: Notice, declare: Declare
) -> None:
    key, id = link_key(settings), page_to_dee.id
    declare(by="GET")
    for path in (
        receipt_path("gate", id, key),  # the seal for POST, which may stand in a log of theirs
        receipt_path("gate", id, b"another key", "GET"),
        receipt_path("gate", uuid.UUID(int=1), key, "GET").replace(str(uuid.UUID(int=1)), str(id)),
        receipt_path("other", id, key, "GET"),
        receipts_path("gate", b"another key"),
    ):
        assert stranger.client.get(path + "?status=delivered").status_code == 404
    assert stranger.client.post(receipt_path("gate", id, key), data={"status": "delivered"}).status_code == 404
    declare(by="POST")
    assert stranger.client.get(receipt_path("gate", id, key, "GET") + "?status=delivered").status_code == 404
    assert stranger.client.get(receipt_path("gate", id, key) + "?status=delivered").status_code == 404
    assert heard(sessions, page_to_dee) == ""


@pytest.mark.parametrize("by", ["GET", "POST"])
def test_a_provider_with_one_address_names_the_message_by_its_own_id_or_by_ours(
    by: str, stranger: Visitor, settings: Settings, sessions: Sessions, page_to_dee: Notice, declare: Declare
) -> None:
    declare(by=by, id="messageId", state="status")
    path = receipts_path("gate", link_key(settings))

    def say(id: str, word: str) -> int:
        fields = {"messageId": id, "status": word}
        client = stranger.client
        return (client.get(path, query_string=fields) if by == "GET" else client.post(path, json=fields)).status_code

    assert say("M-7", "delivered") == 404, "quicker than our own note: it comes again"
    with work(sessions, SYSTEM) as session:
        outbox.settle(session, page_to_dee.id, {"provider": "gate", "theirs": "M-7"}, NOW)
    assert [say(id, "delivered") for id in ("", "M-8", str(uuid.UUID(int=3)))] == [404] * 3
    assert heard(sessions, page_to_dee) == ""
    assert say("M-7", "failed") == 204
    assert heard(sessions, page_to_dee) == "failed"
    assert say(str(page_to_dee.id), "delivered") == 204
    assert heard(sessions, page_to_dee) == "delivered"
