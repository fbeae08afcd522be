"""Taking back a word on an escalation within the minute: what it changed stands again, and its line is struck out.

Only the newest word, only by whoever said it. One that was asked for by mistake ends with that said; letters that have
not left never leave, and whoever has read one hears that it was taken back.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from escalation import pressing
from escalation.deeds import WITHIN
from escalation.incident import Actor, NotNow
from models import audit
from models.escalations import Escalation
from models.notices import Notice
from models.session import as_staff

_NOTHING = NotNow(
    "There is nothing of yours here to take back: the newest word can be, for a minute, by whoever said it.",
    "Say a new word instead; the history keeps both.",
    "window",
)


def may_undo(row: Escalation, actor: Actor, now: datetime) -> bool:
    """Whether the newest word is the actor's and can still be taken back."""
    if not row.history:
        return False
    last = row.history[-1]
    undo = last.get("undo")
    if undo is None or "undone" in last or now - datetime.fromisoformat(last["at"]) > WITHIN:
        return False
    return bool(undo["person"] == str(actor.person_id) if actor.person_id else last["who"] == actor.name)


def undo(session: Session, escalation_id: uuid.UUID, actor: Actor, now: datetime) -> Escalation | NotNow:
    """Take the actor's newest word back: asking, saying, passing on, ending."""
    customer_id = session.scalar(select(Escalation.customer_id).where(Escalation.id == escalation_id))
    if customer_id is None:
        return NotNow("There is no such escalation.", "Look at the list of them.", "absent")
    audit.take_turns(session, customer_id)
    row = session.get_one(Escalation, escalation_id, with_for_update=True, populate_existing=True)
    if not may_undo(row, actor, now):
        return _NOTHING
    last = row.history[-1]
    reached = _withdraw(session, row)
    before = last["undo"]["before"]
    try:
        with session.begin_nested():
            _put_back(row, before, actor, now)
    except IntegrityError:
        session.refresh(row)
        return NotNow("Another one was asked for since.", "Say a word on that one.", "version")
    row.history = [*row.history[:-1], {**last, "undone": {"at": now.isoformat(), "by": actor.name}}]
    pressing.write_down(session, row, "escalation.taken_back", actor, now, {"words": last["words"]})
    if reached:
        about = f"escalation:{row.id}:{last['at']}:back"
        pressing.tell(session, row, f"{actor.name} took back: {last['words']}", now, with_lead=False, about=about)
    return row


def _put_back(row: Escalation, before: dict[str, Any] | None, actor: Actor, now: datetime) -> None:
    if before is None:
        row.ended_at, row.ended_words = now, f"Taken back by {actor.name}."
        return
    for name, value in before.items():
        if value is not None and name.endswith("_at"):
            value = datetime.fromisoformat(value)
        elif value is not None and name == "owner_id":
            value = uuid.UUID(value)
        setattr(row, name, value)


def _withdraw(session: Session, row: Escalation) -> bool:
    """Keep the letters of the newest word from leaving; whether any has left."""
    data = Notice.body["data"]
    mine = (
        Notice.customer_id == row.customer_id,
        Notice.created_at == datetime.fromisoformat(row.history[-1]["at"]),
        data["escalation"].astext == str(row.id),
        data["word"].astext == str(len(row.history)),
    )
    with as_staff(session):
        unsent = (Notice.tries == 0, Notice.settled_at.is_(None), Notice.joined_into.is_(None))
        session.execute(delete(Notice).where(*mine, *unsent).execution_options(synchronize_session=False))
        return session.scalar(select(Notice.id).where(*mine).limit(1)) is not None
