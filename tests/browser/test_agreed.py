"""What people and customers do with contracts, in a real browser and by keyboard alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from app import passwords
from models.agreements import Contract, ContractTerms
from models.customers import Customer
from models.decisions import DecisionRow
from models.machines import Machine
from models.people import Person
from models.session import SYSTEM, work
from tests.browser import seed
from tests.browser.conftest import House


def signed_in(context: BrowserContext, house: House, email: str) -> Page:
    """Somebody's browser, on whatever page a sign-in leads to."""
    with work(house.sessions, SYSTEM) as session:
        person = session.scalars(select(Person).where(Person.email == email)).one()
        person.password_hash = passwords.hashed(seed.PASSWORD)
    page = context.new_page()
    page.goto("/sign-in")
    page.fill("#email", email)
    page.fill("#password", seed.PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_selector("html[data-ready]")
    return page


def a_contact(house: House, language: str) -> str:
    """The address of somebody's contact who reads a language and may everything."""
    with work(house.sessions, SYSTEM) as session:
        found = session.execute(
            select(Person.email)
            .join(Customer, Customer.id == Person.customer_id)
            .join(Contract, Contract.customer_id == Customer.id)
            .where(Customer.language == language, Person.may.contains(["sign"]))
            .order_by(Person.email)
        )
        return str(found.scalars().first())


def tab_to(page: Page, selector: str, most: int = 80) -> None:
    """Tab on until the focus is there: by keyboard alone."""
    for _ in range(most):
        if page.evaluate("s => document.activeElement?.matches(s)", selector):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"the keyboard does not reach {selector}")


def test_a_french_contact_reads_what_the_contract_covers_and_can_turn_to_english(
    context: BrowserContext, house: House
) -> None:
    page = signed_in(context, house, a_contact(house, "fr"))
    page.wait_for_url("**/covers")
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page.locator("h1")).to_have_text("Ce que couvre mon contrat, en ce moment")
    expect(page.locator(".covers li")).to_have_count(18)
    tab_to(page, "a[hreflang=en]")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("What my contract covers, right now")


def test_pages_of_a_contract_never_scroll_sideways_on_a_phone(context: BrowserContext, house: House) -> None:
    page = signed_in(context, house, "max@vigie.example")
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    with work(house.sessions, SYSTEM) as session:
        slug, number = session.execute(
            select(Customer.slug, Contract.number).join(Contract, Contract.customer_id == Customer.id).limit(1)
        ).one()
    at = f"/customers/{slug}"
    for address in (f"{at}/covers", f"{at}/would", f"{at}/contracts/{number}", f"{at}/contracts/{number}/change",
                    f"{at}/contracts/{number}/state/suspended", f"{at}/contacts/new", "/imports"):  # fmt: skip
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address


def test_would_this_be_granted_answers_as_fields_change_and_writes_nothing(
    context: BrowserContext, house: House
) -> None:
    page = signed_in(context, house, a_contact(house, "en"))
    page.goto("/would")
    page.evaluate("window.stays = true")
    with work(house.sessions, SYSTEM) as session:
        before = len(session.scalars(select(DecisionRow.id)).all())
    answer = page.locator("[data-would-answer]")
    expect(answer).to_contain_text("rule: promise.open_incident")
    tab_to(page, "#ask")
    page.keyboard.type("Escalate")
    page.keyboard.press("Tab")
    expect(answer).to_contain_text("rule: escalation.granted")
    assert "ask=escalation" in page.url
    assert page.evaluate("window.stays") is True
    with work(house.sessions, SYSTEM) as session:
        assert len(session.scalars(select(DecisionRow.id)).all()) == before


def test_a_manager_changes_a_number_by_keyboard_alone(context: BrowserContext, house: House) -> None:
    page = signed_in(context, house, "max@vigie.example")
    with work(house.sessions, SYSTEM) as session:
        slug, number, contract_id = session.execute(
            select(Customer.slug, Contract.number, Contract.id)
            .join(Contract, Contract.customer_id == Customer.id)
            .where(Contract.tier == "silver", Contract.ends_on > datetime.now(UTC).date())
            .order_by(Contract.number)
        ).first()  # type: ignore[misc]  # the night has one
    page.goto(f"/customers/{slug}/contracts/{number}")
    tab_to(page, "a[href$='/change']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/change")
    tab_to(page, "[id='respond.2']")
    page.keyboard.press("Control+a")
    page.keyboard.type("soon")
    page.keyboard.press("Enter")
    expect(page.locator("[id='respond.2-wrong']")).to_contain_text("is not a length of time")
    tab_to(page, "[id='respond.2']")
    page.keyboard.press("Control+a")
    page.keyboard.type("90 min")
    page.keyboard.press("Enter")
    expect(page.locator("#effect ins")).to_have_text("1 h 30 min")
    tab_to(page, "#reason")
    page.keyboard.type("as agreed by phone")
    page.keyboard.press("Enter")
    page.wait_for_url("**/contracts/*#history")
    expect(page.locator("#history")).to_contain_text("as agreed by phone")
    with work(house.sessions, SYSTEM) as session:
        versions = session.scalars(select(ContractTerms).where(ContractTerms.contract_id == contract_id)).all()
        assert versions[-1].body["respond"]["2"] == {"seconds": 5400}


def test_an_import_is_looked_at_and_then_done(context: BrowserContext, house: House, tmp_path: Path) -> None:
    page = signed_in(context, house, "max@vigie.example")
    (tmp_path / "customers.csv").write_text("customer;name\nelan;Élan Nord\n")
    (tmp_path / "machines.csv").write_text("machine;customer\nelan-1;elan\n")
    page.goto("/imports")
    page.set_input_files("#file", [tmp_path / "customers.csv", tmp_path / "machines.csv"])
    tab_to(page, "button.act.main")
    page.keyboard.press("Enter")
    expect(page.locator("[role=status].lede")).to_contain_text("Of 2 lines, 2 would make something new")
    expect(page.locator("button", has_text="Import 2 lines")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[role=status].lede")).to_contain_text("Imported 2 lines: 2 new")
    with work(house.sessions, SYSTEM) as session:
        assert session.scalar(select(Machine.id).where(Machine.name == "elan-1")) is not None
