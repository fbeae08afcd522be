"""The letters that answer a mail: to whoever wrote it, at the very address it came from.

A contact reads what the contract says, with the remedy, in the customer's language. Whoever is no contact may be
anybody who knows the address: they hear that nothing was opened and what to do, and never what a case is called or what
the contract says.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation import notify, outbox, words
from escalation.inbound import mail_words
from escalation.inbound.mail import Mail
from escalation.outbox import Draft
from models.customers import Customer
from models.decisions import DecisionRow
from models.inbound import InboundDoor
from models.incidents import Incident
from models.notices import Notice
from models.people import Person

log = structlog.get_logger()

NOT_OPENED = "no case was opened from a mail"
NOT_KEPT = "files of a mail were not kept"
# What answers each of our letters by itself, and does not say so, would make one letter after the other.
MOST_AN_HOUR = 5


def not_opened(
    session: Session, door: InboundDoor, mail: Mail, decision: DecisionRow, writer: Person | None, now: datetime
) -> None:
    """Tell the writer that the contract does not let a case be opened, why, and what to do."""
    if not _may_answer(session, mail.address, now):
        return
    language = session.get_one(Customer, door.customer_id).language
    if writer is not None:
        text = mail_words.not_opened(language, mail.subject, decision.reason, decision.remedy, bool(mail.files))
    else:
        text = mail_words.not_known(language, mail.subject)
    draft = _draft(mail, 0, _again(mail), _body(text, NOT_OPENED), NOT_OPENED, writer)
    outbox.enqueue_word(session, door.customer_id, f"mail/{door.id}/{mail.id}", draft, now)


def files_refused(
    session: Session, incident: Incident, mail: Mail, lines: list[str], writer: Person | None, now: datetime
) -> None:
    """Tell the writer which files were not kept and why. To be called before the change is closed, as every word
    is: its letter bears the number of the version that is to come, and the next word must not bear the same."""
    if not _may_answer(session, mail.address, now):
        return
    customer = session.get_one(Customer, incident.customer_id)
    text, heading = mail_words.letter(customer.language, lines), _again(mail)
    body = _body(text, NOT_KEPT)
    if writer is not None:
        heading = words.public(customer.language, "subject", label=incident.label, title=incident.title)
        body = words.word_body(notify.facts_of(session, incident, customer.zone), text, "Vigie", NOT_KEPT)
    draft = _draft(mail, incident.version + 1, heading, body, NOT_KEPT, writer)
    outbox.enqueue(session, incident, draft, now)


def _draft(mail: Mail, round: int, heading: str, body: dict[str, Any], why: str, writer: Person | None) -> Draft:
    # To the very address it came from, whatever ways a contact has: this answers the mail.
    who = writer.id if writer is not None else None
    return Draft(outbox.NO_RUNG, round, "email", mail.address, heading, body, why, who)


def _body(text: str, why: str) -> dict[str, Any]:
    return {"type": "vigie.mail.word", "text": f"{text}\n\nVigie", "data": {"why": why}}


def _again(mail: Mail) -> str:
    return mail.subject if mail.subject.lower().startswith("re:") else f"Re: {mail.subject}".rstrip()


def _may_answer(session: Session, address: str, now: datetime) -> bool:
    mine = (Notice.channel == "email", Notice.address == address, Notice.why.in_((NOT_OPENED, NOT_KEPT)))
    lately = select(func.count()).where(*mine, Notice.created_at > now - timedelta(hours=1))
    if (session.scalar(lately) or 0) < MOST_AN_HOUR:
        return True
    log.info("mail_not_answered", why=f"{MOST_AN_HOUR} letters to this address within the hour")
    return False
