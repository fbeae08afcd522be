"""The contract page as it is read: by the desk in either language, and by the customer's own contacts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import select

from contracts.tiers import DEFAULTS, Tier
from models.agreements import Contract, ContractTerms, TermsProposal
from models.customers import Customer
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor

Visit = Callable[[str], Visitor]
DESK = "/customers/joinery/contracts/VC-joinery"
MINE = "/covers/contracts/VC-joinery"


def read(who: Visitor, address: str) -> str:
    answer = who.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return unescape(answer.text)


@pytest.fixture
def lived(cast: Cast, sessions: Sessions) -> None:
    """The joinery's contract with a version in force, one to come, a proposal that waits, and targets of our own."""
    body = DEFAULTS[Tier.BRONZE].to_json()
    body["clocks"] = {"internal": {"acknowledge": {"1": {"seconds": 97}}}, "vendor": {"budget": {"seconds": 7200}}}
    owned = {"customer_id": cast.joinery, "contract_id": cast.joinery_contract, "author": "Max"}
    later = body | {"grace_days": 21}
    with work(sessions, SYSTEM) as session:
        for version, at, one, reason in (
            (1, NOW - timedelta(days=30), body, "first signed"),
            (2, NOW + timedelta(days=9, hours=5), later, "agreed in March"),
        ):
            session.add(
                ContractTerms(**owned, version=version, effective_at=at, created_at=NOW, body=one, reason=reason)
            )
        session.add(
            TermsProposal(
                **owned, author_key="person:x", changes={"grace_days": 1}, reason="costs", created_at=NOW, needs=[]
            )
        )


def test_the_desk_reads_the_page_in_french(visit: Visit, lived: None) -> None:
    text = read(visit("max"), f"{DESK}?language=fr")
    for sentence in (
        "Conditions en vigueur",
        "<dt>Réponse, gravité 4</dt><dd>5 jours ouvrés</dd>",
        "La version 2 est arrêtée à partir du 19 mars 2026 à 15\u202fh",
        "<b>Jours de grâce</b> <del>0</del> <ins>21</ins>",
        "Version 1 des conditions, en vigueur à partir du",
        "Attend une seconde personne",
        "Max propose, dès confirmation\u202f: costs",
        "tout ce qui est au client",
        "Notre propre objectif, prise en compte",
        "Modifier les conditions",
    ):
        assert sentence in text, sentence
    assert 'lang="fr"' in text


def test_a_contact_reads_their_own_contract_in_their_language_and_changes_nothing_on_it(
    visit: Visit, cast: Cast, lived: None, sessions: Sessions
) -> None:
    cy = visit("cy")
    english = read(cy, MINE)
    assert "Terms in force" in english
    assert "Version 2 is settled from 19 Mar 2026, 15:00" in english
    assert "agreed in March" in english
    assert "<dt>A vendor answers us within</dt><dd>2 h</dd>" in english
    # Nothing of ours alone, and no form but those of the frame.
    assert "Our own target" not in english
    assert "1 min 37 s" not in english
    assert set(re.findall(r'<form[^>]*action="([^"]*)"', english)) == {"/sign-out"}
    assert "/customers/" not in english
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.joinery).language = "fr"
    french = read(cy, MINE)
    assert '<html lang="fr"' in french
    assert "Conditions en vigueur" in french
    assert "<dt>Sur place</dt><dd>1 jour ouvré, avant la fermeture</dd>" in french
    assert "Terms in force" in read(cy, f"{MINE}?language=en")


def test_the_page_is_found_from_what_the_contract_covers(visit: Visit, cast: Cast) -> None:
    assert f'<a href="{MINE}">VC-joinery</a>' in read(visit("cy"), "/covers")
    assert f'<a href="{DESK}">VC-joinery</a>' in read(visit("dee"), "/customers/joinery/covers")


def test_nobody_elses_contract_is_there(visit: Visit, cast: Cast, sessions: Sessions, stranger: Visitor) -> None:
    cy = visit("cy")
    for ref in ("VC-plant", str(cast.plant_contract), "VC-nothing", "../VC-plant"):
        assert cy.get(f"/covers/contracts/{ref}").status_code == 404
    assert cy.get(DESK).status_code == 403
    assert cy.post(f"{DESK}/lines", data={"covers": "all"}).status_code == 403
    assert stranger.get(MINE).headers["Location"].startswith("/sign-in?next=")
    # One of ours who follows a customer's link comes to the desk's page.
    assert visit("dee").get(MINE).headers["Location"] == DESK


def test_a_number_with_a_slash_is_read_by_its_id(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Contract, cast.joinery_contract).number = "VC/joinery"
    address = f"/covers/contracts/{cast.joinery_contract}"
    cy = visit("cy")
    assert f'<a href="{address}">VC/joinery</a>' in read(cy, "/covers")
    assert "<h1>VC/joinery</h1>" in read(cy, address)


def test_our_own_targets_reach_no_customer_through_the_api(
    visit: Visit, cast: Cast, lived: None, sessions: Sessions
) -> None:
    desk, cy = visit("dee"), visit("cy")
    for path in ("", "/terms", "/signatures"):
        address = f"/api/v1/contracts/VC-joinery{path}"
        theirs = cy.get(address)
        assert theirs.status_code == 200
        assert "internal" not in theirs.text, path
        assert "vendor" in theirs.text, path
        assert "internal" in desk.get(address).text, path
    with work(sessions, SYSTEM) as session:  # kept as it is
        assert "internal" in session.scalars(select(ContractTerms).limit(1)).one().body["clocks"]


def test_a_contact_sees_the_hours_of_their_contract_as_a_year(
    visit: Visit, cast: Cast, sessions: Sessions, stranger: Visitor
) -> None:
    cy = visit("cy")
    assert f'<a href="{MINE}/hours">its hours as a year</a>' in read(cy, MINE)
    english = read(cy, f"{MINE}/hours?year=2026&severity=2&at=2026-03-14T10:00")
    assert "Hours of VC-joinery, severity 2" in english
    assert "Closed now; opens Mon 16 March 2026, 09:00" in english
    assert english.count('class="month"') == 12
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.joinery).language = "fr"
    french = read(cy, f"{MINE}/hours?severity=nonsense")
    assert "Horaires de VC-joinery, gravité 2" in french
    assert "Ce que couvre mon contrat, en ce moment" in french  # the frame keeps its own words
    assert "/calendars" not in french
    assert cy.get("/covers/contracts/VC-plant/hours").status_code == 404
    assert stranger.get(f"{MINE}/hours").headers["Location"].startswith("/sign-in?next=")
    assert visit("dee").get(f"{MINE}/hours").headers["Location"] == "/calendars/of/VC-joinery"
