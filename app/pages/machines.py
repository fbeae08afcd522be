"""The machine page: `/machines/NAME?span=6h&metric=…`, or `?from=…&to=…` for any other span."""

from __future__ import annotations

from flask import Flask, Response, request

from app import front
from app.naming import Names
from app.pages import looking
from app.pages.frame import page, reading, signed_in, zone
from app.pages.ledger import ledger_sum
from app.pages.machine import read_machine
from app.problems import not_found


def register(app: Flask) -> None:
    app.add_url_rule("/machines/<name>", "machine", machine)


def machine(name: str) -> Response:
    """One machine over any span; one that cannot be is the usual one, and it is said."""
    who = signed_in("machines:read")
    now = front.now()
    given = request.args
    look = looking.asked(given.get("span", ""), given.get("from", ""), given.get("to", ""), now, zone())
    wanted = given.getlist("metric")
    names: Names = "otel" if given.get("names") == "otel" else "sent"
    with reading(who) as session:
        view = read_machine(session, name, look, wanted, names, now, zone())
    if view is None:
        raise not_found("machine")
    kept = [("metric", one) for one in wanted] + ([("names", "otel")] if names == "otel" else [])
    return page(
        "machine.html",
        here="/fleet",
        machine=view,
        look=look,
        looked=looking.fields(look),
        steps=looking.steps(look, now, kept),
        local=lambda at: looking.local(at, zone()),
        spans=list(looking.SPANS),
        names=names,
        chosen=wanted,
        may_erase=who.may("history:erase"),
        may_credentials=who.is_staff and who.may("machines:write"),
        ledger_sum=ledger_sum(list(view.ledger)),
        refresh_s=15,
    )
