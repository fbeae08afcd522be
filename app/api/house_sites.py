"""The sites our own people work at: their size, their zone, and the countries each looks after."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import func, select

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.problems import Problem, invalid
from app.wire import In, Instant, Line, Out, Paged
from escalation.routing import HOME
from models.audit import record
from models.duty import HouseSite
from models.people import Person

Size = Literal["large", "medium", "small"]
Unit = Literal["americas", "europe", "asia-pacific"]
Countries = Annotated[
    list[Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166 alpha-2")]],
    Field(max_length=60, description="whose customers its people come first for"),
]


class HouseSiteIn(In):
    name: Annotated[Line, Field(max_length=80)]
    unit: Unit = Field(description="the world zone it belongs to")
    size: Size = Field(description="the larger, the sooner its people carry another zone's night")
    countries: Countries = Field(default_factory=list)


class HouseSitePatch(In):
    unit: Unit | None = None
    size: Size | None = None
    countries: Countries | None = None


class HouseSiteOut(Out):
    id: uuid.UUID
    name: str
    unit: str
    size: str
    countries: list[str]
    people: int = Field(description="how many of ours work there")
    demo: bool
    changed_at: Instant


class HouseSites(Out):
    items: list[HouseSiteOut]
    next: str | None = Field(description="give it as `after` for the next page; null: this is the last")


@route("GET", "/duty/sites", "duty:read", {200: HouseSites}, query=Paged, staff=True)
def index(call: Call, query: Paged) -> HouseSites:
    """The sites of the house, by name."""
    rows, after = page(call.session, select(HouseSite), query, HouseSite.name, HouseSite.id, newest_first=False)
    there = _people(call)
    return HouseSites(items=[_shown(row, there) for row in rows], next=after)


@route("POST", "/duty/sites", "duty:write", {201: HouseSiteOut}, body=HouseSiteIn, staff=True, problems=("conflict",))
def add(call: Call, body: HouseSiteIn) -> Answer:
    """Add a site. People whose `site` bears its name work there at once."""
    name = body.name.strip()  # people's own records are compared without blanks around them
    if name.lower() in HOME:
        raise invalid("name", "means working from home, which is no site", "give the place its own name")
    taken = select(HouseSite.id).where(func.lower(HouseSite.name) == name.lower())
    if call.session.scalar(taken) is not None:
        raise Problem("conflict", f"There is a site {name} already.", remedy="Change that one.")
    given = {**body.model_dump(), "name": name, "countries": sorted(set(body.countries))}
    row = HouseSite(**given, changed_at=call.now)
    call.session.add(row)
    call.session.flush()  # the audit names the row
    _write_down(call, row, "house_site.added", given)
    return Answer(_shown(row, _people(call)), headers={"Location": f"/api/v1/duty/sites/{row.id}"})


@route("PATCH", "/duty/sites/{house_site}", "duty:write", {200: HouseSiteOut}, body=HouseSitePatch, staff=True,
       problems=("not-found",))  # fmt: skip
def change(call: Call, body: HouseSitePatch, *, house_site: str) -> HouseSiteOut:
    """Change what is given. From the next incident on routing counts with it."""
    row, given = lookup.house_site(call, house_site), body.model_dump(exclude_none=True)
    if body.countries is not None:
        given["countries"] = sorted(set(body.countries))
    for name, value in given.items():
        setattr(row, name, value)
    row.changed_at = call.now
    _write_down(call, row, "house_site.changed", given)
    return _shown(row, _people(call))


@route("DELETE", "/duty/sites/{house_site}", "duty:write", {204: None}, staff=True, problems=("not-found", "conflict"))
def close(call: Call, *, house_site: str) -> Answer:
    """Close a site nobody works at any more."""
    row = lookup.house_site(call, house_site)
    if there := _people(call).get(row.name.lower(), 0):
        raise Problem("conflict", f"{there} of ours work at {row.name}.", remedy="Give each another site first.")
    call.session.delete(row)
    _write_down(call, row, "house_site.closed", {"name": row.name})
    return Answer(status=204)


def _people(call: Call) -> Mapping[str, int]:
    """How many of ours work at each place, by its name in small letters: one question for every site."""
    place = func.lower(func.btrim(Person.site))
    there = select(place, func.count()).where(Person.customer_id.is_(None), Person.active).group_by(place)
    return {row[0]: row[1] for row in call.session.execute(there)}


def _shown(row: HouseSite, people: Mapping[str, int]) -> HouseSiteOut:
    return HouseSiteOut(
        id=row.id, name=row.name, unit=row.unit, size=row.size, countries=row.countries,
        people=people.get(row.name.lower(), 0), demo=row.demo, changed_at=row.changed_at,
    )  # fmt: skip


def _write_down(call: Call, row: HouseSite, deed: str, facts: dict[str, object]) -> None:
    record(call.session, actor=call.caller.actor, deed=deed, subject=f"house_site:{row.id}", facts=facts, now=call.now)
