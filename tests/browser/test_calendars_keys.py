"""Calendars, the cause of a missed promise and a signature, in a real browser and by keyboard alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.sync_api import BrowserContext, expect
from sqlalchemy import select

from models.agreements import Contract
from models.calendars import ServiceCalendar
from models.customers import Customer
from models.incidents import Incident, Promise
from models.people import Person
from models.session import SYSTEM, work
from models.signatures import Signature
from tests.browser.conftest import House
from tests.browser.test_agreed import a_contact, signed_in, tab_to


def test_a_calendar_is_made_asked_and_removed_in_french(context: BrowserContext, house: House) -> None:
    page = signed_in(context, house, "max@vigie.example")
    page.goto("/calendars?language=fr")
    tab_to(page, "a[href^='/calendars/new']", 200)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Un nouveau calendrier")
    expect(page.locator("#name")).to_be_focused()
    page.keyboard.type("Le Moulin")
    page.keyboard.press("Enter")
    expect(page.locator("#name-wrong")).to_have_text(
        "Utilisez de petites lettres, des chiffres et des tirets, comme europe."
    )
    expect(page.locator("#hours-wrong")).to_contain_text("Écrivez 24x7")
    for field, text in (
        ("#name", "moulin"), ("#title", "Le moulin"), ("#zone", "Europe/Paris"), ("#hours", "Mon-Fri 8-12 13:30-18"),
        ("#holidays", "FR"), ("#effective_on", ""), ("#reason", "comme convenu"),
    ):  # fmt: skip
        tab_to(page, field)
        if text:
            page.keyboard.press("Control+a")
            page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.wait_for_url("**/calendars/moulin?language=fr")
    expect(page.locator("table.month")).to_have_count(12)
    tab_to(page, "form.year-ask button")
    page.keyboard.press("Enter")
    expect(page.locator("form.year-ask output")).to_have_text("")
    tab_to(page, "form[action*='/remove'] button", 200)
    page.keyboard.press("Enter")
    page.wait_for_url("**/calendars?language=fr")
    with work(house.sessions, SYSTEM) as session:
        assert session.scalar(select(ServiceCalendar.id).where(ServiceCalendar.name == "moulin")) is None


def test_the_cause_of_a_missed_promise_is_said_by_keyboard(context: BrowserContext, house: House) -> None:
    with work(house.sessions, SYSTEM) as session:
        promise, incident = session.execute(
            select(Promise, Incident)
            .join(Incident, Incident.id == Promise.incident_id)
            .where(Promise.party == "customer", Promise.kind == "respond")
            .order_by(Incident.number)
        ).first()  # type: ignore[misc]  # the night has many
        promise.breached_at, promise.state, promise.cause = datetime.now(UTC) - timedelta(hours=1), "breached", ""
        label = incident.label
    page = signed_in(context, house, "max@vigie.example")
    page.goto(f"/incidents/{label}")
    tab_to(page, "a[href$='/cause']", 200)
    page.keyboard.press("Enter")
    page.wait_for_url("**/cause")
    tab_to(page, "input[name=cause]")
    for _ in range(7):
        page.keyboard.press("ArrowDown")
    tab_to(page, "button.act.main")
    page.keyboard.press("Enter")
    expect(page.locator("#note-wrong")).to_have_text("Another cause needs words: say what it was.")
    tab_to(page, "#note")
    page.keyboard.type("the lift was out of order")
    tab_to(page, "button.act.main")
    page.keyboard.press("Enter")
    page.wait_for_url("**/incidents/*#promises")
    expect(page.locator("#promises")).to_contain_text(
        "Missed because another cause (the lift was out of order), said by"
    )


def test_a_french_contact_signs_a_renewal_by_keyboard(context: BrowserContext, house: House) -> None:
    email = a_contact(house, "fr")
    with work(house.sessions, SYSTEM) as session:
        owner = session.scalars(select(Person).where(Person.email == email)).one().customer_id
        assert owner is not None
        today = datetime.now(UTC).date()
        session.add(Contract(customer_id=owner, number="VC-next", tier="gold", state="draft", starts_on=today,
                             created_at=datetime.now(UTC)))  # fmt: skip
        assert session.get_one(Customer, owner).language == "fr"
    page = signed_in(context, house, email)
    page.wait_for_url("**/covers")
    expect(page.locator("#signing h2")).to_have_text("Attend votre signature")
    expect(page.locator("#signing li").first).to_contain_text("reçoit une réponse sous 1 h, servie jour et nuit")
    tab_to(page, "#signing button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/covers#signing")
    expect(page.locator("#signing")).to_contain_text("Signé par")
    with work(house.sessions, SYSTEM) as session:
        assert len(session.scalars(select(Signature)).all()) == 1
