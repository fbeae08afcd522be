"""Signatures of the customer's own people: what waits for one, what was signed, and signing."""

from __future__ import annotations

import uuid
from typing import Any

from pydantic import Field

from app import term_said
from app.api import lookup
from app.api.door import Answer, Call, route
from app.problems import Problem
from app.wire import In, Instant, Out
from contracts import ledger, signing
from contracts.life import CannotBe
from contracts.signing import Signable


class SignatureOut(Out):
    id: uuid.UUID
    proposal_id: uuid.UUID | None = Field(description="the change that was signed; null: the contract itself")
    name: str
    digest: str = Field(description="SHA-256 of what was signed")
    signed_at: Instant


class WaitingOut(Out):
    proposal_id: uuid.UUID | None = Field(description="null: the contract, still in draft")
    digest: str
    terms: dict[str, Any] = Field(description="as they would be")
    changes: list[str] = Field(description="the fields a proposal changes")
    signed: list[SignatureOut] = Field(description="the signatures it has as it stands now")


class Signatures(Out):
    waiting: list[WaitingOut]
    signed: list[SignatureOut] = Field(description="everything that was signed under the contract, oldest first")


class NewSignature(In):
    proposal_id: uuid.UUID | None = Field(None, description="the change to sign; left out: the contract in draft")


@route("GET", "/contracts/{contract}/signatures", "contracts:read", {200: Signatures}, problems=("not-found",))
def show(call: Call, *, contract: str) -> Signatures:
    """What of a contract waits for a signature of the customer's, and what was signed."""
    row = lookup.contract(call, contract)
    return Signatures(
        waiting=[_waiting(one, call.caller.is_staff) for one in signing.signable(call.session, row, call.now)],
        signed=[SignatureOut.model_validate(one) for one in signing.signatures(call.session, row)],
    )


@route("POST", "/contracts/{contract}/signatures", "contracts:read", {201: SignatureOut}, body=NewSignature,
       problems=("not-found", "not-now", "not-allowed"))  # fmt: skip
def sign(call: Call, body: NewSignature, *, contract: str) -> Answer:
    """Sign, as one of the customer's contacts with the right to. Signing again is the same signature."""
    row = lookup.contract(call, contract)
    made = signing.sign(call.session, row, body.proposal_id, call.caller.person, call.now)
    if isinstance(made, CannotBe):
        contact = ledger.contact_of(call.session, call.caller.person)
        may = contact is not None and "sign" in contact.may
        raise Problem("not-now" if may else "not-allowed", made.reason, remedy=made.remedy)
    return Answer(SignatureOut.model_validate(made), 201)


def _waiting(one: Signable, inside: bool) -> WaitingOut:
    return WaitingOut(
        proposal_id=one.proposal.id if one.proposal is not None else None,
        digest=one.digest,
        terms=one.terms.to_json() if inside else term_said.for_customer(one.terms.to_json()),
        changes=[each.field for each in one.differences if inside or each.field != "clocks.internal"],
        signed=[SignatureOut.model_validate(row) for row in one.signed],
    )
