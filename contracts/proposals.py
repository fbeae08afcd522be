"""Changing a contract's terms: at once, or proposed by one person and confirmed by another. Never commits.

Each change is a version of its own, in force from an instant, with author and reason; what runs already keeps the
terms it was opened under. Expected refusals are values (`CannotBe`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from contracts import amending, calendars
from contracts.amending import Difference
from contracts.in_force import terms_of
from contracts.life import By, CannotBe
from contracts.terms import Terms
from models.agreements import Contract, ContractTerms, TermsProposal
from models.audit import record, take_turns

Json = Mapping[str, Any]  # Any: changes as somebody sent them


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change would do: the terms it starts from and ends with, where they differ, and what needs two people."""

    effective_at: datetime
    base: Terms
    after: Terms
    differences: tuple[Difference, ...]
    needs: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """A version and how it differs from the one before it; the first differs from nothing."""

    row: ContractTerms
    differences: tuple[Difference, ...]


def versions(session: Session, contract: Contract) -> list[Version]:
    """Every version in the order in which they take effect, oldest first."""
    found: list[Version] = []
    before: Terms | None = None
    for row in session.scalars(_all(contract)):
        terms = terms_of(contract, row)
        found.append(Version(row, amending.differences(before, terms) if before is not None else ()))
        before = terms
    return found


def versions_of(session: Session, contract: Contract) -> list[ContractTerms]:
    """Every version as it is kept, in the order in which they take effect, oldest first."""
    return list(session.scalars(_all(contract)))


def at(session: Session, contract: Contract, instant: datetime) -> tuple[Terms, ContractTerms | None]:
    """The terms in force at an instant; before the first version those of the first."""
    rows = list(session.scalars(_all(contract)))
    held = [row for row in rows if row.effective_at <= instant]
    row = held[-1] if held else next(iter(rows), None)
    return terms_of(contract, row), row


def _all(contract: Contract) -> Select[ContractTerms]:
    return (
        select(ContractTerms)
        .where(ContractTerms.contract_id == contract.id)
        .order_by(ContractTerms.effective_at, ContractTerms.version)
    )


def effect(
    session: Session, contract: Contract, changes: Json, effective_at: datetime | None, now: datetime
) -> Effect | CannotBe:
    """What a change would do from an instant on (now when none is given); writes nothing."""
    if contract.state == "cancelled":
        return CannotBe("A cancelled contract is not changed any more.", "Make another contract.")
    if effective_at is not None and effective_at < now:
        return CannotBe(
            "A change of terms cannot begin in the past: what was promised stays promised.",
            "Give an instant from now on, or leave it out.",
            "effective_at",
        )
    start = effective_at or now
    base, row = at(session, contract, start)
    if row is not None:
        start = max(start, row.effective_at)  # before the first version nothing can be changed
    try:
        after = amending.changed(base, changes)
    except ValueError as wrong:
        field, _, problem = str(wrong).partition(": ")
        where = "changes" if field == "changes" else f"changes.{field}"
        return CannotBe(f"{where}: {problem}.", "Correct the field.", where)
    if wrong_name := calendars.unknown(session, after, contract.customer_id, start):
        where = "changes.hours" if "hours" in changes else "changes.clocks" if "clocks" in changes else "changes"
        return CannotBe(f"{where}: {wrong_name}.", "Name another calendar, or make that one first.", where)
    found = amending.differences(base, after)
    if not found:
        return CannotBe("That changes nothing: the terms are so already.", "Name what is to be different.", "changes")
    # A draft promises nothing to anybody yet.
    needs = () if contract.state == "draft" else amending.needs_second(base, after)
    return Effect(start, base, after, found, needs)


def propose(
    session: Session,
    contract: Contract,
    changes: Json,
    reason: str,
    by: By,
    now: datetime,
    effective_at: datetime | None = None,
) -> ContractTerms | TermsProposal | CannotBe:
    """Change terms: a version at once, or a proposal where a second person must confirm."""
    _lock(session, contract)
    found = effect(session, contract, changes, effective_at, now)
    if isinstance(found, CannotBe):
        return found
    told = {"reason": reason, "changes": dict(changes), "from": found.effective_at.isoformat()}
    if not found.needs:
        row = _write(session, contract, found, changes, by.name, reason, "", now)
        _record(session, contract, by, "terms.changed", {**told, "version": row.version}, now)
        return row
    proposal = TermsProposal(
        customer_id=contract.customer_id,
        contract_id=contract.id,
        changes=dict(changes),
        effective_at=effective_at,
        reason=reason,
        needs=[one.to_json() for one in found.needs],
        author=by.name,
        author_key=by.key,
        state="pending",
        created_at=now,
    )
    session.add(proposal)
    session.flush()  # the audit names it
    _record(session, contract, by, "terms.proposed", {**told, "proposal": str(proposal.id)}, now)
    return proposal


def confirm(session: Session, proposal: TermsProposal, by: By, now: datetime) -> ContractTerms | CannotBe:
    """Put a proposal in force: by somebody else than its author, from its instant or from now if that has passed."""
    contract = session.get_one(Contract, proposal.contract_id)
    _lock(session, contract)
    session.refresh(proposal, with_for_update=True)
    if proposal.state != "pending":
        return CannotBe(f"This proposal was {proposal.state} already.", "Propose the change again if it is wanted.")
    if by.key == proposal.author_key:
        return CannotBe(
            "Whoever proposes a change that lowers a promise or moves the tier cannot confirm it.",
            "Let a second person confirm it.",
        )
    start = max(proposal.effective_at, now) if proposal.effective_at is not None else now
    found = effect(session, contract, proposal.changes, start, now)
    if isinstance(found, CannotBe):
        return found
    if not {one.field for one in found.needs} <= {one["field"] for one in proposal.needs}:
        return CannotBe(
            "The terms were changed since, and this would now lower more than was proposed.",
            "Reject it and propose the change again.",
        )
    row = _write(session, contract, found, proposal.changes, proposal.author, proposal.reason, by.name, now)
    _decide(proposal, "confirmed", by, "", now)
    proposal.terms_id = row.id
    _record(session, contract, by, "terms.confirmed", {"proposal": str(proposal.id), "version": row.version}, now)
    return row


def reject(session: Session, proposal: TermsProposal, reason: str, by: By, now: datetime) -> TermsProposal | CannotBe:
    """Let a proposal drop, for a reason; its author may withdraw it so."""
    contract = session.get_one(Contract, proposal.contract_id)
    _lock(session, contract)
    session.refresh(proposal, with_for_update=True)
    if proposal.state != "pending":
        return CannotBe(f"This proposal was {proposal.state} already.", "Propose another change if one is wanted.")
    _decide(proposal, "rejected", by, reason, now)
    _record(session, contract, by, "terms.rejected", {"proposal": str(proposal.id), "reason": reason}, now)
    return proposal


def take_effect(session: Session, now: datetime) -> int:
    """Let the tier shown on each contract follow the terms that have come into force; how many changed."""
    changed = 0
    in_force = (
        select(ContractTerms.body["tier"].astext)
        .where(ContractTerms.contract_id == Contract.id, ContractTerms.effective_at <= now)
        .order_by(ContractTerms.effective_at.desc(), ContractTerms.version.desc())
        .limit(1)
        .scalar_subquery()
    )
    for contract, tier in session.execute(select(Contract, in_force).where(in_force != Contract.tier)).all():
        session.refresh(contract, with_for_update=True)
        contract.tier = tier
        changed += 1
    return changed


def _decide(proposal: TermsProposal, state: str, by: By, reason: str, now: datetime) -> None:
    proposal.state, proposal.decided_at, proposal.decided_by = state, now, by.name
    proposal.decided_key, proposal.decided_reason = by.key, reason


def _lock(session: Session, contract: Contract) -> None:
    """Whoever changes one contract takes turns: versions are numbered and compared with what is there.

    The customer's audit chain comes first, as everywhere, so that two cannot wait for each other crosswise.
    """
    take_turns(session, contract.customer_id)
    session.execute(select(Contract.id).where(Contract.id == contract.id).with_for_update())


def _write(
    session: Session, contract: Contract, found: Effect, changes: Json, author: str, reason: str, confirmed_by: str,
    now: datetime,
) -> ContractTerms:  # fmt: skip
    """The version, and one more for each that is settled for later: a change made for sooner belongs into them too."""
    later = [row for row in session.scalars(_all(contract)) if row.effective_at > found.effective_at]
    number = session.scalar(
        select(func.max(ContractTerms.version)).where(ContractTerms.contract_id == contract.id)
    ) or 0  # fmt: skip

    def add(terms: Terms, effective_at: datetime, why: str) -> ContractTerms:
        nonlocal number
        number += 1
        row = ContractTerms(
            customer_id=contract.customer_id, contract_id=contract.id, version=number, effective_at=effective_at,
            body=terms.to_json(), author=author, reason=why, confirmed_by=confirmed_by, created_at=now,
        )  # fmt: skip
        session.add(row)
        return row

    made = add(found.after, found.effective_at, reason)
    last = {row.effective_at: row for row in later}  # of several for one instant the last holds
    for row in last.values():
        terms = terms_of(contract, row)
        rest = amending.carried(found.base, terms, changes)
        if rest and (after := amending.changed(terms, rest)) != terms:
            add(after, row.effective_at, reason)
    if found.effective_at <= now:
        contract.tier = found.after.tier.value
    session.flush()  # whoever answers names the version
    return made


def _record(session: Session, contract: Contract, by: By, deed: str, facts: dict[str, Any], now: datetime) -> None:
    record(session, actor=by.name, deed=deed, subject=f"contract:{contract.id}", customer_id=contract.customer_id,
           facts=facts, now=now)  # fmt: skip
