"""Signing in and out: the form, the one-time link, and the list of one's own browser sessions."""

from __future__ import annotations

from urllib.parse import quote

import structlog
from flask import Blueprint, Flask, redirect, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import identity, limits, passwords
from app.front import as_house, now
from app.problems import Problem
from models.audit import record
from models.people import Person

log = structlog.get_logger("vigie.web")
blueprint = Blueprint("sign_in", __name__)

# One sentence for every way to fail, so that nobody learns which addresses are known here.
_WRONG = "Address and password do not fit together. Try again, or ask an administrator for a sign-in link."
_LONGEST_ADDRESS = 254  # of any mail address, RFC 5321


def register(app: Flask) -> None:
    app.register_blueprint(blueprint)


@blueprint.get("/sign-in")
def form() -> AnyResponse:
    """The form; whoever is signed in already goes on."""
    target = _local(request.args.get("next", ""))
    if identity.caller() is not None:
        return redirect(target, 303)
    return _page(next=target)


@blueprint.post("/sign-in")
def check() -> AnyResponse:
    """Address and password become a browser session."""
    email = request.form.get("email", "").strip()[:_LONGEST_ADDRESS]
    password = request.form.get("password", "")
    target = _local(request.form.get("next", ""))
    _throttle(email)
    with as_house() as session:
        # NUL cannot be part of any address, and PostgreSQL would refuse the question.
        known = select(Person).where(func.lower(Person.email) == email.lower().replace("\0", ""), Person.active)
        person = session.scalar(known)
    # The transaction is over: no connection is held while the hash is counted out.
    stored = person.password_hash if person is not None else None
    right = passwords.matches(stored, password)
    if person is None or not right:
        _note_refusal(person)
        return _page(said=_WRONG, email=email, next=target, status=401)
    with as_house() as session:
        if stored is not None and passwords.is_outdated(stored):
            session.get_one(Person, person.id).password_hash = passwords.hashed(password)
        return _let_in(session, person, "sign-in", target)


@blueprint.get("/sign-in/link/<token>")
def link(token: str) -> AnyResponse:
    """A page with one button. Nothing is used up by looking, so a mail scanner does no harm."""
    return _page(token=token)


@blueprint.post("/sign-in/link/<token>")
def use_link(token: str) -> AnyResponse:
    """The button: the link is spent, whoever it belongs to is signed in."""
    with as_house() as session:
        wait = limits.take(session, limits.LINK_ADDRESS, request.remote_addr or "", now())
    if wait:
        raise _too_often(wait)
    with as_house() as session:
        person = identity.use_sign_in_link(session, token, now())
        if person is not None:
            return _let_in(session, person, "link", _local(request.form.get("next", "")))
    said = "This link has been used or has run out. Ask for a new one: vigie person link ADDRESS prints it."
    return _page(said=said, status=401)


@blueprint.post("/sign-out")
def sign_out() -> AnyResponse:
    """End this browser session, on the server and in the browser."""
    who = identity.caller()
    response = redirect("/sign-in", 303)
    if who is not None and who.session_hash:
        with as_house() as session:
            identity.end(session, now(), token_hash=who.session_hash)
            record(session, actor=who.actor, deed="person.signed_out", subject=f"person:{who.id}",
                   customer_id=who.customer_id, now=now())  # fmt: skip
    identity.set_cookie(response, "")  # type: ignore[arg-type]  # werkzeug's response sets cookies just as well
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def ask_to_sign_in() -> AnyResponse:
    """Where a page sends somebody who is not signed in; they come back to it afterwards."""
    target = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect("/sign-in?next=" + quote(target, safe=""), 303)


def _let_in(session: Session, person: Person, how: str, target: str) -> AnyResponse:
    if (old := identity.caller()) is not None and old.session_hash:
        identity.end(session, now(), token_hash=old.session_hash)
    token = identity.begin(
        session, person, now(), agent=request.headers.get("User-Agent", ""), address=request.remote_addr or ""
    )
    facts = {"how": how, "address": request.remote_addr or ""}
    record(session, actor=person.name, deed="person.signed_in", subject=f"person:{person.id}",
           customer_id=person.customer_id, facts=facts, now=now())  # fmt: skip
    if target == "/" and person.customer_id is not None:
        target = "/covers"  # the watch floor is the desk's; a contact begins with what their contract covers
    response = redirect(target, 303)
    identity.set_cookie(response, token)  # type: ignore[arg-type]  # werkzeug's response sets cookies just as well
    return response


def _note_refusal(person: Person | None) -> None:
    address = request.remote_addr or ""
    log.info("sign_in_refused", known=person is not None, address=address)
    if person is not None:
        with as_house() as session:
            record(session, actor="somebody", deed="person.sign_in_refused", subject=f"person:{person.id}",
                   customer_id=person.customer_id, facts={"address": address}, now=now())  # fmt: skip


def _throttle(email: str) -> None:
    """Both buckets are asked in a transaction of their own, so that a refused sign-in still counts."""
    with as_house() as session:
        by_address = limits.take(session, limits.SIGN_IN_ADDRESS, request.remote_addr or "", now())
        by_account = limits.take(session, limits.SIGN_IN_ACCOUNT, identity.digest(email.lower()).hex()[:32], now())
    if wait := max(by_address, by_account):
        raise _too_often(wait)


def _too_often(wait: int) -> Problem:
    return Problem(
        "too-often",
        f"Too many tries to sign in; the next one is possible in {wait} seconds.",
        remedy="Wait, or ask an administrator for a sign-in link.",
        headers={"Retry-After": str(wait)},
    )


def _local(target: str) -> str:
    """A path of our own to go on to; anything else leads to the first page."""
    is_path = target.startswith("/") and not target.startswith(("//", "/\\", "/sign-in"))
    return target if is_path and target.isprintable() else "/"


def _page(*, token: str = "", said: str = "", email: str = "", next: str = "/", status: int = 200) -> AnyResponse:
    from app.pages.frame import page  # the pages know this module, so it meets them late

    action = f"/sign-in/link/{quote(token, safe='')}" if token else ""
    return page("signin.html", status=status, token=token, link_action=action, said=said, email=email, next=next)
