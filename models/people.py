"""People on both sides of the desk, how they prove who they are, and when they are on duty."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Owned

ROLES = ("engineer", "manager", "operator", "administrator", "contact")
LEVELS = ("junior", "confirmed", "senior")


class Person(Identified, Base):
    """One of ours (`customer_id` empty) or a customer's contact.

    `notify` lists how to reach them, best first: `[{"channel": "email", "address": "dee@example.org"}]`.
    """

    __tablename__ = "people"
    __table_args__ = (
        CheckConstraint("role in ('engineer','manager','operator','administrator','contact')", name="role"),
        CheckConstraint("(role = 'contact') = (customer_id is not null)", name="contacts_have_a_customer"),
        Index("uq_people_email", text("lower(email)"), unique=True),
    )

    customer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    email: Mapped[str]
    role: Mapped[str]
    level: Mapped[str] = mapped_column(default="confirmed")
    unit: Mapped[str] = mapped_column(default="europe")  # world zone: americas, europe, asia-pacific
    zone: Mapped[str] = mapped_column(default="UTC")
    site: Mapped[str] = mapped_column(default="", server_default=text("''"))  # of the house, or "home"; ours only
    languages: Mapped[list[str]] = mapped_column(ARRAY(TEXT), default=lambda: ["en"])
    may: Mapped[list[str]] = mapped_column(ARRAY(TEXT), default=list)  # a contact's rights: open, escalate, sign
    # Rungs of every ladder they stand on besides being on duty: lead, number-two, number-one.
    rungs: Mapped[list[str]] = mapped_column(ARRAY(TEXT), default=list, server_default=text("'{}'"))
    notify: Mapped[list[dict[str, str]]] = mapped_column(JSONB, default=list)
    capacity: Mapped[dict[str, Any]] = mapped_column(
        default=dict, server_default=text("'{}'")
    )  # {"phone": 1}, own limits
    away_since: Mapped[datetime | None]  # on duty, but not at their place; empty while they are
    password_hash: Mapped[str | None]
    active: Mapped[bool] = mapped_column(default=True)
    demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class NamedPerson(Owned, Base):
    """One of ours whom a contract names for a customer: account engineer, deputy, escalation owner."""

    __tablename__ = "named_people"
    __table_args__ = (UniqueConstraint("customer_id", "person_id", "duty"),)

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    duty: Mapped[str]  # "account engineer", "deputy", "escalation owner"


class Shift(Identified, Base):
    """Somebody of ours is on duty for a unit from one instant to another (end exclusive)."""

    __tablename__ = "shifts"
    __table_args__ = (CheckConstraint("ends_at > starts_at", name="ends_after_start"),)

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    unit: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime] = mapped_column(index=True)
    demo: Mapped[bool] = mapped_column(default=False)


class SignInLink(Base):
    """A link that signs a person in once. Only the SHA-256 of its token is kept."""

    __tablename__ = "sign_in_links"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class WebSession(Base):
    """A signed-in browser. Only the SHA-256 of its cookie is kept."""

    __tablename__ = "web_sessions"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    csrf: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    agent: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")


class ApiToken(Identified, Base):
    """A key for programs: `vg_KEYID_SECRET_CHECKSUM`, found by key id, the secret kept as SHA-256.

    With a customer it sees that customer only; without, it acts as staff within its scopes.
    """

    __tablename__ = "api_tokens"

    key_id: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[bytes]
    label: Mapped[str]
    customer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    made_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(TEXT), default=list)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class RateBucket(Base):
    """A token bucket shared by every web worker: what is left, and when it was last filled."""

    __tablename__ = "rate_buckets"

    key: Mapped[str] = mapped_column(primary_key=True)  # "login:address:127.0.0.1"
    tokens: Mapped[float]
    filled_at: Mapped[datetime]


class IdempotentAnswer(Base):
    """What was answered to a request with an Idempotency-Key, so that the same request has one effect."""

    __tablename__ = "idempotent_answers"

    caller: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_digest: Mapped[bytes]
    status: Mapped[int | None]  # empty while the first request is still at work
    body: Mapped[bytes | None]
    created_at: Mapped[datetime]
