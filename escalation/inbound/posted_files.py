"""The files of a mail on its incident: kept as every file is, or named with the reason, in the story and to whoever
sent them.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from escalation import attaching, sniffing, story
from escalation.attic import Attic
from escalation.inbound import mail_answers, tnef
from escalation.inbound.mail import Mail
from escalation.inbound.mail_files import MOST, MailFile
from escalation.inbound.mail_words import refused
from escalation.incident import Actor, NotNow
from models.attachments import Attachment
from models.customers import Customer
from models.incidents import Incident
from models.people import Person

_MOST_TOLD = 20  # refused files by name; of more it is said how many there are


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of one file: kept as which attachment, or why not, in a sentence. `name` is the tidy one."""

    name: str
    attachment: uuid.UUID | None = None
    refused: str = ""


def keep(
    session: Session,
    attic: Attic,
    incident: Incident,
    mail: Mail,
    actor: Actor,
    writer: Person | None,
    now: datetime,
) -> list[Kept]:
    """Keep what can be kept; tell the rest in the story and, by mail, to its sender. Raises AtticFull.

    The same bytes on the same incident are one file: letters that go to and fro carry the same logo each time.
    """
    language = session.get_one(Customer, incident.customer_id).language
    there = {row.digest: row for row in attaching.of_incident(session, incident.id)}
    told = [_one(session, attic, incident, file, actor, there, language, now) for file in mail.files]
    reasons = [one.refused for one in told if one.refused]
    spare = mail.more_files + max(0, len(reasons) - _MOST_TOLD)
    lines = reasons[:_MOST_TOLD]
    if mail.more_files:
        more = refused(language, "more", count=mail.more_files, most=MOST)
        told.append(Kept("", refused=more))
    if spare:
        lines.append(refused(language, "spare", count=spare, most=MOST))
    if lines:
        _tell(session, incident, mail, lines, actor, writer, now)
    return told


def _one(
    session: Session,
    attic: Attic,
    incident: Incident,
    file: MailFile,
    actor: Actor,
    there: dict[str, Attachment],
    language: str,
    now: datetime,
) -> Kept:
    name = sniffing.tidy_name(file.name)
    before = there.get(hashlib.sha256(file.content).hexdigest())
    if before is not None and (before.public or not actor.is_customer):
        return Kept(before.name, before.id)
    rule = _why_not(file, name)
    if not rule:
        done = attaching.add(
            session, attic, incident.id, actor, now, name, file.content, public=actor.is_customer, tell=False
        )
        if not isinstance(done, NotNow):
            session.flush()  # its id is told
            there[done.digest] = done
            return Kept(name, done.id)
        rule = "many" if done.rule == "too-large" else "over"
    return Kept(name, refused=refused(language, rule, name=name))


def _why_not(file: MailFile, name: str) -> str:
    if len(file.content) > attaching.LARGEST:
        return "too-large"
    if file.content.startswith(tnef.SIGNATURE):
        return "wrapped"
    kind = sniffing.kind_of(file.content[: sniffing.HEAD], name)
    return kind.rule if isinstance(kind, sniffing.Unfit) else ""


def _tell(
    session: Session,
    incident: Incident,
    mail: Mail,
    lines: list[str],
    actor: Actor,
    writer: Person | None,
    now: datetime,
) -> None:
    facts = {"from": mail.address, "refused": len(lines)}
    story.tell(session, incident, "file", "\n".join(lines), now, actor=actor, public=actor.is_customer, facts=facts)
    mail_answers.files_refused(session, incident, mail, lines, writer, now)
    story.changed(session, incident, "refuse files", now, actor=actor, facts=facts)
