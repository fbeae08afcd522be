"""The rows of the house as text, the form in which an import compares them and an export writes them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Session

from app.transfer import fields, kinds, terms_rows
from app.transfer.kinds import Key, Kind, Row
from app.transfer.plan import Sheet
from contracts.outside import Rates
from models.agreements import Allowance, Contract, ContractLine, ContractTerms, HouseRates
from models.base import Base
from models.calendars import CalendarVersion, ServiceCalendar
from models.customers import Customer, Site
from models.machines import Machine
from models.people import NamedPerson, Person

B = TypeVar("B", bound=Base)
# Ways whose address is itself a secret: whoever holds it may post there.
_SECRET = ("webhook", "slack", "teams", "pagerduty")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The names that files mention; what else the house holds does not matter to them."""

    customers: Collection[str]
    machines: Collection[str]
    contacts: Collection[str]  # addresses in small letters
    contracts: Collection[str]


def wanted(sheets: Sequence[Sheet]) -> Wanted:
    """What the files mention, as they write it."""
    found: dict[str, set[str]] = {"customer": set(), "machine": set(), "email": set(), "contract": set()}
    for sheet in sheets:
        for place, name in enumerate(sheet.table.columns):
            name = "contract" if name == "renews" else name
            if name in found:
                found[name].update(cells[place].strip() for _, cells in sheet.table.records)
    return Wanted(found["customer"], found["machine"], {one.lower() for one in found["email"]}, found["contract"])


class Store:
    """Rows by the words people know them by: those that an import mentions (`only`), else every one in reach."""

    def __init__(self, session: Session, only: Wanted | None = None) -> None:
        self._session = session
        machines = _named(Machine.name, only.machines if only else None)
        self.machines = {row.name: row for row in self._rows(Machine, machines)}
        contracts = _named(Contract.number, only.contracts if only else None)
        self.contracts = {row.number: row for row in self._rows(Contract, contracts)}
        mail = func.lower(Person.email)
        people = _named(mail, only.contacts if only else None)
        self.people = {row.email.lower(): row for row in self._rows(Person, people)}
        named = _named(Customer.slug, only.customers if only else None)
        if only is not None:
            owners = {row.customer_id for row in self.machines.values()}
            owners |= {row.customer_id for row in self.contracts.values()}
            owners |= {row.customer_id for row in self.people.values() if row.customer_id}
            named = [named[0] | Customer.id.in_(owners)]
        self.customers = {row.slug: row for row in self._rows(Customer, named)}
        self._followed = self._predecessors()
        self.slugs = {row.id: row.slug for row in self.customers.values()}
        self.sites = {
            (self.slugs[row.customer_id], fields.tidy(row.name)): row
            for row in self._rows(Site, self._of_customers(Site.customer_id, only))
        }
        self._site_names = {row.id: name for (_, name), row in self.sites.items()}
        self._numbers = {row.id: row.number for row in self.contracts.values()}
        self.lines: dict[Key, ContractLine] = {}
        self._gather_lines(only)
        self.terms = self._rows(ContractTerms, self._of_contracts(ContractTerms.contract_id, only))
        self.allowances = self._rows(Allowance, self._of_contracts(Allowance.contract_id, only))
        self.calendars = {row.name: row for row in self._rows(ServiceCalendar, [])}
        self._versions = self._rows(CalendarVersion, [])
        self._house_rates = self._rows(HouseRates, [])
        self._named = self._rows(NamedPerson, self._of_customers(NamedPerson.customer_id, only))

    def rows(self, kind: Kind) -> dict[Key, Row]:
        """Every row of a kind, by its key, in the order of an export."""
        texts = {
            "customers": self._customers, "sites": self._sites, "machines": self._machines,
            "contacts": self._contacts, "contracts": self._contracts, "lines": self._lines, "terms": self._terms,
            "allowances": self._allowances, "calendars": self._calendars, "people": self._ours,
            "named": self._named_for, "rates": self._rates,
        }[kind.name]()  # fmt: skip
        return dict(sorted((kinds.folded(kind, row), row) for row in texts))

    def _rows(self, table: type[B], conditions: Sequence[ColumnElement[bool]]) -> Sequence[B]:
        query: Select[Any] = select(table).where(*conditions)
        return self._session.scalars(query).all()

    def _predecessors(self) -> dict[uuid.UUID, str]:
        """Numbers of the contracts that others follow, by id."""
        wanted_ids = [row.renews_id for row in self.contracts.values() if row.renews_id is not None]
        rows = self._session.execute(select(Contract.id, Contract.number).where(Contract.id.in_(wanted_ids)))
        return {row.id: row.number for row in rows}

    def _of_customers(self, column: Any, only: Wanted | None) -> list[ColumnElement[bool]]:
        return [] if only is None else [column.in_(list(self.slugs))]

    def _of_contracts(self, column: Any, only: Wanted | None) -> list[ColumnElement[bool]]:
        return [] if only is None else [column.in_(list(self._numbers))]

    def _gather_lines(self, only: Wanted | None) -> None:
        numbers = self._numbers
        query = select(ContractLine, Machine.name).outerjoin(Machine, Machine.id == ContractLine.machine_id)
        if only is not None:
            query = query.where(ContractLine.contract_id.in_(list(numbers)))
        for line, machine in self._session.execute(query):
            site = self._site_names.get(line.site_id, "") if line.site_id else ""
            key = (numbers[line.contract_id], machine or "", site, line.service, _day(line.starts_on))
            held = self.lines.get(key)
            # Two lines for the same thing from the same day cover what the longer one covers.
            if held is None or (held.ends_on is not None and (line.ends_on is None or line.ends_on > held.ends_on)):
                self.lines[key] = line

    def _customers(self) -> Iterable[Row]:
        for row in self.customers.values():
            yield {
                "customer": row.slug,
                "name": fields.tidy(row.name),
                "language": row.language,
                "zone": row.zone,
                "demo": "yes" if row.demo else "no",
            }

    def _sites(self) -> Iterable[Row]:
        for (slug, name), row in self.sites.items():
            yield {"customer": slug, "site": name, "zone": row.zone, "country": row.country}

    def _machines(self) -> Iterable[Row]:
        for row in self.machines.values():
            yield {
                "machine": row.name,
                "customer": self.slugs[row.customer_id],
                "site": self._site_names.get(row.site_id, "") if row.site_id else "",
                "title": fields.tidy(row.title),
                "rack": fields.tidy(row.rack),
                "software": fields.tidy(row.software),
                "broker": fields.tidy(row.broker),
                "source": row.source,
                "retired_at": fields.said(row.retired_at),
            }

    def _contacts(self) -> Iterable[Row]:
        for row in self.people.values():
            if row.customer_id is not None:
                may = " ".join(word for word in kinds.MAY if word in row.may)
                yield {**_person(row), "customer": self.slugs[row.customer_id], "may": may}

    def _ours(self) -> Iterable[Row]:
        for row in self.people.values():
            if row.customer_id is None:
                rungs = " ".join(word for word in kinds.UPPER_RUNGS if word in row.rungs)
                demo = "yes" if row.demo else "no"
                yield {**_person(row), "role": row.role, "level": row.level, "site": fields.tidy(row.site),
                       "rungs": rungs, "demo": demo}  # fmt: skip

    def _named_for(self) -> Iterable[Row]:
        addresses = {row.id: row.email for row in self.people.values()}
        for row in self._named:
            if row.person_id in addresses:  # in an import only those that the files mention are known
                yield {
                    "customer": self.slugs[row.customer_id],
                    "email": addresses[row.person_id],
                    "duty": fields.tidy(row.duty),
                }

    def _rates(self) -> Iterable[Row]:
        for row in self._house_rates:
            yield {
                "version": str(row.version),
                "effective_at": fields.said(row.effective_at),
                "author": fields.tidy(row.author),
                "reason": fields.tidy(row.reason),
                "body": fields.as_json(Rates.from_json(row.body).to_json()),
            }

    def _contracts(self) -> Iterable[Row]:
        for row in self.contracts.values():
            yield {
                "contract": row.number,
                "customer": self.slugs[row.customer_id],
                "tier": row.tier,
                "state": row.state,
                "starts_on": _day(row.starts_on),
                "ends_on": _day(row.ends_on),
                "zone": row.zone,
                "country": row.country,
                "renews": self._followed.get(row.renews_id, "") if row.renews_id else "",
                "notice_days": " ".join(str(one) for one in sorted(set(row.notice_days), reverse=True))
                or fields.NO_WAY,
                "worth": row.worth,
            }

    def _terms(self) -> Iterable[Row]:
        versioned = set()
        for row in self.terms:
            versioned.add(row.contract_id)
            yield terms_rows.told(self._numbers[row.contract_id], row)
        for contract in self.contracts.values():
            if contract.id not in versioned:  # the usual terms of its tier hold: told, so that they hold elsewhere too
                yield terms_rows.usual(contract)

    def _allowances(self) -> Iterable[Row]:
        for row in self.allowances:
            yield {
                "contract": self._numbers[row.contract_id],
                "kind": row.kind,
                "period_start": _day(row.period_start),
                "period_end": _day(row.period_end),
                "granted": str(row.granted),
                "extra": str(row.extra),
                "used": str(row.used),
            }

    def _calendars(self) -> Iterable[Row]:
        named = {row.id: row for row in self.calendars.values()}
        for row in self._versions:
            calendar = named[row.calendar_id]
            yield {
                "calendar": calendar.name,
                "version": str(row.version),
                "customer": self.slugs.get(calendar.customer_id, "") if calendar.customer_id else "",
                "title": fields.tidy(calendar.title),
                "effective_on": _day(row.effective_on),
                "author": fields.tidy(row.author),
                "reason": fields.tidy(row.reason),
                "body": fields.as_json(row.body),
            }

    def _lines(self) -> Iterable[Row]:
        for key, row in self.lines.items():
            yield {**dict(zip(kinds.LINES.key, key, strict=True)), "ends_on": _day(row.ends_on)}


def _person(row: Person) -> dict[str, str]:
    """What is told of everybody."""
    return {
        "email": row.email,
        "name": fields.tidy(row.name),
        "languages": " ".join(row.languages),
        "zone": row.zone,
        "unit": row.unit,
        "notify": ways_said(row.notify),
        "active": "yes" if row.active else "no",
    }


def ways_said(ways: Iterable[dict[str, str]]) -> str:
    """How somebody is reached, without the addresses that are secrets."""
    told = [fields.said_way(way) for way in ways if way.get("channel") not in _SECRET]
    return "; ".join(told) or fields.NO_WAY


def ways_kept(ways: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """The ways an export does not tell, which a change of the others leaves alone."""
    return [way for way in ways if way.get("channel") in _SECRET]


def _day(value: date | None) -> str:
    return value.isoformat() if value else ""


def _named(column: Any, names: Collection[str] | None) -> list[ColumnElement[bool]]:
    """`column` is one of the names; one bound array, however many they are."""
    return [] if names is None else [column == any_(literal(sorted(names), ARRAY(TEXT)))]
