"""Contracts over HTTP: terms in two persons' hands, renewals, allowances, rights, cover by proof, previews."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.settings import Settings
from contracts.terms import AllowanceTerms, Tier
from contracts.tiers import DEFAULTS
from escalation import contract_watch
from models.agreements import Allowance, AllowanceTaking, Contract, ContractTerms
from models.audit import AuditEntry
from models.decisions import DecisionRow
from models.machines import Machine
from models.people import Person
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeliveryCount
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor

API = "/api/v1"
PLANT, JOINERY = f"{API}/contracts/VC-plant", f"{API}/contracts/VC-joinery"


def said(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json


def test_a_lower_promise_waits_for_a_second_person_and_a_better_one_does_not(visit: Callable[[str], Visitor]) -> None:
    max_, root, dee = visit("max"), visit("root"), visit("dee")
    better = said(max_.post(f"{PLANT}/terms", {"changes": {"respond": {"1": {"seconds": 600}}}, "reason": "won"}), 201)
    assert (better["version"]["version"], better["proposal"]) == (1, None)
    change = {"changes": {"tier": "gold"}, "reason": "smaller"}
    foreseen = said(max_.post(f"{PLANT}/terms/preview", change))
    assert foreseen["needs_second"][0] == "tier"
    assert foreseen["promises"] == ["No promise runs under this contract, so none would move."]
    waiting = said(max_.post(f"{PLANT}/terms", change), 202)["proposal"]
    assert [one["id"] for one in said(root.get(f"{API}/proposals?state=pending"))["items"]] == [waiting["id"]]
    assert said(dee.get(PLANT))["tier"] == "platinum"
    path = f"{API}/proposals/{waiting['id']}"
    assert dee.post(f"{path}/confirm").status_code == 403
    own = said(max_.post(f"{path}/confirm"), 409)
    assert "second person" in own["remedy"]
    confirmed = said(root.post(f"{path}/confirm"))
    assert (confirmed["author"], confirmed["confirmed_by"]) == ("Max", "Root")
    assert {one["field"] for one in confirmed["differences"]} >= {"tier", "respond.1", "watching"}
    assert said(dee.get(PLANT))["tier"] == "gold"
    assert said(root.post(f"{path}/reject", {"reason": "late"}), 409)["detail"].startswith(
        "This proposal was confirmed"
    )
    assert [one["version"] for one in said(dee.get(f"{PLANT}/terms"))["items"]] == [1, 2]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"changes": {}, "reason": "x"}, "changes"),
        ({"changes": {"respond": {"1": {"seconds": 0}}}, "reason": "x"}, "changes.respond.1"),
        ({"changes": {"colour": "red"}, "reason": "x"}, "changes.colour"),
        ({"changes": {"review_months": 1}, "reason": ""}, "reason"),
        ({"changes": {"review_months": 1}, "reason": "x", "effective_at": "2026-03-10T08:59:59Z"}, "effective_at"),
        ({"changes": {"review_months": 1}, "reason": "x", "effective_at": "2026-04-01T00:00:00"}, "effective_at"),
        ({"changes": {"respond": {"1": {"seconds": 900}}}, "reason": "x"}, "changes"),
    ],
)
def test_a_change_that_cannot_be_names_its_field(
    visit: Callable[[str], Visitor], change: dict[str, Any], field: str
) -> None:
    answer = said(visit("max").post(f"{PLANT}/terms", change), 422)
    assert [one["field"] for one in answer["errors"]] == [field]
    assert answer["errors"][0]["remedy"]


def test_a_renewal_is_chained_and_one_that_moves_the_tier_is_made_active_by_another(
    visit: Callable[[str], Visitor],
) -> None:
    max_, root = visit("max"), visit("root")
    after = said(max_.post(f"{PLANT}/renewal", {"tier": "gold", "ends_on": "2027-12-31", "state": "active"}), 201)
    assert (after["starts_on"], after["state"], after["standing"]) == ("2027-01-01", "draft", "draft")
    assert len(after["lines"]) == 1
    before = said(max_.get(PLANT))
    assert (before["renewed_by"], after["renews_id"]) == (after["number"], before["id"])
    path = f"{API}/contracts/{after['number']}"
    assert max_.patch(path, {"state": "active"}).status_code == 422
    assert said(root.patch(path, {"state": "active"}))["standing"] == "not_started"
    assert said(max_.post(f"{PLANT}/renewal", {}), 409)["remedy"]
    assert said(max_.patch(PLANT, {"ends_on": "2027-02-01"}), 422)["errors"][0]["field"] == "ends_on"


def test_lines_begin_and_end_on_days_of_their_own(visit: Callable[[str], Visitor]) -> None:
    max_ = visit("max")
    line = said(max_.post(f"{JOINERY}/lines", {"service": "backup", "starts_on": "2026-04-01"}), 201)
    ask = f"{API}/decisions/preview?customer=joinery&ask=open_incident&service=backup"
    would = said(max_.get(ask))
    assert (would["rule"], would["facts"]["next_opening"]) == ("coverage.service", "2026-03-31T23:00:00Z")
    assert said(max_.patch(f"{JOINERY}/lines/{line['id']}", {"ends_on": "2026-04-30"}))["ends_on"] == "2026-04-30"
    assert max_.patch(f"{JOINERY}/lines/{line['id']}", {"ends_on": "2026-03-01"}).status_code == 422
    assert max_.post(f"{JOINERY}/lines", {"service": "backup", "machine": "joinery-files"}).status_code == 422


def counted(visit: Callable[[str], Visitor], **units: int) -> None:
    changes = {"allowances": {kind: {"units": number} for kind, number in units.items()}}
    waiting = said(visit("max").post(f"{PLANT}/terms", {"changes": changes, "reason": "counted"}), 202)["proposal"]
    said(visit("root").post(f"{API}/proposals/{waiting['id']}/confirm"))


def test_an_allowance_is_taken_by_asking_listed_ordered_and_given_back(visit: Callable[[str], Visitor]) -> None:
    counted(visit, visits=1, cases=1)
    ada, max_ = visit("ada"), visit("max")
    first = said(ada.post(f"{API}/decisions", {"ask": "site_visit"}), 201)
    assert (first["decision"], first["facts"]["uses"]) == ("granted", "visits")
    spent = said(ada.post(f"{API}/decisions", {"ask": "site_visit"}), 201)
    assert (spent["decision"], spent["rule"]) == ("refused", "allowance.spent")
    assert "order more" in spent["remedy"].lower()
    would = said(ada.get(f"{API}/decisions/preview?ask=site_visit&language=fr"))
    assert would["left"]["visits"] == {"left": 0, "renewed_on": None}
    assert would["reason"].startswith("Il ne reste rien")
    more = said(max_.post(f"{PLANT}/allowances/visits/more", {"units": 2, "reason": "ordered by Ada"}))
    assert (more["granted"], more["left"]) == (3, 2)
    assert ada.post(f"{PLANT}/allowances/visits/more", {"units": 2, "reason": "x"}).status_code == 403
    assert max_.post(f"{PLANT}/allowances/remote_hours/more", {"units": 2, "reason": "x"}).status_code == 409
    assert max_.post(f"{PLANT}/allowances/lunches/more", {"units": 2, "reason": "x"}).status_code == 404
    back = {"because": "ours", "reason": "we had not packed the part"}
    assert said(max_.post(f"{API}/decisions/{first['id']}/give-back", back))["given_back"] is True
    assert said(max_.post(f"{API}/decisions/{first['id']}/give-back", back))["given_back"] is False
    left = {one["kind"]: one["left"] for one in said(ada.get(f"{PLANT}/allowances"))["items"]}
    assert left == {"cases": 1, "visits": 3}
    (taking,) = said(ada.get(f"{PLANT}/takings"))["items"]
    assert taking["given_back_reason"] == "ours: we had not packed the part"


def test_a_case_is_given_back_when_it_is_cancelled_ours_or_joins_another(visit: Callable[[str], Visitor]) -> None:
    counted(visit, cases=2)
    ada, dee = visit("ada"), visit("dee")

    def left() -> int:
        return int(said(ada.get(f"{PLANT}/allowances"))["items"][0]["left"])

    def ask(cause: str) -> Any:
        asked = {"title": "it hums", "machine": "plant-db-1", "cause": cause}
        return ada.post(f"{API}/incidents", asked)

    first = said(ask("hum"), 201)["incident"]
    assert left() == 1
    assert said(ask("hum"))["joined"] is True
    assert left() == 1
    gone = said(ada.post(f"{API}/incidents/{first['label']}/cancel", {"reason": "it stopped"}))
    assert gone["state"] == "resolved"
    assert left() == 2
    promises = said(ada.get(f"{API}/incidents/{first['label']}/promises"))["items"]
    assert {one["state"] for one in promises} == {"cancelled"}
    second = said(ask("smoke"), 201)["incident"]
    for _ in range(2):
        said(dee.post(f"{API}/incidents/{second['label']}/ours", {"reason": "we pulled the plug"}))
    assert left() == 2
    assert ada.post(f"{API}/incidents/{second['label']}/ours", {"reason": "x"}).status_code == 403


def test_a_contact_without_the_right_is_refused_in_the_contracts_words_which_are_kept(
    visit: Callable[[str], Visitor], sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.bo).may = []
    bo, dee = visit("bo"), visit("dee")
    answer = said(bo.post(f"{API}/incidents", {"title": "it hums", "machine": "plant-db-1"}))
    assert (answer["decision"]["rule"], answer["incident"]) == ("contact.open", None)
    assert "Ada" in answer["decision"]["remedy"]
    visit_ = said(bo.post(f"{API}/decisions", {"ask": "site_visit"}), 201)
    assert visit_["rule"] == "contact.open"
    opened = said(dee.post(f"{API}/incidents", {"customer": "plant", "title": "x", "machine": "plant-db-1"}), 201)
    label = opened["incident"]["label"]
    refused = said(bo.post(f"{API}/incidents/{label}/escalate", {"reason": "now"}), 403)
    assert "escalation" in refused["detail"]
    assert "Ada" in refused["remedy"]
    kept = [one["rule"] for one in said(bo.get(f"{API}/decisions?decision=refused"))["items"]]
    assert kept == ["contact.escalate", "contact.open", "contact.open"]
    assert visit("ada").post(f"{API}/incidents/{label}/escalate", {"reason": "now"}).status_code in (200, 409)


def test_a_key_that_only_reads_takes_nothing(with_key: Callable[..., Visitor], visit: Callable[[str], Visitor]) -> None:
    reader = with_key(customer="plant", scopes=["decisions:read", "contracts:read"])
    assert said(reader.post(f"{API}/decisions", {"ask": "site_visit"}), 201)["rule"] == "contact.open"
    ours = with_key(scopes=["decisions:read"])
    assert ours.post(f"{API}/decisions", {"customer": "plant", "ask": "site_visit"}).status_code == 403
    assert said(with_key().post(f"{API}/decisions", {"customer": "plant", "ask": "open_incident"}), 422)["errors"][0][
        "remedy"
    ].endswith("/api/v1/incidents")


def test_of_several_contracts_the_answer_says_which_and_why(visit: Callable[[str], Visitor]) -> None:
    max_ = visit("max")
    more = said(max_.post(f"{API}/contracts", {"customer": "joinery", "tier": "gold", "starts_on": "2026-01-01"}), 201)
    ask = f"{API}/decisions/preview?customer=joinery&machine=joinery-files&ask=installation_advice"
    near = said(max_.get(ask))
    assert near["contract"] == "VC-joinery"
    assert near["facts"]["passed_over"] == [{"contract": more["number"], "why": "line"}]
    assert near["why"] == [
        f"Contract VC-joinery answers and not {more['number']}, because its line is closer to what is asked."
    ]
    named = said(max_.get(f"{ask}&contract={more['number']}"))
    assert (named["contract"], named["decision"]) == (more["number"], "granted")
    assert said(max_.get(f"{ask}&contract=VC-plant"), 422)["errors"][0]["field"] == "contract"
    body = {"customer": "joinery", "ask": "detection"}
    french = said(max_.post(f"{API}/decisions/preview?language=fr", body))
    assert "niveau" in french["reason"]


def test_machines_where_cover_and_telemetry_disagree_are_listed_until_they_agree(
    visit: Callable[[str], Visitor], sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        session.add(Machine(customer_id=cast.plant, name="plant-spare", created_at=NOW))
        session.add(DeliveryCount(machine="plant-spare", hour=NOW, customer_id=cast.plant, received=2, refused=2))
    contract_watch.once(sessions, NOW)
    max_ = visit("max")
    (gap,) = said(max_.get(f"{API}/coverage?customer=plant&kind=uncovered"))["items"]
    assert (gap["machine"], gap["told"]) == ("plant-spare", ["Max"])
    settled = said(max_.post(f"{API}/coverage/{gap['id']}/settle", {"reason": "goes onto VC-plant"}))
    assert (settled["settled_by"], settled["ended_at"]) == ("Max", None)
    said(max_.post(f"{PLANT}/lines", {"machine": "plant-spare"}), 201)
    contract_watch.once(sessions, NOW + timedelta(minutes=1))
    assert said(max_.get(f"{API}/coverage?customer=plant&kind=uncovered"))["items"] == []
    assert visit("ada").get(f"{API}/coverage").status_code == 403


def test_without_a_contract_a_price_is_named_taken_once_and_promised(
    visit: Callable[[str], Visitor], sessions: Sessions, cast: Cast
) -> None:
    max_, ada, root = visit("max"), visit("ada"), visit("root")
    assert said(ada.get(f"{API}/rates"))["version"] == 0
    assert said(max_.post(f"{API}/rates", {"hour": 1, "reason": "x", "effective_at": "2026-03-01T00:00:00Z"}), 422)
    dearer = said(root.post(f"{API}/rates", {"hour": 200_00, "phone": "+33 1 23 45", "reason": "2026"}), 201)
    assert (dearer["version"], dearer["rates"]["least_hours"]) == (1, 2)
    assert ada.post(f"{API}/rates", {"hour": 1, "reason": "x"}).status_code == 403
    said(max_.patch(PLANT, {"state": "suspended", "reason": "unpaid"}))
    refused = said(ada.post(f"{API}/incidents", {"title": "it burns", "severity": 1}))["decision"]
    assert (refused["rule"], refused["facts"]["offers"][0]["least_cents"]) == ("contract.suspended", 400_00)
    assert "EUR 400.00" in refused["remedy"]
    path = f"{API}/decisions/{refused['id']}/accept"
    taken = said(ada.post(path, {"path": "emergency", "title": "it burns"}), 201)
    assert taken["decision"]["rule"] == "outside.emergency"
    assert taken["decision"]["facts"]["offer"]["phone"] == "+33 1 23 45"
    promises = said(ada.get(f"{API}/incidents/{taken['incident']['label']}/promises"))["items"]
    assert promises[0]["due_at"] == "2026-03-10T10:00:00Z"
    assert said(ada.post(path, {"path": "paid", "title": "it burns"}), 409)["remedy"]
    assert visit("cy").post(path, {"path": "paid", "title": "it burns"}).status_code == 404


# --- fifty at once, against the server as it runs


@pytest.fixture
def served(settings: Settings, free_port: int) -> Iterator[int]:
    """gunicorn as `vigie web` starts it, on the test's database; answers with its port."""
    environ = {
        **os.environ,
        "VIGIE_DATABASE_URL": settings.database_url,
        "VIGIE_PORT": str(free_port),
        "VIGIE_HOST": "127.0.0.1",
    }
    command = [sys.executable, "-c", "from app.cli import main; main()", "web", "--processes", "2", "--threads", "16"]
    server = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                if _send(free_port, "GET", "/healthz")[0] == 200:
                    break
            except OSError:
                time.sleep(0.1)
        yield free_port
    finally:
        server.terminate()
        server.wait(timeout=30)


def _send(port: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        data = json.dumps(body) if body is not None else None
        connection.request(method, path, data, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _one_visit_left(sessions: Sessions, cast: Cast) -> None:
    today = datetime.now(UTC).date()
    terms = replace(DEFAULTS[Tier.PLATINUM], allowances={"visits": AllowanceTerms(1)})
    with work(sessions, SYSTEM) as session:
        contract = session.get_one(Contract, cast.plant_contract)
        contract.ends_on = None
        contract.starts_on = today - timedelta(days=9)
        session.add(
            ContractTerms(
                customer_id=cast.plant, contract_id=contract.id, version=1, body=terms.to_json(), created_at=NOW,
                effective_at=datetime.now(UTC) - timedelta(days=9),
            )
        )  # fmt: skip


@pytest.mark.parametrize("keyed", [False, True], ids=["fifty asks", "one ask sent fifty times"])
def test_fifty_threads_ask_for_the_last_visit_of_the_year(
    served: int, sessions: Sessions, cast: Cast, with_key: Callable[..., Visitor], keyed: bool
) -> None:
    _one_visit_left(sessions, cast)
    headers = with_key(customer="plant").headers | ({"Idempotency-Key": "the-last-visit"} if keyed else {})
    answers: list[tuple[int, Any]] = []
    start = threading.Barrier(50)

    def ask() -> None:
        start.wait(timeout=60)
        # A server that has too much to do says so, and the client comes again; with a key that is the same ask.
        for _ in range(40):
            status, body = _send(served, "POST", f"{API}/decisions", {"ask": "site_visit"}, **headers)
            if status not in (503, 409):
                break
            time.sleep(0.25)
        answers.append((status, json.loads(body)))

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert Counter(status for status, _ in answers) == {201: 50}
    bodies = [body for _, body in answers]
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(Allowance.used)).one() == 1
        assert session.scalar(select(func.count()).select_from(AllowanceTaking)) == 1
        kept = session.scalar(select(func.count()).select_from(DecisionRow))
        deeds = session.scalars(select(AuditEntry.deed).where(AuditEntry.customer_id == cast.plant)).all()
    if keyed:
        assert (kept, {body["id"] for body in bodies}, deeds) == (1, {bodies[0]["id"]}, ["key.made", "asked.granted"])
        return
    assert Counter(body["decision"] for body in bodies) == {"granted": 1, "refused": 49}
    assert kept == 50
    refused = [body for body in bodies if body["decision"] == "refused"]
    assert {body["rule"] for body in refused} == {"allowance.spent"}
    assert all(body["remedy"] and body["facts"]["next_opening"] for body in refused)
