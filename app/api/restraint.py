"""What the desk holds back on a contract and why; lifting that, taking it back, and opening a finding all the same."""

from __future__ import annotations

import uuid

from pydantic import Field

from app.api import lookup
from app.api.door import Call, route
from app.problems import Problem
from app.wire import Out
from contracts import ledger
from escalation import gathering, restraining, second_look
from models.agreements import Contract
from models.audit import record


class RestraintOut(Out):
    contract_id: uuid.UUID
    open: int = Field(description="model incidents open on the contract")
    most_open: int = Field(description="from so many on the next must beat the weakest of the loudest")
    admission: float = Field(description="times the threshold that asks for; 0: nothing")
    dismissed: int = Field(description="incidents judged benign or false within a week, since the back-off was lifted")
    budget: int = Field(description="so many a week are put up with, by the terms")
    louder: float = Field(description="times the threshold a new one must reach because of them; 1: nothing is asked")
    backs_off: bool
    lifted: bool = Field(description="a person has lifted the back-off within the week")


class OpenedOut(Out):
    outcome: str
    incident_id: uuid.UUID | None
    words: str


@route("GET", "/contracts/{contract}/restraint", "contracts:read", {200: RestraintOut}, problems=("not-found",))
def get(call: Call, *, contract: str) -> RestraintOut:
    """How much louder than the threshold the model's next finding must be on this contract, and why."""
    return _shown(call, lookup.contract(call, contract))


@route("POST", "/contracts/{contract}/restraint/lift", "contracts:write", {200: RestraintOut}, staff=True,
       problems=("not-found",))  # fmt: skip
def lift(call: Call, *, contract: str) -> RestraintOut:
    """End the back-off now: verdicts up to now no longer count towards it."""
    row = lookup.contract(call, contract)
    restraining.lift(call.session, row, call.caller.actor, call.now)
    return _shown(call, row)


@route("POST", "/contracts/{contract}/restraint/restore", "contracts:write", {200: RestraintOut}, staff=True,
       problems=("not-found",))  # fmt: skip
def restore(call: Call, *, contract: str) -> RestraintOut:
    """Take the lifting back: the week's verdicts count again."""
    row = lookup.contract(call, contract)
    restraining.take_back(call.session, row, call.caller.actor, call.now)
    return _shown(call, row)


@route("POST", "/findings/{finding}/open", "incidents:act", {200: OpenedOut}, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def open_anyway(call: Call, *, finding: str) -> OpenedOut:
    """Open an incident for a finding that is held back, all the same."""
    row = lookup.finding(call, finding)
    gathering.take_lock(call.session)
    held = row.held_words
    opened = second_look.open_held(call.session, row.id, call.now, anyway=True)
    if opened is None:
        raise Problem("not-now", "This finding is not held back, or is over.", remedy="Open an incident by hand.")
    record(call.session, actor=call.caller.actor, deed="finding.opened_anyway", subject=f"finding {row.id}",
           customer_id=row.customer_id, now=call.now, facts={"held": held})  # fmt: skip
    return OpenedOut(outcome=opened.outcome, incident_id=opened.incident_id, words=opened.words)


def _shown(call: Call, row: Contract) -> RestraintOut:
    call.session.flush()  # what was just changed counts
    holds = ledger.standing(call.session, row.customer_id, call.now, contract_id=row.id)
    assert holds.terms is not None  # a contract always has some
    stands = restraining.standing(call.session, row.id, holds.terms, call.now)
    lifted = row.false_alarms_from
    return RestraintOut(
        contract_id=row.id, open=stands.open, most_open=restraining.MOST_OPEN, admission=stands.admission,
        dismissed=stands.dismissed, budget=stands.budget, louder=stands.louder, backs_off=stands.backs_off,
        lifted=lifted is not None and call.now - lifted < restraining.WEEK,
    )  # fmt: skip
