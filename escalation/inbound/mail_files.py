"""The files of a mail: attached, shown inline, forwarded as mails, wrapped by an Outlook; each with a name. Plain.

Nothing is judged here: whether an incident takes a file is decided where every file is (`escalation.attaching`).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.policy import SMTP
from mimetypes import guess_extension

from escalation.inbound import tnef
from escalation.inbound.body import clean
from escalation.inbound.mail_text import decoded

MOST = 50  # files of one mail; what an incident holds
_UNNAMED = "file"
# What is no file to anybody: signatures and the control parts of encryption, which mail programs do not show either.
_SEALS = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature",
                    "application/pgp-encrypted"})  # fmt: skip
_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_AS_TEXT = SMTP.clone(cte_type="7bit")  # a forwarded mail in plain ASCII, whatever way it came
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SURROGATES = re.compile("[\udc80-\udcff]+")


@dataclass(frozen=True, slots=True)
class MailFile:
    """A file as it came. `name` may be anything its sender thought of; it is made tidy where it is kept."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Parts:
    """A mail taken apart. `words`: (subtype, text) of what is to be read, in its order; `more`: files past `MOST`."""

    words: tuple[tuple[str, str], ...]
    files: tuple[MailFile, ...]
    more: int = 0


def apart(message: EmailMessage) -> Parts:
    """Take a mail apart: the words in it, and every other leaf as a file."""
    words: list[tuple[str, str]] = []
    files: list[MailFile] = []
    more = 0
    for part in _leaves(message):
        if _is_words(part):
            words.append((part.get_content_subtype(), decoded(_bytes(part), part.get_content_charset(""))))
            continue
        if part.get_content_type() in _SEALS:
            continue
        for file in _files(part, len(files) + 1):
            if len(files) < MOST:
                files.append(file)
            else:
                more += 1
    return Parts(tuple(words), tuple(files), more)


def _leaves(part: Message, *, chosen_above: bool = False) -> Iterator[Message]:
    """The parts of a mail that are not made of parts; of alternatives the one that is best to read, and what goes
    with the others (an invitation, a picture in the markup). Chosen once: of all that stand within the outermost."""
    if part.get_content_type() == "message/rfc822" or not part.is_multipart():
        yield part
        return
    children = [child for child in part.get_payload() if isinstance(child, Message)]
    if chosen_above or part.get_content_type() != "multipart/alternative":
        for child in children:
            yield from _leaves(child, chosen_above=chosen_above)
        return
    leaves = [leaf for child in children for leaf in _leaves(child, chosen_above=True)]
    texts = [leaf for leaf in leaves if _is_words(leaf)]
    plain = [leaf for leaf in texts if leaf.get_content_subtype() == "plain" and _bytes(leaf).strip()]
    read = plain or texts[-1:]
    yield from (leaf for leaf in leaves if leaf not in texts or leaf in read)


def _is_words(part: Message) -> bool:
    is_text = part.get_content_type() in ("text/plain", "text/html")
    return is_text and part.get_content_disposition() != "attachment" and not part.get_filename()


def _files(part: Message, number: int) -> Iterator[MailFile]:
    kind = part.get_content_type()
    if kind.startswith("message/") and part.is_multipart():
        inner = part.get_payload(0)
        subject = str(inner.get("Subject", "")) if isinstance(inner, Message) else ""
        yield MailFile(_name(part) or f"{_SURROGATES.sub('', clean(subject))[:80].strip() or 'mail'}.eml", _mail(inner))
        return
    content, name = _bytes(part), _name(part)
    if content.startswith(tnef.SIGNATURE) and (kind in _TNEF or name.lower().endswith(".dat")):
        try:
            within = tnef.files(content)
        except tnef.NotReadable:
            within = [(name or "winmail.dat", content)]
        yield from (MailFile(clean(one) or f"{_UNNAMED}-{number}", inside) for one, inside in within)
        return
    if part.get_content_maintype() == "text":
        content = _as_utf8(content, part.get_content_charset(""))
    yield MailFile(name or f"{_called(part)}-{number}{guess_extension(kind) or ''}", content)


def _mail(inner: object) -> bytes:
    """A mail that was forwarded, whole, as a text."""
    if not isinstance(inner, Message):
        return str(inner).encode("utf-8", "replace")
    try:
        return inner.as_bytes(policy=_AS_TEXT)
    except (ValueError, LookupError, AttributeError, TypeError):  # heads that cannot be written as they were read
        return decoded(inner.as_string(unixfrom=False).encode("utf-8", "surrogateescape"), "").encode()


def _bytes(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _as_utf8(content: bytes, charset: str) -> bytes:
    """A text in the one encoding in which it is kept: what the mail says of its encoding does not stay with it."""
    mark = next((name for bom, name in _BOMS if content.startswith(bom)), "")
    if not mark and not charset:
        return content
    try:
        return content.decode(mark or charset).encode()
    except (UnicodeError, LookupError):
        return content


def _called(part: Message) -> str:
    return "image" if part.get_content_maintype() == "image" else _UNNAMED


def _name(part: Message) -> str:
    """What its sender calls it: by RFC 2231, by RFC 2047 where it does not belong, or as bare bytes."""
    try:
        given = part.get_filename() or ""
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    if "=?" in given:
        with suppress(ValueError, LookupError, MessageError):  # else it is none after all
            given = str(make_header(decode_header(given)))
    given = given.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if _SURROGATES.search(given) else given
    return clean(given)[:500]
