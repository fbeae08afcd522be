"""Doors as rows: made with a token shown once, found by it, closed for good."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.inbound import hook
from escalation.inbound.body import BadBody
from escalation.inbound.events import Door
from models.audit import record
from models.customers import Customer
from models.inbound import DOOR_KINDS, InboundDoor
from models.machines import Machine

# A sender may bring a token of its own making; shorter could be guessed.
_SHORTEST_TOKEN = 20
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{20,128}")
_USED_EVERY = timedelta(minutes=1)
SETTINGS = ("severities", "one_for", "acknowledges", "mapping", "token_in_path")


def new_token(kind: str) -> str:
    """A token for a door of this kind; PagerDuty's clients want 32 hexadecimal digits."""
    return secrets.token_hex(16) if kind == "pagerduty" else "vgd_" + secrets.token_urlsafe(32)


def make(
    session: Session,
    customer_id: uuid.UUID,
    name: str,
    kind: str,
    actor: str,
    now: datetime,
    *,
    settings: Mapping[str, Any] | None = None,
    machine_id: uuid.UUID | None = None,
    token: str = "",
) -> tuple[InboundDoor, str]:
    """A new door and its token, which is kept nowhere. Raises BadBody (names the field) and LookupError."""
    if session.get(Customer, customer_id) is None:
        raise LookupError(f"customer {customer_id} is not known")
    if kind not in DOOR_KINDS:
        raise BadBody("kind", "is no kind of door", f"use one of {', '.join(DOOR_KINDS)}")
    check_settings(kind, settings or {})
    machine = session.get(Machine, machine_id) if machine_id else None
    if machine_id and (machine is None or machine.customer_id != customer_id):
        raise BadBody("machine", "is none of this customer's", "name one of theirs, or none")
    if token and _TOKEN.fullmatch(token) is None:
        raise BadBody("token", "is no token", f"give {_SHORTEST_TOKEN} to 128 letters, digits and . _ ~ -")
    if token and find(session, token, None) is not None:
        raise BadBody("token", "opens another door already", "give another, or none and one is made")
    text = token or new_token(kind)
    door = InboundDoor(
        customer_id=customer_id,
        name=name,
        kind=kind,
        token_hash=_digest(text),
        token_end=text[-4:],
        machine_id=machine_id,
        settings=dict(settings or {}),
        made_by=actor,
        created_at=now,
    )
    session.add(door)
    session.flush()  # the audit names the row
    record(session, actor=actor, deed="door.made", subject=f"door:{door.id}", customer_id=customer_id,
           facts={"name": name, "kind": kind}, now=now)  # fmt: skip
    return door, text


def change(session: Session, door: InboundDoor, settings: Mapping[str, Any], actor: str, now: datetime) -> None:
    """Give a door other settings. Raises BadBody."""
    check_settings(door.kind, settings)
    door.settings = dict(settings)
    record(session, actor=actor, deed="door.changed", subject=f"door:{door.id}", customer_id=door.customer_id,
           facts={"settings": door.settings}, now=now)  # fmt: skip


def renew(session: Session, door: InboundDoor, actor: str, now: datetime) -> str:
    """A new token; the old one opens nothing any more."""
    text = new_token(door.kind)
    door.token_hash, door.token_end = _digest(text), text[-4:]
    record(session, actor=actor, deed="door.renewed", subject=f"door:{door.id}", customer_id=door.customer_id, now=now)
    return text


def close(session: Session, door: InboundDoor, actor: str, now: datetime) -> None:
    """Nothing comes in any more; what came stays."""
    if door.closed_at is None:
        door.closed_at = now
        record(session, actor=actor, deed="door.closed", subject=f"door:{door.id}", customer_id=door.customer_id,
               now=now)  # fmt: skip


def find(session: Session, token: str, now: datetime | None) -> InboundDoor | None:
    """The open door this token belongs to. With `now` its last use is noted."""
    door = session.scalar(
        select(InboundDoor).where(InboundDoor.token_hash == _digest(token), InboundDoor.closed_at.is_(None))
    )
    if door is not None and now is not None and (door.used_at is None or now - door.used_at > _USED_EVERY):
        door.used_at = now
    return door


def manner(door: InboundDoor) -> Door:
    """What the parsers need of a door."""
    settings = door.settings
    return Door(settings.get("severities", {}), settings.get("one_for", "alert"), settings.get("mapping", {}))


def check_settings(kind: str, settings: Mapping[str, Any]) -> None:
    """Raise BadBody for settings a door of this kind cannot have."""
    for name in settings:
        if name not in SETTINGS:
            raise BadBody(f"settings.{name}"[:80], "is not known here", f"use some of {', '.join(SETTINGS)}")
    if settings.get("one_for", "alert") not in ("alert", "group"):
        raise BadBody("settings.one_for", "is neither alert nor group", "say what an incident stands for")
    if settings.get("one_for") == "group" and kind != "alertmanager":
        raise BadBody("settings.one_for", "knows groups at an Alertmanager only", "leave it out")
    for name in ("acknowledges", "token_in_path"):
        if not isinstance(settings.get(name, True), bool):
            raise BadBody(f"settings.{name}", "is neither true nor false", "give true or false")
    severities = settings.get("severities", {})
    if not isinstance(severities, dict) or not all(
        isinstance(word, str) and word == word.lower() and type(value) is int and 1 <= value <= 4
        for word, value in severities.items()
    ):
        raise BadBody("settings.severities", "does not map lower-case words to 1…4", 'give {"critical": 1, …}')
    mapping = settings.get("mapping", {})
    if not isinstance(mapping, dict):
        raise BadBody("settings.mapping", "is not an object", "give field names with paths")
    if mapping and kind not in ("hook", "pagerduty"):
        raise BadBody("settings.mapping", "belongs to a generic hook", "leave it out, or make a door of kind hook")
    if kind == "pagerduty" and set(mapping) - {"key"}:
        raise BadBody("settings.mapping", "knows only `key` at a PagerDuty door", "leave the others out")
    hook.check(mapping)


def _digest(token: str) -> bytes:
    # A fast hash is right for a token of high entropy (ASVS 6.5.2).
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
