"""The pages over HTTP: who may see them, what they cost, and what they say when something does not fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import event, select

from models.agreements import Contract, ContractTerms
from models.base import new_id
from models.customers import Customer
from models.incidents import Incident, Promise
from models.machines import Machine, MachineCredential
from models.session import SYSTEM, Sessions, work
from telemetry import enrol
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor
from tests.http.world import CANARY, Things

Visit = Callable[[str], Visitor]
PAGES = (
    "/",
    "/customers",
    "/customers/plant",
    "/fleet",
    "/platform",
    "/machines/plant-db-1",
    "/search?q=plant",
    "/incidents/VG-1001",
)
FORMS = ("/customers/new", "/customers/plant/contracts/new", "/customers/plant/machines/new")
MOST_QUERIES = 36  # a fixed number: two for the sign-in; the platform asks most, for the auditor looks everywhere


@contextmanager
def counting(app: Flask) -> Iterator[list[str]]:
    """The statements the application sends meanwhile."""
    sent: list[str] = []
    engine = app.extensions["vigie.engine"]

    def note(_c: object, _u: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("address", [*PAGES, *FORMS])
def test_a_stranger_is_shown_the_way_in_and_back(stranger: Visitor, address: str) -> None:
    answer = stranger.get(address)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/sign-in")
    assert "next=" in answer.headers["Location"] or address == "/"


@pytest.mark.parametrize("address", PAGES)
def test_every_page_stands_for_the_desk(visit: Visit, world: dict[str, Things], address: str) -> None:
    answer = visit("dee").get(address)
    assert answer.status_code == 200
    text = answer.get_data(as_text=True)
    assert "<main" in text
    assert "style=" not in re.sub(r"<script type=.application/json.*?</script>", "", text, flags=re.S)
    assert not re.search(r"<script(?![^>]*(src=|application/json))", text)


@pytest.mark.parametrize("address", [*PAGES[1:], *FORMS, "/incidents/VG-1001/peek"])
def test_a_contact_does_not_see_the_desk(visit: Visit, world: dict[str, Things], address: str) -> None:
    answer = visit("cy").get(address)
    assert answer.status_code == 403
    assert not any(canary in answer.get_data(as_text=True) for canary in CANARY.values())


def test_a_contact_at_the_bare_address_is_led_to_their_own_incidents(visit: Visit, world: dict[str, Things]) -> None:
    cy = visit("cy")
    answer = cy.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/yours")
    assert cy.get("/yours").status_code == 200


@pytest.mark.parametrize("address", FORMS)
def test_an_engineer_reads_but_does_not_sell(visit: Visit, cast: Cast, address: str) -> None:
    assert visit("dee").get(address).status_code == 403
    assert visit("max").get(address).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/incidents/VG-9999",
        "/incidents/VG-x",
        "/incidents/VG-99999999999999999999",
        "/machines/nobody",
        "/customers/no",
    ],
)
def test_what_is_not_there_is_said_in_words(visit: Visit, cast: Cast, address: str) -> None:
    answer = visit("dee").get(address, headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "There is no" in answer.get_data(as_text=True)


@pytest.mark.parametrize("address", PAGES)
def test_a_page_asks_a_fixed_number_of_questions(
    app: Flask, visit: Visit, world: dict[str, Things], sessions: Sessions, cast: Cast, address: str
) -> None:
    dee = visit("dee")
    dee.get(address)
    with counting(app) as few:
        dee.get(address)
    with work(sessions, SYSTEM) as session:
        for number in range(12):
            customer = Customer(id=new_id(), slug=f"c{number}", name=f"C {number}", created_at=NOW)
            session.add(customer)
            session.flush()
            for which in range(3):
                machine, _ = enrol.enrol(session, customer.id, f"m{number}-{which}", NOW)
                incident = Incident(
                    id=new_id(), customer_id=customer.id, machine_id=machine.id, cause="x", severity=2, title="t",
                    began_at=NOW, opened_at=NOW, changed_at=NOW,
                )  # fmt: skip
                session.add(incident)
                session.flush()
                session.add(
                    Promise(
                        customer_id=customer.id, incident_id=incident.id, kind="respond", started_at=NOW, pauses=[],
                        due_at=NOW + timedelta(hours=1), budget={"seconds": 3600}, calendar={"always_open": True},
                    )
                )  # fmt: skip
    with counting(app) as many:
        assert dee.get(address).status_code == 200
    assert len(many) <= max(len(few) + 2, 0)
    assert len(many) <= MOST_QUERIES


def test_an_empty_floor_says_what_comes_next(visit: Visit, cast: Cast) -> None:
    text = visit("dee").get("/").get_data(as_text=True)
    assert "Nothing is open." in text
    assert "No incident has been opened yet." in text


def test_no_finding_does_not_mean_that_anything_was_judged(visit: Visit, cast: Cast) -> None:
    for address in ("/customers/joinery", "/machines/joinery-files"):
        text = visit("dee").get(address).get_data(as_text=True)
        assert "None. Nothing the contract lets us judge looked wrong" in text


def test_of_two_customers_with_open_incidents_the_graver_one_comes_first(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    with work(sessions, SYSTEM) as session:
        for customer_id, severity in ((cast.joinery, 3), (cast.plant, 2)):
            session.add(
                Incident(
                    id=new_id(), customer_id=customer_id, cause="x", severity=severity, title=f"grave {severity}",
                    began_at=NOW, opened_at=NOW, changed_at=NOW,
                )
            )  # fmt: skip
    text = visit("dee").get("/customers").get_data(as_text=True)
    assert 0 < text.index("grave 2") < text.index("grave 3")


def test_words_of_others_are_never_markup(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.plant).name = "<script>alert(1)</script>"
    dee = visit("dee")
    for address in ("/customers", "/customers/plant", "/fleet", "/search?q=script"):
        assert "<script>alert" not in dee.get(address).get_data(as_text=True)


def test_a_percent_sign_is_a_percent_sign(visit: Visit, cast: Cast) -> None:
    text = visit("dee").get("/search?q=%25", headers={"X-Part": "1"}).get_data(as_text=True)
    assert "Nothing by that name" in text


def test_the_omnibox_finds_by_part_of_a_name(visit: Visit, cast: Cast) -> None:
    text = visit("dee").get("/search?q=db-1", headers={"X-Part": "1"}).get_data(as_text=True)
    assert 'href="/machines/plant-db-1"' in text
    assert "<mark>db-1</mark>" in text


def test_an_act_without_its_words_changes_nothing(visit: Visit, world: dict[str, Things]) -> None:
    answer = visit("dee").post("/incidents/VG-1001/resolve", headers={"Accept": "application/json"}, data={"text": " "})
    assert answer.status_code == 422
    assert answer.get_json()["said"] == "What was done is still empty; nothing was changed."


def test_an_act_that_does_not_fit_now_says_why(visit: Visit, world: dict[str, Things], sessions: Sessions) -> None:
    asks_for_json = {"Accept": "application/json"}
    answer = visit("dee").post("/incidents/VG-1001/reopen", headers=asks_for_json, data={"reason": "x"})
    assert answer.status_code == 409
    assert "cannot be reopened" in answer.get_json()["said"]


def test_an_act_needs_the_token_of_the_page(visit: Visit, world: dict[str, Things]) -> None:
    dee = visit("dee")
    dee.headers.pop("X-CSRF-Token")
    assert dee.post("/incidents/VG-1001/acknowledge").status_code == 403


def test_unknown_deeds_are_refused(visit: Visit, world: dict[str, Things]) -> None:
    assert visit("dee").post("/incidents/VG-1001/dance").status_code == 404


def test_a_customer_is_added_with_its_first_site(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    given = {"name": "Halvorsen Paper", "zone": "Europe/Oslo", "language": "en", "site": "Ostby mill", "country": "NO"}
    answer = visit("max").post("/customers/new", data=given)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/customers/halvorsen-paper")
    assert "Ostby mill" in visit("max").get("/customers/halvorsen-paper").get_data(as_text=True)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "Give it a name."),
        ("name", "x" * 121, "At most 120 letters"),
        ("slug", "Not A Slug", "Use lower-case letters"),
        ("slug", "plant", "is taken by another customer"),
        ("zone", "Europe/Nowhere", "Choose a time zone"),
        ("language", "de", "Choose English or French."),
        ("country", "France", "Two capital letters"),
    ],
)
def test_a_wrong_field_of_a_customer_says_what_to_do(
    visit: Visit, cast: Cast, sessions: Sessions, field: str, value: str, said: str
) -> None:
    answer = visit("max").post("/customers/new", data={"name": "New One", "zone": "Europe/Paris"} | {field: value})
    assert answer.status_code == 422
    text = answer.get_data(as_text=True)
    assert said in text
    assert 'aria-invalid="true"' in text
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(Customer.id).where(Customer.name == "New One")) is None


def test_a_contract_gets_the_terms_of_its_tier(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    given = {"number": "VC-77", "tier": "gold", "starts_on": "2026-03-01", "zone": "Europe/Paris", "covers": "all"}
    assert visit("max").post("/customers/joinery/contracts/new", data=given).status_code == 303
    with work(sessions, SYSTEM) as session:
        contract = session.scalars(select(Contract).where(Contract.number == "VC-77")).one()
        terms = session.scalars(select(ContractTerms).where(ContractTerms.contract_id == contract.id)).one()
        assert (contract.tier, terms.version, terms.body["watching"]) == ("gold", 1, "shadow")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("number", "VC-plant", "is taken by another contract"),
        ("tier", "diamond", "Choose bronze, silver, gold or platinum."),
        ("starts_on", "", "Choose a date."),
        ("starts_on", "soon", "This is not a date"),
        ("ends_on", "2025-01-01", "It ends before it starts"),
        ("covers", "machines", "Choose at least one machine"),
    ],
)
def test_a_wrong_field_of_a_contract_says_what_to_do(
    visit: Visit, cast: Cast, field: str, value: str, said: str
) -> None:
    given = {"number": "VC-78", "tier": "gold", "starts_on": "2026-03-01", "zone": "Europe/Paris", "covers": "all"}
    answer = visit("max").post("/customers/plant/contracts/new", data=given | {field: value})
    assert answer.status_code == 422
    assert said in answer.get_data(as_text=True)


def test_a_machines_secret_is_shown_once(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    answer = visit("max").post("/customers/plant/machines/new", data={"name": "plant-new-1", "source": "native"})
    shown = re.search(r'id="secret">([^<]+)<', answer.get_data(as_text=True))
    assert shown is not None
    with work(sessions, SYSTEM) as session:
        machine = session.scalars(select(Machine).where(Machine.name == "plant-new-1")).one()
        kept = session.scalars(
            select(MachineCredential.password_hash).where(MachineCredential.machine_id == machine.id)
        ).one()
    assert enrol.fits(shown[1], kept)
    assert shown[1] not in visit("max").get("/machines/plant-new-1").get_data(as_text=True)


@pytest.mark.parametrize(("name", "said"), [("Bad Name", "Lower-case letters"), ("plant-db-1", "is taken")])
def test_a_machines_name_must_fit_and_be_free(visit: Visit, cast: Cast, name: str, said: str) -> None:
    answer = visit("max").post("/customers/plant/machines/new", data={"name": name})
    assert answer.status_code == 422
    assert said in answer.get_data(as_text=True)
