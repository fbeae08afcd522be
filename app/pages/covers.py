"""What a contract covers right now, and "would this be granted?": for the desk, and for a customer's own contacts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, make_response, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front, identity
from app.identity import Caller
from app.pages.cover import known_machines, read_cover, read_question, read_would
from app.pages.cover_words import ASKS, CHANNEL_WORDS, CHANNELS, GROUPS, LANGUAGES, TIERS, say
from app.pages.frame import SignInFirst, page, part, reading
from app.pages.signing import read_signing
from app.problems import not_found
from models.agreements import Contract
from models.customers import Customer

LANGUAGE_COOKIE = "vigie_language"
_YEAR_S = 365 * 86_400


def register(app: Flask) -> None:
    for rule, name in (("/customers/<slug>/covers", "of"), ("/covers", "mine")):
        app.add_url_rule(rule, f"covers_{name}", covers)
    for rule, name in (("/customers/<slug>/would", "of"), ("/would", "mine")):
        app.add_url_rule(rule, f"would_{name}", would)


def covers(slug: str = "") -> AnyResponse:
    """Asks by subject, granted or not, with reason and remedy; hours, allowances and people beside them."""
    who = _reader()
    with reading(who) as session:
        customer = _customer(session, who, slug)
        language = language_of(who, customer)
        asked = read_question(request.args, language, customer.zone, list(known_machines(session, customer)))
        view = read_cover(session, customer, asked, who, front.now())
        to_sign = read_signing(session, who, customer, language, front.now())
        whole = _whole(session, who, customer)
    return dressed("covers.html", who, customer, language, view=view, asked=asked, to_sign=to_sign, whole=whole)


def _whole(session: Session, who: Caller, customer: Customer) -> Sequence[tuple[str, str]]:
    """The customer's contracts, each with the address of its own page, the latest first."""
    at = f"/customers/{customer.slug}/contracts" if who.is_staff else "/covers/contracts"
    rows = session.execute(
        select(Contract.number, Contract.id)
        .where(Contract.customer_id == customer.id)
        .order_by(Contract.starts_on.desc(), Contract.number)
    )
    # A number with a slash would be two steps of a path, so such a one goes by its id.
    return [(row.number, f"{at}/{row.id if '/' in row.number else quote(row.number, safe='')}") for row in rows]


def would(slug: str = "") -> AnyResponse:
    """One question and what would be answered: asked again by the page's script as fields change, else by a button."""
    who = _reader()
    with reading(who) as session:
        customer = _customer(session, who, slug)
        language = language_of(who, customer)
        machines = list(known_machines(session, customer))
        asked = read_question(request.args, language, customer.zone, machines)
        answer = None if asked.wrong else read_would(session, customer, asked, who, front.now())
    more: Mapping[str, Any] = {"asked": asked, "answer": answer, "machines": machines}  # Any: for a template
    if request.headers.get("X-Part"):
        return part("would_answer.html", say=_speaker(language), **more)
    return dressed("would.html", who, customer, language, **more)


def _reader() -> Caller:
    """One of ours, or a contact: both may read what contracts answer. Raises SignInFirst, Problem."""
    if identity.caller() is None:
        raise SignInFirst
    return identity.need("decisions:read")


def _customer(session: Session, who: Caller, slug: str) -> Customer:
    """The customer of the address; a contact needs no name, and finds nobody else under one. Raises Problem."""
    wanted = select(Customer)
    if slug:
        wanted = wanted.where(Customer.slug == slug)
    if who.customer_id is not None:
        wanted = wanted.where(Customer.id == who.customer_id)
    elif not slug:
        raise not_found("customer")
    found = session.scalar(wanted)
    if found is None:
        raise not_found("customer")
    return found


def language_of(who: Caller, customer: Customer) -> str:
    """What was chosen on the page, now or before; else the customer's language for contacts, English for the desk."""
    chosen = request.args.get("language", "") or request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else "en" if who.is_staff else customer.language


def dressed(
    template: str, who: Caller, customer: Customer, language: str, *, status: int = 200, **more: Any
) -> Response:  # Any: for a template
    """The page in its frame: the console's for the desk, the portal's for contacts."""
    base = f"/customers/{customer.slug}" if who.is_staff else ""
    other = "fr" if language == "en" else "en"
    usual: dict[str, Any] = {
        "frame": "base.html" if who.is_staff else "portal.html",
        "here": "/customers" if who.is_staff else f"/{request.path.rpartition('/')[2]}",
        "customer": customer,
        "language": language,
        "say": _speaker(language),
        "asks": ASKS[language],
        "groups": [(say(language, group), kinds) for group, kinds in GROUPS],
        "channels": [(name, CHANNEL_WORDS[language][name]) for name in CHANNELS],
        "tiers": TIERS[language],
        "base": base,
        "other_language": other,
        "kept": {name: value for name, value in request.args.items() if name != "language"},
    }
    response = make_response(page(template, status=status, **(usual | more)))
    if request.args.get("language") in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=_YEAR_S, httponly=True, samesite="Lax", secure=front.front().is_https
        )
    return response


def _speaker(language: str) -> Callable[..., str]:
    def speak(key: str, /, **facts: object) -> str:
        return say(language, key, **facts)

    return speak
