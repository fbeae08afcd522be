"""The pages of the console: server-rendered, dense, keyboard first. Routes by noun, one module each."""

from __future__ import annotations

from flask import Flask

from app.pages.agreements import register as agreements
from app.pages.attempts import register as attempts
from app.pages.breaches import register as breaches
from app.pages.calendars import register as calendars
from app.pages.contacts import register as contacts
from app.pages.contract_state import register as contract_state
from app.pages.contracts import register as contracts
from app.pages.covers import register as covers
from app.pages.credentials import register as credentials
from app.pages.customer_change import register as customer_change
from app.pages.customers import register as customers
from app.pages.dividing import register as dividing
from app.pages.doors import register as doors
from app.pages.duties import register as duties
from app.pages.enrolment import register as enrolment
from app.pages.enrolments import register as enrolments
from app.pages.files import register as files
from app.pages.finder import register as finder
from app.pages.findings import register as findings
from app.pages.first_to_know import register as known_first
from app.pages.fleet_events import register as events_of_fleets
from app.pages.floor import register as floor
from app.pages.frame import SignInFirst, to_sign_in
from app.pages.frame import register as frame
from app.pages.incidents import register as incidents
from app.pages.machines import register as machines
from app.pages.notices import register as notices
from app.pages.places import register as places
from app.pages.plainly import register as plainly
from app.pages.proof import register as proof
from app.pages.readings import register as readings
from app.pages.releases import register as releases
from app.pages.restraint import register as held_back
from app.pages.sent import register as sent
from app.pages.signing import register as signing
from app.pages.terms_change import register as terms_change
from app.pages.transfers import register as transfers
from app.pages.upkeep import register as upkeep
from app.pages.ways import register as ways
from app.pages.why import register as why
from app.pages.yours import register as yours


def register(app: Flask) -> None:
    """Every page, and what templates know."""
    frame(app)
    app.register_error_handler(SignInFirst, to_sign_in)
    sold = (
        customers,
        customer_change,
        covers,
        agreements,
        contracts,
        contract_state,
        terms_change,
        contacts,
        credentials,
        enrolment,
        enrolments,
        transfers,
        calendars,
        signing,
    )
    desk = (floor, events_of_fleets, incidents, plainly, dividing, yours, files, breaches, machines, why, held_back)
    looked_at = (releases, known_first, findings)
    for noun in (
        *desk,
        *looked_at,
        *sold,
        duties,
        doors,
        notices,
        places,
        finder,
        upkeep,
        ways,
        sent,
        proof,
        attempts,
        readings,
    ):
        noun(app)
