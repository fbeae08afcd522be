"""Everything a contract must know to answer, in one question to the database: it is asked for every report that comes
in and for every click on "may I?". Never commits.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from contracts.allowances import Begun
from models.base import Json

# Lines of other machines are left out: they cannot cover what is asked for.
_SELECT = """
    SELECT c.language, m.id AS machine_id, s.id AS site_id, s.zone AS site_zone, s.country AS site_country,
        (SELECT r.body FROM house_rates r WHERE r.effective_at <= :now
         ORDER BY r.effective_at DESC, r.version DESC LIMIT 1) AS rates,
        (SELECT jsonb_agg(jsonb_build_array(
            k.id, k.number, k.tier, k.state, k.starts_on, k.ends_on, k.zone, k.country, k.renews_id,
            (SELECT jsonb_build_array(t.id, t.version, t.body) FROM contract_terms t
             WHERE t.contract_id = k.id AND t.effective_at <= :now
             ORDER BY t.effective_at DESC, t.version DESC LIMIT 1),
            (SELECT jsonb_agg(jsonb_build_array(l.machine_id, l.site_id, l.service, l.starts_on, l.ends_on))
             FROM contract_lines l WHERE l.contract_id = k.id AND (l.machine_id IS NULL OR l.machine_id = m.id)),
            (SELECT jsonb_agg(jsonb_build_array(a.kind, a.period_start, a.period_end, a.granted, a.extra, a.used)
                              ORDER BY a.period_start DESC)
             FROM allowances a WHERE a.contract_id = k.id
             AND (CAST(:now AS timestamptz) AT TIME ZONE k.zone)::date BETWEEN a.period_start AND a.period_end)
         ) ORDER BY k.number)
         FROM contracts k
         WHERE k.customer_id = c.id AND (CAST(:contract AS uuid) IS NULL OR k.id = :contract)) AS contracts
    """
_FACTS = text(
    _SELECT
    + """
    FROM customers c
    LEFT JOIN machines m ON m.id = :machine AND m.customer_id = c.id
    LEFT JOIN sites s ON s.id = m.site_id
    WHERE c.id = :customer
    """
)
_FACTS_OF_MANY = text(
    _SELECT
    + """
    FROM unnest(CAST(:customers AS uuid[]), CAST(:machines AS uuid[])) WITH ORDINALITY AS asked(customer, machine, at)
    JOIN customers c ON c.id = asked.customer
    JOIN machines m ON m.id = asked.machine AND m.customer_id = c.id
    LEFT JOIN sites s ON s.id = m.site_id
    ORDER BY asked.at
    """
)


@dataclass(frozen=True, slots=True)
class KnownLine:
    machine_id: uuid.UUID | None
    site_id: uuid.UUID | None
    service: str
    starts_on: date | None
    ends_on: date | None


@dataclass(frozen=True, slots=True)
class KnownContract:
    """A contract, the terms in force (none: the usual ones of its tier), its lines, and the allowances of the day."""

    id: uuid.UUID
    number: str
    tier: str
    state: str
    starts_on: date
    ends_on: date | None
    zone: str
    country: str
    renews_id: uuid.UUID | None
    terms_id: uuid.UUID | None
    version: int
    terms: Json | None
    lines: tuple[KnownLine, ...]
    begun: tuple[Begun, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A customer with what is asked for."""

    customer_id: uuid.UUID
    language: str
    machine_id: uuid.UUID | None
    site_id: uuid.UUID | None
    site_zone: str
    site_country: str
    rates: Json | None
    contracts: tuple[KnownContract, ...]


def what_is_known(
    session: Session, customer_id: uuid.UUID, now: datetime, machine_id: uuid.UUID | None, contract_id: uuid.UUID | None
) -> Known:
    """Raises LookupError for a customer, a machine of theirs or a contract of theirs that is not known."""
    session.flush()  # a question in plain SQL does not see what is not written yet
    asked = {"customer": customer_id, "machine": machine_id, "contract": contract_id, "now": now}
    row = session.execute(_FACTS, asked).one_or_none()
    if row is None or (machine_id is not None and row.machine_id is None):
        raise LookupError(f"customer {customer_id} with machine {machine_id} is not known")
    if contract_id is not None and row.contracts is None:
        raise LookupError(f"contract {contract_id} of customer {customer_id} is not known")
    return _known(customer_id, row)


def what_is_known_of_many(session: Session, asked: Sequence[tuple[uuid.UUID, uuid.UUID]], now: datetime) -> list[Known]:
    """`what_is_known` of many (customer, machine of theirs) in one question. Raises LookupError when one of them is not
    known.
    """
    session.flush()
    given = {
        "customers": [customer_id for customer_id, _ in asked],
        "machines": [machine_id for _, machine_id in asked],
        "contract": None,
        "now": now,
    }
    rows = session.execute(_FACTS_OF_MANY, given).all()
    if len(rows) != len(asked):
        raise LookupError("one of these machines is not known")
    return [_known(customer_id, row) for (customer_id, _), row in zip(asked, rows, strict=True)]


def _known(customer_id: uuid.UUID, row: Any) -> Known:  # Any: a row of the questions above
    return Known(
        customer_id,
        row.language,
        row.machine_id,
        row.site_id,
        row.site_zone or "",
        row.site_country or "",
        row.rates,
        tuple(_contract(one) for one in row.contracts or ()),
    )


def _contract(given: list[Any]) -> KnownContract:  # Any: the JSON array of the question above
    id, number, tier, state, starts_on, ends_on, zone, country, renews, terms, lines, begun = given
    terms_id, version, body = terms or (None, 0, None)
    first = _day(starts_on)
    assert first is not None  # every contract has a first day
    return KnownContract(
        uuid.UUID(id), number, tier, state, first, _day(ends_on), zone, country, _id(renews), _id(terms_id), version,
        body, tuple(_line(*line) for line in lines or ()), tuple(_begun(*one) for one in begun or ()),
    )  # fmt: skip


def _line(
    machine: str | None, site: str | None, service: str, starts_on: str | None, ends_on: str | None
) -> KnownLine:  # fmt: skip
    return KnownLine(_id(machine), _id(site), service, _day(starts_on), _day(ends_on))


def _begun(kind: str, start: str, end: str, granted: int, extra: int, used: int) -> Begun:
    return Begun(kind, date.fromisoformat(start), date.fromisoformat(end), granted, extra, used)


def _id(given: str | None) -> uuid.UUID | None:
    return uuid.UUID(given) if given is not None else None


def _day(given: str | None) -> date | None:
    return date.fromisoformat(given) if given is not None else None
