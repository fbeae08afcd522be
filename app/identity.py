"""Who is asking: a signed-in person or a program with a key, as one `Caller`; browser sessions and one-time links."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import structlog
from flask import Flask, Response, g, request
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app import keys, rights
from app.front import as_house, front, now
from app.problems import Problem
from app.settings import Settings
from app.shields import require_same_origin
from models.audit import record
from models.customers import Customer
from models.people import ApiToken, Person, SignInLink, WebSession
from models.session import STAFF, Scope

log = structlog.get_logger("vigie.web")

# Where programs come in: alerts with tokens of their own, telemetry with the secrets of machines. None takes cookies.
OWN_DOORS = frozenset({"doors", "hearing", "enrolling"})
# Long enough to walk to another desk, short enough that a forgotten mail is worth nothing.
LINK_LIVES = timedelta(minutes=30)
# Writing at each request would make every read a write.
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `customer_id` is set for a customer's contact or key; without it the caller is one of ours."""

    kind: str  # person, key
    id: uuid.UUID  # of the person, or of the key
    name: str
    role: str  # engineer, manager, operator, administrator, contact, or "key"
    customer_id: uuid.UUID | None
    person: uuid.UUID | None
    scopes: frozenset[str]  # rights, see app/rights.py
    email: str = ""
    unit: str = ""
    zone: str = "UTC"
    csrf: str = ""  # of the browser session
    session_hash: bytes = b""  # which browser session, for "end the others"
    language: str = "en"  # a contact's, by their customer

    @property
    def is_staff(self) -> bool:
        return self.customer_id is None

    @property
    def scope(self) -> Scope:
        """For `models.session.work`: what of the database this caller may see."""
        return STAFF if self.customer_id is None else self.customer_id

    @property
    def actor(self) -> str:
        """How the audit names the caller."""
        return self.name if self.kind == "person" else f"key {self.name}"

    def may(self, right: str) -> bool:
        return right in self.scopes


def caller() -> Caller | None:
    """Who asks now, or None."""
    return cast("Caller | None", g.get("caller"))


def need(right: str | None = None) -> Caller:
    """The caller, who must have `right`. Raises Problem (401, 403)."""
    who = caller()
    if who is None:
        raise Problem(
            "not-signed-in",
            "This needs a sign-in or a key.",
            remedy="Sign in at /sign-in, or send Authorization: Bearer vg_….",
            headers={"WWW-Authenticate": 'Bearer realm="Vigie"'},
        )
    if right is not None and not who.may(right):
        log.info("not_allowed", caller=str(who.id), right=right)
        raise Problem(
            "not-allowed",
            f"{who.name} lacks the right {right} ({rights.RIGHTS[right]}).",
            remedy="Ask a manager for it, or use a key that has it.",
        )
    return who


def register(app: Flask) -> None:
    app.before_request(find_caller)
    app.jinja_env.globals["csrf_token"] = lambda: who.csrf if (who := caller()) else ""


def find_caller() -> None:
    """Set the caller from key or cookie, and hold unsafe requests of browsers against CSRF. Raises Problem."""
    if request.endpoint == "static" or request.blueprint in OWN_DOORS:  # a door asks for itself who is there
        return
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        g.caller = by_key(authorization)
        return
    cookie = request.cookies.get(cookie_name())
    g.caller = _by_cookie(cookie) if cookie else None
    if g.caller is not None or not request.path.startswith("/api/"):
        require_same_origin(g.caller.csrf if g.caller else None)


def by_key(authorization: str) -> Caller:
    """The caller behind a key in an Authorization header. Raises Problem (401)."""
    with as_house() as session:
        text = _key_in(authorization)
        found = keys.owner_of(session, text, now()) if text else None
        if found is None:
            log.info("key_refused", address=request.remote_addr)
            raise Problem(
                "not-signed-in",
                "The key is not known, has ended, or is mistyped.",
                remedy="Send Authorization: Bearer vg_KEYID_SECRET_CHECKSUM, whole; make a new key if it has ended.",
                headers={"WWW-Authenticate": 'Bearer realm="Vigie", error="invalid_token"'},
            )
        row, scopes = found
        person = row.made_by if row.customer_id is None else None
        return Caller("key", row.id, row.label, "key", row.customer_id, person, scopes)


def _key_in(authorization: str) -> str:
    """The key as it was sent: after Bearer, or as the password of Basic where a calendar program asks for a feed, since
    those know nothing else. Nowhere else, because a browser sends what it was once given for Basic by itself."""
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return text.strip()
    is_feed = request.method in ("GET", "HEAD") and request.path.endswith(".ics")
    if scheme.lower() != "basic" or not is_feed:
        return ""
    try:
        return base64.b64decode(text.strip(), validate=True).decode().partition(":")[2].strip()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _by_cookie(cookie: str) -> Caller | None:
    settings = front().settings
    with as_house() as session:
        found = session.execute(
            select(WebSession, Person, Customer.language)
            .join(Person, Person.id == WebSession.person_id)
            .outerjoin(Customer, Customer.id == Person.customer_id)
            .where(WebSession.token_hash == digest(cookie), Person.active)
        ).one_or_none()
        if found is None:
            return None
        row, person, language = found
        if not is_live(row, settings, now()):
            return None
        if now() - row.seen_at > _SEEN_EVERY:
            row.seen_at = now()
        return Caller(
            "person",
            person.id,
            person.name,
            person.role,
            person.customer_id,
            person.id,
            rights.of_person(person.role, person.may),
            email=person.email,
            unit=person.unit,
            zone=person.zone,
            csrf=row.csrf,
            session_hash=row.token_hash,
            language=language or "en",
        )


def is_live(row: WebSession, settings: Settings, at: datetime) -> bool:
    """Whether a browser session still counts: not ended, within its absolute and its idle limit."""
    idle = timedelta(seconds=settings.session_idle_s)
    return row.ended_at is None and at < row.expires_at and at - row.seen_at < idle


def still_counts(who: Caller) -> bool:
    """Whether the caller of a long answer (a stream) is still signed in, by the clock of now."""
    at = front().clock()
    with as_house() as session:
        if who.kind == "key":
            row = session.get(ApiToken, who.id)
            return row is not None and keys.is_live(row, at)
        held = session.get(WebSession, who.session_hash)
        person = session.get(Person, who.id)
        return held is not None and person is not None and person.active and is_live(held, front().settings, at)


def digest(token: str) -> bytes:
    """What is kept of a token. A fast hash is right for 256 random bits (ASVS 6.5.2)."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def cookie_name() -> str:
    """`__Host-` binds the cookie to this host and https; a desk without https cannot use it."""
    return "__Host-vigie" if front().is_https else "vigie"


def begin(session: Session, person: Person, at: datetime, *, agent: str, address: str) -> str:
    """A new browser session under a new id; returns the cookie's value."""
    token = secrets.token_urlsafe(32)
    session.add(
        WebSession(
            token_hash=digest(token),
            person_id=person.id,
            csrf=secrets.token_urlsafe(24),
            created_at=at,
            seen_at=at,
            expires_at=at + timedelta(seconds=front().settings.session_max_s),
            agent=agent[:200],
            address=address[:64],
        )
    )
    session.execute(delete(WebSession).where(WebSession.person_id == person.id, WebSession.expires_at < at))
    return token


def end(session: Session, at: datetime, *, token_hash: bytes) -> None:
    """End one browser session; its streams end as well (`still_counts`)."""
    session.execute(
        update(WebSession).where(WebSession.token_hash == token_hash, WebSession.ended_at.is_(None)).values(ended_at=at)
    )


def set_cookie(response: Response, token: str) -> None:
    """Hand the session to the browser; an empty token takes it back."""
    is_https = front().is_https
    response.set_cookie(
        cookie_name(),
        token,
        max_age=front().settings.session_max_s if token else 0,
        path="/",
        secure=is_https,
        httponly=True,
        samesite="Lax",
    )


def make_sign_in_link(session: Session, person: Person | uuid.UUID, at: datetime) -> str:
    """A path that signs this person in once within half an hour; looking at it changes nothing, its button does."""
    token = secrets.token_urlsafe(32)
    person_id = person.id if isinstance(person, Person) else person
    session.execute(delete(SignInLink).where(SignInLink.expires_at < at - timedelta(days=1)))
    session.add(SignInLink(token_hash=digest(token), person_id=person_id, created_at=at, expires_at=at + LINK_LIVES))
    session.flush()  # whoever prints the link wants to know that it stands
    return f"/sign-in/link/{token}"


def use_sign_in_link(session: Session, token: str, at: datetime) -> Person | None:
    """The person a link belongs to, once; None when it is spent, expired or never was one of ours."""
    spent = session.execute(
        update(SignInLink)
        .where(SignInLink.token_hash == digest(token), SignInLink.used_at.is_(None), SignInLink.expires_at > at)
        .values(used_at=at)
        .returning(SignInLink.person_id)
    ).scalar_one_or_none()
    person = session.get(Person, spent) if spent is not None else None
    return person if person is not None and person.active else None


def ensure_first_administrator(session: Session, at: datetime) -> Person:
    """The administrator of longest standing; made when the house has none yet."""
    known = select(Person).where(Person.role == "administrator", Person.active, Person.demo.is_(False))
    found = session.scalars(known.order_by(Person.created_at).limit(1)).first()
    if found is not None:
        return found
    address = "administrator@vigie.example"  # a placeholder that reaches nobody (RFC 2606); the mail folder takes it
    made = Person(
        name="Administrator",
        email=address,
        role="administrator",
        level="senior",
        languages=["en"],
        may=[],
        notify=[{"channel": "email", "address": address}],
        created_at=at,
    )
    session.add(made)
    session.flush()  # the audit names the row
    facts = {"role": made.role}
    record(session, actor="Vigie", deed="person.added", subject=f"person:{made.id}", facts=facts, now=at)
    return made
