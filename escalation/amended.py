"""New terms reach the promises that run: an upgrade counts from its instant and never worsens one; once a version."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Integer, Text, exists, select
from sqlalchemy.orm import Session

from contracts.in_force import terms_of
from escalation import consequences
from escalation.consequences import Forecast
from escalation.incident import VIGIE, Actor
from models import audit
from models.agreements import Contract, ContractTerms
from models.audit import AuditEntry

_DEED = "terms.in_force"
# A version that came into force so long ago was followed then, or came in with a house that moved.
_LOOK_BACK = timedelta(days=30)


def follow(
    session: Session, contract: Contract, version: ContractTerms, now: datetime, *, actor: Actor = VIGIE
) -> Forecast | None:
    """Let the running promises of a contract follow a version that is in force; None when it is not yet, or they have
    already. Both instants of each promise that moves are in the audit."""
    if version.effective_at > now or _followed(session, contract, version):
        return None
    found = consequences.carry_out(session, contract, "upgrade", now, terms_of(contract, version), actor=actor)
    audit.record(
        session, actor=actor.name, deed=_DEED, subject=_subject(contract), customer_id=contract.customer_id,
        facts={"version": version.version, "moved": len(found.moved), "running": len(found.effects)}, now=now,
    )  # fmt: skip
    return found


def due(session: Session, now: datetime) -> list[tuple[Contract, ContractTerms]]:
    """Versions that have come into force and were not followed yet, oldest first."""
    followed = exists().where(
        AuditEntry.customer_id == ContractTerms.customer_id,
        AuditEntry.deed == _DEED,
        AuditEntry.subject == "contract:" + ContractTerms.contract_id.cast(Text),
        AuditEntry.facts["version"].astext.cast(Integer) == ContractTerms.version,
    )
    rows = session.execute(
        select(Contract, ContractTerms)
        .join(ContractTerms, ContractTerms.contract_id == Contract.id)
        .where(
            ContractTerms.version > 1,  # the first one holds from the contract's own beginning
            ContractTerms.effective_at <= now,
            ContractTerms.effective_at > now - _LOOK_BACK,
            ~followed,
        )
        .order_by(ContractTerms.customer_id, ContractTerms.effective_at, ContractTerms.version)
    )
    return [(contract, version) for contract, version in rows]


def _followed(session: Session, contract: Contract, version: ContractTerms) -> bool:
    here = (
        AuditEntry.customer_id == contract.customer_id,
        AuditEntry.deed == _DEED,
        AuditEntry.subject == _subject(contract),
        AuditEntry.facts["version"].astext.cast(Integer) == version.version,
    )
    return session.scalar(select(AuditEntry.id).where(*here).limit(1)) is not None


def _subject(contract: Contract) -> str:
    return f"contract:{contract.id}"
