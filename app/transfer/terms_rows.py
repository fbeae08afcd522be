"""Versions of terms as rows of text: each line of the tier table a column. Plain."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from app import termtable
from app.transfer import fields
from app.transfer.kinds import Row
from contracts.terms import Terms, Tier
from contracts.tiers import DEFAULTS

if TYPE_CHECKING:
    from models.agreements import Contract, ContractTerms


def told(number: str, row: ContractTerms) -> Row:
    """A version as it is kept."""
    return {
        "contract": number,
        "version": str(row.version),
        "effective_at": fields.said(row.effective_at),
        "author": fields.tidy(row.author),
        "reason": fields.tidy(row.reason),
        "confirmed_by": fields.tidy(row.confirmed_by),
        **_texts(Terms.from_json(row.body).to_json()),  # in the one form, whichever version of ours wrote it
    }


def usual(contract: Contract) -> Row:
    """The terms of a contract that has no version of its own: the usual ones of its tier, from its first midnight."""
    start = first_midnight(contract.starts_on, contract.zone)
    body = DEFAULTS[Tier(contract.tier)].to_json()
    said = {"contract": contract.number, "version": "1", "effective_at": fields.said(start)}
    return {**said, "author": "", "reason": "", "confirmed_by": "", **_texts(body)}


def complete(row: Row, contract: Row) -> tuple[Row, list[tuple[str, str, str]]]:
    """A version with what it leaves out filled in: the usual terms of its tier, from the contract's first midnight."""
    tier = row.get("tier") or contract["tier"]
    filled = {**_texts(DEFAULTS[Tier(tier)].to_json()), **{name: text for name, text in row.items() if text}}
    start = fields.said(first_midnight(date.fromisoformat(contract["starts_on"]), contract["zone"]))
    whole = {**row, **filled, "tier": tier, "effective_at": row.get("effective_at") or start}
    try:
        body(whole)
    except termtable.Wrong as wrong:
        return whole, [(path, unfit.problem, unfit.remedy) for path, unfit in wrong.lines.items()]
    return whole, []


def body(row: Row) -> termtable.Body:
    """The terms a row says. Raises termtable.Wrong."""
    texts = {field.path: row[field.path] for field in (*termtable.FIELDS, termtable.REST)}
    clocks = termtable.REST.read(texts.pop(termtable.REST.path)) or {}
    base = DEFAULTS[Tier(row["tier"])].to_json() | ({"clocks": clocks} if clocks else {})
    return termtable.changed(base, texts)


def first_midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _texts(terms: termtable.Body) -> dict[str, str]:
    return {**termtable.lines(terms), termtable.REST.path: termtable.REST.write(termtable.rest_of(terms))}
