"""The body of somebody else's request as JSON or as fields, however it was packed and whatever it says it is. Plain.

Senders are scripts as often as programs: a body may be compressed, in another charset, with a byte order mark, or JSON
that calls itself a form. It is read by what it is rather than by what it is called.
"""

from __future__ import annotations

import codecs
import json
import math
import unicodedata
import zlib
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

LARGEST = 4 * 1024 * 1024  # unpacked, bytes; some four thousand alerts at once
_MOST_FIELDS = 2000
_DEEPEST = 32
_LONGEST_TEXT = 32_768
_CARRIERS = ("payload", "json", "data", "body", "alert", "event")  # of one JSON object among a form's fields

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
         (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))  # fmt: skip


# Which of the first bytes are zero, in a text that begins with a character of ASCII.
_WIDE = (((False, True, True, True), "utf-32-le"), ((True, True, True, False), "utf-32-be"),
         ((False, True, False, True), "utf-16-le"), ((True, False, True, False), "utf-16-be"))  # fmt: skip
_LONGEST_NUMBER = 300  # digits; a longer one is kept as its text


class BadBody(ValueError):
    """The body cannot be used: what is wrong with which field, and what to do."""

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem
        self.remedy = remedy


def read(raw: bytes, content_type: str = "", content_encoding: str = "") -> dict[str, Any]:
    """The body as one object; a form's fields as texts. Every text is whole Unicode without NUL. Raises BadBody."""
    unpacked = unpack(raw, content_encoding)
    if not unpacked.strip(b"\x00 \t\r\n"):
        raise BadBody("the body", "is empty", "send the alert in it")
    kind = Message()
    kind["Content-Type"] = content_type
    if kind.get_content_maintype() == "multipart":
        return _multipart(content_type, unpacked)
    charset = kind.get_content_charset("")
    text = decode(unpacked, charset)
    if text.lstrip()[:1] == '"':  # JSON within a JSON text: some hooks quote what they were given
        text = _quoted(text)
    if text.lstrip()[:1] in ("{", "["):
        return _json(text)
    if "=" in text:
        return _form(unpacked if _is_ascii_form(unpacked) else text.encode(), charset)
    raise BadBody("the body", "is neither JSON nor a form", "send a JSON object, or fields as name=value&…")


def unpack(raw: bytes, content_encoding: str, largest: int = LARGEST) -> bytes:
    """The body without its compression (gzip, deflate, or both in turn), of `largest` bytes at most. Raises BadBody."""
    for coding in reversed([word.strip().lower() for word in content_encoding.split(",") if word.strip()]):
        if coding == "identity":
            continue
        if coding not in ("gzip", "x-gzip", "deflate"):
            raise BadBody("Content-Encoding", f"{coding[:40]} is not known here", "use gzip, deflate or none")
        raw = _inflate(raw, largest)
    if raw[:2] == b"\x1f\x8b":  # packed, and nobody said so
        raw = _inflate(raw, largest)
    if len(raw) > largest:
        raise BadBody("the body", f"is larger than {largest // 1024} KiB", "send less at once")
    return raw


def _inflate(raw: bytes, largest: int) -> bytes:
    # 47: gzip or zlib, by their heads; -15: what some senders call deflate has no head at all.
    for bits in (47, -15):
        found = _opened(raw, bits, largest)
        if found is not None:
            return found
    if raw.lstrip()[:1] in (b"{", b"["):  # a proxy on the way unpacked it, and left the header standing
        return raw
    raise BadBody("the body", "is not packed as it says", "send it whole, or unpacked")


def _opened(raw: bytes, bits: int, largest: int) -> bytes | None:
    """Every member of a packed body, one behind the other; None when it is not packed so."""
    found = b""
    while raw:
        opened = zlib.decompressobj(bits)
        try:
            found += opened.decompress(raw, largest + 1 - len(found))
        except zlib.error:
            return None
        if len(found) > largest:
            raise BadBody("the body", f"is larger than {largest // 1024} KiB unpacked", "send less at once")
        if not opened.eof:
            return None
        raw = opened.unused_data if opened.unused_data[:2] == b"\x1f\x8b" else b""
    return found


def decode(raw: bytes, charset: str = "") -> str:
    """Bytes as text: by their byte order mark, else as UTF-8, else the charset they claim, else Windows-1252.

    What reads as UTF-8 and is not plain ASCII is UTF-8, whatever it is called: two senders of one alert, one of which
    mislabels it, mean the same. Wide characters without a mark are known by the zeros among the first.
    """
    for mark, name in _BOMS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(name, "replace")
    wide = next((name for zeros, name in _WIDE if tuple(byte == 0 for byte in raw[: len(zeros)]) == zeros), "")
    for name in (wide, *((charset, "utf-8") if raw.isascii() else ("utf-8", charset))):
        try:
            if name:
                return raw.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode("cp1252", "replace")


def clean(text: str) -> str:
    """A text as it may be kept: composed, without NUL, control characters but tab and line break, or half a pair."""
    if text.isascii() and text.isprintable():
        return text[:_LONGEST_TEXT]
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    kept = "".join(c for c in whole if c in "\t\n" or unicodedata.category(c) != "Cc")
    return unicodedata.normalize("NFC", kept)[:_LONGEST_TEXT]


def _json(text: str) -> dict[str, Any]:
    try:
        # strict=False: shell scripts put raw line breaks and tabs into the texts of what is otherwise JSON.
        found = json.loads(text.strip("\x00 \t\r\n"), object_pairs_hook=_no_doubles, parse_constant=_no_constants,
                           parse_int=_whole, strict=False)  # fmt: skip
    except BadBody:
        raise
    except (ValueError, RecursionError) as error:
        raise BadBody("the body", "is not whole JSON", "send one JSON object (RFC 8259)") from error
    if isinstance(found, list):
        found = {"items": found}
    if not isinstance(found, dict):
        raise BadBody("the body", "is JSON, but not an object", "send a JSON object: {…}")
    cleaned = _tidy(found, 0)
    assert isinstance(cleaned, dict)
    return cleaned


def _quoted(text: str) -> str:
    try:
        found = json.loads(text.strip("\x00 \t\r\n"), strict=False)
    except ValueError as error:
        raise BadBody("the body", "is not whole JSON", "send one JSON object (RFC 8259)") from error
    return found if isinstance(found, str) else text


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else digits


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadBody(clean(twice)[:60], "stands twice in one object", "give each key once")
    return found


def _no_constants(word: str) -> NoReturn:
    raise BadBody("the body", f"holds {word}, which JSON does not know", "leave the value out, or give null")


def _tidy(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise BadBody("the body", f"is nested deeper than {_DEEPEST} levels", "send it flatter")
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(key)): _tidy(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        return [_tidy(each, depth + 1) for each in value]
    if isinstance(value, float) and not math.isfinite(value):  # 1e999 is JSON by its letters
        return None
    if isinstance(value, int) and abs(value) > 2**63:
        return str(value)
    return value


def _is_ascii_form(raw: bytes) -> bool:
    return not any(raw.startswith(mark) for mark, _ in _BOMS)


def _form(raw: bytes, charset: str) -> dict[str, Any]:
    """Fields of a form, each decoded by itself: a Nagios in Latin-1 escapes Latin-1 bytes."""
    parts = [part for part in raw.strip(b"\x00\r\n").split(b"&") if part]
    if len(parts) > _MOST_FIELDS:
        raise BadBody("the body", f"has more than {_MOST_FIELDS} fields", "send fewer")
    pairs = [[unquote_to_bytes(side.replace(b"+", b" ")) for side in part.partition(b"=")[::2]] for part in parts]
    fields: dict[str, Any] = {}
    for name, value in pairs:
        fields.setdefault(clean(decode(name, charset)), clean(decode(value, charset)))
    return _unwrapped(fields)


def _multipart(content_type: str, raw: bytes) -> dict[str, Any]:
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + raw)
    fields: dict[str, Any] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields.setdefault(clean(name), clean(decode(content, part.get_content_charset(""))))
    if not fields:
        raise BadBody("the body", "has no field in its parts", "send name=value&…, or JSON")
    return _unwrapped(fields)


def _unwrapped(fields: dict[str, Any]) -> dict[str, Any]:
    """A form that carries one JSON object, alone or in a field that is named for it: some hooks cannot do otherwise.
    The other fields stand beside what it holds. Names with brackets ("host[name]") are objects within."""
    if len(fields) == 1:
        (name,) = fields
        if not fields[name] and name.lstrip()[:1] == "{":
            return _json(name)
    names = list(fields) if len(fields) == 1 else [name for name in _CARRIERS if name in fields]
    carrier = next((name for name in names if str(fields[name]).lstrip()[:1] == "{"), None)
    if carrier is not None:
        return {**{name: value for name, value in fields.items() if name != carrier}, **_json(str(fields[carrier]))}
    found: dict[str, Any] = {}
    for name, value in fields.items():
        _place(found, name, value)
    return found


def _place(found: dict[str, Any], name: str, value: Any) -> None:
    """Put a field where its name says: "a[b][c]" into objects, anything else under the name as it stands."""
    head, bracket, rest = name.partition("[")
    parts = rest[:-1].split("][") if bracket and head and rest.endswith("]") else []
    holder = found
    for part in [head, *parts][:-1] if len(parts) <= _DEEPEST else []:
        inner = holder.setdefault(part, {})
        if not isinstance(inner, dict):
            found.setdefault(name, value)
            return
        holder = inner
    holder.setdefault(parts[-1] if parts and len(parts) <= _DEEPEST else name, value)
