"""A contract's history as a person reads it: each version as its differences, each deed as a sentence, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import term_said
from app.identity import Caller
from app.pages.contract_words import DEEDS, said_day, say, state, when
from app.pages.cover_words import typeset
from app.term_said import Differ
from contracts import proposals
from contracts.life import By
from contracts.terms import Tier
from contracts.tiers import DEFAULTS
from models.agreements import Contract
from models.audit import AuditEntry
from models.base import Json
from models.customers import Site
from models.machines import Machine

_MOST = 200


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: in which language and zone, and whether it is one of us."""

    language: str
    zone: tzinfo
    inside: bool

    def when(self, at: datetime) -> str:
        return when(at, self.zone, self.language)

    def say(self, key: str, /, **facts: object) -> str:
        return say(self.language, key, **facts)

    def differ(self, before: Json, after: Json) -> list[Differ]:
        """The lines in which two versions differ, as this reader reads them."""
        found = term_said.differences(before, after, self.language, inside=self.inside)
        spoken = self.language
        return [Differ(one.label, typeset(one.before, spoken), typeset(one.after, spoken)) for one in found]


@dataclass(frozen=True, slots=True)
class Told:
    """One entry: when and who, what in a sentence, why, and the differences it made."""

    by: str
    said: str
    reason: str
    differences: Sequence[Differ] = ()


def by(who: Caller) -> By:
    """The caller as contracts tell people apart."""
    return By(who.actor, f"person:{who.person}" if who.person is not None else f"key:{who.id}")


def told(session: Session, contract: Contract, every: Sequence[proposals.Version], reader: Reader) -> list[Told]:
    """Versions and deeds together, newest first."""
    entries: list[tuple[datetime, int, Told]] = []
    for place, one in enumerate(every):
        row = one.row
        key = "told_confirmed" if row.confirmed_by else "told_version"
        sentence = reader.say(key, n=row.version, at=reader.when(row.effective_at), who=row.confirmed_by)
        # The first one has none before it: what it changed is what its tier does not usually say.
        before = every[place - 1].row.body if place else DEFAULTS[Tier(row.body["tier"])].to_json()
        line = Told(_by(row.created_at, row.author, reader), sentence, row.reason, reader.differ(before, row.body))
        entries.append((row.created_at, row.version, line))
    deeds = session.scalars(
        select(AuditEntry)
        .where(
            AuditEntry.customer_id == contract.customer_id,
            AuditEntry.subject.in_((f"contract:{contract.id}", f"contract:{contract.number}")),
        )
        .order_by(AuditEntry.id.desc())
        .limit(_MOST)
    )
    names = _names(session, contract)
    for deed in deeds:
        sentence = _said(deed, names, reader)
        if sentence:
            reason = str(deed.facts.get("reason") or "")
            line = Told(_by(deed.at, deed.actor, reader), sentence, reason, _moved(deed, reader))
            entries.append((deed.at, -1, line))
    return [line for _, _, line in sorted(entries, key=lambda entry: entry[:2], reverse=True)]


def _by(at: datetime, who: str, reader: Reader) -> str:
    return reader.say("told_by", at=reader.when(at), who=who)


def _said(deed: AuditEntry, names: Mapping[str, str], reader: Reader) -> str:
    sentence = DEEDS[reader.language].get(deed.deed, "")
    facts = deed.facts
    subject = names.get(str(facts.get("machine") or facts.get("site") or "")) or facts.get("service")
    return typeset(sentence.format(subject=subject or reader.say("line_all")), reader.language)


def _names(session: Session, contract: Contract) -> dict[str, str]:
    """Machines and sites of the customer by id, also by the name an older entry may hold."""
    rows = [
        *session.execute(select(Machine.id, Machine.name).where(Machine.customer_id == contract.customer_id)),
        *session.execute(select(Site.id, Site.name).where(Site.customer_id == contract.customer_id)),
    ]
    return {str(row.id): row.name for row in rows} | {row.name: row.name for row in rows}


def _moved(deed: AuditEntry, reader: Reader) -> list[Differ]:
    """What an entry of the audit says of before and after."""
    facts = deed.facts
    if "from" in facts and "to" in facts:
        moved = {"end_moved": "moved_end", "notices_set": "moved_notices", "worth_set": "moved_worth"}
        key = moved.get(deed.deed.removeprefix("contract."), "moved_state")
        return [Differ(reader.say(key), _plain(facts["from"], reader), _plain(facts["to"], reader))]
    return []


def _plain(value: object, reader: Reader) -> str:
    """A value of the audit: a day, days before, a state."""
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or reader.say("nothing")
    if value in (None, ""):
        return reader.say("nothing")
    try:
        return said_day(date.fromisoformat(str(value)), reader.language)
    except ValueError:
        return state(str(value), reader.language)
