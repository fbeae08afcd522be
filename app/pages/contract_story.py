"""A contract's history as a person reads it: each version as its differences, each deed as a sentence, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import termtable
from app.identity import Caller
from contracts import proposals
from contracts.life import By
from contracts.terms import Tier
from contracts.tiers import DEFAULTS
from models.agreements import Contract
from models.audit import AuditEntry
from models.customers import Site
from models.machines import Machine

_MOST = 200


@dataclass(frozen=True, slots=True)
class Differ:
    """One line of the table that changed."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Told:
    """One entry: when, who, what in a sentence, why, and the differences it made."""

    at: str
    by: str
    said: str
    reason: str
    differences: Sequence[Differ] = ()


def when(at: datetime, zone: tzinfo) -> str:
    """ "14 May 2026, 02:29"."""
    local = at.astimezone(zone)
    return f"{local.day} {local:%b %Y}, {local:%H:%M}"


def by(who: Caller) -> By:
    """The caller as contracts tell people apart."""
    return By(who.actor, f"person:{who.person}" if who.person is not None else f"key:{who.id}")


def differ(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Differ]:  # Any: terms as JSON
    """The lines in which two versions differ, as people read them."""
    return [
        Differ(field.label, old or "as usual", new or "as usual")
        for field, old, new in termtable.differences(before, after)
    ]


def told(
    session: Session, contract: Contract, every: Sequence[proposals.Version], now: datetime, zone: tzinfo
) -> list[Told]:
    """Versions and deeds together, newest first."""
    entries: list[tuple[datetime, int, Told]] = []
    for place, one in enumerate(every):
        row = one.row
        confirmed = f", confirmed by {row.confirmed_by}" if row.confirmed_by else ""
        start = when(row.effective_at, zone)
        sentence = f"Version {row.version} of the terms, in force from {start}{confirmed}."
        # The first one has none before it: what it changed is what its tier does not usually say.
        before = every[place - 1].row.body if place else DEFAULTS[Tier(row.body["tier"])].to_json()
        changes = differ(before, row.body)
        line = Told(when(row.created_at, zone), row.author, sentence, row.reason, changes)
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
        sentence = _said(deed, names)
        if sentence:
            reason = str(deed.facts.get("reason") or "")
            line = Told(when(deed.at, zone), deed.actor, sentence, reason, _moved(deed))
            entries.append((deed.at, -1, line))
    return [line for _, _, line in sorted(entries, key=lambda entry: entry[:2], reverse=True)]


# What a deed is called; a version of terms tells itself.
_DEEDS: Mapping[str, str] = {
    "contract.made": "The contract was made.",
    "contract.added": "The contract was made.",
    "contract.renewed": "Made as what follows another contract.",
    "contract.activated": "It became active.",
    "contract.suspended": "It was suspended.",
    "contract.expired": "It expired.",
    "contract.cancelled": "It was cancelled.",
    "contract.end_moved": "Its last day was moved.",
    "contract.notices_set": "The notices before its end were set.",
    "contract.line_added": "A line was added.",
    "contract.line_ended": "A line was given its last day.",
    "contract.line_runs_on": "A line lost its last day.",
    "contract.line_removed": "A line was taken away.",
    "terms.proposed": "A change of terms was proposed.",
    "terms.rejected": "A proposed change was rejected.",
    "contract.signed": "It was signed for the customer.",
    "contract.changed": "It was changed.",
}


def _said(deed: AuditEntry, names: Mapping[str, str]) -> str:
    sentence = _DEEDS.get(deed.deed, "")
    if not deed.deed.startswith("contract.line_"):
        return sentence
    facts = deed.facts
    subject = names.get(str(facts.get("machine") or facts.get("site") or "")) or facts.get("service")
    return f"{sentence} It is about {subject or 'everything of the customer'}."


def _names(session: Session, contract: Contract) -> dict[str, str]:
    """Machines and sites of the customer by id, also by the name an older entry may hold."""
    rows = [
        *session.execute(select(Machine.id, Machine.name).where(Machine.customer_id == contract.customer_id)),
        *session.execute(select(Site.id, Site.name).where(Site.customer_id == contract.customer_id)),
    ]
    return {str(row.id): row.name for row in rows} | {row.name: row.name for row in rows}


def _moved(deed: AuditEntry) -> list[Differ]:
    """What an entry of the audit says of before and after."""
    facts = deed.facts
    if "from" in facts and "to" in facts:
        label = {"contract.end_moved": "last day", "contract.notices_set": "days before"}.get(deed.deed, "state")
        return [Differ(label, _plain(facts["from"]), _plain(facts["to"]))]
    return []


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "none"
    return str(value) if value not in (None, "") else "none"
