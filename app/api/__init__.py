"""The API: routes by noun. Importing this package declares them; `register` mounts them."""

from __future__ import annotations

from flask import Blueprint, Flask

from app.api import (
    acts,
    allowances,
    availability,
    calendars,
    clocks,
    contract_lines,
    contracts,
    coverage,
    customers,
    decisions,
    duty,
    escalations,
    findings,
    handovers,
    history,
    inbound,
    incidents,
    machines,
    maintenance,
    mappings,
    me,
    notices,
    outside,
    people,
    platform,
    reach,
    terms,
    tokens,
    transfers,
    ways,
    withdrawals,
)
from app.api.door import BASE, ROUTES, Route, mount

NOUNS = (
    customers,
    people,
    contracts,
    contract_lines,
    terms,
    allowances,
    coverage,
    machines,
    maintenance,
    mappings,
    history,
    incidents,
    acts,
    clocks,
    calendars,
    withdrawals,
    inbound,
    notices,
    ways,
    reach,
    findings,
    history,
    decisions,
    outside,
    platform,
    duty,
    availability,
    handovers,
    escalations,
    tokens,
    me,
    transfers,
)

__all__ = ["BASE", "NOUNS", "ROUTES", "Route", "register"]


def register(app: Flask) -> None:
    blueprint = Blueprint("api", __name__)
    mount(blueprint)
    app.register_blueprint(blueprint)
