"""A machine presents a code, waits, is approved against its contract or refused, and gets its credential once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.settings import Settings
from models.agreements import Contract, ContractLine
from models.audit import AuditEntry
from models.enrolment import Enrolment
from models.machines import Machine, MachineCredential
from models.security import SecurityEvent
from models.session import SYSTEM, Sessions, work
from telemetry import csr, enrol, pki
from tests.cast import Cast
from tests.http.conftest import Hands, Visitor

Waiting = Callable[..., tuple[str, str]]


def said(answer: TestResponse) -> dict[str, Any]:
    assert answer.json is not None, answer.text
    return dict(answer.json)


@pytest.fixture
def desk(with_key: Callable[..., Visitor]) -> Visitor:
    return with_key()


@pytest.fixture
def code(desk: Visitor) -> Callable[..., str]:
    def made(**more: Any) -> str:
        answer = desk.post("/api/v1/enrolment-codes", {"customer": "plant", "label": "hall 2", "uses": 5} | more)
        assert answer.status_code == 201, answer.text
        return str(said(answer)["code"])

    return made


@pytest.fixture
def wait(stranger: Visitor, code: Callable[..., str], desk: Visitor) -> Waiting:
    """A machine that waits: the id of its enrolment, and its ticket."""

    def waiting(name: str = "plant-new", **more: Any) -> tuple[str, str]:
        answer = stranger.post("/api/v1/enrol", {"code": code(), "name": name} | more)
        assert answer.status_code == 201, answer.text
        listed = said(desk.get("/api/v1/enrolments?state=pending"))["items"]
        return next(one["id"] for one in listed if one["name"] == name), str(said(answer)["ticket"])

    return waiting


def collect(machine: Visitor, ticket: str) -> TestResponse:
    return machine.post("/api/v1/enrol/collect", {"ticket": ticket})


def test_a_machine_waits_for_a_person_and_gets_its_secret_once(
    stranger: Visitor, desk: Visitor, wait: Waiting, sessions: Sessions
) -> None:
    id, ticket = wait()
    pending = collect(stranger, ticket)
    assert (pending.status_code, said(pending)["state"], pending.headers["Retry-After"]) == (202, "pending", "5")
    with work(sessions, SYSTEM) as session:
        assert enrol.machine_named(session, "plant-new") is None
    approved = desk.post(f"/api/v1/enrolments/{id}/approve", {"contract": "VC-plant"})
    assert approved.status_code == 200, approved.text
    assert said(approved)["cover"] | {"rule": "", "reason": "", "remedy": ""} == {
        "contract": "VC-plant", "tier": "platinum", "covered": True, "telemetry": "detect",
        "rule": "", "reason": "", "remedy": "",
    }  # fmt: skip
    given = collect(stranger, ticket)
    assert (given.status_code, given.headers["Cache-Control"]) == (200, "no-store")
    with work(sessions, SYSTEM) as session:
        kept = session.scalars(select(MachineCredential.password_hash)).one()
        assert enrol.fits(said(given)["password"], kept or "")
    second = collect(stranger, ticket)
    assert (second.status_code, "delivered once" in said(second)["detail"]) == (409, True)


def test_who_approves_sees_what_the_contract_would_say_and_leaves_no_trace_by_looking(
    desk: Visitor, wait: Waiting, sessions: Sessions
) -> None:
    id, _ = wait()
    cover = said(desk.get(f"/api/v1/enrolments/{id}"))["cover"]
    assert (cover["contract"], cover["tier"], cover["covered"], cover["telemetry"]) == (
        "VC-plant", "platinum", False, "refused"
    )  # fmt: skip
    assert cover["reason"]
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Machine)) == 2


def test_what_no_line_covers_is_taken_only_when_somebody_says_so(
    desk: Visitor, wait: Waiting, sessions: Sessions
) -> None:
    id, _ = wait()
    refused = desk.post(f"/api/v1/enrolments/{id}/approve", {})
    assert (refused.status_code, "No line of a contract in force covers" in said(refused)["detail"]) == (409, True)
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(Enrolment.state)).one() == "pending"
        assert enrol.machine_named(session, "plant-new") is None
    assert desk.post(f"/api/v1/enrolments/{id}/approve", {"uncovered": True}).status_code == 200
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(ContractLine)) == 2


def test_a_contract_that_is_over_covers_nothing(desk: Visitor, wait: Waiting, sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        contract = session.scalars(select(Contract).where(Contract.customer_id == cast.plant)).one()
        session.add(ContractLine(customer_id=cast.plant, contract_id=contract.id))
        contract.ends_on = contract.starts_on + timedelta(days=1)
    id, _ = wait()
    cover = said(desk.get(f"/api/v1/enrolments/{id}"))["cover"]
    assert (cover["covered"], cover["telemetry"], cover["rule"]) == (False, "refused", "contract.expired")
    assert desk.post(f"/api/v1/enrolments/{id}/approve", {}).status_code == 409
    assert desk.post(f"/api/v1/enrolments/{id}/approve", {"uncovered": True}).status_code == 200


def test_a_contract_of_somebody_else_covers_nothing_here(desk: Visitor, wait: Waiting) -> None:
    id, _ = wait()
    answer = desk.post(f"/api/v1/enrolments/{id}/approve", {"contract": "VC-joinery"})
    assert (answer.status_code, said(answer)["errors"][0]["field"]) == (422, "contract")


def test_a_refused_machine_is_told_why(stranger: Visitor, desk: Visitor, wait: Waiting) -> None:
    id, ticket = wait()
    assert desk.post(f"/api/v1/enrolments/{id}/refuse", {"reason": ""}).status_code == 422
    assert desk.post(f"/api/v1/enrolments/{id}/refuse", {"reason": "This rack is not ours."}).status_code == 200
    answer = collect(stranger, ticket)
    assert (answer.status_code, "This rack is not ours." in said(answer)["detail"]) == (403, True)
    assert desk.post(f"/api/v1/enrolments/{id}/approve", {"uncovered": True}).status_code == 409


def test_a_request_is_signed_for_the_name_the_desk_gave_and_its_key_stays_with_the_machine(
    stranger: Visitor, desk: Visitor, wait: Waiting, settings: Settings, sessions: Sessions
) -> None:
    pki.init(settings.pki_folder, "the desk", datetime.now(UTC))
    _, asked = csr.request("something-else")
    id, ticket = wait(csr=asked)
    assert desk.post(f"/api/v1/enrolments/{id}/approve", {"uncovered": True, "name": "plant-x"}).status_code == 200
    given = said(collect(stranger, ticket))
    assert (given["machine"], given["password"]) == ("plant-x", None)
    (settings.data / "given.crt").write_text(given["certificate"])
    serial = pki.look_at(settings.data / "given.crt").serial
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(MachineCredential)).one()
        assert (row.kind, row.serial, row.password_hash) == ("certificate", serial, None)


def test_a_code_is_good_for_its_time_and_its_uses_and_until_it_is_taken_back(
    stranger: Visitor, desk: Visitor, code: Callable[..., str], hands: Hands, sessions: Sessions
) -> None:
    def ask(text: str, name: str) -> tuple[int, str]:
        answer = stranger.post("/api/v1/enrol", {"code": text, "name": name})
        return answer.status_code, said(answer).get("detail", "")

    once, short, taken = code(uses=1), code(days=1), code()
    assert ask(once, "plant-1")[0] == 201
    assert ask(once, "plant-2") == (403, "This code was used as often as it may be.")
    id = next(one["id"] for one in said(desk.get("/api/v1/enrolment-codes"))["items"] if one["code_end"] == taken[-4:])
    assert desk.post(f"/api/v1/enrolment-codes/{id}/revoke").status_code == 200
    assert ask(taken, "plant-3") == (403, "This code was taken back.")
    hands.forward(days=2)
    assert ask(short, "plant-4") == (403, "This code is no longer good: its time is over.")
    assert ask("vge_guessed", "plant-5") == (403, "This code opens nothing.")
    with work(sessions, SYSTEM) as session:
        tried = session.scalars(select(SecurityEvent).where(SecurityEvent.kind == "wrong_code")).all()
        assert {row.username for row in tried} == {"plant-2", "plant-3", "plant-4", "plant-5"}
        assert session.scalar(select(func.count()).select_from(AuditEntry).where(AuditEntry.deed == "enrolment.asked"))


@pytest.mark.parametrize("name", ["#", "+/+", "a b", "../x", "vigie-bridge", "plant-db-1", "joinery-files", "x" * 64])
def test_a_name_that_will_not_do_is_refused_with_the_field_or_the_reason(
    stranger: Visitor, code: Callable[..., str], name: str, sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        enrol.rotate(session, session.get_one(Machine, cast.plant_machine), cast.now)  # it speaks already
    answer = stranger.post("/api/v1/enrol", {"code": code(), "name": name})
    assert answer.status_code in (409, 422), answer.text
    assert said(answer).get("remedy") or said(answer)["errors"][0]["remedy"]


def test_who_waits_too_long_waits_no_more(stranger: Visitor, wait: Waiting, desk: Visitor, hands: Hands) -> None:
    id, ticket = wait()
    hands.forward(days=8)
    assert desk.post(f"/api/v1/enrolments/{id}/approve", {"uncovered": True}).status_code == 409
    assert (collect(stranger, ticket).status_code, collect(stranger, "vgt_x").status_code) == (409, 404)


def test_a_lost_credential_is_delivered_again_and_the_first_one_ends(
    stranger: Visitor, desk: Visitor, wait: Waiting, sessions: Sessions
) -> None:
    id, ticket = wait()
    desk.post(f"/api/v1/enrolments/{id}/approve", {"uncovered": True})
    first = said(collect(stranger, ticket))["password"]
    assert desk.post(f"/api/v1/enrolments/{id}/again").status_code == 200
    second = said(collect(stranger, ticket))["password"]
    with work(sessions, SYSTEM) as session:
        live = session.scalars(select(MachineCredential).where(MachineCredential.revoked_at.is_(None))).one()
        assert enrol.fits(second, live.password_hash or "")
        assert not enrol.fits(first, live.password_hash or "")


def test_a_flood_of_enrolments_is_held_back_and_written_down_once(
    stranger: Visitor, sessions: Sessions, cast: Cast
) -> None:
    answers = [stranger.post("/api/v1/enrol", {"code": "vge_guess", "name": f"x{i}"}) for i in range(80)]
    assert [answer.status_code for answer in answers] == [403] * 60 + [429] * 20
    assert answers[-1].headers["Retry-After"]
    with work(sessions, SYSTEM) as session:
        flood = session.scalars(select(SecurityEvent).where(SecurityEvent.kind == "enrolment_flood")).one()
        assert (flood.count, flood.address) == (20, "127.0.0.1")


def test_nobody_but_ours_with_the_right_decides(with_key: Callable[..., Visitor], wait: Waiting) -> None:
    id, _ = wait()
    for who in (with_key("plant"), with_key(scopes=["machines:read"])):
        assert who.post(f"/api/v1/enrolments/{id}/approve", {"uncovered": True}).status_code == 403
        assert who.get("/api/v1/enrolment-codes").status_code == 403


def test_credentials_are_listed_overlap_and_end_one_by_one(desk: Visitor, sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        enrol.rotate(session, session.get_one(Machine, cast.plant_machine), cast.now)
    path = "/api/v1/machines/plant-db-1"
    fresh = said(desk.post(f"{path}/overlap", {"hours": 2}))
    assert (fresh["username"], bool(fresh["password"])) == ("plant-db-1@b", True)
    assert said(desk.post(f"{path}/second", {"label": "collectd"}))["username"] == "plant-db-1@collectd"
    assert desk.post(f"{path}/second", {"label": "collectd"}).status_code == 422
    listed = said(desk.get(f"{path}/credentials"))["items"]
    assert [one["username"] for one in listed] == ["plant-db-1", "plant-db-1@b", "plant-db-1@collectd"]
    assert [bool(one["ends_at"]) for one in listed] == [True, False, False]
    assert desk.post(f"{path}/credentials/{listed[2]['id']}/revoke").status_code == 204
    assert desk.post(f"{path}/revoke").status_code == 204
    assert said(desk.get(f"{path}/credentials"))["items"] == []
