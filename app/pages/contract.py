"""Everything the contract page shows: terms in force and proposed, its history, what it covers and what is left."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import term_said
from app.identity import Caller
from app.pages import contract_story, contract_words
from app.pages.contract_story import Reader, Told
from app.pages.contract_words import said_day
from app.pages.cover_words import named, typeset
from app.term_said import Differ
from contracts import allowances, contracting, proposals, signing, words
from contracts.decision import ContractFacts
from contracts.in_force import runs
from contracts.life import NEXT
from models.agreements import Contract, ContractLine, TermsProposal
from models.base import Json
from models.customers import Customer, Site
from models.machines import Machine
from models.people import Person


@dataclass(frozen=True, slots=True)
class Table:
    """The tier table in one of its groups: label, what is agreed, and whether that is nothing out of the usual."""

    group: str
    lines: Sequence[tuple[str, str, bool]]


@dataclass(frozen=True, slots=True)
class Coming:
    """A version settled for later."""

    said: str
    differences: Sequence[Differ]


@dataclass(frozen=True, slots=True)
class Pending:
    """A proposal that waits for a second person. `mine`: the reader made it, and cannot confirm it."""

    id: uuid.UUID
    said: str
    made: str
    differences: Sequence[Differ]
    mine: bool
    signed: str  # who signed it for the customer, and when; or that nobody has


@dataclass(frozen=True, slots=True)
class LineView:
    """What one line covers, and whether it does now."""

    id: uuid.UUID
    what: str
    days: str
    state: str
    in_force: bool
    may_end: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """One allowance in its period."""

    said: str
    until: str


@dataclass(frozen=True, slots=True)
class ContractPage:
    """The contract, ready to be drawn."""

    number: str
    tier: str
    state: str
    standing: str
    standing_word: str
    days: str
    version: str
    may_become: Sequence[tuple[str, str]]
    follows: str
    followed_by: str
    tables: Sequence[Table]
    coming: Sequence[Coming]
    pending: Sequence[Pending]
    history: Sequence[Told]
    lines: Sequence[LineView]
    counted: Sequence[Counted]
    contacts: Sequence[tuple[Person, str]]  # and what each may
    notices: str
    signed: str  # of a draft: who signed it for the customer, as it stands


def read_contract(
    session: Session, customer: Customer, contract: Contract, who: Caller, now: datetime, reader: Reader
) -> ContractPage:
    """The whole page. A fixed number of questions."""
    every = proposals.versions(session, contract)
    terms, held = proposals.at(session, contract, now)
    today = now.astimezone(ZoneInfo(contract.zone)).date()
    facts = ContractFacts(
        contract.state, contract.number, contract.zone, starts_on=contract.starts_on, ends_on=contract.ends_on
    )
    standing = facts.standing(now, terms.grace_days)
    before = session.get(Contract, contract.renews_id) if contract.renews_id else None
    after = contracting.successor(session, contract)
    span = allowances.Span(contract.id, customer.id, contract.starts_on, contract.ends_on)
    signed = {
        one.proposal.id if one.proposal else None: [
            reader.say("signed_one", name=row.name, at=reader.when(row.signed_at)) for row in one.signed
        ]
        for one in signing.signable(session, contract, now)
    }
    return ContractPage(
        number=contract.number,
        tier=terms.tier.value,
        state=contract.state,
        standing=standing,
        standing_word=contract_words.state(standing, reader.language),
        days=reader.say("days_both", days=_days(contract.starts_on, contract.ends_on, reader), zone=contract.zone),
        version=reader.say("version", n=held.version) if held else reader.say("version_none"),
        may_become=[(state, reader.say(f"does_{state}")) for state in NEXT[contract.state]],
        follows=before.number if before else "",
        followed_by=after.number if after else "",
        tables=tables_of(terms.to_json(), reader),
        coming=_coming(every, now, reader),
        pending=_pending(session, contract, who, now, reader, signed),
        history=contract_story.told(session, contract, every, reader),
        lines=_lines(session, contract, today, reader),
        counted=[_counted(one, reader) for one in allowances.read(session, span, terms, today).values()],
        contacts=[(person, _may(person, reader)) for person in contacts_of(session, customer)],
        notices=_notices(contract, reader),
        signed=_signed(signed.get(None, ()), reader, "not_signed_draft" if reader.inside else "not_signed_mine"),
    )


def tables_of(body: Json, reader: Reader) -> list[Table]:
    """The terms as the table people read, group by group."""
    groups: dict[str, list[tuple[str, str, bool]]] = {}
    for row in term_said.rows(body, reader.language, inside=reader.inside):
        said = typeset(row.said, reader.language)
        groups.setdefault(row.group, []).append((row.label, said, row.said in term_said.DIM))
    return [Table(group, lines) for group, lines in groups.items()]


def contacts_of(session: Session, customer: Customer) -> list[Person]:
    """The customer's people, those who left at the end."""
    mine = select(Person).where(Person.customer_id == customer.id)
    return list(session.scalars(mine.order_by(Person.active.desc(), Person.name)))


def _may(person: Person, reader: Reader) -> str:
    """What a contact may, in words."""
    if not person.active:
        return reader.say("left_us")
    rights = [contract_words.right(one, reader.language) for one in person.may]
    return reader.say("may", rights=named(rights, reader.language)) if rights else reader.say("may_read")


def _signed(names: Sequence[str], reader: Reader, nobody: str) -> str:
    return reader.say("signed_by", names="; ".join(names)) if names else reader.say(nobody)


def _coming(every: Sequence[proposals.Version], now: datetime, reader: Reader) -> list[Coming]:
    return [
        Coming(
            reader.say("coming", n=one.row.version, at=reader.when(one.row.effective_at)),
            reader.differ(before.row.body, one.row.body),
        )
        for before, one in pairwise(every)
        if one.row.effective_at > now
    ]


def _pending(
    session: Session, contract: Contract, who: Caller, now: datetime, reader: Reader,
    signed: Mapping[uuid.UUID | None, Sequence[str]],
) -> list[Pending]:  # fmt: skip
    rows = session.scalars(
        select(TermsProposal)
        .where(TermsProposal.contract_id == contract.id, TermsProposal.state == "pending")
        .order_by(TermsProposal.created_at)
    )
    found = []
    for row in rows:
        start = max(row.effective_at, now) if row.effective_at else now
        effect = proposals.effect(session, contract, row.changes, start, now)
        differences: Sequence[Differ] = ()
        if isinstance(effect, proposals.Effect):
            differences = reader.differ(effect.base.to_json(), effect.after.to_json())
        at = reader.when(row.effective_at) if row.effective_at else ""
        key = "proposes" if at else "proposes_confirmed"
        found.append(
            Pending(
                id=row.id,
                said=reader.say(key, author=row.author, at=at, reason=row.reason),
                made=reader.when(row.created_at),
                differences=differences,
                mine=row.author_key == contract_story.by(who).key,
                signed=_signed(signed.get(row.id, ()), reader, "not_signed"),
            )
        )
    return found


def _lines(session: Session, contract: Contract, today: date, reader: Reader) -> list[LineView]:
    rows = session.execute(
        select(ContractLine, Machine.name, Site.name)
        .outerjoin(Machine, Machine.id == ContractLine.machine_id)
        .outerjoin(Site, Site.id == ContractLine.site_id)
        .where(ContractLine.contract_id == contract.id)
        .order_by(Machine.name, Site.name, ContractLine.id)
    )
    return [_line(line, machine, site, today, reader) for line, machine, site in rows]


def _line(line: ContractLine, machine: str | None, site: str | None, today: date, reader: Reader) -> LineView:
    what = reader.say("line_all")
    if machine:
        what = machine
    elif site:
        what = reader.say("line_site", name=site)
    elif line.service:
        what = reader.say("line_service", name=line.service)
    in_force = runs(line, today)
    if in_force:
        state = "line_in_force"
    elif line.starts_on is not None and line.starts_on > today:
        state = "line_not_yet"
    else:
        state = "line_ended"
    days = _days(line.starts_on, line.ends_on, reader)
    return LineView(line.id, what, days, reader.say(state), in_force, state != "line_ended")


def _counted(one: allowances.Left, reader: Reader) -> Counted:
    pool = words.pool(one.kind, reader.language)
    last, first = said_day(one.period.last, reader.language), said_day(one.renewed_on, reader.language)
    return Counted(
        said=reader.say("counted", left=one.left, granted=one.granted, used=one.used, pool=pool),
        until=reader.say("until_anew", last=last, first=first) if first else reader.say("until", last=last),
    )


def _notices(contract: Contract, reader: Reader) -> str:
    if contract.ends_on is None or not contract.notice_days:
        return reader.say("notices_none")
    ahead = sorted(contract.notice_days, reverse=True)
    days = [said_day(contract.ends_on - timedelta(days=number), reader.language) for number in ahead]
    return reader.say("notices_on", days=named(days, reader.language))


def _days(starts: date | None, ends: date | None, reader: Reader) -> str:
    told = {"starts": said_day(starts, reader.language), "ends": said_day(ends, reader.language)}
    if starts is None and ends is None:
        return reader.say("days_as_contract")
    if starts is None:
        return reader.say("days_until", **told)
    return reader.say("days_from_to" if ends else "days_from", **told)


def find_contract(session: Session, customer: Customer, ref: str) -> Contract | None:
    """The customer's contract of that number, or id."""
    mine = select(Contract).where(Contract.customer_id == customer.id)
    found = session.scalar(mine.where(Contract.number == ref))
    if found is None and len(ref) == 36:
        try:
            found = session.scalar(mine.where(Contract.id == uuid.UUID(ref)))
        except ValueError:
            return None
    return found
