"""Signing in: passwords, links, sessions and keys."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app import keys, passwords
from app.identity import make_sign_in_link
from models.audit import AuditEntry
from models.people import ApiToken, Person, SignInLink, WebSession
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Hands, Visitor

PASSWORD = "a lamp over the harbour"


@pytest.fixture
def dee_has_a_password(cast: Cast, sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.dee).password_hash = passwords.hashed(PASSWORD)


@pytest.mark.usefixtures("dee_has_a_password")
def test_a_password_signs_in_and_goes_on_to_the_page_asked_for(stranger: Visitor, sessions: Sessions) -> None:
    answer = stranger("POST", "/sign-in", data={"email": "DEE@example.org", "password": PASSWORD, "next": "/fleet"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/fleet")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("vigie=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    token = cookie.split(";")[0].removeprefix("vigie=")
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(WebSession)).one()
        assert row.token_hash == hashlib.sha256(token.encode()).digest()
        assert session.scalars(select(AuditEntry.deed)).all() == ["person.signed_in"]
    me = stranger.get("/api/v1/me").json
    assert me is not None
    assert me["name"] == "Dee"


@pytest.mark.usefixtures("dee_has_a_password")
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(stranger: Visitor) -> None:
    wrong = stranger("POST", "/sign-in", data={"email": "dee@example.org", "password": "something else"})
    unknown = stranger("POST", "/sign-in", data={"email": "dea@example.org", "password": "something else"})
    assert wrong.status_code == unknown.status_code == 401
    assert "Set-Cookie" not in wrong.headers

    def plain(body: str) -> str:
        return re.sub(r'de[ea]@example\.org|nonce="[^"]*"', "", body)

    assert plain(wrong.text) == plain(unknown.text)


@pytest.mark.usefixtures("dee_has_a_password")
def test_an_unknown_address_costs_a_hash_as_well(stranger: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str | None] = []
    real = passwords.matches

    def counting(stored: str | None, password: str) -> bool:
        hashed.append(stored)
        return real(stored, password)

    monkeypatch.setattr(passwords, "matches", counting)
    stranger("POST", "/sign-in", data={"email": "nobody@example.org", "password": "x"})
    assert hashed == [None]
    assert not real(None, "x")


@pytest.mark.usefixtures("dee_has_a_password")
def test_guessing_is_throttled_by_account_and_comes_back_with_time(stranger: Visitor, hands: Hands) -> None:
    tried = [stranger("POST", "/sign-in", data={"email": "dee@example.org", "password": "no"}) for _ in range(9)]
    assert [answer.status_code for answer in tried] == [401] * 8 + [429]
    assert int(tried[-1].headers["Retry-After"]) == 600
    # The right password does not get around it, nor does another spelling of the address.
    right = {"email": "Dee@Example.org", "password": PASSWORD}
    assert stranger("POST", "/sign-in", data=right).status_code == 429
    hands.forward(seconds=600)
    assert stranger("POST", "/sign-in", data=right).status_code == 303


def test_guessing_is_throttled_by_address(stranger: Visitor, monkeypatch: pytest.MonkeyPatch, cast: Cast) -> None:
    monkeypatch.setattr(passwords, "matches", lambda stored, password: False)
    answers = [stranger("POST", "/sign-in", data={"email": f"p{n}@example.org", "password": "no"}) for n in range(41)]
    assert [answer.status_code for answer in answers] == [401] * 40 + [429]


@pytest.mark.usefixtures("dee_has_a_password")
def test_signing_in_gives_a_new_session_and_ends_the_old_one(stranger: Visitor, sessions: Sessions) -> None:
    stranger("POST", "/sign-in", data={"email": "dee@example.org", "password": PASSWORD})
    with work(sessions, SYSTEM) as session:
        csrf = session.scalars(select(WebSession.csrf)).one()
    stranger("POST", "/sign-in", data={"email": "dee@example.org", "password": PASSWORD, "csrf": csrf})
    with work(sessions, SYSTEM) as session:
        rows = session.scalars(select(WebSession)).all()
        assert sorted(row.ended_at is None for row in rows) == [False, True]


def test_looking_at_a_link_uses_nothing_up_and_its_button_works_once(
    stranger: Visitor, link_for: Callable[[str], str], app: Flask
) -> None:
    path = link_for("dee")
    for _ in range(3):
        seen = stranger.get(path)
        assert seen.status_code == 200
        assert "Set-Cookie" not in seen.headers
    used = stranger("POST", path)
    assert used.status_code == 303
    assert stranger.get("/api/v1/me").status_code == 200
    again = Visitor(app.test_client())("POST", path)
    assert again.status_code == 401
    assert "Set-Cookie" not in again.headers


def test_a_link_runs_out(stranger: Visitor, link_for: Callable[[str], str], hands: Hands) -> None:
    path = link_for("dee")
    hands.forward(minutes=31)
    assert stranger("POST", path).status_code == 401


def test_a_link_of_somebody_deactivated_opens_nothing(
    stranger: Visitor, link_for: Callable[[str], str], sessions: Sessions, cast: Cast
) -> None:
    path = link_for("dee")
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.dee).active = False
    assert stranger("POST", path).status_code == 401


def test_a_session_ends_when_idle_and_after_its_whole_life(visit: Callable[[str], Visitor], hands: Hands) -> None:
    dee = visit("dee")
    hands.forward(hours=11)
    assert dee.get("/api/v1/me").status_code == 200
    hands.forward(hours=12)
    assert dee.get("/api/v1/me").status_code == 401
    busy = visit("dee")
    for _ in range(16):
        hands.forward(hours=10)
        assert busy.get("/api/v1/me").status_code == 200
    hands.forward(hours=9)
    assert busy.get("/api/v1/me").status_code == 401


def test_signing_out_ends_the_session_on_the_server(visit: Callable[[str], Visitor]) -> None:
    dee = visit("dee")
    cookie = dee.client.get_cookie("vigie")
    assert cookie is not None
    assert dee("POST", "/sign-out").status_code == 303
    dee.client.set_cookie("vigie", cookie.value)
    assert dee.get("/api/v1/me").status_code == 401


def test_a_deactivated_person_is_out_at_once(visit: Callable[[str], Visitor], sessions: Sessions, cast: Cast) -> None:
    dee = visit("dee")
    assert dee.get("/api/v1/me").status_code == 200
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.dee).active = False
    assert dee.get("/api/v1/me").status_code == 401


def test_a_person_lists_their_sessions_and_ends_another(visit: Callable[[str], Visitor]) -> None:
    here, elsewhere = visit("dee"), visit("dee")
    listed = here.get("/api/v1/me/sessions").json
    assert listed is not None
    other = next(one for one in listed["items"] if not one["current"])
    assert here("DELETE", f"/api/v1/me/sessions/{other['id']}").status_code == 204
    assert elsewhere.get("/api/v1/me").status_code == 401
    assert here.get("/api/v1/me").status_code == 200


def test_a_key_opens_what_its_scopes_say_and_no_more(with_key: Callable[..., Visitor]) -> None:
    reader = with_key(scopes=["incidents:read"])
    assert reader.get("/api/v1/incidents").status_code == 200
    refused = reader.get("/api/v1/customers")
    assert refused.status_code == 403
    assert "customers:read" in refused.text


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda key: " ",
        lambda key: "nonsense",
        lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"),  # checksum
        lambda key: key[:20] + ("A" if key[20] != "A" else "B") + key[21:],  # secret
        lambda key: key + "x",
        lambda key: key.upper(),
        lambda key: "vg_" + "é" * 12 + key[15:],
    ],
)
def test_a_spoiled_key_opens_nothing(app: Flask, sessions: Sessions, cast: Cast, spoiled: Callable[[str], str]) -> None:
    with work(sessions, SYSTEM) as session:
        key = keys.make(
            session,
            label="x",
            scopes=["incidents:read"],
            customer_id=None,
            made_by=None,
            actor="tests",
            now=cast.now,
        ).text
        kept = session.scalars(select(ApiToken)).one()
        assert key.split("_", 2)[2].rpartition("_")[0].encode() not in kept.secret_hash
    visitor = Visitor(app.test_client(), key=spoiled(key))
    answer = visitor.get("/api/v1/incidents")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_key_ends_when_revoked_when_it_expires_and_when_its_maker_leaves(
    app: Flask, sessions: Sessions, cast: Cast, hands: Hands
) -> None:
    def fresh(**more: object) -> tuple[Visitor, object]:
        with work(sessions, SYSTEM) as session:
            key = keys.make(
                session,
                label="x",
                scopes=["incidents:read"],
                customer_id=None,
                made_by=cast.max,
                actor="tests",
                now=hands(),
                **more,
            )
        visitor = Visitor(app.test_client(), key=key.text)
        assert visitor.get("/api/v1/incidents").status_code == 200
        return visitor, key.row.id

    revoked, row_id = fresh()
    with work(sessions, SYSTEM) as session:
        keys.revoke(session, session.get_one(ApiToken, row_id), actor="tests", now=hands())
    assert revoked.get("/api/v1/incidents").status_code == 401

    expiring, _ = fresh(expires_at=hands() + timedelta(hours=1))
    hands.forward(hours=1)
    assert expiring.get("/api/v1/incidents").status_code == 401

    orphan, _ = fresh()
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.max).active = False
    assert orphan.get("/api/v1/incidents").status_code == 401


def test_a_key_may_do_no_more_than_its_maker_today(app: Flask, sessions: Sessions, cast: Cast, hands: Hands) -> None:
    with work(sessions, SYSTEM) as session:
        key = keys.make(
            session,
            label="x",
            scopes=["contracts:write", "contracts:read"],
            customer_id=None,
            made_by=cast.max,
            actor="tests",
            now=hands(),
        )
    visitor = Visitor(app.test_client(), key=key.text)
    assert visitor.post("/api/v1/contracts", {}).status_code == 422
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.max).role = "engineer"
    assert visitor.post("/api/v1/contracts", {}).status_code == 403
    assert visitor.get("/api/v1/contracts").status_code == 200


def test_only_hashes_of_links_are_kept(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        path = make_sign_in_link(session, cast.dee, cast.now)
        token = path.rsplit("/", 1)[1]
        assert session.scalars(select(SignInLink.token_hash)).one() == hashlib.sha256(token.encode()).digest()


@pytest.mark.parametrize(
    "target", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:x", "/a\r\nSet-Cookie: x=y"]
)
@pytest.mark.usefixtures("dee_has_a_password")
def test_signing_in_never_leads_away(stranger: Visitor, target: str) -> None:
    answer = stranger("POST", "/sign-in", data={"email": "dee@example.org", "password": PASSWORD, "next": target})
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "shorter"),
        ("x" * 129, "longer"),
        ("passwordpassword", "first"),
        ("aaaaaaaaaaaaaaa", "first"),
        ("i am dee-dee@harbour", None),
        ("harbourmaster 1234", "name"),
    ],
)
def test_length_counts_and_common_words_do_not_pass(password: str, why: str | None) -> None:
    said = passwords.weakness(password, near=("Harbourmaster", "hm@example.org"))
    assert (said is None) if why is None else (said is not None and why in said)
