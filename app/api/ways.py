"""How one of ours, or a contact, is reached: channels and addresses, best first, with quiet hours."""

from __future__ import annotations

import re
import uuid
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from app import providers
from app.api import lookup
from app.api.door import Call, route
from app.front import front
from app.problems import Problem, invalid
from app.wire import In, Out
from escalation.outbox import BROWSER
from escalation.quiet import is_hours
from models import audit
from models.people import Person

_CHANNELS = ("email", "file", "webhook", "slack", "teams", "pagerduty", "sms", "voice", BROWSER)
_ADDRESSED_BY_WEB = ("webhook", "slack", "teams")
_MAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")
_NUMBER = re.compile(r"\+?[0-9][0-9 ().-]{3,30}")
Channel = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9-]+$")]


class Way(In):
    channel: Channel = Field(description="email, webhook, slack, teams, pagerduty, sms, voice, browser, or a provider")
    address: str = Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$", description="as the channel wants it")
    quiet: str | None = Field(None, max_length=11, description="hours in the person's zone, as 22:00-07:00")
    loud: int | None = Field(None, ge=0, le=4, description="severities up to this ring all the same; 2 when left out")
    hours: str | None = Field(
        None, max_length=11, description="used within these hours of the person only, as 08:00-20:00; none: always"
    )


class Ways(In):
    ways: list[Way] = Field(max_length=12, description="best first; the first two are used for severities 1 and 2")


class WayOut(Out):
    channel: str
    address: str
    quiet: str | None = None
    loud: int | None = None
    hours: str | None = None


class WaysOut(Out):
    person: uuid.UUID
    ways: list[WayOut]


@route("GET", "/people/{person}/ways", "people:read", {200: WaysOut}, staff=True, problems=("not-found",))
def show(call: Call, *, person: str) -> WaysOut:
    """How somebody is reached, best first."""
    return _out(lookup.person(call, person))


@route("PUT", "/people/{person}/ways", None, {200: WaysOut}, body=Ways, staff=True, problems=("not-found",))
def put(call: Call, body: Ways, *, person: str) -> WaysOut:
    """Say how somebody is reached. Everybody may say it of themselves; of others, who may change people."""
    row = lookup.person(call, person)
    if row.id != call.caller.person and not call.caller.may("people:write"):
        raise Problem("not-allowed", "Whom others reach how is for a manager to say.", remedy="Ask a manager.")
    for at, way in enumerate(body.ways):
        check(way, f"ways.{at}", row)
    row.notify = [kept(way, row) for way in body.ways]
    facts = {"channels": [way.channel for way in body.ways]}
    audit.record(call.session, actor=call.caller.actor, deed="person.notify_changed", subject=f"person:{row.id}",
                 customer_id=row.customer_id, facts=facts, now=call.now)  # fmt: skip
    return _out(row)


def check(way: Way, field: str, person: Person) -> None:
    """Raises Problem (422) for a way that leads nowhere, naming the field and the remedy."""
    declared = {one.name: one.channel for one in providers.declared(front().settings)}
    if way.channel not in _CHANNELS and way.channel not in declared:
        raise invalid(f"{field}.channel", "is no channel of this house", f"use one of {', '.join(_CHANNELS)}")
    if way.quiet is not None and not is_hours(way.quiet):
        raise invalid(f"{field}.quiet", "is no span of hours", "write it as 22:00-07:00")
    if way.hours is not None and not is_hours(way.hours):
        raise invalid(f"{field}.hours", "is no span of hours", "write it as 08:00-20:00")
    channel = declared.get(way.channel, way.channel)
    parts = urlsplit(way.address) if channel in _ADDRESSED_BY_WEB else None
    if parts is not None and (parts.scheme not in ("https", "http") or not parts.hostname):
        raise invalid(f"{field}.address", "is no web address", "give one that begins with https://")
    if channel == "email" and _MAIL.fullmatch(way.address) is None:
        raise invalid(f"{field}.address", "is not a mail address", "correct it")
    if channel in ("sms", "voice") and _NUMBER.fullmatch(way.address) is None:
        raise invalid(f"{field}.address", "is no telephone number", "give it as +33 6 12 34 56 78")
    if channel == "pagerduty" and re.fullmatch(r"[A-Za-z0-9]{20,64}", way.address) is None:
        raise invalid(f"{field}.address", "is no routing key", "give the key of an integration Events API v2")
    if channel == BROWSER and way.address not in ("", str(person.id)):
        raise invalid(f"{field}.address", "is somebody else's", "leave it empty")


def kept(way: Way, person: Person) -> dict[str, str]:
    """A way in the form it is stored in."""
    said = {"channel": way.channel, "address": str(person.id) if way.channel == BROWSER else way.address}
    if way.quiet is not None:
        said["quiet"] = way.quiet
    if way.loud is not None:
        said["loud"] = str(way.loud)
    if way.hours is not None:
        said["hours"] = way.hours
    return said


def _out(row: Person) -> WaysOut:
    ways = [
        WayOut(
            channel=way["channel"],
            address=way["address"],
            quiet=way.get("quiet"),
            loud=int(way["loud"]) if "loud" in way else None,
            hours=way.get("hours"),
        )
        for way in row.notify
    ]
    return WaysOut(person=row.id, ways=ways)
