"""The right to sign: drafts and changes of terms wait for it, on the customer's own page and through the API."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.api import BASE
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Visitor

LOWER = {"changes": {"respond": {"1": {"seconds": 7200}}}, "reason": "a lower price"}


@pytest.fixture
def signer(cast: Cast, sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.ada).may = ["open", "sign"]


def proposed(boss: Visitor) -> str:
    answer = boss.post(f"{BASE}/contracts/VC-plant/terms", LOWER)
    assert answer.status_code == 202, answer.json
    assert answer.json is not None
    return str(answer.json["proposal"]["id"])


def test_a_change_waits_for_a_signature_and_names_what_was_signed(
    visit: Callable[[str], Visitor], signer: None
) -> None:
    boss, ada = visit("max"), visit("ada")
    proposal = proposed(boss)
    waiting = ada.get(f"{BASE}/contracts/VC-plant/signatures").json["waiting"]  # type: ignore[index]
    assert [(one["proposal_id"], one["changes"], one["signed"]) for one in waiting] == [(proposal, ["respond.1"], [])]
    made = ada.post(f"{BASE}/contracts/VC-plant/signatures", {"proposal_id": proposal})
    assert made.status_code == 201, made.json
    assert made.json is not None
    assert (made.json["name"], made.json["digest"]) == ("Ada", waiting[0]["digest"])
    again = ada.post(f"{BASE}/contracts/VC-plant/signatures", {"proposal_id": proposal})
    assert again.json == made.json
    assert "Signed for the customer by Ada" in boss.get("/customers/plant/contracts/VC-plant").text
    assert visit("root").post(f"{BASE}/proposals/{proposal}/confirm", {}).status_code == 200
    after = ada.get(f"{BASE}/contracts/VC-plant/signatures").json
    assert after is not None
    assert (after["waiting"], [one["name"] for one in after["signed"]]) == ([], ["Ada"])
    late = ada.post(f"{BASE}/contracts/VC-plant/signatures", {"proposal_id": proposal})
    assert (late.status_code, late.json["remedy"].startswith("Look at what waits")) == (409, True)  # type: ignore[index]


def test_what_is_changed_after_it_was_signed_waits_again(visit: Callable[[str], Visitor], signer: None) -> None:
    boss, ada = visit("max"), visit("ada")
    renewal = boss.post(f"{BASE}/contracts/VC-plant/renewal", {"tier": "gold", "ends_on": "2028-01-01"})
    if renewal.status_code != 201:  # the plant's contract has no last day yet
        boss.patch(f"{BASE}/contracts/VC-plant", {"ends_on": "2026-12-31"})
        renewal = boss.post(f"{BASE}/contracts/VC-plant/renewal", {"tier": "gold", "ends_on": "2028-01-01"})
    assert renewal.status_code == 201, renewal.json
    assert renewal.json is not None
    path = f"{BASE}/contracts/{renewal.json['number']}/signatures"
    assert ada.post(path, {}).status_code == 201
    assert [one["name"] for one in ada.get(path).json["waiting"][0]["signed"]] == ["Ada"]  # type: ignore[index]
    boss.patch(f"{BASE}/contracts/{renewal.json['number']}", {"ends_on": "2027-06-30"})
    assert ada.get(path).json["waiting"][0]["signed"] == []  # type: ignore[index]
    assert ada.post(path, {}).status_code == 201
    assert len(ada.get(path).json["signed"]) == 2  # type: ignore[index]


def test_without_the_right_nobody_signs_and_is_told_who_may(
    visit: Callable[[str], Visitor], cast: Cast, sessions: Sessions
) -> None:
    boss, ada = visit("max"), visit("ada")
    proposal = proposed(boss)
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.ada).may = ["open"]
    path = f"{BASE}/contracts/VC-plant/signatures"
    refused = ada.post(path, {"proposal_id": proposal})
    assert (refused.status_code, refused.json["detail"]) == (403, "Ada may not sign under the contract.")  # type: ignore[index]
    assert "the right to sign" in refused.json["remedy"]  # type: ignore[index]
    assert boss.post(path, {"proposal_id": proposal}).status_code == 403
    assert visit("bo").post(path, {"proposal_id": proposal}).status_code == 403
    assert visit("cy").post(path, {"proposal_id": proposal}).status_code == 404
    seen = ada.get("/covers").text
    assert "Waits for your signature" in seen
    assert "Ada, you may not sign" in seen
    assert 'action="/covers/sign"' not in seen


def test_the_customers_page_says_it_in_their_language_and_signs(visit: Callable[[str], Visitor], signer: None) -> None:
    boss, ada = visit("max"), visit("ada")
    proposal = proposed(boss)
    seen = ada.get("/covers?language=en").text
    assert "A change of contract VC-plant from its confirmation on: a lower price" in seen
    assert "Severity 1 is answered within 2 h, served around the clock." in seen
    french = ada.get("/covers?language=fr").text
    assert "La gravité 1 reçoit une réponse sous 2 h, servie jour et nuit." in french
    contract = boss.get(f"{BASE}/contracts/VC-plant").json["id"]  # type: ignore[index]
    form = {"contract": contract, "proposal": proposal, "csrf": ada.csrf}
    assert ada("POST", "/covers/sign", data=form).status_code == 303
    assert "Signed by Ada, " in ada.get("/covers?language=en").text
    assert ada("POST", "/covers/sign", data={"contract": "x", "csrf": ada.csrf}).status_code == 404
