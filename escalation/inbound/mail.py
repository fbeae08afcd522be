"""A mail as it came in (RFC 5322): who writes about what, in answer to which letter. Plain.

What answers by itself (vacation notices, bounces, our own letters come back) is told apart, so that two machines never
write to each other for ever.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import parseaddr

from escalation.inbound.body import BadBody, clean
from escalation.inbound.events import LONGEST_SUMMARY, line_of
from escalation.inbound.mail_bounds import parsed
from escalation.inbound.mail_files import MailFile, Parts, apart
from escalation.inbound.mail_text import LONGEST_READ, of_markup, without_quotes

LARGEST = 36 * 1024 * 1024  # bytes; a file of 25 MB as mails carry it, and the words around it
LONGEST_TEXT = 20_000
_ID = re.compile(r"<([^<>\s]{1,500})>")
_LABEL = re.compile(r"\bVG-(\d{1,18})\b")
_FORWARD = re.compile(r"\s*(fwd?|tr|wg)\s*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mail:
    """`id`: its Message-ID, or one of its bytes; `answers`: ids of the letters it stands in line with, last first."""

    id: str
    address: str
    name: str
    subject: str
    text: str
    answers: tuple[str, ...] = ()
    label: int | None = None  # of the incident its subject names
    by_itself: bool = False
    files: tuple[MailFile, ...] = ()
    more_files: int = 0  # past what one mail may bring
    machine: str = ""
    cause: str = ""
    severity: int = 3


def parse(raw: bytes) -> Mail:
    """Read a mail. Raises BadBody for what is none."""
    try:
        message = parsed(raw)
        name, address = parseaddr(_head(message, "From"))
        subject = line_of(clean(_head(message, "Subject")))
        parts = apart(message)
        text = _text(parts, subject)
    except BadBody:
        raise
    except (MessageError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise BadBody("the mail", "cannot be read", "send it as it came (RFC 5322)") from error
    if "@" not in address or len(address) > 254:
        raise BadBody("From", "names no address", "send the mail with its headers, as it came")
    id = next(iter(_ID.findall(_head(message, "Message-ID"))), "") or hashlib.sha256(raw).hexdigest()
    answers = [*_ID.findall(_head(message, "In-Reply-To")), *reversed(_ID.findall(_head(message, "References")))]
    named = _LABEL.search(subject)
    wanted = _head(message, "X-Vigie-Severity")
    return Mail(
        id, address.lower(), clean(name)[:120], subject, text, tuple(dict.fromkeys(answers))[:50],
        int(named[1]) if named else None, _by_itself(message), parts.files, parts.more,
        clean(_head(message, "X-Vigie-Machine"))[:255].strip().lower(),
        clean(_head(message, "X-Vigie-Cause"))[:80].strip().lower(),
        int(wanted) if wanted in ("1", "2", "3", "4") else 3,
    )  # fmt: skip


def _head(message: EmailMessage, name: str) -> str:
    """A head of the mail; as it stands where it does not follow its rules, for one odd head makes no mail unread."""
    try:
        return str(message.get(name, ""))
    except (MessageError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return next((str(value) for key, value in message.raw_items() if key.lower() == name.lower()), "")


def _by_itself(message: EmailMessage) -> bool:
    said = _head(message, "Auto-Submitted").partition(";")[0].strip().lower()
    precedence = _head(message, "Precedence").strip().lower()
    return (
        said == "auto-replied"
        or bool(_head(message, "X-Vigie-Notice"))
        or bool(_head(message, "X-Autoreply"))
        or precedence == "auto_reply"
        or message.get_content_type() == "multipart/report"
    )


def _text(parts: Parts, subject: str) -> str:
    """What was written, without what it quotes; what is forwarded is meant to be read, so then with it."""
    said, room = [], LONGEST_READ
    for kind, text in parts.words:
        said.append(of_markup(text[:room]) if kind == "html" else text[:room].replace("\r\n", "\n"))
        room = max(0, room - len(text))
    text = "\n\n".join(part.strip() for part in said if part.strip())[:LONGEST_READ]
    kept = text if _FORWARD.match(subject) else without_quotes(text)
    return clean(kept.strip() or text.strip()[:LONGEST_SUMMARY])[:LONGEST_TEXT]
