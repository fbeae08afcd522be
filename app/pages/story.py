"""The timeline as a person reads it: newest first, each line with its mark and a headline. Plain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from app import words
from models.incidents import TimelineEntry

# kind → (mark, headline); {actor} stands for who did it
_KINDS: Mapping[str, tuple[str, str]] = {
    "opened": ("lamp", "{actor} opened this incident."),
    "joined": ("machine", "Seen again."),
    "condition_ended": ("machine", "The condition ended by itself."),
    "ended": ("machine", "The condition ended by itself."),
    "acknowledged": ("dot", "{actor} acknowledged."),
    "claimed": ("dot", "{actor} works on it."),
    "second": ("dot", "A second engineer joined."),
    "reply": ("check", "{actor} replied."),
    "note": ("dash", "{actor}, internal"),
    "waiting": ("dash", "{actor} waits."),
    "resumed": ("dot", "{actor} goes on."),
    "resolved": ("check", "{actor} resolved it."),
    "closed": ("check", "{actor} closed it."),
    "reopened": ("dot", "{actor} reopened it."),
    "rung": ("up", "Nobody acknowledged: the next rung was climbed."),
    "escalated": ("up", "{actor} escalated."),
    "notice": ("check", "A notice was taken."),
    "verdict": ("dash", "{actor} judged the detection."),
    "severity": ("dash", "{actor} changed the severity."),
    "promise": ("dash", "A promise changed."),
    "breached": ("dash", "A promise was broken."),
    "told": ("square", "{actor} told us."),
}


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


def tell(entries: Iterable[TimelineEntry], now: datetime, zone: tzinfo) -> list[StoryEntry]:
    """The story, newest first; `day` is set on the first entry of each earlier day."""
    told: list[StoryEntry] = []
    today = now.astimezone(zone).date()
    last = today
    for entry in sorted(entries, key=lambda one: (one.at, one.id), reverse=True):
        local = entry.at.astimezone(zone)
        new_day = local.date() != last
        last = local.date()
        mark, headline = _KINDS.get(entry.kind, ("dot", "{actor}: " + entry.kind.replace("_", " ") + "."))
        customer = bool(entry.facts.get("customer")) or bool(entry.facts.get("is_customer"))
        told.append(
            StoryEntry(
                id=str(entry.id),
                at=entry.at,
                day=f"{local:%A} {local.day} {local:%B}" if new_day else "",
                clock=f"{local:%H:%M}",
                kind=entry.kind,
                mark="square" if customer and entry.kind == "reply" else mark,
                actor=entry.actor,
                headline=_headline(headline, entry),
                text=_without(entry.text, entry),
                word=_word(entry, customer),
                public=entry.public,
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
    if entry.kind != "reply":
        return ""
    if customer:
        return f"by {entry.facts.get('channel', 'message')}"
    return "to the customer"


def _headline(pattern: str, entry: TimelineEntry) -> str:
    return pattern.format(actor=entry.actor)


def _without(text: str, entry: TimelineEntry) -> str:
    """The text, without a beginning that only says again what the headline says."""
    head = _headline(_KINDS.get(entry.kind, ("", ""))[1], entry).rstrip(".")
    return text[len(head) :].lstrip(" .,:") if head and text.startswith(head) else text
