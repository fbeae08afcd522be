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
from email.parser import BytesParser
from email.policy import default
from email.utils import parseaddr

from escalation.inbound.body import BadBody, clean
from escalation.inbound.events import LONGEST_SUMMARY, line_of

LONGEST_TEXT = 20_000
_ID = re.compile(r"<([^<>\s]{1,500})>")
_LABEL = re.compile(r"\bVG-(\d{1,18})\b")
_QUOTE_HEAD = re.compile(r"^\s*(On\b.*\bwrote|Le\b.*\ba écrit|-{2,}\s*Original Message.*)\s*:?\s*-*$", re.IGNORECASE)
_TAG = re.compile(r"<(script|style)\b.*?</\1>|<br\s*/?>|</p>|<[^>]*>", re.IGNORECASE | re.DOTALL)


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
    files: tuple[str, ...] = ()
    machine: str = ""
    cause: str = ""
    severity: int = 3


def parse(raw: bytes) -> Mail:
    """Read a mail. Raises BadBody for what is none."""
    try:
        message = BytesParser(_class=EmailMessage, policy=default).parsebytes(raw)
        name, address = parseaddr(str(message.get("From", "")))
        subject = line_of(clean(str(message.get("Subject", ""))))
        text, files = _words(message)
    except (MessageError, ValueError, LookupError, IndexError, AttributeError) as error:
        raise BadBody("the mail", "cannot be read", "send it as it came (RFC 5322)") from error
    if "@" not in address or len(address) > 254:
        raise BadBody("From", "names no address", "send the mail with its headers, as it came")
    id = next(iter(_ID.findall(str(message.get("Message-ID", "")))), "") or hashlib.sha256(raw).hexdigest()
    answers = [*_ID.findall(str(message.get("In-Reply-To", ""))),
               *reversed(_ID.findall(str(message.get("References", ""))))]  # fmt: skip
    named = _LABEL.search(subject)
    wanted = str(message.get("X-Vigie-Severity", ""))
    return Mail(
        id, address.lower(), clean(name)[:120], subject, text, tuple(dict.fromkeys(answers))[:50],
        int(named[1]) if named else None, _by_itself(message), files,
        clean(str(message.get("X-Vigie-Machine", "")))[:255].strip().lower(),
        clean(str(message.get("X-Vigie-Cause", "")))[:80].strip().lower(),
        int(wanted) if wanted in ("1", "2", "3", "4") else 3,
    )  # fmt: skip


def _by_itself(message: EmailMessage) -> bool:
    said = str(message.get("Auto-Submitted", "no")).partition(";")[0].strip().lower()
    precedence = str(message.get("Precedence", "")).strip().lower()
    return (
        said == "auto-replied"
        or message.get("X-Vigie-Notice") is not None
        or message.get("X-Autoreply") is not None
        or precedence == "auto_reply"
        or message.get_content_type() == "multipart/report"
    )


def _words(message: EmailMessage) -> tuple[str, tuple[str, ...]]:
    """What was written, without what it quotes, and the names of the files that came with it."""
    body = message.get_body(("plain", "html"))
    text = ""
    if body is not None:
        payload = body.get_payload(decode=True)
        raw = payload if isinstance(payload, bytes) else b""
        text = _decoded(raw, body.get_content_charset(""))
        if body.get_content_subtype() == "html":
            text = _TAG.sub(lambda tag: "\n" if tag[0].lower().startswith(("<br", "</p")) else " ", text)
    files = tuple(clean(part.get_filename() or part.get_content_type())[:120] for part in message.iter_attachments())
    return _without_quotes(clean(text.replace("\r\n", "\n")))[:LONGEST_TEXT], files[:50]


def _decoded(raw: bytes, charset: str) -> str:
    for name in (charset or "utf-8", "utf-8"):
        try:
            return raw.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode("cp1252", "replace")


def _without_quotes(text: str) -> str:
    kept: list[str] = []
    for line in text.split("\n"):
        if line.rstrip() == "--" or _QUOTE_HEAD.match(line):
            break
        if not line.startswith(">"):
            kept.append(line)
    return "\n".join(kept).strip() or text.strip()[:LONGEST_SUMMARY]
