"""A contract to deal with, and what comes of a deed: a version, a proposal, or a refusal in whole sentences."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from contracts import contracting, covering
from contracts.contracting import New
from contracts.life import By, CannotBe
from contracts.terms import Tier
from models.agreements import (
    Contract,
    ContractTerms,
    TermsProposal,
)
from tests.cast import NOW, Cast

MAX, ROOT = By("Max", "person:max"), By("Root", "person:root")
LATER = NOW + timedelta(days=30)


def made(session: Session, cast: Cast, tier: Tier = Tier.GOLD, **more: Any) -> Contract:
    given: dict[str, Any] = {
        "starts_on": date(2026, 1, 1),
        "ends_on": date(2026, 12, 31),
        "zone": "Europe/London",
        **more,
    }
    contract = contracting.make(session, cast.joinery, New(tier, **given), MAX, NOW)
    assert isinstance(contract, Contract), contract
    covering.add_line(session, contract, covering.NewLine(), MAX, NOW)
    return contract


def refused(answer: object) -> CannotBe:
    assert isinstance(answer, CannotBe), answer
    assert answer.reason.endswith(".")
    assert answer.remedy.endswith(".")
    return answer


def version(answer: object) -> ContractTerms:
    assert isinstance(answer, ContractTerms), answer
    return answer


def proposal(answer: object) -> TermsProposal:
    assert isinstance(answer, TermsProposal), answer
    return answer
