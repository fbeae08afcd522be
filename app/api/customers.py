"""Customers and their sites."""

from __future__ import annotations

import uuid

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.wire import Country, In, Instant, Language, Line, Out, Paged, Slug, Zone
from models.audit import record
from models.customers import Customer, Site


class CustomerOut(Out):
    id: uuid.UUID
    slug: str
    name: str
    language: str
    zone: str
    demo: bool = Field(description="whether the demo brought it")
    created_at: Instant


class CustomerPage(Out):
    items: list[CustomerOut]
    next: str | None = Field(description="send it as `after` for the next page; null on the last")


class NewCustomer(In):
    slug: Slug
    name: Line
    language: Language = "en"
    zone: Zone = "UTC"


class CustomerPatch(In):
    slug: Slug | None = None
    name: Line | None = None
    language: Language | None = None
    zone: Zone | None = None


class SiteOut(Out):
    id: uuid.UUID
    customer_id: uuid.UUID
    name: str
    zone: str
    country: str
    created_at: Instant


class SitePage(Out):
    items: list[SiteOut]
    next: str | None


class NewSite(In):
    name: Line
    zone: Zone = "UTC"
    country: Country = ""


@route("GET", "/customers", "customers:read", {200: CustomerPage}, query=Paged)
def index(call: Call, query: Paged) -> CustomerPage:
    """The customers within reach, by slug."""
    rows, after = page(call.session, select(Customer), query, Customer.slug, Customer.id, newest_first=False)
    return CustomerPage(items=[CustomerOut.model_validate(row) for row in rows], next=after)


@route(
    "POST", "/customers", "customers:write", {201: CustomerOut}, body=NewCustomer, staff=True, problems=("conflict",)
)
def create(call: Call, body: NewCustomer) -> Answer:
    """Add a customer."""
    row = Customer(**body.model_dump(), created_at=call.now)
    call.session.add(row)
    call.session.flush()  # the audit names the row
    record(call.session, actor=call.caller.actor, deed="customer.added", subject=f"customer:{row.id}",
           customer_id=row.id, facts=body.model_dump(), now=call.now)  # fmt: skip
    return Answer(CustomerOut.model_validate(row), headers={"Location": f"/api/v1/customers/{row.slug}"})


@route("GET", "/customers/{customer}", "customers:read", {200: CustomerOut}, problems=("not-found",))
def get(call: Call, *, customer: str) -> CustomerOut:
    """One customer, by id or slug."""
    return CustomerOut.model_validate(lookup.customer(call, customer))


@route("PATCH", "/customers/{customer}", "customers:write", {200: CustomerOut}, body=CustomerPatch, staff=True,
       problems=("not-found", "conflict"))  # fmt: skip
def change(call: Call, body: CustomerPatch, *, customer: str) -> CustomerOut:
    """Change what is given; the rest stays."""
    row = lookup.customer(call, customer)
    given = body.model_dump(exclude_none=True)
    for name, value in given.items():
        setattr(row, name, value)
    call.session.flush()  # a slug that is taken shows here, not after the answer is built
    record(call.session, actor=call.caller.actor, deed="customer.changed", subject=f"customer:{row.id}",
           customer_id=row.id, facts=given, now=call.now)  # fmt: skip
    return CustomerOut.model_validate(row)


@route("GET", "/customers/{customer}/sites", "customers:read", {200: SitePage}, query=Paged, problems=("not-found",))
def sites(call: Call, query: Paged, *, customer: str) -> SitePage:
    """The sites of a customer, by name."""
    row = lookup.customer(call, customer)
    mine = select(Site).where(Site.customer_id == row.id)
    rows, after = page(call.session, mine, query, Site.name, Site.id, newest_first=False)
    return SitePage(items=[SiteOut.model_validate(one) for one in rows], next=after)


@route("POST", "/customers/{customer}/sites", "customers:write", {201: SiteOut}, body=NewSite, staff=True,
       problems=("not-found", "conflict"))  # fmt: skip
def add_site(call: Call, body: NewSite, *, customer: str) -> SiteOut:
    """Add a site; its zone and country choose the service calendar of what stands there."""
    row = lookup.customer(call, customer)
    made = Site(customer_id=row.id, **body.model_dump(), created_at=call.now)
    call.session.add(made)
    call.session.flush()  # the audit names the row
    record(call.session, actor=call.caller.actor, deed="site.added", subject=f"site:{made.id}",
           customer_id=row.id, facts=body.model_dump(), now=call.now)  # fmt: skip
    return SiteOut.model_validate(made)
