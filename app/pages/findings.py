"""Findings of a contract within a period, as a page: what was opened, and what a shadow contract only has listed."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, Response, request
from sqlalchemy import ColumnElement, func, select

from app import found_by, front, words
from app.pages.first_to_know import SPANS, asked
from app.pages.frame import HINTS_TABLE, page, reading, signed_in, zone
from app.pages.machine import findings_of
from app.problems import not_found
from models.agreements import Contract
from models.customers import Customer
from models.incidents import Finding

MOST = 500
WHICH = {"all": "all", "shadow": "seen in shadow", "opened": "not in shadow"}


def register(app: Flask) -> None:
    app.add_url_rule("/findings", "findings_of_contract", findings_of_contract)


def findings_of_contract() -> Response:
    """`?contract=VC-1001&from=2026-01-01&to=2026-03-31&which=shadow`; both days included, in the viewer's own zone."""
    who = signed_in("findings:read")
    now, here = front.now(), zone()
    given = request.args
    period = asked(given.get("days", ""), given.get("from", ""), given.get("to", ""), now, here)
    which = given.get("which", "") if given.get("which", "") in WHICH else "all"
    with reading(who) as session:
        found = session.execute(
            select(Contract, Customer)
            .join(Customer, Customer.id == Contract.customer_id)
            .where(Contract.number == given.get("contract", "")[:60])
        ).one_or_none()
        if found is None:
            raise not_found("contract")
        contract, customer = found
        wanted: list[ColumnElement[bool]] = [
            found_by.of_contract(contract.id),
            Finding.opened_at >= period.start,
            Finding.opened_at < period.end,
        ]
        shadow = session.scalar(select(func.count()).select_from(Finding).where(*wanted, Finding.shadow)) or 0
        total = session.scalar(select(func.count()).select_from(Finding).where(*wanted)) or 0
        if which != "all":
            wanted.append(Finding.shadow.is_(which == "shadow"))
        rows = findings_of(session, now, here, where=wanted, most=MOST)
    said = f"{words.count(total, 'finding')} in this time, {shadow:,} of them in shadow."
    return page(
        "contract_findings.html", here="/customers", contract=contract, customer=customer, period=period, spans=SPANS,
        which=which, whiches=WHICH, findings=rows, said=said, cut=len(rows) == MOST, hints=HINTS_TABLE,
        last_day=period.end - timedelta(seconds=1), status=422 if period.wrong else 200,
    )  # fmt: skip
