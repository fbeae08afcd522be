"""The hand-over of an incident as its story tells it: the one that waits for a word, else the last accepted. Plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from app import words
from models.incidents import TimelineEntry

_ANSWERS = ("handover_accepted", "handover_refused", "handover_withdrawn")


@dataclass(frozen=True, slots=True)
class HandedView:
    """Who gives it to whom, with the note. The note of the last one accepted holds until the next."""

    waits: bool
    by: str  # who offered it, for themselves or for the giver
    giver: str
    taker: str
    at: str  # until when a word is waited for, or when it was accepted
    giver_id: str
    taker_id: str
    note: Mapping[str, str]


def handed(story: Sequence[TimelineEntry], is_open: bool, now: datetime, zone: tzinfo) -> HandedView | None:
    """Read from the lines of a story in any order; None where nobody has handed it over. What is over waits for no
    word any more."""
    told = [entry for entry in story if not entry.facts.get("undone")]
    answers = {entry.facts.get("handover"): entry for entry in told if entry.kind in _ANSWERS}
    offers = sorted((entry for entry in told if entry.kind == "offered"), key=lambda one: one.at, reverse=True)
    waits = next((one for one in offers if one.facts.get("handover") not in answers), None)
    if waits is not None and is_open:
        until = waits.facts.get("answer_by")
        return _view(waits, words.hour(datetime.fromisoformat(until), zone, now) if until else "", waits=True)
    for one in offers:
        answer = answers.get(one.facts.get("handover"))
        if answer is not None and answer.kind == "handover_accepted":
            return _view(one, words.hour(answer.at, zone, now), waits=False, taker=answer.actor)
    return None


def _view(offer: TimelineEntry, at: str, *, waits: bool, taker: str = "") -> HandedView:
    facts = offer.facts
    note = {part: str(facts.get(part, "")) for part in ("state", "tried", "avoid")}
    giver = str(facts.get("from_name", "")) or offer.actor
    taker = taker or str(facts.get("to_name", "")) or "a colleague"
    ids = (str(facts.get("from", "")), str(facts.get("to", "")))
    return HandedView(waits, offer.actor, giver, taker, at, *ids, note)
