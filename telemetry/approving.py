"""A person says yes to a machine that waits: beside what its customer's contract would answer for it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import covering, ledger
from contracts.asking import Ask
from contracts.covering import NewLine
from contracts.life import By, CannotBe
from models.agreements import Contract
from models.base import new_id
from models.enrolment import Enrolment
from models.machines import Machine
from telemetry import enrolling
from telemetry.enrolling import NotNow

_SEVERITY: Final = 4  # telemetry is nobody's emergency; the ask wants one


@dataclass(frozen=True, slots=True)
class Foreseen:
    """`contract`: its number, empty when none answers. `covered`: a line of it covers the machine, and it takes what it
    says (one that is over does not). `telemetry`: collect, watch, shadow, detect or refused."""

    contract: str
    tier: str
    covered: bool
    telemetry: str
    rule: str
    reason: str
    remedy: str


def foresee(
    session: Session, customer_id: uuid.UUID, name: str, now: datetime, site_id: uuid.UUID | None = None
) -> Foreseen:
    """The answer of the very contract that would be asked, for a machine put there and taken away again."""
    known = session.scalar(select(Machine).where(Machine.name == name, Machine.customer_id == customer_id))
    trial = session.begin_nested()
    try:
        if known is None:
            # A name nobody can have: the one it wants may be somebody else's.
            known = Machine(
                id=new_id(), customer_id=customer_id, name=f"trial-{uuid.uuid4().hex}", site_id=site_id, created_at=now
            )
            session.add(known)
        elif site_id is not None:
            known.site_id = site_id
        session.flush()  # the contract reads it
        holds = ledger.standing(session, customer_id, now, known.id)
        answer = holds.decide(Ask("telemetry", asked_at=now, machine_id=known.id, severity=_SEVERITY), now)
    finally:
        trial.rollback()
    granted = answer.outcome != "refused" and holds.terms is not None
    return Foreseen(
        contract=holds.facts.number if holds.terms is not None else "",
        tier=holds.terms.tier.value if holds.terms is not None else "",
        covered=granted and holds.facts.covered,
        telemetry=holds.terms.watching.value if granted and holds.terms is not None else "refused",
        rule=answer.rule,
        reason=answer.reason,
        remedy=answer.remedy,
    )


def approve(
    session: Session, one: Enrolment, by: By, now: datetime, *, name: str = "", site_id: uuid.UUID | None = None,
    contract: Contract | None = None, uncovered: bool = False,
) -> tuple[Machine, Foreseen]:  # fmt: skip
    """The machine is in the books, and its contract's answer stands beside it.

    `contract` gets a line for it; without one, a machine that no line covers is taken only when `uncovered` says that
    this is known. Raises NotNow (kind `uncovered`), enrol.NoName.
    """
    machine = enrolling.approve(session, one, by.name, now, name=name, site_id=site_id)
    if contract is not None:
        line = covering.add_line(session, contract, NewLine(machine_id=machine.id), by, now)
        if isinstance(line, CannotBe):
            raise NotNow("contract", line.reason, line.remedy)
    stands = foresee(session, one.customer_id, machine.name, now)
    if not stands.covered and not uncovered:
        raise NotNow(
            "uncovered",
            f"No line of a contract in force covers {machine.name}. {stands.reason}",
            "Add a line for it to a contract, or say that it is to be taken all the same.",
        )
    return machine, stands
