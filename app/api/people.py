"""People: our own and the customers' contacts."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import select, update

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.problems import Problem, invalid
from app.wire import In, Instant, Line, Mail, MaybeLine, Out, Paged, Ref, Zone
from models.audit import record
from models.people import Person, WebSession

Role = Literal["engineer", "manager", "operator", "administrator", "contact"]
Level = Literal["junior", "confirmed", "senior"]
Unit = Literal["americas", "europe", "asia-pacific"]
May = Annotated[list[Literal["open", "escalate", "sign"]], Field(max_length=3)]
Where = Annotated[MaybeLine, Field(max_length=80)]
Languages = Annotated[list[Annotated[str, Field(pattern=r"^[a-z]{2}$")]], Field(min_length=1, max_length=10)]


class PersonOut(Out):
    id: uuid.UUID
    customer_id: uuid.UUID | None
    name: str
    email: str
    role: str
    level: str
    unit: str
    zone: str
    site: str = Field(description="where one of ours works: a site of the house by name, or home")
    languages: list[str]
    may: list[str]
    active: bool
    demo: bool
    created_at: Instant


class PersonPage(Out):
    items: list[PersonOut]
    next: str | None


class PeopleQuery(Paged):
    customer: Ref | None = Field(None, description="id or slug: only that customer's contacts")
    role: Role | None = None


class NewPerson(In):
    name: Line
    email: Mail
    role: Role
    customer: Ref | None = Field(None, description="id or slug; needed for a contact, and for nobody else")
    may: May = Field(default_factory=list, description="a contact's rights")
    level: Level = "confirmed"
    unit: Unit = "europe"
    zone: Zone = "UTC"
    site: Where = Field("", description="of ours: a site of the house by name, or home")
    languages: Languages = Field(default_factory=lambda: ["en"])


class PersonPatch(In):
    name: Line | None = None
    may: May | None = None
    level: Level | None = None
    unit: Unit | None = None
    zone: Zone | None = None
    site: Where | None = Field(None, description="a site of the house by name, or home; empty: nobody has said")
    languages: Languages | None = None
    role: Role | None = None
    active: bool | None = Field(None, description="false ends their sessions, keys and streams at once")


@route("GET", "/people", "people:read", {200: PersonPage}, query=PeopleQuery, staff=True)
def index(call: Call, query: PeopleQuery) -> PersonPage:
    """People by name."""
    wanted = select(Person)
    if query.customer is not None:
        wanted = wanted.where(Person.customer_id == lookup.customer(call, query.customer, "customer").id)
    if query.role is not None:
        wanted = wanted.where(Person.role == query.role)
    rows, after = page(call.session, wanted, query, Person.name, Person.id, newest_first=False)
    return PersonPage(items=[PersonOut.model_validate(row) for row in rows], next=after)


@route("POST", "/people", "people:write", {201: PersonOut}, body=NewPerson, staff=True, problems=("conflict",))
def create(call: Call, body: NewPerson) -> Answer:
    """Add a person. They sign in with a link: `vigie person link ADDRESS`."""
    _may_give(call, body.role)
    if (body.role == "contact") != (body.customer is not None):
        raise invalid("customer", "does not fit the role", "name one for a contact, and for nobody else")
    _has_a_site(body.role, body.site)
    customer = lookup.customer(call, body.customer, "customer") if body.customer else None
    row = Person(
        customer_id=customer.id if customer else None,
        **body.model_dump(exclude={"customer"}),
        notify=[{"channel": "email", "address": body.email}],
        created_at=call.now,
    )
    call.session.add(row)
    call.session.flush()  # the audit names the row
    _write_down(call, row, "person.added", {"role": row.role, "may": row.may})
    return Answer(PersonOut.model_validate(row), headers={"Location": f"/api/v1/people/{row.id}"})


@route("GET", "/people/{person}", "people:read", {200: PersonOut}, staff=True, problems=("not-found",))
def get(call: Call, *, person: str) -> PersonOut:
    """One person, by id."""
    return PersonOut.model_validate(lookup.person(call, person))


@route("PATCH", "/people/{person}", "people:write", {200: PersonOut}, body=PersonPatch, staff=True,
       problems=("not-found", "conflict"))  # fmt: skip
def change(call: Call, body: PersonPatch, *, person: str) -> PersonOut:
    """Change what is given. Whoever is deactivated is out at once."""
    row = lookup.person(call, person)
    _may_give(call, row.role)
    given = body.model_dump(exclude_none=True)
    if body.role is not None:
        _may_give(call, body.role)
        if (body.role == "contact") != (row.customer_id is not None):
            raise invalid("role", "does not fit the person", "a contact stays a contact, and one of ours one of ours")
    _has_a_site(row.role, body.site)
    if row.id == call.caller.id and given.keys() & {"role", "active"}:
        raise Problem("conflict", "Nobody changes their own role or deactivates themselves.", remedy="Ask another one.")
    for name, value in given.items():
        setattr(row, name, value)
    if body.active is False:
        ended = update(WebSession).where(WebSession.person_id == row.id, WebSession.ended_at.is_(None))
        call.session.execute(ended.values(ended_at=call.now))
    _write_down(call, row, "person.changed", given)
    return PersonOut.model_validate(row)


def _may_give(call: Call, role: str) -> None:
    """Only an administrator makes or changes administrators, so that a manager cannot make themselves one."""
    if role == "administrator" and not call.caller.may("people:crown"):
        raise Problem("not-allowed", "Only an administrator may do that to an administrator.", remedy="Ask one.")


def _has_a_site(role: str, site: str | None) -> None:
    if role == "contact" and site:
        raise invalid("site", "is where one of ours works", "leave it out for a contact")


def _write_down(call: Call, row: Person, deed: str, facts: dict[str, object]) -> None:
    record(call.session, actor=call.caller.actor, deed=deed, subject=f"person:{row.id}",
           customer_id=row.customer_id, facts=facts, now=call.now)  # fmt: skip
