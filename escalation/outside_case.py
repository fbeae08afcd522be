"""A customer without a contract takes a way on for money: the case is opened on the terms of that way, and promised."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import ledger, outside
from contracts.asking import Ask, ContractFacts
from contracts.decision import outside_contract
from contracts.in_force import Standing
from contracts.outside import Offer
from escalation import opening, words
from escalation.incident import Actor, NotNow
from escalation.intake import Answer, Request, case_of
from models import audit
from models.agreements import Contract
from models.customers import Customer, Site
from models.decisions import DecisionRow
from models.machines import Machine

# A price is good for so long after it was named.
VALID = timedelta(days=14)


def accept(
    session: Session, decision_id: uuid.UUID, path: str, request: Request, actor: Actor, now: datetime
) -> Answer | NotNow:
    """Open a case on one of the ways a refusal offered; each refusal once. What it was refused for is not asked again:
    severity and machine are those of the decision."""
    refused = session.get_one(DecisionRow, decision_id)
    audit.take_turns(session, refused.customer_id)
    session.refresh(refused, with_for_update=True)
    offers = [Offer.from_json(one) for one in refused.facts.get("offers", ())]
    offer = next((one for one in offers if one.path == path), None)
    if offer is None:
        return NotNow("This decision offered no such way.", "Ask again, and take what is offered then.", "value")
    if "accepted" in refused.facts:
        return NotNow("This offer was taken already.", f"See decision {refused.facts['accepted']}.", "duplicate")
    if now - refused.asked_at > VALID:
        return NotNow("This offer is no longer good.", "Ask again, and take what is offered then.", "window")
    customer = session.get_one(Customer, refused.customer_id)
    holds = _holds(session, customer, refused, offer)
    asked = Ask("open_incident", now, refused.severity or request.severity, refused.machine_id, request.channel)
    answer = outside_contract(asked, offer, holds.facts.hours_zone, holds.facts.country, customer.language)
    row = ledger.write_down(session, holds, asked, answer, actor.name)
    if customer.language != "en":
        said = outside_contract(asked, offer, holds.facts.hours_zone, holds.facts.country)
        row.facts = {**row.facts, "english": {"reason": said.reason, "remedy": said.remedy}}
    row.facts = {**row.facts, "accepts": str(refused.id), "offer": offer.to_json()}
    refused.facts = {**refused.facts, "accepted": str(row.id)}
    wanted = replace(request, machine_id=refused.machine_id, severity=asked.severity)
    case = case_of(wanted, row, actor, now)
    incident = opening.insert(session, holds, row, case, now)
    if incident is None:
        return NotNow("An incident is open for this cause already.", "Work on it there.", "duplicate")
    text = words.public(customer.language, "opened_asked")
    opening.begin(session, incident, now, public=text, decision=row, actor=actor)
    return Answer(row, incident)


def _holds(session: Session, customer: Customer, refused: DecisionRow, offer: Offer) -> Standing:
    machine = session.get(Machine, refused.machine_id) if refused.machine_id is not None else None
    site = session.get(Site, machine.site_id) if machine is not None and machine.site_id is not None else None
    contract = refused.contract_id
    zone = site.zone if site is not None else _zone(session, contract) or customer.zone
    facts = ContractFacts(zone=zone, country=site.country if site is not None else "")
    return Standing(customer.id, facts, outside.terms_of(offer.path), None, None, customer.language)


def _zone(session: Session, contract_id: uuid.UUID | None) -> str:
    return session.scalar(select(Contract.zone).where(Contract.id == contract_id)) or ""
