"""The API as a program uses it: incidents with their versions, and one effect for one request."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from app import keys
from models.agreements import Contract
from models.customers import Customer
from models.machines import Machine
from models.notices import Notice
from models.people import IdempotentAnswer
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Hands, Visitor
from tests.http.world import Things

API = "/api/v1"


def made(answer: Any) -> Any:
    """The body of an answer that says 201."""
    assert answer.status_code == 201, answer.text
    return answer.json


def test_an_incident_carries_its_version_as_etag(visit: Callable[[str], Visitor], world: dict[str, Things]) -> None:
    dee, path = visit("dee"), f"{API}/incidents/{world['plant'].incident}"
    seen = dee.get(path)
    version = seen.json["version"]  # type: ignore[index]
    assert seen.headers["ETag"] == f'"{version}"'
    again = dee.get(path, headers={"If-None-Match": f'"{version}"'})
    assert (again.status_code, again.data) == (304, b"")
    stale = dee.post(f"{path}/acknowledge", headers={"If-Match": '"77"'})
    assert stale.status_code == 412
    done = dee.post(f"{path}/acknowledge", headers={"If-Match": f'"{version}"'})
    assert (done.status_code, done.headers["ETag"]) == (200, f'"{version + 1}"')
    assert done.json["state"] == "acknowledged"  # type: ignore[index]
    twice = dee.post(f"{path}/acknowledge")
    assert twice.status_code == 409
    assert twice.json["remedy"]  # type: ignore[index]


def test_promises_explain_themselves(visit: Callable[[str], Visitor], world: dict[str, Things], hands: Hands) -> None:
    hands.forward(minutes=20)
    ada = visit("ada")
    found = ada.get(f"{API}/incidents/{world['plant'].incident}/promises").json
    assert found is not None
    (promise,) = found["items"]
    assert promise["elapsed_s"] == 1200.0
    assert promise["due_at"] == "2026-03-10T10:00:00Z"
    assert promise["explanation"] == (
        "We owe you our first response by Tue 10 March 2026, 11:00 (Europe/Paris): 20 min of the promised 1 h is used."
    )
    assert promise["segments"] == [
        {
            "start": "2026-03-10T09:00:00Z",
            "end": "2026-03-10T09:20:00Z",
            "kind": "counted",
            "reason": "",
            "zone": "Europe/Paris",
        }
    ]
    assert promise["svg"].startswith("<svg xmlns=")
    french = ada.get(f"{API}/incidents/{world['plant'].incident}/promises?language=fr").json
    assert french is not None
    assert french["items"][0]["explanation"].startswith("Nous vous devons notre première réponse")


def test_the_same_request_sent_fifty_times_at_once_has_one_effect(
    app: Flask, with_key: Callable[..., Visitor], cast: Cast, sessions: Sessions
) -> None:
    key = with_key().headers["Authorization"].removeprefix("Bearer ")

    def one(_: int) -> Any:
        visitor = Visitor(app.test_client(), key=key)
        body = {"customer": "plant", "name": "plant-once"}
        return visitor.post(f"{API}/machines", body, headers={"Idempotency-Key": "again-and-again"})

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(one, range(50)))
    done = [answer for answer in answers if answer.status_code == 201]
    # On a crowded machine some may be told to come back; none is told that the name is taken.
    for answer in answers:
        assert answer.status_code in (201, 503) or "still-working" in answer.text, answer.text
    assert len(done) > 1
    assert len({answer.json["id"] for answer in done}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in done) == 1
    assert len([answer for answer in done if answer.json["mqtt"]["password"]]) == 1
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Machine).where(Machine.name == "plant-once")) == 1


def test_a_key_belongs_to_one_request_and_one_caller(
    with_key: Callable[..., Visitor], sessions: Sessions, hands: Hands
) -> None:
    one, other = with_key(), with_key()
    once = {"Idempotency-Key": "k1"}
    first = one.post(f"{API}/customers", {"slug": "a", "name": "A"}, headers=once)
    again = one.post(f"{API}/customers", {"slug": "a", "name": "A"}, headers=once)
    assert made(first) == made(again)
    assert again.headers["Location"] == first.headers["Location"]
    assert one.post(f"{API}/customers", {"slug": "b", "name": "B"}, headers=once).status_code == 422
    assert other.post(f"{API}/customers", {"slug": "b", "name": "B"}, headers=once).status_code == 201
    # A request that failed leaves its key free, and an old key is forgotten.
    assert (
        one.post(f"{API}/customers", {"slug": "a", "name": "A"}, headers={"Idempotency-Key": "k2"}).status_code == 409
    )
    assert (
        one.post(f"{API}/customers", {"slug": "c", "name": "C"}, headers={"Idempotency-Key": "k2"}).status_code == 201
    )
    hands.at += timedelta(days=2)
    assert one.post(f"{API}/customers", {"slug": "d", "name": "D"}, headers=once).status_code == 201
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 2 + 4


def test_what_is_secret_is_not_kept_for_a_repetition(with_key: Callable[..., Visitor], sessions: Sessions) -> None:
    body = {"label": "x", "scopes": ["incidents:read"]}
    token = made(with_key().post(f"{API}/tokens", body, headers={"Idempotency-Key": "k"}))["token"]
    parts = keys.FORM.fullmatch(token)
    assert parts is not None
    with work(sessions, SYSTEM) as session:
        kept = session.scalars(select(IdempotentAnswer.body)).one()
        assert kept is not None
        assert parts[2].encode() not in kept


def test_a_request_becomes_an_incident_with_promise_and_notices_or_an_answer_in_words(
    visit: Callable[[str], Visitor], cast: Cast, sessions: Sessions
) -> None:
    ada = visit("ada")
    opened = ada.post(f"{API}/incidents", {"machine": "plant-db-1", "severity": 1, "title": "the line stands"})
    body = made(opened)
    assert body["decision"]["decision"] == "granted"
    assert body["incident"]["state"] == "open"
    assert body["incident"]["label"] in opened.headers["Location"]
    promises = ada.get(f"{API}/incidents/{body['incident']['label']}/promises").json
    assert promises is not None
    assert promises["items"][0]["kind"] == "respond"
    with work(sessions, SYSTEM) as session:
        # Ada may not list our people, and still the engineer on duty is told.
        told = session.scalars(select(Notice).where(Notice.incident_id == body["incident"]["id"])).all()
        assert {notice.person_id for notice in told} & {cast.dee, cast.eve}
        contract = session.get_one(Contract, cast.joinery_contract)
        contract.state = "cancelled"
    refused = visit("cy").post(f"{API}/incidents", {"machine": "joinery-files", "title": "no disk"})
    assert refused.status_code == 200
    assert refused.json is not None
    assert refused.json["incident"] is None
    answer = refused.json["decision"]
    assert (answer["decision"], bool(answer["rule"]), bool(answer["reason"]), bool(answer["remedy"])) == (
        "refused", True, True, True,
    )  # fmt: skip
    assert visit("cy").get(f"{API}/decisions").json["items"][0]["id"] == answer["id"]  # type: ignore[index]


def test_an_incident_goes_through_its_life(visit: Callable[[str], Visitor], world: dict[str, Things]) -> None:
    ada, dee, path = visit("ada"), visit("dee"), f"{API}/incidents/{world['plant'].incident}"
    told = [
        dee.post(f"{path}/claim"),
        dee.post(f"{path}/note", {"text": "looks like the leak of May"}),
        dee.post(f"{path}/reply", {"text": "we are on it"}),
        ada.post(f"{path}/reply", {"text": "thank you"}),
        dee.post(f"{path}/wait", {"waiting_for": "vendor", "reason": "a part is on its way"}),
        dee.post(f"{path}/resume"),
        dee.post(f"{path}/severity", {"severity": 1, "reason": "it spreads"}),
        ada.post(f"{path}/escalate", {"reason": "the line stands"}),
        dee.post(f"{path}/verdict", {"verdict": "true"}),
        dee.post(f"{path}/resolve", {"text": "memory replaced"}),
        dee.post(f"{path}/reopen", {"reason": "it came back"}),
        dee.post(f"{path}/acknowledge"),
        dee.post(f"{path}/resolve", {"text": "now for good"}),
        dee.post(f"{path}/close"),
    ]
    assert [answer.status_code for answer in told] == [200] * len(told), [answer.text for answer in told]
    seen = ada.get(path).json
    assert seen is not None
    assert (seen["state"], seen["severity"], seen["owner"]["name"]) == ("closed", 1, "Dee")
    words = str(ada.get(f"{path}/timeline?limit=200").json)
    assert "memory replaced" in words
    assert "leak of May" not in words
