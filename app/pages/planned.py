"""What is planned for one of ours, on their page: single shifts, and places of their room kept for some."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import front
from app.api.lookup import as_id
from app.identity import Caller
from app.pages.board import local_instant
from app.pages.fields import Form
from app.pages.frame import zone
from contracts.tiers import Tier
from escalation import reserving, shifting
from escalation.incident import NotNow
from models.customers import Customer
from models.duty import Reservation
from models.people import Person, Shift

DEEDS = ("shift", "unshift", "reserve", "release")


def do(session: Session, who: Caller, person: Person, form: Form) -> None:
    """One of `DEEDS`; the audit is written there. What is refused is said by the form."""
    now, said = front.now(), None
    match form["do"]:
        case "shift":
            said = _shift(session, who, person, form, now)
        case "reserve":
            said = _reserve(session, who, person, form, now)
        case "unshift":
            shift = session.get(Shift, as_id(form["id"])) if as_id(form["id"]) else None
            if shift is not None and shift.person_id == person.id:
                shifting.remove(session, shift, who.actor, now)
        case "release":
            row = session.get(Reservation, as_id(form["id"])) if as_id(form["id"]) else None
            if row is not None and row.person_id == person.id:
                reserving.release(session, row, who.actor, now)
    if said is not None:
        form.refuse("do", f"{said.reason} {said.remedy}")


def _shift(session: Session, who: Caller, person: Person, form: Form, now: datetime) -> NotNow | None:
    start, end = _instant(form, "shift_start"), _instant(form, "shift_end")
    if start is None or end is None:
        return None
    said = shifting.add(session, person, form["shift_unit"], (start, end), who.actor, now)
    return said if isinstance(said, NotNow) else None


def _reserve(session: Session, who: Caller, person: Person, form: Form, now: datetime) -> NotNow | None:
    named, places = form["kept_for"], form["places"].strip()
    tier = next((one for one in Tier if one.value == named.removeprefix("tier:")), None)
    whose = tier or session.scalar(select(Customer).where(Customer.slug == named.removeprefix("account:")))
    if whose is None:
        form.refuse("kept_for", "Choose an account or a tier.")
    if not places.isdecimal() or len(places) > 2:
        form.refuse("places", "Write how many, 1 to 50.")
    until = _instant(form, "kept_until") if form["kept_until"].strip() else None
    if form.wrong or whose is None:
        return None
    reason = form.text("kept_why", "", most=200, required=False)
    said = reserving.reserve(session, person, whose, form["kept_mode"], int(places), who.actor, now, end=until,
                             reason=reason)  # fmt: skip
    return said if isinstance(said, NotNow) else None


def _instant(form: Form, field: str) -> datetime | None:
    found = local_instant(form[field], zone())
    if found is None:
        form.refuse(field, "Choose a day and an hour.")
    return found


def choices(customers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Whose places may be: every tier, then every account."""
    tiers = [(f"tier:{tier.value}", f"all of {tier.value}") for tier in reversed(Tier)]
    return [("", "choose"), *tiers, *((f"account:{slug}", name) for slug, name in customers if slug)]
