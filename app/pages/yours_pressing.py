"""Escalation as the customer asks for it and follows it: who answers for it, how it goes, when the next word comes.

Of one incident on its page, of the whole account on the list of them; how it ended stands there for two weeks.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api.door import Call
from app.pages import cover_words
from app.pages.cover_words import typeset
from app.pages.fields import Form
from escalation import pressing
from escalation.incident import NotNow
from models.escalations import Escalation
from models.incidents import OPEN_STATES, Incident
from models.people import Person
from models.session import as_staff

_LONGEST = 2_000  # letters of what is wrong
_ENDED_SHOWN = timedelta(days=14)
WORDS = {
    "en": {
        "title": "Escalation",
        "lede": "Somebody who can decide answers for it by name, within the hour; you read here who, and how it goes.",
        "account_title": "Escalation of your whole account",
        "account_lede": "For what is larger than one incident: somebody who can decide gathers whom it needs, and "
        "gives you a first word within four hours. You read here who, and how it goes.",
        "reason": "Because",
        "words": "What is wrong",
        "words_hint": "Whoever answers for it begins with your words.",
        "ask": "Escalate",
        "again": "Say it again, with what is new",
        "may_not": "Your sign-in may not ask for it. A colleague who may, or your account engineer, does it for you.",
        "owner": "{owner} answers for it. Next word by {at}.",
        "late": "{owner} answers for it. The next word was due {at}, and is late.",
        "exit": "It ends when: {words}",
        "line": "{at}, {who}: {words}",
        "nobody": "Our lead",
        "wrong_words": "Say what is wrong; its owner begins with it.",
        "wrong_long": "At most 2,000 letters; shorten it.",
        "wrong_over": "It is over; open a new incident if the problem came back.",
        "new": "asked for", "improving": "it gets better", "steady": "it stands still", "worsening": "it gets worse",
        "ended": "Ended {at}: {words}",
        "no-progress": "no progress is seen", "promise-missed": "a promise was missed",
        "severity": "it is graver than it was taken for", "repeated": "it came back",
        "communication": "we were not told enough", "risk": "something larger is at risk",
    },
    "fr": {
        "title": "Escalade",
        "lede": "Une personne qui peut décider en répond, dans l'heure ; son nom et la suite se lisent ici.",
        "account_title": "Escalade de l'ensemble de votre compte",
        "account_lede": "Pour ce qui dépasse un seul incident : une personne qui peut décider réunit ceux qu'il faut "
        "et vous donne une première nouvelle dans les quatre heures. Son nom et la suite se lisent ici.",
        "reason": "Parce que",
        "words": "Ce qui ne va pas",
        "words_hint": "La personne qui en répond commence par vos mots.",
        "ask": "Demander l'escalade",
        "again": "Le redire, avec ce qui est nouveau",
        "may_not": "Votre accès ne le permet pas. Un collègue qui le peut, ou votre ingénieur de compte, le fera.",
        "owner": "{owner} en répond. Prochaine nouvelle : {at} au plus tard.",
        "late": "{owner} en répond. La prochaine nouvelle était attendue {at} ; elle est en retard.",
        "exit": "Elle prend fin quand : {words}",
        "line": "{at}, {who} : {words}",
        "nobody": "Notre responsable",
        "wrong_words": "Dites ce qui ne va pas ; la personne qui en répond commence par là.",
        "wrong_long": "2 000 lettres au plus ; raccourcissez.",
        "wrong_over": "Il est terminé ; ouvrez un nouvel incident si le problème est revenu.",
        "new": "demandée", "improving": "cela s'améliore", "steady": "cela n'avance pas", "worsening": "cela s'aggrave",
        "ended": "Elle a pris fin {at} : {words}",
        "no-progress": "rien n'avance", "promise-missed": "une promesse n'a pas été tenue",
        "severity": "c'est plus grave qu'on ne l'a cru", "repeated": "le problème est revenu",
        "communication": "nous n'avons pas été assez informés", "risk": "quelque chose de plus grand est menacé",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pressed:
    """An escalation as its customer reads it."""

    runs: bool
    owner: str  # a sentence: who answers for it, and by when the next word comes; else when and with what it ended
    trend: str
    exit: str
    lines: Sequence[str]  # what was said on it, the newest first


def say(language: str, key: str, /, **facts: object) -> str:
    """A sentence in a language."""
    return typeset(WORDS[language][key].format(**facts), language)


def reasons(language: str) -> list[tuple[str, str]]:
    """What an escalation may be asked for, with its words."""
    return [(key, say(language, key)) for key in pressing.REASONS]


def read(
    session: Session, customer_id: uuid.UUID, incident: Incident | None, language: str, now: datetime, zone: tzinfo
) -> Pressed | None:
    """The one that runs on this incident (none: on the account), or the last that ended lately; None: neither."""
    mine = Escalation.incident_id.is_(None) if incident is None else Escalation.incident_id == incident.id
    lately = Escalation.ended_at.is_(None) | (Escalation.ended_at > now - _ENDED_SHOWN)
    newest = select(Escalation).where(Escalation.customer_id == customer_id, mine, lately)
    row = session.scalar(newest.order_by(Escalation.ended_at.desc().nulls_first()).limit(1))
    steps = [step for step in row.history if not step.get("undone")] if row is not None else []
    if row is None or not steps:  # what was asked for and taken back was nothing
        return None
    lines = [
        say(language, "line", at=cover_words.moment(datetime.fromisoformat(step["at"]), zone, now, language),
            who=step["who"], words=step["words"].removeprefix(pressing.AGAIN).removeprefix(pressing.ENDED))
        for step in reversed(steps)
    ]  # fmt: skip
    if row.ended_at is not None:
        at = cover_words.moment(row.ended_at, zone, now, language)
        return Pressed(False, say(language, "ended", at=at, words=row.ended_words), "", "", lines[1:])
    return Pressed(
        True,
        _owned(session, row, language, now, zone),
        say(language, row.trend) if row.trend in pressing.TRENDS else "",
        say(language, "exit", words=row.exit_criteria) if row.exit_criteria else "",
        lines,
    )


def _owned(session: Session, row: Escalation, language: str, now: datetime, zone: tzinfo) -> str:
    with as_staff(session):
        owner = session.scalar(select(Person.name).where(Person.id == row.owner_id)) if row.owner_id else None
    at = cover_words.moment(row.next_word_at, zone, now, language)
    key = "late" if row.next_word_at <= now else "owner"
    return say(language, key, owner=owner or say(language, "nobody"), at=at)


def ask(call: Call, customer_id: uuid.UUID, incident: Incident | None, form: Form, language: str) -> bool:
    """Ask for it, or again; False with what is wrong said in the form. No incident: of the whole account."""
    words, reason = form["words"].strip(), form["because"]
    if incident is not None and incident.state not in OPEN_STATES:
        form.refuse("words", say(language, "wrong_over"))
    elif not words:
        form.refuse("words", say(language, "wrong_words"))
    elif len(words) > _LONGEST:
        form.refuse("words", say(language, "wrong_long"))
    if form.wrong:
        return False
    reason = reason if reason in pressing.REASONS else "no-progress"  # one that runs keeps its own
    with call.as_desk():
        done = pressing.ask(call.session, customer_id, call.actor, reason, words, call.now, incident=incident)
    if isinstance(done, NotNow):
        form.refuse("words", say(language, "wrong_words"))
    return not form.wrong
