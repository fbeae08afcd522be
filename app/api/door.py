"""How a route of the API is declared, and the one way every call takes from request to answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from flask import Blueprint, Response, request
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import limits
from app.api import once
from app.front import as_house, front, now
from app.identity import Caller, need
from app.problems import Problem
from app.shields import SAFE
from app.wire import In, Out, read_body, read_query
from escalation.incident import Actor
from models.session import work

BASE = "/api/v1"
F = TypeVar("F", bound=Callable[..., "Out | Answer"])


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers when more than a body is to be said. `status` 0: the route's first."""

    body: Out | None = None
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None  # of the first media type the route `gives`
    stream: Iterator[bytes] | None = None  # the same, made while it is sent; opens its own transactions


@dataclass(frozen=True, slots=True)
class Call:
    """One call at work: who asks, when, and the transaction in their reach."""

    session: Session
    caller: Caller
    now: datetime

    @property
    def actor(self) -> Actor:
        """The caller as the duty desk knows people."""
        return Actor(self.caller.person, self.caller.actor, is_customer=not self.caller.is_staff)

    @contextmanager
    def as_desk(self) -> Iterator[None]:
        """The desk acts for the caller: it must see our own people, whom no customer may list.

        To be used only after what is acted on was found within the caller's own reach.
        """
        if self.caller.is_staff:
            yield
            return
        reach = text("SELECT set_config('app.reach', :reach, true)")
        self.session.execute(reach, {"reach": "staff"})
        yield
        self.session.flush()  # what the desk did is written while it may write it
        self.session.execute(reach, {"reach": ""})

    def expected_version(self) -> int | None:
        """The version of the incident the caller has seen, from If-Match; None when any will do. Raises Problem."""
        given = request.headers.get("If-Match")
        if given is None or given.strip() == "*":
            return None
        found = re.fullmatch(r'\s*"(\d{1,15})"\s*', given)
        if found is None:
            raise Problem("changed-meanwhile", "If-Match names no version of ours.", remedy="Send the ETag as it was.")
        return int(found[1])


@dataclass(frozen=True, slots=True)
class Route:
    """One route: everything the router, the document and the tests need to know of it."""

    method: str
    path: str  # "/incidents/{incident}/timeline"
    function: Callable[..., Out | Answer]
    right: str | None
    answers: Mapping[int, type[Out] | None]
    body: type[In] | None
    query: type[In] | None
    problems: tuple[str, ...]
    tag: str
    staff: bool
    versioned: bool
    secret: tuple[str, ...]
    takes: tuple[str, ...]
    gives: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.tag}_{self.function.__name__}"

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @property
    def is_unsafe(self) -> bool:
        return self.method not in SAFE


ROUTES: list[Route] = []


def route(
    method: str,
    path: str,
    right: str | None,
    answers: Mapping[int, type[Out] | None],
    *,
    body: type[In] | None = None,
    query: type[In] | None = None,
    problems: tuple[str, ...] = (),
    staff: bool = False,
    versioned: bool = False,
    secret: tuple[str, ...] = (),
    takes: tuple[str, ...] = (),
    gives: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Declare a route. `right`: see app/rights.py; None: any caller. `staff`: ours only, whatever the rights.

    `secret`: fields shown in the first answer and left out when an Idempotency-Key repeats it. `takes`: media types of
    a body that is no JSON, which the function reads itself. `gives`: media types of an
    answer that is no JSON, the usual one first.
    """

    def declare(function: F) -> F:
        tag = function.__module__.rpartition(".")[2]
        ROUTES.append(
            Route(
                method,
                path,
                function,
                right,
                answers,
                body,
                query,
                problems,
                tag,
                staff,
                versioned,
                secret,
                takes,
                gives,
            )
        )
        return function

    return declare


def mount(blueprint: Blueprint) -> None:
    """Give every declared route to the router."""
    for one in ROUTES:
        rule = BASE + re.sub(r"{(\w+)}", r"<\1>", one.path)
        blueprint.add_url_rule(rule, one.name, _door(one), methods=[one.method], provide_automatic_options=False)


def _door(one: Route) -> Callable[..., Response]:
    def enter(**params: str) -> Response:
        who = need(one.right)
        if one.staff and not who.is_staff:
            raise Problem("not-allowed", "This is for Vigie's own people.", remedy="Ask your account engineer.")
        for name, value in params.items():
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
                raise Problem("not-found", f"There is no such {name} here.", remedy="Check the address.")
        given = _given(one)
        if one.is_unsafe:
            _hold_back(who)
        with work(front().sessions, who.scope) as session:
            call = Call(session, who, now())
            if not one.is_unsafe:
                return _respond(one, one.function(call, *given, **params))
            return once.answered(
                session, who, now(), one.secret, lambda: _respond(one, one.function(call, *given, **params))
            )

    return enter


def _given(one: Route) -> tuple[In, ...]:
    """The body or the query, read as the route wants it. Raises Problem."""
    query = read_query(one.query or In, {name: request.args.getlist(name) for name in request.args})
    if one.takes:
        _take(one)
    elif one.body is None and one.is_unsafe and request.get_data(cache=True).strip() not in (b"", b"{}"):
        raise Problem("malformed", "This request takes no body.", remedy="Leave the body out.")
    if one.body is None:
        return (query,) if one.query else ()
    if request.mimetype != "application/json":
        raise Problem(
            "not-json",
            "The body must be JSON and say so.",
            remedy="Send Content-Type: application/json.",
            headers={"Accept": "application/json"},
        )
    body = read_body(one.body, request.get_data(cache=True))
    return (body, query) if one.query else (body,)


def _take(one: Route) -> None:
    if request.mimetype not in one.takes:
        known = ", ".join(one.takes)
        said = "The body is of a kind this address does not take."
        raise Problem("not-a-table", said, remedy=f"Send {known}.", headers={"Accept": known})
    request.get_data(cache=True)  # before a form is read from it, so that the same request can be told by its bytes


def _hold_back(who: Caller) -> None:
    with as_house() as session:
        wait = limits.take(session, limits.API_CALLS, str(who.id), now())
    if wait:
        said = f"More changes than this caller may make in so short a time; the next one in {wait} seconds."
        raise Problem("too-often", said, remedy="Slow down.", headers={"Retry-After": str(wait)})


def _respond(one: Route, said: Out | Answer) -> Response:
    answer = said if isinstance(said, Answer) else Answer(said)
    status = answer.status or next(iter(one.answers))
    if answer.raw is not None or answer.stream is not None:
        response = Response(answer.stream or answer.raw, status, content_type=one.gives[0])
    elif answer.body is None:
        response = Response(status=status)
        del response.headers["Content-Type"]
    else:
        response = Response(
            answer.body.model_dump_json() + "\n", status, content_type="application/json; charset=utf-8"
        )
    response.headers.update(answer.headers)
    if request.method == "GET" and "ETag" in response.headers:
        response.make_conditional(request)
    return response
