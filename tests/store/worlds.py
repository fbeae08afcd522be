"""Random worlds for the export: whatever the house may hold, as rows. The same seed gives the same world."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from contracts import amending
from contracts.outside import Rates
from contracts.terms import Tier
from contracts.tiers import DEFAULTS
from models.agreements import NOTICE_DAYS, Allowance, Contract, ContractLine, ContractTerms, HouseRates
from models.base import new_id
from models.calendars import CalendarVersion, ServiceCalendar
from models.customers import Customer, Site
from models.machines import Machine
from models.people import NamedPerson, Person

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
ZONES = ("UTC", "Europe/Paris", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "America/St_Johns")
# What a spreadsheet, a CSV reader or an eye may stumble over.
WORDS = (
    "plain",
    "=1+1",
    "-5",
    "+33",
    "@x",
    "'quoted",
    'say "so"',
    "a, b; c",
    "é ü 東京",
    "  x",
    "|pipe|",
    "none",
    "[x]",
)
HOURS = ("24x7", "Mon-Fri 8-18", "Mon-Fri 8-12 13:30-18, Sat 9-12", "Sun 0-24", "Mon-Fri 22-6, Sun 20:30-0")
SECRET = ("webhook", "slack", "teams", "pagerduty")


class World:
    """Rows of one seed, in the order in which they may be written."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.rows: list[Any] = []
        self.calendars: list[tuple[str, uuid.UUID | None]] = []  # name and owner
        self.customers = [self._customer(n) for n in range(self.rng.randint(1, 4))]
        self.ours = [self._person(None, n) for n in range(self.rng.randint(0, 4))]
        for customer in self.customers:
            self._named(customer)
        for version in range(1, self.rng.randint(1, 4)):
            self._rates(version)
        for n in range(self.rng.randint(0, 5)):
            self._calendar(n)
        for customer in self.customers:
            self._agreed(customer)

    def write(self, session: Session) -> None:
        for row in self.rows:
            session.add(row)
            session.flush()  # the next ones refer to it

    def keep(self, row: Any) -> Any:
        self.rows.append(row)
        return row

    def some(self, of: Sequence[Any], least: int = 0) -> list[Any]:
        return self.rng.sample(list(of), self.rng.randint(least, len(of)))

    def word(self) -> str:
        return f"{self.rng.choice(WORDS)} {self.rng.randint(1, 99)}"

    def day(self) -> date:
        return date(2026, 1, 1) + timedelta(days=self.rng.randint(0, 700))

    def instant(self) -> datetime:
        return NOW + timedelta(seconds=self.rng.randint(-(10**7), 10**7), microseconds=self.rng.choice((0, 7)))

    def _customer(self, n: int) -> Customer:
        rng = self.rng
        made = Customer(id=new_id(), slug=f"c{n}", name=self.word(), language=rng.choice(("en", "fr")),
                        zone=rng.choice(ZONES), demo=rng.random() < 0.2, created_at=NOW)  # fmt: skip
        self.keep(made)
        sites = [
            self.keep(Site(id=new_id(), customer_id=made.id, name=f"{self.word()} {at}".strip(), zone=rng.choice(ZONES),
                           country=rng.choice(("", "FR", "DE-BY", "US-CA")), created_at=NOW))
            for at in range(rng.randint(0, 3))
        ]  # fmt: skip
        for at in range(rng.randint(0, 3)):
            self.keep(Machine(
                id=new_id(), customer_id=made.id, name=f"m{n}-{at}", title=self.word(),
                rack=self.word(), software=self.word(), broker=rng.choice(("", "east")),
                site_id=rng.choice([None, *(one.id for one in sites)]), source=rng.choice(("native", "telegraf")),
                retired_at=self.instant() if rng.random() < 0.3 else None, created_at=NOW,
            ))  # fmt: skip
        for at in range(rng.randint(0, 3)):
            self._person(made, 10 * n + at)
        return made

    def _person(self, customer: Customer | None, n: int) -> Person:
        rng, mine = self.rng, new_id()
        ways = []
        for _ in range(rng.randint(0, 4)):
            channel = rng.choice(("email", "sms", "browser", "file", *SECRET))
            address = {"browser": str(mine), "sms": "+33 6 12 34 56 78", "file": "/tmp/(quiet) x"}.get(
                channel, f"https://hooks.example/very-secret-{n}" if channel in SECRET else f"Ways{n}@example.org"
            )
            more = {"quiet": "22:00-07:00", "loud": "0", "hours": "08:00-20:00"}
            ways.append({"channel": channel, "address": address} | {name: more[name] for name in self.some(list(more))})
        return self.keep(Person(
            id=mine, customer_id=customer.id if customer else None, name=self.word(),
            email=f"{rng.choice(('a', 'B'))}{n}@{'example.org' if customer else 'ours.example'}",
            role="contact" if customer else rng.choice(("engineer", "manager", "operator", "administrator")),
            level=rng.choice(("junior", "confirmed", "senior")) if customer is None else "confirmed",
            unit=rng.choice(("americas", "europe", "asia-pacific")), zone=rng.choice(ZONES),
            languages=self.some(("en", "fr", "de"), 1), may=self.some(("open", "escalate", "sign")) if customer else [],
            rungs=self.some(("lead", "number-two", "number-one")) if customer is None else [], notify=ways,
            site=rng.choice(("", "home", self.word())) if customer is None else "",
            active=rng.random() < 0.8, demo=customer.demo if customer else rng.random() < 0.2, created_at=NOW,
        ))  # fmt: skip

    def _named(self, customer: Customer) -> None:
        for person in self.some(self.ours):
            for duty in self.some(("account engineer", "deputy", self.word()), 1):
                self.keep(NamedPerson(id=new_id(), customer_id=customer.id, person_id=person.id, duty=duty.strip()))

    def _rates(self, version: int) -> None:
        body = Rates(hour=self.rng.randint(0, 10**6), phone=self.rng.choice(("", "+33 1"))).to_json()
        body = {name: body[name] for name in self.some(list(body))}  # what is left out is as it usually is
        self.keep(HouseRates(id=new_id(), version=version, effective_at=self.instant(), body=body, author=self.word(),
                             reason=self.word(), created_at=NOW))  # fmt: skip

    def _calendar(self, n: int) -> None:
        rng = self.rng
        owner = rng.choice([None, None, *(one.id for one in self.customers)])
        made = self.keep(ServiceCalendar(id=new_id(), name=f"cal-{n}", title=self.word(), customer_id=owner,
                                         created_at=NOW))  # fmt: skip
        for version in range(1, rng.choice((2, 3, 13))):
            self.keep(CalendarVersion(
                id=new_id(), customer_id=owner, calendar_id=made.id, version=version, effective_on=self.day(),
                body=self._body(), author=self.word(), reason=self.word(), created_at=NOW,
            ))  # fmt: skip
        self.calendars.append((made.name, owner))

    def _body(self) -> dict[str, Any]:
        rng = self.rng
        named = [{"calendar": name} for name, owner in self.calendars if owner is None]
        plain: dict[str, Any] = {
            "tz": rng.choice(ZONES),
            "weekly": {"mon": [["08:00", "12:00"]], "sun": [["22:00", "06:00"]]},
        }
        if rng.random() < 0.5:
            plain |= {"holidays": ["FR", "DE-BY"], "closed_dates": ["2026-08-14"], "half_days": {"12-24": "12:00"},
                      "date_hours": {"2026-03-14": [["09:00", "24:00"]]}}  # fmt: skip
        if named and rng.random() < 0.6:
            return {rng.choice(("union", "intersect")): [*self.some(named, 1), {"intersect": [plain]}]}
        return rng.choice((plain, {"always_open": True}, {"weekly": {}}))

    def _agreed(self, customer: Customer) -> None:
        rng, before = self.rng, None
        for n in range(rng.randint(0, 3)):
            starts = self.day()
            tier = rng.choice(list(Tier))
            row = self.keep(Contract(
                id=new_id(), customer_id=customer.id, number=f"VC-{customer.slug}{rng.choice(' /-')}{n}",
                tier=tier.value, state=rng.choice(("draft", "active", "suspended", "expired", "cancelled")),
                starts_on=starts, ends_on=starts + timedelta(days=rng.randint(0, 400)) if rng.random() < 0.7 else None,
                zone=rng.choice(ZONES), country=rng.choice(("", "FR", "DE-BY")),
                renews_id=before.id if before is not None and rng.random() < 0.5 else None,
                notice_days=rng.choice((list(NOTICE_DAYS), [], [90, 1])), created_at=NOW,
                worth=rng.choice(("", "120000 EUR", "99.50 GBP")),
            ))  # fmt: skip
            before = row
            for version in range(1, rng.choice((1, 2, 4, 12))):
                self._version(customer, row, tier, version)
            self._lines(customer, row)
            for kind in self.some(("cases", "visits", "remote_hours")):
                granted = rng.randint(0, 9)
                self.keep(Allowance(id=new_id(), customer_id=customer.id, contract_id=row.id, kind=kind,
                                    period_start=starts, period_end=starts + timedelta(days=90), granted=granted,
                                    extra=rng.randint(0, 2), used=rng.randint(0, granted)))  # fmt: skip

    def _version(self, customer: Customer, row: Contract, tier: Tier, version: int) -> None:
        body = amending.changed(DEFAULTS[tier], self._changes(customer)).to_json()
        confirmed = self.rng.choice(("", "Root"))
        self.keep(ContractTerms(
            id=new_id(), customer_id=customer.id, contract_id=row.id, version=version, effective_at=self.instant(),
            body=body, author=self.word(), reason=self.word(), confirmed_by=confirmed, created_at=NOW,
        ))  # fmt: skip

    def _changes(self, customer: Customer) -> dict[str, Any]:
        """Changes of terms of every field, as a person may make them."""
        rng = self.rng
        names = [f"calendar:{name}" for name, owner in self.calendars if owner in (None, customer.id)]
        hours = [*HOURS, *names, *([" or ".join([*names, HOURS[1]])] if names else []), "Mon-Fri 8-18 and Mon-Sat 9-12"]
        budgets = ({"seconds": 1}, {"seconds": 5400}, {"business_days": 2}, {"business_days": 1, "by": "closing"},
                   {"business_days": 1, "at": "16:00"})  # fmt: skip

        def budget() -> dict[str, Any]:
            return rng.choice(budgets)

        def by_severity() -> dict[str, Any]:
            return {n: budget() for n in self.some("1234", 1)}

        clocks = {
            "budgets": {"acknowledge": by_severity(), "update": by_severity(), "resolve": by_severity()},
            "internal": {"respond": by_severity()},
            "vendor": {"budget": budget(), "hours": rng.choice(["", *hours])},
            "hours": {kind: rng.choice(hours) for kind in self.some(("respond", "resolve", "on_site"), 1)},
            "pauses": self.some(("customer", "vendor", "maintenance")),
            "on_severity": "restart",
            "on_end": "cutoff",
            "warn_at": rng.choice(([], [10], [50, 75, 90, 100, 120])),
            "zone": rng.choice(("contract", "Asia/Tokyo")),
            "calendars": {"own": {"union": [{"weekly": {"tue": [["09:00", "10:00"]]}}, {"always_open": True}]}},
        }
        changes: dict[str, Any] = {
            "scope": self.some(("hardware", "software", "installation", "environment", "tele-alarm")),
            "hours": {n: rng.choice(hours) for n in "1234"},
            "respond": by_severity(),
            "update": rng.choice((None, budget())),
            "on_site": budget(),
            "skill_floor": rng.choice(("junior", "senior")),
            "named_people": [self.word().strip() for _ in range(rng.randint(0, 3))],
            "review_months": rng.randint(0, 12),
            "watching": rng.choice(("collect", "watch", "shadow", "detect")),
            "ladder": [{"who": who, "wait": rng.randint(1, 9999)} for who in self.some(("duty", "second", "lead"), 1)],
            "grace_days": rng.randint(0, 60),
            "keep": {"reports": rng.randint(7, 90)} | ({"figures": 900} if rng.random() < 0.5 else {}),
            "allowances": {
                kind: {"units": rng.randint(0, 9), "period": rng.choice(("month", "half", "year"))}
                for kind in self.some(("cases", "visits", "remote_hours", "advice_hours"))
            },
            "clocks": {name: clocks[name] for name in self.some(list(clocks))},
        }
        return {name: changes[name] for name in self.some(list(changes), 1)}

    def _lines(self, customer: Customer, row: Contract) -> None:
        sites = [one.id for one in self.rows if isinstance(one, Site) and one.customer_id == customer.id]
        machines = [one.id for one in self.rows if isinstance(one, Machine) and one.customer_id == customer.id]
        subjects: list[dict[str, Any]] = [{}, {"service": "backup"}, *({"site_id": one} for one in sites),
                                          *({"machine_id": one} for one in machines)]  # fmt: skip
        for subject in self.some(subjects):
            starts = self.day() if self.rng.random() < 0.5 else None
            ends = (starts or date(2027, 1, 1)) + timedelta(days=self.rng.randint(0, 99))
            self.keep(ContractLine(id=new_id(), customer_id=customer.id, contract_id=row.id, starts_on=starts,
                                   ends_on=ends if self.rng.random() < 0.5 else None, **subject))  # fmt: skip
