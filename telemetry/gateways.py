"""Which gateways may speak for which machines."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping

from sqlalchemy import ARRAY, Uuid, any_, literal, select
from sqlalchemy.orm import Session, aliased

from models.machines import Machine
from models.mappings import GatewayMachine


def gateways_of(session: Session, machines: Collection[uuid.UUID]) -> Mapping[uuid.UUID, frozenset[str]]:
    """Who may speak for these machines: names of gateways in service, by the machine spoken for."""
    gateway = aliased(Machine)
    rows = session.execute(
        select(GatewayMachine.machine_id, gateway.name)
        .join(gateway, gateway.id == GatewayMachine.gateway_id)
        .where(GatewayMachine.machine_id == any_(literal(list(machines), ARRAY(Uuid))), gateway.retired_at.is_(None))
    )
    found: dict[uuid.UUID, set[str]] = {}
    for machine_id, name in rows:
        found.setdefault(machine_id, set()).add(name)
    return {machine_id: frozenset(names) for machine_id, names in found.items()}
