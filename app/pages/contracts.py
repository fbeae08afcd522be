"""One contract's page, and the short deeds on it: proposals decided, lines added and ended."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from flask import Flask, Response, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front, identity
from app.api.lookup import as_id
from app.identity import Caller
from app.pages import clock_effects, covers, first_to_know, restraint
from app.pages.contract import find_contract, read_contract
from app.pages.contract_story import Reader, by
from app.pages.customer import find_customer
from app.pages.fields import Form
from app.pages.frame import SignInFirst, reading, signed_in, zone
from app.problems import Problem, not_found
from contracts import covering, proposals
from contracts.life import CannotBe
from models.agreements import Contract, ContractLine, ContractTerms, TermsProposal
from models.customers import Customer, Site
from models.machines import Machine

BASE = "/customers/<slug>/contracts/<ref>"


@dataclass(frozen=True, slots=True)
class Opened:
    """A contract somebody is at, in a transaction."""

    session: Session
    who: Caller
    customer: Customer
    contract: Contract

    @property
    def address(self) -> str:
        return address(self.customer, self.contract)


def register(app: Flask) -> None:
    app.add_url_rule(BASE, "contract", contract)
    app.add_url_rule("/covers/contracts/<ref>", "contract_mine", mine)
    app.add_url_rule(f"{BASE}/proposals/<proposal>/<deed>", "proposal", decide, methods=["POST"])
    app.add_url_rule(f"{BASE}/lines", "contract_lines", add_line, methods=["POST"])
    app.add_url_rule(f"{BASE}/lines/<line>/end", "contract_line_end", end_line, methods=["POST"])


def address(customer: Customer, row: Contract) -> str:
    """Where a contract's page is. A number with a slash would be two steps of a path, so such a one goes by its id."""
    ref = quote(row.number, safe="") if "/" not in row.number else str(row.id)
    return f"/customers/{customer.slug}/contracts/{ref}"


def contract_reader() -> Caller:
    """One of ours, or a contact: both may read contracts. Raises SignInFirst, Problem."""
    if identity.caller() is None:
        raise SignInFirst
    return identity.need("contracts:read")


@contextmanager
def opened(slug: str, ref: str, right: str) -> Iterator[Opened]:
    """The contract of an address, for one of ours with a right. Raises Problem."""
    who = signed_in(right)
    with reading(who) as session:
        customer = find_customer(session, slug)
        row = find_contract(session, customer, ref) if customer is not None else None
        if customer is None or row is None:
            raise not_found("contract")
        yield Opened(session, who, customer, row)


def contract(slug: str, ref: str) -> Response:
    """The page."""
    with opened(slug, ref, "contracts:read") as at:
        return shown(at, Form({}))


def mine(ref: str) -> AnyResponse:
    """The same page for a contact of the customer: to read. One of ours is shown the desk's."""
    who = contract_reader()
    with reading(who) as session:
        customer, row = found_mine(session, who, ref)
        if who.is_staff:
            return redirect(address(customer, row), 303)
        return shown(Opened(session, who, customer, row), Form({}))


def found_mine(session: Session, who: Caller, ref: str) -> tuple[Customer, Contract]:
    """A contract by number or id, and whose it is; a contact finds their own. Raises Problem."""
    wanted = select(Customer, Contract).join(Contract, Contract.customer_id == Customer.id)
    if who.customer_id is not None:
        wanted = wanted.where(Customer.id == who.customer_id)
    known = as_id(ref)
    found = session.execute(wanted.where(Contract.number == ref if known is None else Contract.id == known))
    row = found.one_or_none()
    if row is None:
        raise not_found("contract")
    return row.Customer, row.Contract


def shown(at: Opened, form: Form, status: int = 200) -> Response:
    """The page, with what is wrong with a form on it beside the field."""
    inside = at.who.is_staff
    language = covers.language_of(at.who, at.customer)
    reader = Reader(language, zone(), inside)
    view = read_contract(at.session, at.customer, at.contract, at.who, front.now(), reader)
    may_write = inside and at.who.may("contracts:write")
    machines, sites = _may_cover(at) if may_write else ([], [])
    return covers.dressed(
        "contract.html",
        at.who,
        at.customer,
        language,
        say=reader.say,
        status=status,
        here="/customers" if inside else "/covers",
        contract=view,
        place=at.address if inside else "",
        hours_at=f"/calendars/of/{quote(at.contract.number)}" if inside else f"{request.path}/hours",
        known=first_to_know.of_contract(at.session, at.contract, front.now(), language),
        contracts_at=f"/customers/{at.customer.slug}/contracts" if inside else "/covers/contracts",
        form=form,
        false_alarms=restraint.budget(at.session, at.contract, front.now(), zone(), language) if inside else None,
        machines=machines,
        sites=sites,
        may_write=may_write,
        may_confirm=inside and at.who.may("contracts:confirm"),
        may_people=inside and at.who.may("people:write"),
    )


def _may_cover(at: Opened) -> tuple[Sequence[str], Sequence[str]]:
    """Machines and sites a line may be about."""
    mine = at.customer.id
    machines = at.session.scalars(
        select(Machine.name).where(Machine.customer_id == mine, Machine.retired_at.is_(None)).order_by(Machine.name)
    )
    sites = at.session.scalars(select(Site.name).where(Site.customer_id == mine).order_by(Site.name))
    return machines.all(), sites.all()


def decide(slug: str, ref: str, proposal: str, deed: str) -> AnyResponse:
    """Confirm or reject what somebody proposed."""
    with opened(slug, ref, "contracts:write") as at:
        row = at.session.get(TermsProposal, _id(proposal))
        if row is None or row.contract_id != at.contract.id or deed not in ("confirm", "reject"):
            raise not_found("proposal")
        form = Form(request.form)
        field = f"reason-{row.id}"
        if deed == "confirm":
            identity.need("contracts:confirm")
            answer: object = proposals.confirm(at.session, row, by(at.who), front.now())
            if isinstance(answer, ContractTerms):
                clock_effects.follow_terms(at.session, at.contract, answer, at.who, front.now())
        else:
            reason = form.text(field, "a reason; its author reads it", most=500)
            answer = None if form.wrong else proposals.reject(at.session, row, reason, by(at.who), front.now())
        if isinstance(answer, CannotBe):
            form.refuse(field, f"{answer.reason} {answer.remedy}")
        if form.wrong:
            at.session.expire_all()
            return shown(at, form, status=422)
        return redirect(at.address + "#history", 303)


def add_line(slug: str, ref: str) -> AnyResponse:
    """Cover a machine, a site, a service, or everything."""
    with opened(slug, ref, "contracts:write") as at:
        form = Form(request.form)
        new = _read_line(at, form)
        if not form.wrong:
            answer = covering.add_line(at.session, at.contract, new, by(at.who), front.now())
            if isinstance(answer, CannotBe):
                form.refuse(answer.field or "covers", f"{answer.reason} {answer.remedy}")
        if form.wrong:
            return shown(at, form, status=422)
        return redirect(at.address + "#lines", 303)


def _read_line(at: Opened, form: Form) -> covering.NewLine:
    covers = form["covers"] or "all"
    kind, _, name = covers.partition(":")
    machine_id = site_id = None
    mine = at.customer.id
    if kind == "machine":
        machine_id = at.session.scalar(select(Machine.id).where(Machine.customer_id == mine, Machine.name == name))
    elif kind == "site":
        site_id = at.session.scalar(select(Site.id).where(Site.customer_id == mine, Site.name == name))
    service = form.text("service", "", most=80, required=False).lower()
    if covers != "all" and machine_id is None and site_id is None and covers != "service":
        form.refuse("covers", "That is nothing of this customer's; choose from the list.")
    if covers == "service" and not service:
        form.refuse("service", "Name the service, such as backup.")
    starts, ends = form.day("line_starts", required=False), form.day("line_ends", required=False)
    if starts and ends and ends < starts:
        form.refuse("line_ends", f"It ends before it starts; choose {starts.isoformat()} or later.")
    return covering.NewLine(machine_id, site_id, service if covers == "service" else "", starts, ends)


def end_line(slug: str, ref: str, line: str) -> AnyResponse:
    """Give a line its last day."""
    with opened(slug, ref, "contracts:write") as at:
        row = at.session.get(ContractLine, _id(line))
        if row is None or row.contract_id != at.contract.id:
            raise not_found("line")
        form = Form(request.form)
        field = f"end-{row.id}"
        ends = form.day(field)
        if ends is not None and not form.wrong:
            answer = covering.end_line(at.session, at.contract, row, ends, by(at.who), front.now())
            if isinstance(answer, CannotBe):
                form.refuse(field, f"{answer.reason} {answer.remedy}")
        if form.wrong:
            return shown(at, form, status=422)
        return redirect(at.address + "#lines", 303)


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Problem("not-found", "There is nothing at this address.") from None
