"""Doing what a plan says, within the caller's transaction: all of it, or, when anything stops it, nothing."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.transfer import agreed, fields, kinds
from app.transfer.kinds import Row
from app.transfer.known import Store, ways_kept
from app.transfer.plan import Fault, LineSaid, Plan
from contracts import contracting
from contracts.life import By, CannotBe
from escalation.outbox import BROWSER
from models import audit
from models.agreements import Contract, ContractLine
from models.base import new_id
from models.calendars import CalendarVersion, ServiceCalendar
from models.customers import Customer, Site
from models.machines import Machine
from models.people import NamedPerson, Person, WebSession
from telemetry import enrol

# The audit names this many lines of a customer one by one; for the rest the counts and the plan's digest stand.
_MOST_NAMED = 2000


class Refused(Exception):
    """A line cannot be done after all; what was written with it is to be rolled back."""

    def __init__(self, line: LineSaid, fault: Fault) -> None:
        super().__init__(f"{line.file}:{line.line}")
        self.line, self.fault = line, fault


def carry_out(session: Session, plan: Plan, store: Store, by: By, now: datetime) -> None:
    """Write everything a plan without refused lines says. Raises Refused where the house says no after all."""
    for customer_id in sorted(row.id for row in store.customers.values()):
        audit.take_turns(session, customer_id)  # before any row is written: the order everybody keeps
    hand = _Hand(session, store, by, now)
    hand.versioned = {line.row["contract"] for line in plan.lines if line.kind == "terms" and line.action == "create"}
    for line in plan.lines:
        if line.action == "create":
            hand.make(line)
        elif line.action == "change":
            hand.change(line)
    session.flush()  # a contract may follow one that was made after it
    for line in plan.lines:
        if line.kind == "contracts" and line.action == "create" and line.row["renews"]:
            store.contracts[line.row["contract"]].renews_id = store.contracts[line.row["renews"]].id
    session.flush()  # what the database refuses shows here, before the audit speaks of it
    hand.write_down(plan)


class _Hand:
    """The one who writes: knows what it made, for the lines that refer to it."""

    def __init__(self, session: Session, store: Store, by: By, now: datetime) -> None:
        self._session, self._store, self._by, self._now = session, store, by, now
        self.versioned: set[str] = set()  # contracts whose terms the files bring
        self._flushed = ""
        self._makers: Mapping[str, Callable[[Row], object]] = {
            "customers": self._customer, "sites": self._site, "machines": self._machine,
            "contacts": self._contact, "contracts": self._contract, "lines": self._line,
            "terms": lambda row: agreed.version(self._store.contracts[row["contract"]], row, self._now),
            "allowances": lambda row: agreed.allowance(self._store.contracts[row["contract"]], row),
            "calendars": self._calendar, "people": self._one_of_ours, "named": self._named_for,
            "rates": lambda row: agreed.rates(row, self._now),
        }  # fmt: skip
        self._changers: Mapping[str, Callable[[Row, set[str]], CannotBe | None]] = {
            "customers": self._customer_changed, "sites": self._site_changed, "machines": self._machine_changed,
            "contacts": self._person_changed, "contracts": self._contract_changed, "lines": self._line_changed,
            "people": self._person_changed,
        }  # fmt: skip

    def make(self, line: LineSaid) -> None:
        if line.kind != self._flushed:
            self._session.flush()  # the rows of this kind refer to those before
            self._flushed = line.kind
        self._session.add(self._makers[line.kind](line.row))

    def change(self, line: LineSaid) -> None:
        answer = self._changers[line.kind](line.row, {change.field for change in line.changes})
        if answer is not None:
            said = answer.reason.rstrip(".")
            raise Refused(line, Fault(answer.field or line.changes[0].field, said, answer.remedy.rstrip(".")))

    def write_down(self, plan: Plan) -> None:
        """One entry in the chain of each customer that was touched, naming every line with what changed."""
        touched: dict[str, list[LineSaid]] = defaultdict(list)
        for line in plan.lines:
            if line.action in ("create", "change"):
                touched[self._slug(line)].append(line)
        for slug, lines in sorted(touched.items()):
            facts = {
                "plan": plan.digest,
                "made": sum(line.action == "create" for line in lines),
                "changed": sum(line.action == "change" for line in lines),
                "lines": [_told(line) for line in lines[:_MOST_NAMED]],
            }
            audit.record(
                self._session,
                actor=self._by.name,
                deed="import.done",
                subject=f"customer:{slug}",
                customer_id=self._store.customers[slug].id if slug else None,
                facts=facts,
                now=self._now,
            )

    def _slug(self, line: LineSaid) -> str:
        row = line.row
        if "customer" in row or "contract" not in row:
            return row.get("customer", "")  # empty: the house's own
        return self._store.slugs[self._store.contracts[row["contract"]].customer_id]

    def _customer(self, row: Row) -> Customer:
        made = Customer(
            id=new_id(),
            slug=row["customer"],
            name=row["name"],
            language=row["language"],
            zone=row["zone"],
            demo=row["demo"] == "yes",
            created_at=self._now,
        )
        self._store.customers[made.slug] = made
        self._store.slugs[made.id] = made.slug
        return made

    def _customer_changed(self, row: Row, changed: set[str]) -> None:
        found = self._store.customers[row["customer"]]
        for name in changed & {"name", "language", "zone"}:
            setattr(found, name, row[name])

    def _site(self, row: Row) -> Site:
        made = Site(
            id=new_id(),
            customer_id=self._owner(row),
            name=row["site"],
            zone=row["zone"],
            country=row["country"],
            created_at=self._now,
        )
        self._store.sites[row["customer"], row["site"]] = made
        return made

    def _site_changed(self, row: Row, changed: set[str]) -> None:
        found = self._store.sites[row["customer"], row["site"]]
        for name in changed & {"zone", "country"}:
            setattr(found, name, row[name])

    def _machine(self, row: Row) -> Machine:
        made = Machine(
            id=new_id(),
            customer_id=self._owner(row),
            name=row["machine"],
            site_id=self._site_id(row["customer"], row["site"]),
            retired_at=agreed.instant(row["retired_at"]),
            created_at=self._now,
            **{name: row[name] for name in ("title", "rack", "software", "broker", "source")},
        )
        self._store.machines[made.name] = made
        return made

    def _machine_changed(self, row: Row, changed: set[str]) -> None:
        found = self._store.machines[row["machine"]]
        for name in changed & {"title", "rack", "software", "broker", "source"}:
            setattr(found, name, row[name])
        if "site" in changed:
            found.site_id = self._site_id(row["customer"], row["site"])
        if "retired_at" in changed:
            found.retired_at = agreed.instant(row["retired_at"])
            enrol.revoke(self._session, found, self._now, actor=self._by.name)

    def _contact(self, row: Row) -> Person:
        demo = self._store.customers[row["customer"]].demo
        return self._person(row, customer_id=self._owner(row), role="contact", demo=demo)

    def _one_of_ours(self, row: Row) -> Person:
        return self._person(row, customer_id=None, demo=row["demo"] == "yes")

    def _person(self, row: Row, **more: Any) -> Person:  # Any: columns of several types
        person_id = new_id()
        made = Person(id=person_id, email=row["email"], created_at=self._now, **{**_person(row, person_id), **more})
        self._store.people[made.email.lower()] = made
        return made

    def _named_for(self, row: Row) -> NamedPerson:
        person = self._store.people[row["email"].lower()]
        return NamedPerson(customer_id=self._owner(row), person_id=person.id, duty=row["duty"])

    def _person_changed(self, row: Row, changed: set[str]) -> None:
        found = self._store.people[row["email"].lower()]
        said = _person(row, found.id)
        said["notify"] += ways_kept(found.notify)
        for name in changed & said.keys():
            setattr(found, name, said[name])
        if "active" in changed and not found.active:
            ended = update(WebSession).where(WebSession.person_id == found.id, WebSession.ended_at.is_(None))
            self._session.execute(ended.values(ended_at=self._now))

    def _contract(self, row: Row) -> Contract:
        made = Contract(
            id=new_id(),
            customer_id=self._owner(row),
            number=row["contract"],
            tier=row["tier"],
            state=row["state"],
            starts_on=agreed.day(row["starts_on"]),
            ends_on=agreed.day(row["ends_on"]),
            zone=row["zone"], country=row["country"], worth=row["worth"], made_by=self._by.key,
            notice_days=agreed.numbers(row["notice_days"]),
            created_at=self._now,
        )  # fmt: skip
        self._store.contracts[made.number] = made
        if made.number not in self.versioned:
            self._session.add(made)
            self._session.flush()  # the version refers to it
            self._session.add(agreed.first_version(made, self._by, self._now))
        return made

    def _contract_changed(self, row: Row, changed: set[str]) -> CannotBe | None:
        found, why = self._store.contracts[row["contract"]], "imported"
        if "country" in changed:
            found.country = row["country"]
        answer: object = None
        if "ends_on" in changed:
            answer = contracting.set_end(self._session, found, agreed.day(row["ends_on"]), why, self._by, self._now)
        if "state" in changed and not isinstance(answer, CannotBe):
            answer = contracting.move(self._session, found, row["state"], why, self._by, self._now)
        if "notice_days" in changed and not isinstance(answer, CannotBe):
            days = tuple(agreed.numbers(row["notice_days"]))
            answer = contracting.set_notices(self._session, found, days, self._by, self._now)
        if "worth" in changed and not isinstance(answer, CannotBe):
            answer = contracting.set_worth(self._session, found, row["worth"], self._by, self._now)
        return answer if isinstance(answer, CannotBe) else None

    def _calendar(self, row: Row) -> CalendarVersion:
        calendar = self._store.calendars.get(row["calendar"])
        if calendar is None:
            owner = self._owner(row) if row["customer"] else None
            title = row["title"] or row["calendar"]
            calendar = ServiceCalendar(
                id=new_id(), customer_id=owner, name=row["calendar"], title=title, created_at=self._now
            )
            self._store.calendars[calendar.name] = calendar
            self._session.add(calendar)
            self._session.flush()  # the version refers to it
        return agreed.calendar_version(calendar, row, self._now)

    def _line(self, row: Row) -> ContractLine:
        contract = self._store.contracts[row["contract"]]
        machine = self._store.machines[row["machine"]] if row["machine"] else None
        return ContractLine(
            customer_id=contract.customer_id,
            contract_id=contract.id,
            machine_id=machine.id if machine else None,
            site_id=self._site_id(self._store.slugs[contract.customer_id], row["site"]),
            service=row["service"],
            starts_on=agreed.day(row["starts_on"]),
            ends_on=agreed.day(row["ends_on"]),
        )

    def _line_changed(self, row: Row, changed: set[str]) -> None:
        self._store.lines[kinds.LINES.key_of(row)].ends_on = agreed.day(row["ends_on"])

    def _owner(self, row: Row) -> uuid.UUID:
        return self._store.customers[row["customer"]].id

    def _site_id(self, customer: str, name: str) -> uuid.UUID | None:
        return self._store.sites[customer, name].id if name else None


def _person(row: Row, person_id: uuid.UUID) -> dict[str, Any]:  # Any: columns of several types
    texts = [] if row["notify"] in ("", fields.NO_WAY) else row["notify"].split("; ")
    ways = [way for text in texts if (way := fields.read_way(text)) is not None]
    found: dict[str, Any] = {
        "name": row["name"],
        "languages": row["languages"].split(),
        "zone": row["zone"],
        "unit": row["unit"],
        "notify": [{**way, "address": str(person_id)} if way["channel"] == BROWSER else way for way in ways],
        "active": row["active"] == "yes",
    }
    found |= {name: row[name].split() for name in ("may", "rungs") if name in row}
    return found | {name: row[name] for name in ("role", "level", "site") if name in row}


def _told(line: LineSaid) -> dict[str, Any]:  # Any: plain JSON
    told: dict[str, Any] = {"kind": line.kind, "key": line.key, "did": line.action}
    if line.changes:
        told["changes"] = [[change.field, change.before, change.after] for change in line.changes]
    return told
