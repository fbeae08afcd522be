"""What waits for the customer's signature, on their own page: what it says in words, who has signed, and the button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Flask, redirect, request
from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front, identity
from app.api.lookup import as_id
from app.identity import Caller
from app.pages.cover_words import day, full
from app.pages.frame import SignInFirst, reading
from app.problems import Problem, not_found
from contracts import ledger, signing, words
from contracts.life import CannotBe
from contracts.signing import Signable
from models.agreements import Contract, TermsProposal
from models.customers import Customer

_SAID = {
    "en": {
        "title": "Waits for your signature",
        "contract": "Contract {number}, from {starts} to {ends}, both days included.",
        "contract_on": "Contract {number}, from {starts} on, without an end.",
        "change": "A change of contract {number} from {start}: {reason}",
        "change_confirmed": "A change of contract {number} from its confirmation on: {reason}",
        "severity": "Severity {n} is answered within {budget}, served {hours}.",
        "signed": "Signed by {name}, {at}.",
        "sign": "Sign",
        "may_not": "{name}, you may not sign; those who may are named above.",
    },
    "fr": {
        "title": "Attend votre signature",
        "contract": "Contrat {number}, du {starts} au {ends}, ces deux jours compris.",
        "contract_on": "Contrat {number}, à partir du {starts}, sans fin.",
        "change": "Une modification du contrat {number} à partir du {start} : {reason}",
        "change_confirmed": "Une modification du contrat {number} dès sa confirmation : {reason}",
        "severity": "La gravité {n} reçoit une réponse sous {budget}, servie {hours}.",
        "signed": "Signé par {name}, {at}.",
        "sign": "Signer",
        "may_not": "{name}, vous ne pouvez pas signer ; ceux qui le peuvent sont nommés plus haut.",
    },
}


@dataclass(frozen=True, slots=True)
class ToSign:
    """One thing that waits, in the reader's language."""

    contract: str
    proposal: str
    said: str
    lines: Sequence[str]
    signed: Sequence[str]
    may: bool
    mine: bool  # the reader has signed it already


@dataclass(frozen=True, slots=True)
class Signing:
    """The section of the page; `items` is empty where nothing waits."""

    title: str
    button: str
    may_not: str
    items: Sequence[ToSign]


def register(app: Flask) -> None:
    app.add_url_rule("/covers/sign", "covers_sign", sign, methods=["POST"])


def read_signing(session: Session, who: Caller, customer: Customer, language: str, now: datetime) -> Signing:
    """Drafts and changes of the customer's contracts that may be signed now."""
    said, zone = _SAID[language], ZoneInfo(customer.zone)
    waits = exists().where(TermsProposal.contract_id == Contract.id, TermsProposal.state == "pending")
    wanted = select(Contract).where(
        Contract.customer_id == customer.id, or_(Contract.state == "draft", and_(Contract.state != "cancelled", waits))
    )
    contracts = session.scalars(wanted.order_by(Contract.number)).all()
    contact = ledger.contact_of(session, who.person) if contracts and not who.is_staff else None
    may = contact is not None and "sign" in contact.may
    items = [
        _item(one, who, may, language, zone)
        for contract in contracts
        for one in signing.signable(session, contract, now)
    ]
    told = said["may_not"].format(name=contact.name) if contact is not None and not may else ""
    return Signing(said["title"], said["sign"], told, items)


def _item(one: Signable, who: Caller, may: bool, language: str, zone: ZoneInfo) -> ToSign:
    said, contract, proposal = _SAID[language], one.contract, one.proposal
    if proposal is None:
        starts, ends = day(contract.starts_on, language), day(contract.ends_on, language) if contract.ends_on else ""
        head = said["contract" if ends else "contract_on"].format(number=contract.number, starts=starts, ends=ends)
    else:
        start = full(proposal.effective_at, zone, language) if proposal.effective_at else ""
        key = "change" if start else "change_confirmed"
        head = said[key].format(number=contract.number, start=start, reason=proposal.reason)
    lines = [
        said["severity"].format(
            n=n,
            budget=words.budget(one.terms.respond[n], language),
            hours=words.hours(one.terms.hours_of(n), language),
        )
        for n in (1, 2, 3, 4)
    ]
    return ToSign(
        contract=str(contract.id),
        proposal=str(proposal.id) if proposal is not None else "",
        said=head,
        lines=lines,
        signed=[said["signed"].format(name=row.name, at=full(row.signed_at, zone, language)) for row in one.signed],
        may=may,
        mine=any(row.person_id == who.person for row in one.signed),
    )


def sign() -> AnyResponse:
    """Sign one of them; what was changed meanwhile is shown again instead."""
    if identity.caller() is None:
        raise SignInFirst
    who = identity.need("contracts:read")
    with reading(who) as session:
        contract_id = as_id(request.form.get("contract", ""))
        contract = session.get(Contract, contract_id) if contract_id is not None else None
        if contract is None:
            raise not_found("contract")
        proposal_id = as_id(request.form.get("proposal", ""))
        made = signing.sign(session, contract, proposal_id, who.person, front.now())
        if isinstance(made, CannotBe):
            raise Problem("not-now", made.reason, remedy=made.remedy)
    return redirect("/covers#signing", 303)
