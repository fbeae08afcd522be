"""The machine page: `/machines/NAME?span=6h&metric=…`."""

from __future__ import annotations

from flask import Flask, Response, request

from app import front
from app.pages.frame import page, reading, signed_in, zone
from app.pages.ledger import ledger_sum
from app.pages.machine import SPANS, read_machine
from app.problems import not_found

USUAL_SPAN = "6h"


def register(app: Flask) -> None:
    app.add_url_rule("/machines/<name>", "machine", machine)


def machine(name: str) -> Response:
    """One machine, over one of four spans; an unknown span is the usual one."""
    who = signed_in("machines:read")
    span = request.args.get("span", USUAL_SPAN)
    span = span if span in SPANS else USUAL_SPAN
    wanted = request.args.getlist("metric")
    with reading(who) as session:
        view = read_machine(session, name, span, wanted, front.now(), zone())
    if view is None:
        raise not_found("machine")
    return page(
        "machine.html",
        here="/fleet",
        machine=view,
        span=span,
        spans=list(SPANS),
        chosen=wanted,
        ledger_sum=ledger_sum(list(view.ledger)),
        refresh_s=15,
    )
