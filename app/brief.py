"""The one-page brief for whoever stands on the top rungs: who, what was promised, what happened, what is asked of them.

It is put together from rows when it is opened, so it knows what the story knows. It is one page whatever people wrote:
long words are cut there, with a mark, and stand whole on the incident.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import words
from escalation import alone, instants, promises
from escalation.words import whole
from models.agreements import Contract
from models.customers import Customer
from models.escalations import Escalation
from models.incidents import OPEN_STATES, Incident, Promise, TimelineEntry
from models.machines import Machine
from models.people import NamedPerson, Person

LINES = 12  # of the story: what fits on the page beside the rest; the whole of it is one click away
# Letters of what people wrote: a line of the story, words that ask for something, a name. The sheet holds them at once.
_STORY, _WORDS, _NAME = 150, 240, 80
KEPT_OVER = timedelta(days=90)
# What the story tells for the desk alone, and not for somebody who must decide in two minutes.
_LEFT_OUT = ("notice", "rung", "queued", "served", "serving", "threshold")


@dataclass(frozen=True, slots=True)
class PromiseLine:
    """A promise with what became of it: kept, missed, running, paused or dropped."""

    what: str
    due: str
    state: str


@dataclass(frozen=True, slots=True)
class StoryLine:
    at: str
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Brief:
    """Everything on the page, in words, with hours in the reader's zone."""

    label: str
    title: str
    summary: str
    severity: int
    state: str
    customer: str
    slug: str
    machine: str
    since: str
    now: str
    contract: Sequence[tuple[str, str]]
    people: Sequence[tuple[str, str]]
    promises: Sequence[PromiseLine]
    kept: str  # of the customer's promises over the last quarter
    others: str  # what else is open at this customer's
    story: Sequence[StoryLine]
    asked: Sequence[str]


def read_brief(session: Session, incident: Incident, now: datetime, zone: tzinfo) -> Brief:
    """The brief of an incident as it stands at `now`."""
    customer = session.get_one(Customer, incident.customer_id)
    contract = session.get(Contract, incident.contract_id) if incident.contract_id else None
    machine = session.get(Machine, incident.machine_id) if incident.machine_id else None
    story = _story(session, incident)
    return Brief(
        label=incident.label,
        title=_short(incident.title, _STORY),
        summary=_short(incident.summary, _WORDS),
        severity=incident.severity,
        state=_state(incident),
        customer=customer.name,
        slug=customer.slug,
        machine=(f"{machine.name}, {machine.title}" if machine.title else machine.name) if machine else "",
        since=f"{words.hour(incident.began_at, zone, now)}, {words.ago(incident.began_at, now)}",
        now=f"{words.day(now, zone)}, {now.astimezone(zone):%H:%M}",
        contract=_contract(contract, incident, now),
        people=_people(session, incident, now),
        promises=[_promise(one, now, zone) for one in promises.of(session, incident)],
        kept=_kept(session, incident.customer_id, now),
        others=_others(session, incident),
        story=[StoryLine(words.hour(one.at, zone, now), one.actor, _said(one, zone)) for one in story],
        asked=_asked(session, incident, customer, now, zone),
    )


def _said(line: TimelineEntry, zone: tzinfo) -> str:
    return _short(instants.of_line(line.text, line.facts, zone, line.at), _STORY)


def _short(text: str, most: int) -> str:
    """On one line; what is longer is cut, between words where there are any."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    cut = line[: most - 2]
    head = cut.rpartition(" ")[0]
    return f"{head if len(head) > most // 2 else cut} …"


def _state(incident: Incident) -> str:
    return f"waiting for the {incident.waiting_for}" if incident.state == "waiting" else incident.state


def _contract(contract: Contract | None, incident: Incident, now: datetime) -> list[tuple[str, str]]:
    if contract is None:
        return [("Contract", "none covers it")]
    lines = [("Contract", f"{contract.number}, {incident.tier} when it opened"), ("State", contract.state),
             ("Worth", _worth(contract.worth))]  # fmt: skip
    if contract.ends_on is None:
        return [*lines, ("Ends", "no end is agreed")]
    left = (contract.ends_on - now.astimezone(ZoneInfo(contract.zone)).date()).days
    ends = f"in {words.count(left, 'day')}" if left >= 0 else f"{words.count(-left, 'day')} ago"
    return [*lines, ("Renewal", f"ends {contract.ends_on:%-d %b %Y}, {ends}")]


def _worth(worth: str) -> str:
    """Money as one reads it aloud: "120,000 EUR a year"."""
    amount, _, currency = worth.partition(" ")
    whole, dot, cents = amount.partition(".")
    return f"{int(whole):,}{dot}{cents} {currency} a year" if worth else "nobody has said"


def _people(session: Session, incident: Incident, now: datetime) -> list[tuple[str, str]]:
    named = session.execute(
        select(NamedPerson.duty, Person.name)
        .join(Person, Person.id == NamedPerson.person_id)
        .where(NamedPerson.customer_id == incident.customer_id)
        .order_by(NamedPerson.duty)
    )
    found = [(duty.capitalize(), name) for duty, name in named]
    for role, person_id in (("Leads", incident.owner_id), ("Second", incident.second_id)):
        person = session.get(Person, person_id) if person_id else None
        found.append((role, person.name if person else "nobody"))
    lonely = alone.seconds(incident, now)
    if lonely >= words.MINUTE:
        found.append(("Alone for", words.span(lonely)))
    contacts = (
        select(Person.name).where(Person.customer_id == incident.customer_id, Person.active).order_by(Person.name)
    )
    return [*found, ("Their contacts", ", ".join(session.scalars(contacts.limit(6))) or "none is known")]


def _promise(one: Promise, now: datetime, zone: tzinfo) -> PromiseLine:
    due = words.hour(one.due_at, zone, now) if one.due_at else "no instant"
    if one.breached_at is not None:
        late = (one.met_at or now) - one.breached_at
        after = "done" if one.met_at else "and still owed"
        return PromiseLine(promises.words(one.kind), due, f"missed, {after} {words.span(late.total_seconds())} late")
    return PromiseLine(promises.words(one.kind), due, {"met": "kept", "cancelled": "dropped"}.get(one.state, one.state))


def _kept(session: Session, customer_id: uuid.UUID, now: datetime) -> str:
    to_them = (Promise.customer_id == customer_id, Promise.party == "customer")
    over = (*to_them, Promise.started_at > now - KEPT_OVER)
    kept = session.scalar(select(func.count()).where(*over, Promise.state == "met", Promise.breached_at.is_(None))) or 0
    missed = session.scalar(select(func.count()).where(*over, Promise.breached_at.is_not(None))) or 0
    if not kept and not missed:
        return f"In the last {KEPT_OVER.days} days nothing promised to them has come due."
    return f"In the last {KEPT_OVER.days} days {words.count(kept, 'promise')} kept and {missed} missed."


def _others(session: Session, incident: Incident) -> str:
    mine = (Incident.customer_id == incident.customer_id, Incident.id != incident.id, Incident.state.in_(OPEN_STATES))
    others = session.scalars(
        select(Incident).where(*mine).order_by(Incident.severity, Incident.opened_at).limit(4)
    ).all()
    if not others:
        return "Nothing else is open at this customer’s."
    told = [f"{one.label}, severity {one.severity}, {_short(one.title, _NAME)}" for one in others]
    return f"Also open: {'; '.join(told)}."


def _story(session: Session, incident: Incident) -> list[TimelineEntry]:
    """The first line and the latest ones, oldest first."""
    mine = (TimelineEntry.incident_id == incident.id, TimelineEntry.kind.not_in(_LEFT_OUT))
    # What was taken back did not happen, and that it was is no news to whoever must decide.
    told = select(TimelineEntry).where(*mine, TimelineEntry.facts["undone"].is_(None), TimelineEntry.kind != "undone")
    first = session.scalars(told.order_by(TimelineEntry.at, TimelineEntry.id).limit(1)).all()
    latest = session.scalars(told.order_by(TimelineEntry.at.desc(), TimelineEntry.id.desc()).limit(LINES - 1)).all()
    return sorted({*first, *latest}, key=lambda one: (one.at, one.id))


def _pressed(session: Session, incident: Incident, now: datetime, zone: tzinfo) -> list[str]:
    """The escalations that run on the case and on the account: in whose words, and who answers for each until when."""
    runs = select(Escalation, Person.name).outerjoin(Person, Person.id == Escalation.owner_id)
    about = (Escalation.incident_id == incident.id) | (
        Escalation.incident_id.is_(None) & (Escalation.customer_id == incident.customer_id)
    )
    lines = []
    for row, owner in session.execute(runs.where(about, Escalation.ended_at.is_(None)).order_by(Escalation.asked_at)):
        what = "the case" if row.incident_id else "the whole account"
        due = "was due" if row.next_word_at <= now else "is due"
        next_word = f"the next word {due} {words.hour(row.next_word_at, zone, now)}"
        said = f"{row.asked_by} escalated {what}: “{whole(_short(row.words, _WORDS))}”"
        lines.append(f"{said} {owner or 'Nobody'} answers for it; {next_word}.")
    return lines


def _asked(session: Session, incident: Incident, customer: Customer, now: datetime, zone: tzinfo) -> list[str]:
    """What is wanted of the reader: the asker's own words, then what only they can do."""
    asked = session.scalars(
        select(TimelineEntry)
        .where(TimelineEntry.incident_id == incident.id, TimelineEntry.kind == "escalated")
        .where(TimelineEntry.facts["undone"].is_(None))
        .order_by(TimelineEntry.at.desc())
    ).first()
    lines = [*([_short(asked.text, _WORDS)] if asked is not None else []), *_pressed(session, incident, now, zone)]
    if incident.acknowledged_at is None and incident.state == "open":
        since = words.span((now - incident.opened_at).total_seconds())
        lines.append(f"Name somebody who takes it: nobody has acknowledged it for {since}.")
    owed = promises.next_promise(session, incident)
    if owed is not None and owed.due_at is not None:
        lines.append(f"Call {customer.name} before the next promise, {promises.words(owed.kind)}, is due at "
                     f"{words.hour(owed.due_at, zone, now)}.")  # fmt: skip
    else:
        lines.append(f"Call {customer.name}; no promise is running, so the next word is yours to give.")
    lines.append("Decide whether a senior engineer is detached to this account until it is over.")
    return lines
