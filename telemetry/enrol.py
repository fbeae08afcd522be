"""Giving a machine its name and its secret, changing the secret, taking it away. The broker learns of it by itself.

The secret is shown once. What is stored is the form Mosquitto's password file wants, PBKDF2 over SHA-512 with
Mosquitto's own 101 rounds: many rounds protect guessable passwords, and nobody guesses 256 random bits, while the
broker pays for the rounds at every connect.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import uuid
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models import audit
from models.machines import Machine, MachineCredential

CHANGED = "vigie_credentials"  # notified in the transaction that changes a credential
_ROUNDS = 101
_SALT_BYTES = 12  # as mosquitto_passwd makes it
_SECRET_BYTES = 32


def hashed(secret: str, salt: bytes | None = None, rounds: int = _ROUNDS) -> str:
    """`secret` as Mosquitto 2 keeps it: `$7$ROUNDS$SALT$HASH`, salt and hash in base64."""
    salt = salt if salt is not None else secrets.token_bytes(_SALT_BYTES)
    key = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, rounds, 64)
    return f"$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def fits(secret: str, kept: str) -> bool:
    """Whether `secret` is the one behind `kept`, compared in constant time; False for a form we do not know."""
    parts = kept.split("$")
    if len(parts) != 5 or parts[1] != "7" or not parts[2].isdigit():
        return False
    return hmac.compare_digest(hashed(secret, base64.b64decode(parts[3]), int(parts[2])), kept)


def enrol(
    session: Session,
    customer_id: uuid.UUID,
    name: str,
    now: datetime,
    *,
    site_id: uuid.UUID | None = None,
    title: str = "",
    rack: str = "",
    source: str = "native",
    actor: str = "Vigie",
) -> tuple[Machine, str]:
    """A new machine and its secret, which is not kept anywhere and can never be shown again.

    Raises `sqlalchemy.exc.IntegrityError` when the name is taken or is not a machine's name, or the customer unknown.
    """
    machine = Machine(
        customer_id=customer_id,
        name=name,
        title=title,
        site_id=site_id,
        rack=rack,
        source=source,
        created_at=now,
    )
    session.add(machine)
    session.flush()  # the credential refers to it
    secret = _issue(session, machine, now)
    _recorded(session, machine, "machine.enrolled", actor, now)
    return machine, secret


def rotate(session: Session, machine: Machine, now: datetime, *, actor: str = "Vigie") -> str:
    """A new secret in place of the old one, which ends at once, on the open connection too."""
    _end(session, machine, now)
    secret = _issue(session, machine, now)
    _recorded(session, machine, "machine.secret_rotated", actor, now)
    return secret


def revoke(session: Session, machine: Machine, now: datetime, *, actor: str = "Vigie") -> bool:
    """Take the secret away: the broker ends the connection. False when the machine had none."""
    ended = _end(session, machine, now)
    if ended:
        _recorded(session, machine, "machine.secret_revoked", actor, now)
    return ended


def machine_named(session: Session, name: str) -> Machine | None:
    """The machine of that name, if there is one within reach of this session."""
    return session.scalar(select(Machine).where(Machine.name == name))


def _issue(session: Session, machine: Machine, now: datetime) -> str:
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    session.add(
        MachineCredential(
            customer_id=machine.customer_id, machine_id=machine.id, password_hash=hashed(secret), created_at=now
        )
    )
    _told(session)
    return secret


def _end(session: Session, machine: Machine, now: datetime) -> bool:
    live = session.scalar(
        select(MachineCredential)
        .where(MachineCredential.machine_id == machine.id, MachineCredential.revoked_at.is_(None))
        .with_for_update()
    )
    if live is None:
        return False
    live.revoked_at = now
    session.flush()  # one live credential a machine: the old one ends before a new one is written
    _told(session)
    return True


def _told(session: Session) -> None:
    session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANGED})


def _recorded(session: Session, machine: Machine, deed: str, actor: str, now: datetime) -> None:
    session.flush()  # the audit comes after what it speaks of
    audit.record(
        session,
        actor=actor,
        deed=deed,
        subject=f"machine {machine.name}",
        now=now,
        customer_id=machine.customer_id,
        facts={"machine": machine.name},
    )
