"""A letter as an e-mail message. Plain: both mail doors write the same message."""

from __future__ import annotations

import re
from datetime import UTC
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from escalation.channels import ChannelError, Letter

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_LONGEST_SUBJECT = 200


def compose(letter: Letter, sender: str, house: str = "") -> EmailMessage:
    """The message: its Message-ID is the letter's id, so that a letter sent twice is recognised as one.

    `house`: the address people reach us under, before the path of the page the letter speaks of.

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
    text = str(letter.body.get("text", ""))
    if house and letter.body.get("path"):
        text += f"\n\n{house}{letter.body['path']}"
    message.set_content(text)
    return message


def _address(text: str, name: str = "") -> Address:
    if _CONTROL.search(text) or _CONTROL.search(name) or text.count("@") != 1 or re.search(r"[\s,;<>]", text):
        raise ChannelError(f"not a mail address: {text!r}", permanent=True)
    try:
        return Address(display_name=name, addr_spec=text)
    except (ValueError, MessageError, IndexError) as error:  # IndexError: how the parser meets an empty local part
        raise ChannelError(f"not a mail address: {text!r}", permanent=True) from error
