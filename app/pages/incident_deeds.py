"""The acts of the incident page beyond the daily ones: each reads its form and does one thing of the desk."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from flask import request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import front
from app.api.attachments import attic
from app.api.lookup import as_id
from escalation import (
    acts,
    agreeing,
    deeds,
    editing,
    handover,
    helping,
    merging,
    relating,
    serving,
    splitting,
    still_held,
    swarm,
    undo,
    workaround,
)
from escalation.incident import Actor, NotNow
from escalation.intake import Answer
from escalation.splitting import Part
from models.incidents import Incident
from models.relations import TO_INCIDENTS

Deed = Callable[[Session, uuid.UUID, Actor], Incident | NotNow]
LONGEST_TEXT = 20_000  # letters of a reply; more is an attachment, not a message
SHORT = 2_000


class FieldMissing(Exception):
    """A field an act needs was left empty or is too long; the message is the sentence to show."""


def text_of(name: str, words: str, *, most: int = LONGEST_TEXT) -> str:
    """What a field holds. Raises FieldMissing."""
    value = request.form.get(name, "").strip()
    if not value:
        raise FieldMissing(f"{words} is still empty; nothing was changed.")
    if len(value) > most:
        raise FieldMissing(f"{words} is longer than {most:,} letters; shorten it and send it again.")
    return value


def instant_of(name: str, words: str) -> datetime:
    """What a field holds, as the page wrote it there: "2026-03-10T20:00Z". Raises FieldMissing."""
    try:
        return datetime.strptime(text_of(name, words, most=20), "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
    except ValueError:
        raise FieldMissing(f"{words} is no instant such as 2026-03-10T20:00Z; nothing was changed.") from None


def hold(session: Session, incident: uuid.UUID, actor: Actor, done: Incident | NotNow) -> Incident | NotNow:
    """Keep the letters to the customer for the minute in which it can be undone, unless "now" was asked for."""
    if isinstance(done, Incident) and not request.form.get("now"):
        deeds.hold_back(session, incident, actor, front.now(), front.now() + deeds.WITHIN)
    return done


def _undo(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    return undo.undo(session, incident, actor, front.now(), attic=attic())


def _send_now(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    deeds.let_go(session, incident, actor, front.now())
    return session.get_one(Incident, incident)


def _accept(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    row = session.get_one(Incident, incident)
    if row.second_id != actor.person_id:
        return acts.second(session, incident, actor, front.now(), person_id=actor.person_id)
    return acts.stand(session, incident, actor, front.now(), True)


def _decline(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    return acts.stand(session, incident, actor, front.now(), False, text_of("reason", "The reason", most=SHORT))


def _severity(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    wanted = text_of("severity", "The severity", most=1)
    reason = text_of("reason", "The reason", most=SHORT)
    return agreeing.propose(session, incident, actor, front.now(), int(wanted) if wanted.isdecimal() else 0, reason)


def _agree(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    return agreeing.answer(session, incident, actor, front.now(), True)


def _disagree(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    reason = text_of("reason", "The reason", most=SHORT)
    return agreeing.answer(session, incident, actor, front.now(), False, reason)


def _workaround(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    done = workaround.found(session, incident, actor, front.now(), text_of("text", "The way around"))
    return hold(session, incident, actor, done)


def _workaround_gone(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    return workaround.gone(session, incident, actor, front.now(), text_of("reason", "What was seen", most=SHORT))


def _named(session: Session, name: str) -> uuid.UUID:
    """The incident a form names, as VG-1001; an id nobody has where there is none in this reach."""
    number = name.upper().removeprefix("VG-")
    known = number.isascii() and number.isdigit() and len(number) <= 18
    found = session.scalar(select(Incident.id).where(Incident.number == int(number))) if known else None
    return found or uuid.UUID(int=0)


def _merge(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    into = _named(session, text_of("into", "The other incident", most=20))
    return merging.merge(session, incident, actor, front.now(), into, request.form.get("reason", "").strip()[:SHORT])


def _split(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    chosen = {name: [as_id(one) for one in request.form.getlist(name)] for name in ("cause", "entry")}
    part = Part(
        text_of("title", "What the new one is about", most=200),
        text_of("reason", "The reason", most=200),
        causes=[one for one in chosen["cause"] if one is not None],
        entries=[one for one in chosen["entry"] if one is not None],
    )
    done = splitting.split(session, incident, actor, front.now(), part)
    if isinstance(done, Answer) and done.incident is None:
        return NotNow(f"The contract refused it: {done.decision.reason}", done.decision.remedy, "contract")
    return session.get_one(Incident, incident) if isinstance(done, Answer) else done


def _relate(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    kind, to = text_of("kind", "The relation", most=20), text_of("to", "To what", most=200)
    other = _named(session, to) if kind in TO_INCIDENTS else None
    party = request.form.get("party", "").strip()[:200] if kind not in TO_INCIDENTS else ""
    done = relating.relate(
        session, incident, actor, front.now(), kind, other_id=other, ref="" if other else to, party=party
    )
    return done if isinstance(done, NotNow) else session.get_one(Incident, incident)


def _unrelate(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    relation = as_id(text_of("relation", "The relation", most=36)) or uuid.UUID(int=0)
    done = relating.end(session, relation, actor, front.now())
    return done if isinstance(done, NotNow) else session.get_one(Incident, incident)


def _join(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    role = text_of("role", "The role", most=20)
    person = as_id(request.form.get("person", "")) or actor.person_id or uuid.UUID(int=0)
    done = swarm.invite(session, incident, actor, front.now(), role, person)
    return done if isinstance(done, NotNow) else session.get_one(Incident, incident)


def _role_answer(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    place = as_id(text_of("place", "The place", most=36)) or uuid.UUID(int=0)
    word, reason = text_of("word", "The answer", most=20), request.form.get("reason", "").strip()[:SHORT]
    done = swarm.answer(session, place, actor, front.now(), word, reason)
    return done if isinstance(done, NotNow) else session.get_one(Incident, incident)


def _want_help(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    subject = text_of("subject", "The skill", most=80)
    done = helping.want_help(
        session, incident, actor, front.now(), subject, text_of("words", "What is needed", most=SHORT)
    )
    return done if isinstance(done, NotNow) else session.get_one(Incident, incident)


def _take_help(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    wanted = as_id(text_of("help", "The help wanted", most=36)) or uuid.UUID(int=0)
    done = helping.take_help(session, wanted, actor, front.now())
    return done if isinstance(done, NotNow) else session.get_one(Incident, incident)


def _edit(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    entry = as_id(text_of("entry", "The line", most=36)) or uuid.UUID(int=0)
    return editing.edit(session, entry, actor, front.now(), text_of("text", "The text"))


def _handed(word: str) -> Deed:
    def does(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
        why = text_of("reason", "The reason", most=SHORT) if word == "refused" else ""
        offer = handover.open_offer(session, incident)
        found = offer.id if offer is not None else uuid.UUID(int=0)
        done = handover.answer(session, found, actor, word, front.now(), reason=why)
        return done if isinstance(done, NotNow) else session.get_one(Incident, incident)

    return does


def _stay(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    until = instant_of("until", "Until when you stay")
    reason = text_of("reason", "The reason", most=SHORT)
    done = still_held.stay(session, incident, actor, front.now(), until, reason)
    return done if isinstance(done, NotNow) else session.get_one(Incident, incident)


def _serve(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    return serving.serve(session, incident, actor, front.now(), text_of("by", "The way", most=20))


DEEDS: Mapping[str, Deed] = {
    "undo": _undo,
    "send_now": _send_now,
    "accept": _accept,
    "decline": _decline,
    "severity": _severity,
    "agree": _agree,
    "disagree": _disagree,
    "workaround": _workaround,
    "workaround_gone": _workaround_gone,
    "merge": _merge,
    "split": _split,
    "relate": _relate,
    "unrelate": _unrelate,
    "join": _join,
    "role": _role_answer,
    "want_help": _want_help,
    "take_help": _take_help,
    "edit": _edit,
    "serve": _serve,
    "stay": _stay,
    "take_over": _handed("accepted"),
    "not_over": _handed("refused"),
    "keep": _handed("withdrawn"),
}
