"""What waits for a customer's signature, and signing it: contracts still in draft, and changes of terms that wait.

Only somebody of theirs with the right to sign may. A signature names what was signed by its digest, so what is changed
afterwards waits again. It is their consent; that a second person of ours confirms is another matter. Never commits.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import proposals
from contracts.amending import Difference
from contracts.ledger import contact_of
from contracts.life import CannotBe
from contracts.terms import Terms
from contracts.words import Said
from models.agreements import Contract, TermsProposal
from models.audit import record, take_turns
from models.customers import Customer
from models.people import Person
from models.signatures import Signature


@dataclass(frozen=True, slots=True)
class Signable:
    """A contract in draft, or (with a proposal) a change of its terms, that may be signed."""

    contract: Contract
    proposal: TermsProposal | None
    terms: Terms
    differences: tuple[Difference, ...]  # of a proposal, from the terms before it
    digest: str
    signed: tuple[Signature, ...]


def signable(session: Session, contract: Contract, now: datetime) -> list[Signable]:
    """What of a contract may be signed now, the draft first; with the signatures it has."""
    found: list[Signable] = []
    kept = _kept(session, contract)
    if contract.state == "draft":
        start = datetime(contract.starts_on.year, contract.starts_on.month, contract.starts_on.day,
                         tzinfo=ZoneInfo(contract.zone)).astimezone(UTC)  # fmt: skip
        terms, _ = proposals.at(session, contract, start)
        found.append(_one(contract, None, terms, (), kept))
    waiting = (
        select(TermsProposal)
        .where(TermsProposal.contract_id == contract.id, TermsProposal.state == "pending")
        .order_by(TermsProposal.created_at, TermsProposal.id)
    )
    for proposal in session.scalars(waiting):
        start = max(proposal.effective_at, now) if proposal.effective_at else now
        effect = proposals.effect(session, contract, proposal.changes, start, now)
        if isinstance(effect, proposals.Effect):
            found.append(_one(contract, proposal, effect.after, effect.differences, kept))
    return found


def signatures(session: Session, contract: Contract) -> list[Signature]:
    """Everything that was signed under a contract, oldest first."""
    return list(_kept(session, contract))


def sign(
    session: Session, contract: Contract, proposal_id: uuid.UUID | None, person_id: uuid.UUID | None, now: datetime
) -> Signature | CannotBe:
    """Sign a draft, or one of the changes that wait; signing again is the same signature. `person_id`: who asks."""
    customer = session.get_one(Customer, contract.customer_id)
    person = session.get(Person, person_id) if person_id is not None else None
    contact = contact_of(session, person_id)
    if person is None or contact is None or person.customer_id != contract.customer_id or not person.active:
        return CannotBe("Only the customer's own people sign.", "Ask a contact with the right to sign.")
    if "sign" not in contact.may:
        others = contact.others.get("sign", ())
        key = "signing.right" if others else "signing.right.nobody"
        said = Said(customer.language, key, {"name": contact.name, "others": others})
        return CannotBe(said.reason, said.remedy)
    take_turns(session, contract.customer_id)
    chosen = [
        one for one in signable(session, contract, now) if (one.proposal.id if one.proposal else None) == proposal_id
    ]
    if not chosen:
        said = Said(customer.language, "signing.nothing", {"number": contract.number})
        return CannotBe(said.reason, said.remedy)
    what = chosen[0]
    mine = [one for one in what.signed if one.person_id == person.id]
    if mine:
        return mine[0]
    row = Signature(
        customer_id=contract.customer_id, contract_id=contract.id, proposal_id=proposal_id, person_id=person.id,
        name=person.name, digest=what.digest, signed_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()  # whoever answers names it
    facts = {"number": contract.number, "digest": what.digest, "proposal": str(proposal_id) if proposal_id else None}
    record(session, actor=person.name, deed="contract.signed", subject=f"contract:{contract.id}",
           customer_id=contract.customer_id, facts=facts, now=now)  # fmt: skip
    return row


def _kept(session: Session, contract: Contract) -> Sequence[Signature]:
    wanted = select(Signature).where(Signature.contract_id == contract.id)
    return session.scalars(wanted.order_by(Signature.signed_at, Signature.id)).all()


def _one(
    contract: Contract, proposal: TermsProposal | None, terms: Terms, differences: tuple[Difference, ...],
    kept: Sequence[Signature],
) -> Signable:  # fmt: skip
    told = {
        "number": contract.number,
        "starts_on": contract.starts_on.isoformat(),
        "ends_on": contract.ends_on.isoformat() if contract.ends_on else None,
        "zone": contract.zone,
        "effective_at": proposal.effective_at.isoformat() if proposal and proposal.effective_at else None,
        "terms": terms.to_json(),
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    signed = tuple(one for one in kept if one.digest == digest)
    return Signable(contract, proposal, terms, differences, digest, signed)
