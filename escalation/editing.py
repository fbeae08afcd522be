"""Correcting what one wrote: the new text stands, the former ones stay to be seen, and who was told is told again."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import deeds, notify, outbox, story, words
from escalation.hands import grasp
from escalation.incident import Act, Actor, NotNow
from models.customers import Customer
from models.incidents import Incident, TimelineEntry
from models.notices import Notice

KINDS = ("reply", "note")


def edit(session: Session, entry_id: uuid.UUID, actor: Actor, now: datetime, text: str) -> Incident | NotNow:
    """Put another text in the place of one's own reply or note.

    A letter that has not left carries the new text; where one has, the customer is written to anew.
    """
    if not text.strip():
        return NotNow("A message needs words.", "Take it back instead, within the minute.", "value")
    found = session.get(TimelineEntry, entry_id)
    if found is None:
        return NotNow("There is no such line.", "Look at the story as it is now.", "absent")
    with deeds.remembered(session, [found.incident_id], "edit", actor, now):
        incident = grasp(session, found.incident_id, Act.NOTE, now, None)
        if isinstance(incident, NotNow):
            return incident
        entry = session.get_one(TimelineEntry, entry_id, with_for_update=True, populate_existing=True)
        refused = _refused(entry, actor, text)
        if refused is not None:
            return refused
        before, entry.text = entry.text, text
        former = [*entry.facts.get("former", []), {"text": before, "at": now.isoformat(), "by": actor.name}]
        entry.facts = {**entry.facts, "former": former}
        if entry.public and not actor.is_customer:
            _tell(session, incident, entry, actor, before, now)
        story.changed(session, incident, "edit", now, actor=actor, facts={"entry": str(entry.id), "kind": entry.kind})
        return incident


def _refused(entry: TimelineEntry, actor: Actor, text: str) -> NotNow | None:
    if entry.kind not in KINDS:
        return NotNow("Only replies and notes are edited.", "Add a note that says what is right.", "value")
    if entry.facts.get("undone"):
        return NotNow("It was taken back.", "Write it anew.")
    mine = entry.person_id == actor.person_id if actor.person_id is not None else entry.actor == actor.name
    if not mine or (actor.person_id is None and entry.person_id is not None):
        return NotNow("Only whoever wrote it edits it.", "Add a note of your own.", "person")
    if entry.text == text:
        return NotNow("It says that already.", "Nothing needs to be done.", "value")
    return None


def _tell(session: Session, incident: Incident, entry: TimelineEntry, actor: Actor, before: str, now: datetime) -> None:
    of_it = (
        Notice.incident_id == incident.id,
        Notice.rung == outbox.NO_RUNG,
        Notice.created_at == entry.at,
        Notice.body["text"].astext.contains(before, autoescape=True),
    )
    letters = list(session.scalars(select(Notice).where(*of_it).with_for_update()))
    unsent = [letter for letter in letters if letter.tries == 0 and letter.settled_at is None]
    for letter in unsent:
        letter.body = {**letter.body, "text": letter.body["text"].replace(before, entry.text)}
    if len(unsent) < len(letters):
        language = session.get_one(Customer, incident.customer_id).language
        notify.tell_customer(session, incident, words.public(language, "edited", text=entry.text), actor, now)
