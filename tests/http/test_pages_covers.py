"""What a contract covers right now, and "would this be granted?": who may read it, in which language, and its cost."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import func, select

from contracts.decision import KINDS
from contracts.tiers import DEFAULTS, Tier
from models.agreements import Contract, ContractTerms
from models.audit import AuditEntry
from models.base import Base
from models.customers import Customer
from models.decisions import DecisionRow
from models.machines import Machine
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.http.conftest import Hands, Visitor
from tests.http.test_pages import counting

Visit = Callable[[str], Visitor]


def read(who: Visitor, address: str) -> str:
    answer = who.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return unescape(answer.text)


def test_every_kind_of_ask_is_answered_with_rule_and_reason(visit: Visit, cast: Cast) -> None:
    text = read(visit("dee"), "/customers/joinery/covers")
    assert text.count("rule: ") == len(KINDS)
    assert "Software support begins with silver; your contract is bronze." in text
    assert "Move the contract to silver" in text
    assert 'href="/customers/joinery/would?ask=software_support' in text


def test_a_contact_reads_the_same_words_of_their_own_contract(visit: Visit, cast: Cast) -> None:
    for address in ("/covers", "/customers/joinery/covers"):
        text = read(visit("cy"), address)
        assert "What my contract covers, right now" in text
        assert "Software support begins with silver; your contract is bronze." in text
        assert "Watch floor" not in text


@pytest.mark.parametrize("page", ["covers", "would"])
def test_a_contact_finds_nobody_elses_contract(visit: Visit, cast: Cast, page: str) -> None:
    assert visit("cy").get(f"/customers/plant/{page}").status_code == 404
    assert visit("dee").get(f"/{page}").status_code == 404
    assert visit("dee").get(f"/customers/nobody/{page}").status_code == 404


def test_a_stranger_is_shown_the_way_in(stranger: Visitor) -> None:
    for address in ("/covers", "/would", "/customers/plant/covers"):
        assert stranger.get(address).headers["Location"].startswith("/sign-in?next=")


def test_a_french_customer_reads_french_and_the_desk_can_read_what_they_read(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.joinery).language = "fr"
    text = read(visit("cy"), "/covers")
    assert '<html lang="fr"' in text
    assert "Ce que couvre mon contrat, en ce moment" in text
    assert "L’assistance logicielle commence au niveau argent" in text
    dee = visit("dee")
    english = read(dee, "/customers/joinery/covers")
    assert "The customer reads the same words, in French." in english
    assert "Software support begins with silver" in english
    assert "L’assistance logicielle commence au niveau argent" in read(dee, "/customers/joinery/covers?language=fr")
    # The choice is kept.
    assert "L’assistance logicielle commence" in read(dee, "/customers/joinery/covers")


def test_hours_say_open_or_closed_and_until_when(visit: Visit, cast: Cast, hands: Hands) -> None:
    assert "open now, until 17:00" in read(visit("cy"), "/covers")
    hands.forward(hours=9)
    assert "closed now, open again Wed 09:00" in read(visit("cy"), "/covers")
    assert "Severity 1 is served around the clock." in read(visit("ada"), "/covers")


def test_allowances_left_are_counted_down_to_their_last_day(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    body = DEFAULTS[Tier.BRONZE].to_json() | {"allowances": {"visits": {"units": 4, "period": "year"}}}
    with work(sessions, SYSTEM) as session:
        session.add(
            ContractTerms(
                customer_id=cast.joinery, contract_id=cast.joinery_contract, version=1,
                effective_at=NOW - timedelta(days=9), body=body, created_at=NOW,
            )
        )  # fmt: skip
    assert "4 of 4 site visits left until 31 Dec 2026." in read(visit("cy"), "/covers")


def test_a_machine_on_no_line_is_named(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        session.add(Machine(customer_id=cast.joinery, name="saw-2", created_at=NOW))
    text = read(visit("cy"), "/covers")
    assert "saw-2 is not on the contract; ask your account manager to add it." in text
    assert "joinery-files is not on" not in text


def test_without_a_contract_the_page_says_what_holds_instead(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        session.delete(session.get_one(Contract, cast.joinery_contract))
    text = read(visit("cy"), "/covers")
    assert "There is no contract; what is asked is answered all the same" in text
    assert "paid intervention" in text


def test_a_contact_without_the_right_is_told_who_has_it(visit: Visit, cast: Cast) -> None:
    text = read(visit("bo"), "/would?ask=escalation")
    assert "Refused." in text
    assert "Ada" in text


def test_would_this_be_granted_answers_for_another_day_machine_and_channel(visit: Visit, cast: Cast) -> None:
    dee = visit("dee")
    base = "/customers/joinery/would?ask=open_incident&severity=2&machine=joinery-files"
    saturday = read(dee, base + "&at=2026-03-14T10:00&channel=phone")
    assert "Granted." in saturday
    assert "First response by Mon 16 Mar 2026, 17:00" in saturday
    assert "The phone is answered again" in saturday
    later = read(dee, base + "&at=2027-06-01T10:00")
    assert "Contract VC-joinery ended on 31 December 2026." in later


def test_asking_is_a_part_of_the_page_and_writes_nothing(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    def rows() -> int:
        with work(sessions, SYSTEM) as session:
            tables = (DecisionRow.__table__, AuditEntry.__table__, Base.metadata.tables["allowances"])
            return sum(session.scalar(select(func.count()).select_from(one)) or 0 for one in tables)

    cy = visit("cy")
    before = rows()
    part = cy.get("/would?ask=site_visit", headers={"X-Part": "1"})
    assert part.status_code == 200
    assert "<html" not in part.text
    assert "Granted." in part.text
    assert rows() == before


@pytest.mark.parametrize(
    ("query", "field", "english", "french"),
    [
        ("at=soon", "at", "This is no day and hour", "Ce n’est pas un jour et une heure"),
        ("at=9999-01-01T10:00", "at", "This is no day and hour", "Ce n’est pas un jour et une heure"),
        ("machine=plant-db-1", "machine", "plant-db-1 is none of these machines", "n’est pas l’une de ces machines"),
        ("ask=moon", "ask", "Choose what you would ask for", "Choisissez dans la liste ce que vous"),
        ("severity=9", "severity", "Choose one from the list", "Choisissez dans la liste"),
        ("channel=pigeon", "channel", "Choose one from the list", "Choisissez dans la liste"),
    ],
)
def test_a_wrong_field_says_so_beside_it_and_keeps_the_others(
    visit: Visit, cast: Cast, query: str, field: str, english: str, french: str
) -> None:
    cy = visit("cy")
    kept = "" if field == "severity" else "severity=3&"
    text = read(cy, f"/would?{kept}{query}")
    assert re.search(rf'id="{field}"[^>]*aria-invalid="true"', text)
    assert english in text
    assert not kept or "<option selected>3</option>" in text
    assert french in read(cy, f"/would?{query}&language=fr")


def test_the_page_asks_a_fixed_number_of_questions(app: Flask, visit: Visit, cast: Cast, sessions: Sessions) -> None:
    cy = visit("cy")
    read(cy, "/covers")
    with counting(app) as few:
        read(cy, "/covers")
    with work(sessions, SYSTEM) as session:
        for number in range(20):
            session.add(Machine(customer_id=cast.joinery, name=f"m-{number}", created_at=NOW))
            session.add(
                Person(customer_id=cast.joinery, name=f"P {number}", email=f"p{number}@example.org", role="contact",
                       created_at=NOW)
            )  # fmt: skip
    with counting(app) as many:
        read(cy, "/covers")
    assert len(many) == len(few) <= 16
