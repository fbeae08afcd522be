"""Which dead letters hold what a machine sent: its own, and those of a gateway's messages that speak of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, func, literal, or_
from sqlalchemy.orm import Session

from models.machines import Machine
from models.telemetry import DeadLetter
from telemetry.formats.sources import DOOR
from telemetry.gateways import gateways_of


def machine(session: Session, of: Machine, start: datetime, end: datetime) -> tuple[ColumnElement[bool], ...]:
    """The clauses for those received from `start` up to but without `end`.

    Of a gateway's messages it is every one that contains the machine's name, so rather one too many. What a key of its
    customer brought before the machine was enrolled is among them, and what it said that named a machine of others.
    """
    letter, name = DeadLetter, of.name
    at_a_door = f"{DOOR}/%/%/{_plain(name)}/"
    which = [
        (letter.machine == name) & or_(letter.customer_id == of.customer_id, letter.customer_id.is_(None)),
        letter.topic.startswith(f"vigie/{name}/", autoescape=True),
        letter.topic.like(f"{at_a_door}@{of.customer_id}", escape="\\"),
        letter.topic.like(f"{DOOR}/%/%/%/{_plain(name)}", escape="\\"),
    ]
    for gateway in gateways_of(session, [of.id]).get(of.id, ()):
        speaks = letter.topic.startswith(f"vigie/{gateway}/", autoescape=True) | (letter.machine == gateway)
        which.append(speaks & (func.position(literal(name.encode()).op("IN")(letter.payload)) > 0))
    return or_(*which), letter.received_at >= start, letter.received_at < end


def _plain(name: str) -> str:
    """A name within a pattern: an underscore stands for itself."""
    return name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
