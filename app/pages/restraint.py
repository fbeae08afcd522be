"""What the desk holds back, on pages: every waiting finding on the platform page, a contract's budget on its own."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from flask import Flask, redirect
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front, words
from app.pages.contract_words import when
from app.pages.cover_words import typeset
from app.pages.frame import reading, signed_in
from app.pages.meaning import in_local_hours
from app.problems import not_found
from contracts import ledger
from escalation import gathering, restraining, second_look
from models.agreements import Contract
from models.audit import record
from models.customers import Customer
from models.incidents import Finding
from models.machines import Machine


@dataclass(frozen=True, slots=True)
class HeldView:
    """A finding that waits."""

    id: str
    summary: str
    machine: str
    words: str
    since: str


@dataclass(frozen=True, slots=True)
class BudgetView:
    """False alarms on a contract: how many a week are put up with, and what follows from there being more."""

    number: str
    slug: str
    said: str
    backs_off: bool
    lifted: str


def register(app: Flask) -> None:
    app.add_url_rule("/contracts/<number>/restraint/<deed>", "restraint", change, methods=["POST"])
    app.add_url_rule("/findings/<uuid:finding>/open", "finding_open", open_anyway, methods=["POST"])


def change(number: str, deed: str) -> AnyResponse:
    """Lift a contract's back-off, or take the lifting back."""
    does = {"lift": restraining.lift, "restore": restraining.take_back}.get(deed)
    if does is None:
        raise not_found("act")
    who = signed_in("contracts:write")
    with reading(who) as session:
        row = session.scalar(select(Contract).where(Contract.number == number))
        if row is None:
            raise not_found("contract")
        does(session, row, who.actor, front.now())
        slug = session.get_one(Customer, row.customer_id).slug
    return redirect(f"/customers/{slug}/contracts/{number}", 303)


def open_anyway(finding: uuid.UUID) -> AnyResponse:
    """Open an incident for a finding that is held back."""
    who = signed_in("incidents:act")
    with reading(who) as session:
        row = session.get(Finding, finding)
        if row is None:
            raise not_found("finding")
        gathering.take_lock(session)
        held = row.held_words
        opened = second_look.open_held(session, finding, front.now(), anyway=True)
        if opened is not None:
            record(session, actor=who.actor, deed="finding.opened_anyway", subject=f"finding {finding}",
                   customer_id=row.customer_id, now=front.now(), facts={"held": held})  # fmt: skip
    return redirect("/platform", 303)


def held(session: Session, now: datetime, zone: tzinfo) -> Sequence[HeldView]:
    """Every finding that waits, the loudest first."""
    rows = restraining.waiting(session)
    if not rows:
        return []
    found = select(Machine.id, Machine.name).where(Machine.id.in_({row.machine_id for row in rows}))
    names = {row.id: row.name for row in session.execute(found)}
    return [
        HeldView(
            str(row.id), in_local_hours(row.summary, row.evidence, zone) or row.cause,
            names.get(row.machine_id, ""), row.held_words, words.hour(row.opened_at, zone, now),
        )
        for row in rows
    ]  # fmt: skip


def budget(
    session: Session, contract: Contract, now: datetime, zone: tzinfo, language: str = "en"
) -> BudgetView | None:
    """How a contract stands with false alarms; None where detection opens nothing."""
    holds = ledger.standing(session, contract.customer_id, now, contract_id=contract.id)
    if holds.terms is None or holds.terms.watching.value != "detect":
        return None
    stands = restraining.standing(session, contract.id, holds.terms, now)
    lifted = contract.false_alarms_from
    slug = session.get_one(Customer, contract.customer_id).slug
    at = words.hour(lifted, zone, now) if lifted else ""
    if language == "fr":
        at = when(lifted, zone, language) if lifted else ""
        return BudgetView(contract.number, slug, _french(stands), stands.backs_off, at)
    return BudgetView(contract.number, slug, _said(stands), stands.backs_off, at)


def backing_off(session: Session, now: datetime, zone: tzinfo) -> list[BudgetView]:
    """Every contract on which detection backs off or was let go on: nothing of it is silent."""
    since = now - restraining.WEEK
    judged = select(Finding.customer_id).where(
        Finding.judged_at > since, Finding.verdict.in_(("benign", "false")), Finding.kind == "anomaly"
    )
    rows = session.scalars(
        select(Contract).where(Contract.customer_id.in_(judged), Contract.state == "active").order_by(Contract.number)
    )
    views = [budget(session, row, now, zone) for row in rows]
    return [view for view in views if view is not None and (view.backs_off or view.lifted)]


def _said(stands: restraining.Standing) -> str:
    first = f"{words.count(stands.dismissed, 'incident')} dismissed within a week; {stands.budget} are put up with."
    if stands.backs_off:
        first += f" Detection backs off: a new finding must reach {stands.louder:.2f} times the threshold."
    if stands.admission:
        first += (
            f" {stands.open} model incidents are open: the next must be louder than {stands.admission:.2f} times the "
            "threshold."
        )
    return first


def _french(stands: restraining.Standing) -> str:
    found = "aucun incident écarté" if not stands.dismissed else "1 incident écarté"
    if stands.dismissed > 1:
        found = f"{stands.dismissed} incidents écartés"
    said = [f"En une semaine, {found} ; on en supporte {stands.budget}."]
    if stands.backs_off:
        louder = f"{stands.louder:.2f}".replace(".", ",")
        said.append(f"La détection se retient : un nouveau constat doit atteindre {louder} fois le seuil.")
    if stands.admission:
        admission = f"{stands.admission:.2f}".replace(".", ",")
        said.append(
            f"Incidents ouverts par le modèle : {stands.open} ; le suivant doit dépasser {admission} fois le seuil."
        )
    return typeset(" ".join(said), "fr")
