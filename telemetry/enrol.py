"""Giving a machine its name and its credentials, changing them, taking them away. The broker learns of it by itself.

A machine signs in by its name and a secret, or by a certificate on its name. A second agent on it, and the new secret
during an overlap, have user names of their own, NAME@LABEL: the broker keeps one secret a name, and one connection.

The secret is shown once. What is stored is the form Mosquitto's password file wants, PBKDF2 over SHA-512 with
Mosquitto's own 101 rounds: many rounds protect guessable passwords, and nobody guesses 256 random bits, while the
broker pays for the rounds at every connect.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from models import audit
from models.machines import MACHINE_NAME, Machine, MachineCredential

# The house's own users at the broker; no machine may have such a name.
OURS = frozenset({"vigie-bridge", "vigie-check", "vigie-heard", "vigie-primary", "vigie-record"})
CHANGED = "vigie_credentials"  # notified in the transaction that changes a credential
_ROUNDS = 101
_SALT_BYTES = 12  # as mosquitto_passwd makes it
_SECRET_BYTES = 32
LONGEST_OVERLAP = timedelta(days=90)


class NoName(ValueError):
    """It cannot be a machine's name or a label; the words say what can."""


@dataclass(frozen=True, slots=True)
class Login:
    """What one program signs in with. The secret is kept nowhere and never shown again."""

    username: str
    secret: str


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


def check_name(name: str) -> None:
    """Raise NoName for what cannot be a machine's name."""
    if not re.fullmatch(MACHINE_NAME, name):
        raise NoName(
            f"{name[:80]!r} is no machine name: small letters, digits, dot, dash, underscore; at most 63, a letter or "
            "digit first"
        )
    if name in OURS:
        raise NoName(f"{name} is the house's own user at the broker: choose another name")


def username(machine: str, label: str) -> str:
    """The user name at the broker, and in Basic over HTTP."""
    return f"{machine}@{label}" if label else machine


def machine_of(user: str) -> str:
    """The machine a user name belongs to."""
    return user.partition("@")[0]


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


def rotate(session: Session, machine: Machine, now: datetime, *, label: str = "", actor: str = "Vigie") -> str:
    """A new secret in place of the old one, which ends at once, on the open connection too."""
    _end(session, machine, now, _secrets_of(session, machine, (label, _other(label))))
    secret = _issue(session, machine, now, label)
    _recorded(session, machine, "machine.secret_rotated", actor, now, {"label": label})
    return secret


def overlap(
    session: Session, machine: Machine, now: datetime, lasting: timedelta, *, label: str = "", actor: str = "Vigie"
) -> Login:
    """A new secret beside the old one, which goes on for so long. The new one has a user name of its own.

    Raises NoName for an overlap that is none.
    """
    if not timedelta() < lasting <= LONGEST_OVERLAP:
        raise NoName(f"an overlap lasts from a moment to {LONGEST_OVERLAP.days} days")
    standing = _secrets_of(session, machine, (label, _other(label)))
    if not standing:
        return Login(username(machine.name, label), rotate(session, machine, now, label=label, actor=actor))
    newest = max(standing, key=lambda row: row.created_at)
    _end(session, machine, now, [row for row in standing if row is not newest])
    newest.ends_at = now + lasting
    fresh = _other(newest.label)
    secret = _issue(session, machine, now, fresh)
    _recorded(session, machine, "machine.secret_overlaps", actor, now, {"label": fresh, "until": f"{newest.ends_at}"})
    return Login(username(machine.name, fresh), secret)


def second(session: Session, machine: Machine, label: str, now: datetime, *, actor: str = "Vigie") -> Login:
    """One more user name for a second agent on the same machine. Raises NoName when the label will not do."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,17}", label) or label.endswith("-b") or label == "b":
        raise NoName(f"{label[:40]!r} is no label: small letters, digits and dashes, at most 18, not ending in -b")
    if _secrets_of(session, machine, (label, _other(label))):
        raise NoName(f"{machine.name} has a credential {label!r} already: rotate it, or choose another label")
    secret = _issue(session, machine, now, label)
    _recorded(session, machine, "machine.secret_added", actor, now, {"label": label})
    return Login(username(machine.name, label), secret)


def certified(
    session: Session, machine: Machine, serial: str, not_after: datetime, now: datetime, *, actor: str = "Vigie"
) -> MachineCredential:
    """Note a certificate that was just signed for this machine; others go on until they end or are revoked."""
    row = MachineCredential(
        customer_id=machine.customer_id, machine_id=machine.id, kind="certificate", serial=serial, not_after=not_after,
        created_at=now,
    )  # fmt: skip
    session.add(row)
    _told(session)
    _recorded(session, machine, "machine.certified", actor, now, {"serial": serial, "until": f"{not_after}"})
    return row


def revoke(session: Session, machine: Machine, now: datetime, *, actor: str = "Vigie") -> bool:
    """Take every credential away: the broker ends the connection. False when the machine had none."""
    ended = _end(session, machine, now, live(session, machine, now))
    if ended:
        _recorded(session, machine, "machine.secret_revoked", actor, now)
    return ended


def revoke_one(session: Session, row: MachineCredential, now: datetime, *, actor: str = "Vigie") -> bool:
    """Take one credential away, its machine's others stay. False when it had ended before."""
    machine = session.get_one(Machine, row.machine_id)
    ended = row.revoked_at is None and _end(session, machine, now, [row])
    if ended:
        what = {"serial": row.serial, "label": row.label}
        _recorded(session, machine, "machine.credential_revoked", actor, now, what)
    return ended


def hold(session: Session, row: MachineCredential, until: datetime, why: str, now: datetime) -> None:
    """Keep a credential out until then; what it holds is not changed, and it comes back by itself."""
    row.held_until = until
    _told(session)
    machine = session.get_one(Machine, row.machine_id)
    _recorded(session, machine, "machine.held", "Vigie", now, {"until": f"{until}", "why": why})


def live(session: Session, machine: Machine, now: datetime) -> list[MachineCredential]:
    """The credentials of a machine that open something, or will again when they are no longer held back."""
    return list(
        session.scalars(
            select(MachineCredential).where(
                MachineCredential.machine_id == machine.id, MachineCredential.revoked_at.is_(None),
                or_(MachineCredential.ends_at.is_(None), MachineCredential.ends_at > now),
                or_(MachineCredential.not_after.is_(None), MachineCredential.not_after > now),
            ).order_by(MachineCredential.created_at, MachineCredential.id).with_for_update()
        )
    )  # fmt: skip


def machine_named(session: Session, name: str) -> Machine | None:
    """The machine of that name, if there is one within reach of this session."""
    return session.scalar(select(Machine).where(Machine.name == name))


def _other(label: str) -> str:
    """The partner a label shares an overlap with: '' and b, collectd and collectd-b."""
    if label in ("", "b"):
        return "" if label else "b"
    return label[:-2] if label.endswith("-b") else f"{label}-b"


def _secrets_of(session: Session, machine: Machine, labels: Iterable[str]) -> list[MachineCredential]:
    return list(
        session.scalars(
            select(MachineCredential).where(
                MachineCredential.machine_id == machine.id, MachineCredential.kind == "secret",
                MachineCredential.label.in_(labels), MachineCredential.revoked_at.is_(None),
            ).with_for_update()
        )
    )  # fmt: skip


def _issue(session: Session, machine: Machine, now: datetime, label: str = "") -> str:
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    session.add(
        MachineCredential(
            customer_id=machine.customer_id, machine_id=machine.id, kind="secret", label=label,
            password_hash=hashed(secret), created_at=now,
        )
    )  # fmt: skip
    _told(session)
    return secret


def _end(session: Session, machine: Machine, now: datetime, rows: Iterable[MachineCredential]) -> bool:
    ended = False
    for row in rows:
        row.revoked_at, ended = now, True
    if ended:
        session.flush()  # one live secret a user name: the old one ends before a new one is written
        _told(session)
    return ended


def _told(session: Session) -> None:
    session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANGED})


def _recorded(
    session: Session, machine: Machine, deed: str, actor: str, now: datetime,
    more: Mapping[str, str | None] | None = None,
) -> None:  # fmt: skip
    session.flush()  # the audit comes after what it speaks of
    audit.record(
        session,
        actor=actor,
        deed=deed,
        subject=f"machine {machine.name}",
        now=now,
        customer_id=machine.customer_id,
        facts={"machine": machine.name, **{word: said for word, said in (more or {}).items() if said}},
    )
