"""Who may come in at the broker, as the database has it at this moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from models.machines import Machine, MachineCredential
from models.mappings import GatewayMachine
from telemetry import mapped_topics
from telemetry.broker_access import OpenTopic
from telemetry.enrol import OURS, username


@dataclass(frozen=True)
class Standing:
    """The credentials of machines in service, as the database has them."""

    secrets: Mapping[str, str]  # user name → kept hash
    others: Sequence[tuple[str, str]]  # (user name, machine) of those with a label, and of gateways
    certificates: Mapping[str, str]  # serial → machine
    withdrawn: Mapping[str, datetime]  # serial of a certificate that would still be good → since when
    mapped: Sequence[OpenTopic]  # of declared mappings


def standing(session: Session, bridge_user: str, now: datetime) -> Standing:
    """Who may come in at this moment. What is held back is in no list; it comes back by itself."""
    row = MachineCredential
    rows = session.execute(
        select(Machine.name, Machine.retired_at, row)
        .join(row, row.machine_id == Machine.id)
        .where(or_(row.revoked_at.is_(None), row.kind == "certificate"), Machine.name.not_in([bridge_user, *OURS]))
        .order_by(Machine.name, row.label)
    ).all()
    secrets: dict[str, str] = {}
    others: list[tuple[str, str]] = []
    certificates: dict[str, str] = {}
    withdrawn: dict[str, datetime] = {}
    for name, retired_at, one in rows:
        if one.not_after is not None and one.not_after <= now:
            continue
        out = one.revoked_at or retired_at or (one.ends_at if one.ends_at and one.ends_at <= now else None)
        if out is None and one.held_until is not None and one.held_until > now:
            out = one.created_at
        if one.serial is not None:
            if out is None:
                certificates[one.serial] = name
            else:
                withdrawn[one.serial] = out
        elif out is None:
            user = username(name, one.label)
            secrets[user] = one.password_hash or ""
            if one.label:
                others.append((user, name))
    users: dict[str, set[str]] = {name: {name} for name in certificates.values()}
    for user in secrets:
        users.setdefault(user.partition("@")[0], set()).add(user)
    for gateway, machine in _gateways(session):
        others += [(user, machine) for user in sorted(users.get(gateway, ()))]
    known = mapped_topics.mappings(session)
    mapped = [*mapped_topics.open_topics(known), *mapped_topics.bare_topics(known)]
    return Standing(secrets, others, certificates, withdrawn, mapped)


def _gateways(session: Session) -> Sequence[tuple[str, str]]:
    """(gateway, machine it speaks for), both in service."""
    gateway = aliased(Machine)
    rows = session.execute(
        select(gateway.name, Machine.name)
        .select_from(GatewayMachine)
        .join(gateway, gateway.id == GatewayMachine.gateway_id)
        .join(Machine, Machine.id == GatewayMachine.machine_id)
        .where(gateway.retired_at.is_(None), Machine.retired_at.is_(None), gateway.id != Machine.id)
        .order_by(gateway.name, Machine.name)
    )
    return [(gateway_name, name) for gateway_name, name in rows]
