"""The timeline as a person reads it: newest first, each line with its mark and a headline. Plain."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from app import words
from escalation import instants
from models.incidents import TimelineEntry

# kind → (mark, headline); {actor} stands for who did it. An empty headline is taken from the text itself.
_KINDS: Mapping[str, tuple[str, str]] = {
    "opened": ("lamp", "{actor} opened this incident."),
    "joined": ("machine", ""),
    "ended": ("machine", ""),
    "acknowledged": ("dot", "{actor} has seen it."),
    "claimed": ("dot", "{actor} works on it."),
    "second": ("dot", ""),
    "reply": ("check", "{actor} replied."),
    "note": ("dash", "{actor}, internal"),
    "waiting": ("dash", ""),
    "resumed": ("dot", ""),
    "resolved": ("check", "{actor} resolved it."),
    "closed": ("check", ""),
    "reopened": ("dot", ""),
    "rung": ("up", ""),
    "escalated": ("up", ""),
    "notice": ("dash", ""),
    "verdict": ("dash", "{actor} judged it"),
    "severity": ("dash", ""),
    "threshold": ("up", ""),
    "breach": ("dash", ""),
    "cause": ("dash", ""),
    "recounted": ("dash", ""),
    "promised": ("dot", ""),
    "kept": ("check", ""),
    "terms": ("dash", ""),
    "runs on": ("dash", ""),
    "merged": ("dash", ""),
    "merge clocks": ("dash", ""),
    "split": ("dash", ""),
    "related": ("dash", ""),
    "swarm": ("dot", ""),
    "alone": ("up", ""),
    "relaxed": ("dash", ""),
    "beyond room": ("up", ""),
    "workaround": ("check", ""),
    "file": ("dash", ""),
    "undone": ("dash", ""),
    "cancelled": ("check", ""),
    "ours": ("dash", ""),
    "offered": ("dot", ""),
    "handover_accepted": ("dot", ""),
    "handover_refused": ("dash", ""),
    "handover_withdrawn": ("dash", ""),
    "handover_climbed": ("up", ""),
    "stays": ("dot", ""),
    "turn_ended": ("up", ""),
    "diagnostics": ("machine", ""),
    "serving": ("dash", ""),
    "queued": ("up", ""),
    "served": ("dot", ""),
    "flapping": ("machine", ""),
}
_CLAUSE = re.compile(r"(?<=[.:;])\s+")


@dataclass(frozen=True, slots=True)
class StoryEntry:
    """One line of the story."""

    id: str
    at: datetime
    day: str
    clock: str
    kind: str
    mark: str
    actor: str
    headline: str
    text: str
    word: str
    public: bool
    undone: str = ""  # who took it back
    former: Sequence[str] = ()  # what it said before it was edited


def tell(
    entries: Iterable[TimelineEntry], now: datetime, zone: tzinfo, contacts: frozenset[uuid.UUID] = frozenset()
) -> list[StoryEntry]:
    """The story, newest first; `day` is set on the first entry of each earlier day. `contacts`: who is the customer."""
    told: list[StoryEntry] = []
    today = now.astimezone(zone).date()
    last = today
    for entry in sorted(entries, key=lambda one: (one.at, one.id), reverse=True):
        local = entry.at.astimezone(zone)
        new_day = local.date() != last
        last = local.date()
        mark, pattern = _KINDS.get(entry.kind, ("dot", "{actor}: " + entry.kind.replace("_", " ") + "."))
        headline, text = _split(pattern, entry, instants.of_line(entry.text, entry.facts, zone, entry.at))
        customer = entry.person_id in contacts
        told.append(
            StoryEntry(
                id=str(entry.id),
                at=entry.at,
                day=f"{local:%A} {local.day} {local:%B}" if new_day else "",
                clock=f"{local:%H:%M}",
                kind=entry.kind,
                mark="square" if customer and entry.kind == "reply" else mark,
                actor=entry.actor,
                headline=headline,
                text=text,
                word=_word(entry, customer),
                public=entry.public,
                undone=str(entry.facts.get("undone", {}).get("by", "")),
                former=[str(one["text"]) for one in entry.facts.get("former", [])],
            )
        )
    return told


def last_words(story: Iterable[StoryEntry], most: int = 2) -> list[StoryEntry]:
    """What people said last, newest first."""
    return [entry for entry in story if entry.kind in ("reply", "note") and entry.text][:most]


def said_at(entry: StoryEntry, now: datetime, zone: tzinfo) -> str:
    """When, for a line outside its timeline."""
    return words.hour(entry.at, zone, now)


def _word(entry: TimelineEntry, customer: bool) -> str:
    if entry.kind == "note":
        return "internal"
    if entry.kind == "reply":
        return "wrote to us" if customer else "to the customer"
    says_who = _KINDS.get(entry.kind, ("", "-"))[1] or entry.actor in entry.text
    return "" if says_who or entry.actor == "Vigie" else entry.actor


def _split(pattern: str, entry: TimelineEntry, said: str) -> tuple[str, str]:
    """Headline and the rest: the rest does not say again what the headline says."""
    if not pattern:
        head, *rest = _CLAUSE.split(said, maxsplit=1)
        return head, rest[0] if rest else ""
    head = pattern.format(actor=entry.actor)
    bare = head.rstrip(".")
    return head, said[len(bare) :].lstrip(" .,:") if said.startswith(bare) else said
