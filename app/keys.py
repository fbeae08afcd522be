"""Keys for programs: `vg_KEYID_SECRET_CHECKSUM`. Found by key id; of the secret only the SHA-256 is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import rights
from models.audit import record
from models.people import ApiToken, Person

# A scanner recognises a leaked key by its form and checksum before asking anybody.
FORM = re.compile(r"vg_([a-z2-9]{12})_([A-Za-z0-9_-]{43})_([0-9a-f]{8})")
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that reads like something else
# Last use is for people who tidy up; a row write at each call would cost more than it tells.
_USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `text` is shown once and kept nowhere."""

    row: ApiToken
    text: str


def make(
    session: Session,
    *,
    label: str,
    scopes: Iterable[str],
    customer_id: uuid.UUID | None,
    made_by: uuid.UUID | None,
    actor: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> NewKey:
    """Make a key. The caller has checked that its maker may give these scopes."""
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    secret = secrets.token_urlsafe(32)
    body = f"vg_{key_id}_{secret}"
    row = ApiToken(
        key_id=key_id,
        secret_hash=hashlib.sha256(secret.encode()).digest(),
        label=label,
        customer_id=customer_id,
        made_by=made_by,
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()  # the audit names the row
    facts = {"label": label, "scopes": row.scopes, "key_id": key_id}
    record(
        session, actor=actor, deed="key.made", subject=f"key:{row.id}", customer_id=customer_id, facts=facts, now=now
    )
    return NewKey(row, f"{body}_{_checksum(body)}")


def revoke(session: Session, row: ApiToken, *, actor: str, now: datetime) -> None:
    """End a key at once; ending it twice is ending it."""
    if row.revoked_at is None:
        row.revoked_at = now
        record(session, actor=actor, deed="key.revoked", subject=f"key:{row.id}", customer_id=row.customer_id, now=now)


def owner_of(session: Session, text: str, now: datetime) -> tuple[ApiToken, frozenset[str]] | None:
    """The key and what it may do now, or None when it is no key, ended, expired, or its maker is gone."""
    found = FORM.fullmatch(text)
    if found is None or not hmac.compare_digest(_checksum(text.rpartition("_")[0]), found[3]):
        return None
    row = session.scalar(select(ApiToken).where(ApiToken.key_id == found[1]))
    given = hashlib.sha256(found[2].encode()).digest()
    if row is None or not hmac.compare_digest(row.secret_hash, given) or not is_live(row, now):
        return None
    maker: frozenset[str] | None = None
    if row.made_by is not None:
        person = session.get(Person, row.made_by)
        if person is None or not person.active:
            return None
        maker = rights.of_person(person.role, person.may)
    if row.used_at is None or now - row.used_at > _USED_EVERY:
        row.used_at = now
    return row, rights.of_key(row.scopes, customers=row.customer_id is not None, maker=maker)


def is_live(row: ApiToken, now: datetime) -> bool:
    """Whether a key still opens anything."""
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > now)


def _checksum(body: str) -> str:
    return f"{crc32(body.encode()):08x}"
