"""A letter as an e-mail message. Plain: both mail doors write the same message."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any

from escalation.channels import ChannelError, Letter, acklink

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_LONGEST_SUBJECT = 200


def compose(letter: Letter, sender: str, house: str = "", acknowledge: bytes = b"") -> EmailMessage:
    """The message: its Message-ID is the letter's id, so that a letter sent twice is recognised as one.

    `house`: the address people reach us under, before the path of the page the letter speaks of. `acknowledge`: the
    key that seals the link by which a page is acknowledged; without it there is none.

    Raises ChannelError (permanent) for an address that is none; a line break in one is an attempt to add headers.
    """
    name, mailbox = parseaddr(sender)
    domain = mailbox.rpartition("@")[2]
    message = EmailMessage(policy=SMTP)
    message["From"] = _address(mailbox, name)
    message["To"] = _address(letter.address)
    # A machine's words may stand in the subject, so control characters become a space instead of a header.
    message["Subject"] = _CONTROL.sub(" ", letter.subject).strip()[:_LONGEST_SUBJECT]
    message["Date"] = format_datetime(letter.created_at.astimezone(UTC))
    message["Message-ID"] = f"<{letter.id}@{domain}>"
    message["References"] = f"<{letter.thread}@{domain}>"
    message["In-Reply-To"] = f"<{letter.thread}@{domain}>"
    # RFC 3834: no vacation responder shall answer this.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Vigie-Notice"] = str(letter.id)
    message.set_content(_text(letter, house, acknowledge))
    return message


def _text(letter: Letter, house: str, acknowledge: bytes) -> str:
    """The words, each with the page it speaks of; a page to one of ours with the way to acknowledge it at once."""
    rule = "\n\n" + "-" * 40 + "\n\n"
    parts = letter.body.get("parts") or [letter.body]
    told = []
    for part in parts:
        said = _part(part, house, heading=len(parts) > 1)
        if house and acknowledge and part.get("type") == "vigie.incident.page":
            # In one letter with others each page keeps a link of its own: to have one is not to have all.
            notice = uuid.UUID(part["notice"]) if part.get("notice") else letter.id
            said += f"\n\nAcknowledge: {house}{acklink.path(notice, acknowledge)}"
        told.append(said)
    return rule.join(told)


def _part(part: Mapping[str, Any], house: str, *, heading: bool) -> str:
    text = f"{part.get('subject', '')}\n\n" if heading else ""
    text += str(part.get("text", ""))
    return f"{text}\n\n{house}{part['path']}" if house and part.get("path") else text


def _address(text: str, name: str = "") -> Address:
    if _CONTROL.search(text) or _CONTROL.search(name) or text.count("@") != 1 or re.search(r"[\s,;<>]", text):
        raise ChannelError(f"not a mail address: {text!r}", permanent=True)
    try:
        return Address(display_name=name, addr_spec=text)
    except (ValueError, MessageError, IndexError) as error:  # IndexError: how the parser meets an empty local part
        raise ChannelError(f"not a mail address: {text!r}", permanent=True) from error
