"""Every answer a contract gave, written down with what it used up. Takes a session, never commits."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import allowances, explaining
from contracts.allowances import Left
from contracts.decision import Ask, Contact, Decision, Granted, Refused, Usage
from contracts.in_force import Standing as Standing
from contracts.in_force import standing as standing
from contracts.promising import PromiseSpec as PromiseSpec
from contracts.promising import promises_for as promises_for
from contracts.promising import update_after as update_after
from models.decisions import DecisionRow
from models.people import Person

RIGHTS = ("open", "escalate", "sign")


def contact_of(session: Session, person_id: uuid.UUID | None) -> Contact | None:
    """The customer's person who asks, with the names of those of theirs who may what; None for one of ours."""
    person = session.get(Person, person_id) if person_id is not None else None
    if person is None or person.customer_id is None:
        return None
    others = session.execute(
        select(Person.name, Person.may)
        .where(Person.customer_id == person.customer_id, Person.active, Person.id != person.id)
        .order_by(Person.name)
    ).all()
    by_right = {right: tuple(name for name, may in others if right in may)[:5] for right in RIGHTS}
    return Contact(person.name, frozenset(person.may), by_right)


def ask(
    session: Session,
    customer_id: uuid.UUID,
    question: Ask,
    now: datetime,
    *,
    asked_by: str = "vigie",
    contract_id: uuid.UUID | None = None,
) -> tuple[Decision, DecisionRow, Standing]:
    """Ask, take what the answer uses up, and write the answer down. Raises LookupError as `standing` does.

    The allowance's row stays locked until the transaction ends, so two who ask at once cannot both get the last one.
    """
    holds = standing(session, customer_id, now, question.machine_id, service=question.service, contract_id=contract_id)
    row, usage = None, Usage()
    if holds.span is not None and holds.terms is not None:
        row, usage = allowances.hold(session, holds.span, holds.terms, question.kind, holds.today(now))
    answer = holds.decide(question, now, usage)
    kept = write_down(session, holds, question, answer, asked_by, usage)
    if row is not None and isinstance(answer, Granted):
        allowances.take(session, row, kept.id, question.units, now)
    return answer, kept, holds


def preview(
    session: Session,
    customer_id: uuid.UUID,
    question: Ask,
    now: datetime,
    *,
    contract_id: uuid.UUID | None = None,
    language: str | None = None,
) -> tuple[Standing, dict[str, Left], Decision]:
    """What `ask` would answer now, and what is left of each allowance; nothing is written, taken or locked."""
    holds = standing(session, customer_id, now, question.machine_id, service=question.service, contract_id=contract_id)
    left = holds.was_left(now)
    return holds, left, holds.decide(question, now, allowances.usage(left), language)


def write_down(
    session: Session, holds: Standing, question: Ask, answer: Decision, asked_by: str, usage: Usage | None = None
) -> DecisionRow:
    """Keep an answer in the words it was given in, and in English beside them for the desk (`facts["english"]`)."""
    row = DecisionRow(
        customer_id=holds.customer_id,
        contract_id=holds.contract_id,
        terms_id=holds.terms_id,
        machine_id=question.machine_id,
        ask=question.kind,
        severity=question.severity,
        asked_at=question.asked_at,
        asked_by=asked_by,
        outcome=answer.outcome,
        rule=answer.rule,
        reason=answer.reason,
        remedy=answer.remedy,
        facts=all_facts(holds, question, answer, holds.language) | _english(holds, question, answer, usage),
    )
    session.add(row)
    session.flush()  # incidents, takings and findings refer to it
    return row


def _english(holds: Standing, question: Ask, answer: Decision, usage: Usage | None) -> dict[str, Any]:
    """The same answer in English; nothing where it was given in English, or where another rule would answer."""
    if holds.language == "en":
        return {}
    said = holds.decide(question, question.asked_at, usage, "en")
    return {"english": {"reason": said.reason, "remedy": said.remedy}} if said.rule == answer.rule else {}


def all_facts(holds: Standing, question: Ask, answer: Decision, language: str) -> dict[str, Any]:
    """The facts of an answer with those of the asking: channel, service, terms, and why this contract answered."""
    facts = facts_of(answer)
    if holds.contract_id is not None:
        facts["terms_version"] = holds.version
    if question.channel != "api":
        facts["channel"] = question.channel
    if question.service:
        facts["service"] = question.service
    if holds.passed:
        facts["passed_over"] = [{"contract": one.number, "why": one.why} for one in holds.passed]
        facts["why"] = list(explaining.sentences(holds.facts.number, holds.passed, language))
    return facts


def facts_of(answer: Decision) -> dict[str, Any]:
    """The instants, people and prices of an answer as JSON, beside its words."""
    match answer:
        case Granted():
            given: dict[str, Any] = {
                "respond_by": answer.respond_by,
                "on_site_by": answer.on_site_by,
                "skill": answer.skill,
                "people": list(answer.people),
                "uses": answer.uses,
                "units": answer.units,
                "next_opening": answer.next_opening,
                "promises": [
                    {"kind": one.kind, "by": _z(one.by), "budget": one.budget.to_json()} for one in answer.promises
                ],
                "in_grace": answer.grace is not None,
            }
        case Refused():
            given = {"next_opening": answer.next_opening, "offers": [offer.to_json() for offer in answer.offers]}
        case _:
            given = {"in_grace": answer.grace is not None}
    return {name: _z(value) if isinstance(value, datetime) else value for name, value in given.items() if value}


def _z(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
