"""Who speaks at the doors for telemetry, and for which machines: a machine with its secret, or a program with a key.

A machine comes with `Authorization: Basic MACHINE:SECRET` and speaks as itself only; a key with the right
`reports:write` speaks for the machines of its customer. What is another customer's is as unknown as what nobody has.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Iterable, Mapping

import structlog
from flask import request
from sqlalchemy import or_, select

from app import keys, limits
from app.front import as_house, front, now
from app.identity import Caller, by_key
from app.problems import Problem
from models.machines import Machine, MachineCredential
from models.session import work
from telemetry import enrol, last_use, security
from telemetry.broker_log import Sighting
from telemetry.told import AtDoor

log = structlog.get_logger("vigie.web")

RIGHT = "reports:write"
NO_ONE = "no machine of this name is enrolled for you"
REMEDY = "Enrol it with `vigie machine add`, or correct the name."
NOT_ITSELF = "a machine speaks for itself only"


def speaker() -> Caller:
    """Who asks, with the right to report. Raises Problem (401, 403, 429)."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if not text:
        raise _nobody("This needs a machine's secret or a key.")
    who = _by_basic(text.strip()) if scheme.lower() == "basic" else by_key(f"{scheme} {text}")
    if not who.may(RIGHT):
        raise Problem(
            "not-allowed", f"{who.name} lacks the right {RIGHT}.", remedy=f"Make a key with the scope {RIGHT}."
        )
    with as_house() as session:
        wait = limits.take(session, limits.API_CALLS, str(who.id), now())
    if wait:
        said = f"More batches than this speaker may send in so short a time; the next one in {wait} seconds."
        raise Problem("too-often", said, remedy="Send larger batches.", headers={"Retry-After": str(wait)})
    return who


def machines_for(who: Caller, names: Iterable[str]) -> Mapping[str, uuid.UUID]:
    """Those of `names` this speaker may speak for, with their ids."""
    wanted = {who.name} & set(names) if who.kind == "machine" else set(names)
    if not wanted:
        return {}
    with work(front().sessions, who.scope) as session:
        rows = session.execute(
            select(Machine.name, Machine.id).where(Machine.name.in_(wanted), Machine.retired_at.is_(None))
        )
        return {row.name: row.id for row in rows}


def why_not(who: Caller, machine: str) -> tuple[str, str, str]:
    """Reason, detail and remedy for a machine that `machines_for` left out."""
    if who.kind == "machine":
        return "not_its_own", NOT_ITSELF, f"Name {who.name}, or leave the name out."
    if not machine:
        return "no_machine", "the report names no machine", "Name the machine it is of."
    return "unknown_machine", NO_ONE, REMEDY


def refused_by(who: Caller, reason: str, kind: str, about: str) -> str:
    """The topic under which the log is told that something was refused at a door, and who had brought it."""
    if who.kind == "machine":
        return AtDoor(reason, kind, about, machine=who.name).topic
    return AtDoor(reason, kind, about, customer=str(who.customer_id or "")).topic


def _by_basic(text: str) -> Caller:
    try:
        user, _, secret = base64.b64decode(text, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _nobody("The Authorization header is not what Basic asks for.") from None
    if keys.FORM.fullmatch(secret):
        return by_key(f"Bearer {secret}")  # Prometheus and others know user and password only
    with as_house() as session:
        found = session.execute(
            select(Machine, MachineCredential.password_hash)
            .join(MachineCredential, MachineCredential.machine_id == Machine.id)
            .where(
                Machine.name == enrol.machine_of(user), Machine.retired_at.is_(None),
                MachineCredential.kind == "secret", MachineCredential.label == user.partition("@")[2],
                MachineCredential.revoked_at.is_(None),
                or_(MachineCredential.ends_at.is_(None), MachineCredential.ends_at > now()),
                or_(MachineCredential.held_until.is_(None), MachineCredential.held_until <= now()),
            )
        ).first()  # fmt: skip
        if found is not None and enrol.fits(secret, found[1] or ""):
            machine = found[0]
            last_use.came_in(session, machine.name, user.partition("@")[2], now(), request.remote_addr or "")
            rights = frozenset({RIGHT})
            return Caller("machine", machine.id, machine.name, "machine", machine.customer_id, None, rights)
        # Only those who fail are counted: a machine that reports each second is no guesser.
        wait = limits.take(session, limits.SIGN_IN_ADDRESS, f"machine:{request.remote_addr}", now())
        address = request.remote_addr or ""
        seen = Sighting(now().timestamp(), "wrong_credential", user[:100], address, detail=request.path)
        security.note(session, [seen], "http")
    log.warning("machine_refused", machine=user[:80], address=request.remote_addr)
    if wait:
        said = f"Too many wrong secrets from this address; the next try in {wait} seconds."
        raise Problem("too-often", said, remedy="Check the secret.", headers={"Retry-After": str(wait)})
    raise _nobody("The machine is not known, or this is not its secret.")


def _nobody(said: str) -> Problem:
    return Problem(
        "not-signed-in",
        said,
        remedy="Send Authorization: Basic MACHINE:SECRET, or Bearer vg_… of a key with reports:write.",
        headers={"WWW-Authenticate": 'Basic realm="Vigie", charset="UTF-8"'},
    )
