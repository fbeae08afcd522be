"""Which findings a contract answered for, whether they opened incidents or were only seen in its shadow."""

from __future__ import annotations

import uuid

from sqlalchemy import ColumnElement, or_, select

from models.decisions import DecisionRow
from models.incidents import Finding, Incident


def of_contract(contract_id: uuid.UUID) -> ColumnElement[bool]:
    """A condition on findings: the contract's own answer, or its incident, stands behind them."""
    answered = select(DecisionRow.id).where(DecisionRow.contract_id == contract_id)
    opened = select(Incident.id).where(Incident.contract_id == contract_id)
    return or_(Finding.decision_id.in_(answered), Finding.incident_id.in_(opened))
