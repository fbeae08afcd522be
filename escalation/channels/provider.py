"""SMS and voice through a provider's own API, declared as data: what to post, what is taken, what receipts say.

A declaration is JSON; `{{to}}`, `{{text}}`, `{{subject}}`, `{{id}}`, `{{receipt_url}}` and `{{secret}}` in its texts
are filled in, and nothing else is: no template language stands behind them. `{{text_xml}}` and `{{subject_xml}}` are
the same words for within markup, as voice providers want it. See docs/integrations.md.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

from escalation.channels import DEADLINE_S, Channel, ChannelError, Letter, Receipt
from escalation.channels.guarded import Answer, judge
from escalation.channels.guarded import send as send_guarded

_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
VARIABLES = ("to", "text", "text_xml", "subject", "subject_xml", "id", "receipt_url", "secret")
_FIELDS = ("channel", "url", "method", "headers", "form", "json", "taken", "refused", "id", "longest", "receipts")
_RECEIPTS = ("by", "id", "state", "delivered", "failed")
_NUMBER = re.compile(r"\+?[0-9][0-9 ().-]{3,30}")


@dataclass(frozen=True, slots=True)
class Provider:
    """One declared provider. `body` has the variables still in it; `id_path` finds its own id in its answer."""

    name: str
    channel: str
    url: str
    body: Any
    is_form: bool
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    taken: tuple[int, ...] = ()  # statuses; empty: any 2xx
    refused: tuple[int, ...] = (400, 404, 410, 422)  # trying again cannot help
    id_path: str = ""
    longest: int = 459  # characters of the text: three parts of an SMS
    receipt_by: str = "POST"  # or GET, with what is said in the address
    receipt_id: str = ""  # where a receipt at the provider's one address names the message: our id, or its own
    receipt_state: str = ""
    delivered: tuple[str, ...] = ("delivered", "answered", "completed", "read")
    failed: tuple[str, ...] = ("failed", "undelivered", "rejected", "expired", "busy", "no-answer", "canceled")
    secret: str = field(default="", repr=False)


def read(name: str, said: object, secret: str = "") -> Provider:
    """A provider from its declaration. Raises ValueError that names the field and the remedy."""
    if not isinstance(said, dict):
        raise ValueError(f"{name}: is no object; give url, and form or json")
    for unknown in said.keys() - set(_FIELDS):
        raise ValueError(f"{name}.{unknown}: is not known; use some of {', '.join(_FIELDS)}")
    if not isinstance(said.get("url"), str):
        raise ValueError(f"{name}.url: is missing; give the https:// address the message is posted to")
    if ("form" in said) == ("json" in said):
        raise ValueError(f"{name}: needs form or json, one of them; give the fields of the request")
    _check_kinds(name, said)
    _check_variables(name, said)
    receipts = said.get("receipts", {})
    if not isinstance(receipts, dict) or receipts.keys() - set(_RECEIPTS):
        raise ValueError(f"{name}.receipts: holds something unknown; use some of {', '.join(_RECEIPTS)}")
    by = str(receipts.get("by", "POST")).upper()
    if by not in ("POST", "GET"):
        raise ValueError(f"{name}.receipts.by: {by[:20]} is not known; use POST or GET")
    given: dict[str, Any] = {}
    for field_name in ("taken", "refused"):
        if field_name in said:
            given[field_name] = tuple(int(status) for status in said[field_name])
    for field_name in ("delivered", "failed"):
        if field_name in receipts:
            given[field_name] = tuple(str(word).lower() for word in receipts[field_name])
    return Provider(
        name,
        str(said.get("channel", "sms")),
        said["url"],
        said["form"] if "form" in said else said["json"],
        "form" in said,
        method=str(said.get("method", "POST")).upper(),
        headers={str(key): str(value) for key, value in said.get("headers", {}).items()},
        id_path=str(said.get("id", "")),
        longest=int(said.get("longest", 459)),
        receipt_by=by,
        receipt_id=str(receipts.get("id", "")),
        receipt_state=str(receipts.get("state", "")),
        secret=secret,
        **given,
    )


def _check_kinds(name: str, said: Mapping[str, Any]) -> None:
    for field_name in ("headers", "form"):
        if not isinstance(said.get(field_name, {}), dict):
            raise ValueError(
                f'{name}.{field_name}: is no object; give names with their values, as {{"To": "{{{{to}}}}"}}'
            )
    for field_name in ("taken", "refused"):
        given = said.get(field_name, [])
        if not isinstance(given, list) or not all(_is_whole(each) and 100 <= each <= 599 for each in given):
            raise ValueError(f"{name}.{field_name}: is no list of statuses; give them as [200, 202]")
    if not _is_whole(said.get("longest", 459)) or said.get("longest", 459) < 1:
        raise ValueError(f"{name}.longest: is no number of characters; give one, as 459")
    receipts = said.get("receipts", {})
    for field_name in ("delivered", "failed"):
        if isinstance(receipts, dict) and not isinstance(receipts.get(field_name, []), list):
            raise ValueError(f'{name}.receipts.{field_name}: is no list of words; give them as ["{field_name}"]')


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_variables(name: str, value: Any) -> None:
    if isinstance(value, str):
        for used in _VARIABLE.findall(value):
            if used not in VARIABLES:
                raise ValueError(f"{name}: {{{{{used}}}}} is not known; use some of {', '.join(VARIABLES)}")
    elif isinstance(value, dict):
        for each in value.values():
            _check_variables(name, each)
    elif isinstance(value, list):
        for each in value:
            _check_variables(name, each)


def provider_channel(
    provider: Provider, house: str, key: bytes, *, allow_private: bool = False, deadline_s: float = DEADLINE_S
) -> Channel:
    """A channel through this provider to telephone numbers. `key` seals the address its receipts come to."""

    def send(letter: Letter, now: datetime) -> Receipt:
        if _NUMBER.fullmatch(letter.address) is None:
            raise ChannelError(f"not a telephone number: {letter.address!r}", permanent=True)
        text = _short(letter, provider.longest, house)
        known = {
            "to": letter.address,
            "text": text,
            "text_xml": _as_markup(text),
            "subject": letter.subject,
            "subject_xml": _as_markup(letter.subject),
            "id": str(letter.id),
            "receipt_url": house + receipt_path(provider.name, letter.id, key, provider.receipt_by),
            "secret": provider.secret,
        }
        filled = _filled(provider.body, known)
        body = urlencode(filled, doseq=True) if provider.is_form else json.dumps(filled, ensure_ascii=False)
        kind = "application/x-www-form-urlencoded" if provider.is_form else "application/json"
        headers = {"Content-Type": kind, "Idempotency-Key": str(letter.id)}
        headers |= {name: _fill(value, known) for name, value in provider.headers.items()}
        address = _fill(provider.url, {name: quote(value, safe="") for name, value in known.items()})
        answer = send_guarded(
            address, body.encode(), headers, method=provider.method, allow_private=allow_private, deadline_s=deadline_s
        )
        if answer.status not in provider.taken:
            judge(answer, now, gone=provider.refused)
        return Receipt({"status": answer.status, "provider": provider.name, "theirs": _theirs(provider, answer)})

    return send


def receipt_path(name: str, notice: uuid.UUID, key: bytes, by: str = "POST") -> str:
    """Where the provider reports what became of this very message; nobody else can make the address up."""
    return f"/in/receipts/{name}/{notice}/{_seal(name, notice, key, by)}"


def receipts_path(name: str, key: bytes) -> str:
    """Where a provider reports that knows only one address, for all messages; `receipts.id` says which is meant."""
    return f"/in/receipts/{name}/{_seal(name, 'all', key)}"


def is_receipt_of(name: str, notice: uuid.UUID, seal: str, key: bytes, by: str = "POST") -> bool:
    """Whether a receipt's address was made by us, for this way of asking for it: a seal for POST opens no GET."""
    return hmac.compare_digest(_seal(name, notice, key, by).encode(), seal.encode("utf-8", "replace"))


def is_address_of(name: str, seal: str, key: bytes) -> bool:
    """Whether this is the one address of a provider."""
    return hmac.compare_digest(_seal(name, "all", key).encode(), seal.encode("utf-8", "replace"))


def named(provider: Provider, said: Mapping[str, Any]) -> str:
    """Which message a receipt at the provider's one address is of: our id, or the provider's own; empty: not said."""
    found = _at(said, provider.receipt_id) if provider.receipt_id else None
    return str(found)[:200] if isinstance(found, (str, int)) else ""


def delivery(provider: Provider, said: Mapping[str, Any]) -> tuple[str, str]:
    """What a receipt says: ("delivered" | "failed" | "", the provider's own word)."""
    names = [provider.receipt_state] if provider.receipt_state else ["MessageStatus", "CallStatus", "status", "state"]
    word = next((str(found) for name in names if (found := _at(said, name)) is not None), "")[:80]
    if word.lower() in provider.delivered:
        return "delivered", word
    return ("failed" if word.lower() in provider.failed else ""), word


def _seal(name: str, notice: uuid.UUID | str, key: bytes, by: str = "POST") -> str:
    what = "receipt" if by == "POST" else f"receipt-{by.lower()}"
    return hmac.new(key, f"{what}/{name}/{notice}".encode(), hashlib.sha256).hexdigest()[:32]


def _short(letter: Letter, longest: int, house: str) -> str:
    """What fits an SMS: the subject, then as much of the text as there is room for, then where to look."""
    where = f" {house}{letter.body['path']}" if letter.body.get("path") else ""
    words = str(letter.body.get("text", "")).strip()
    first, _, rest = words.partition("\n")
    if first.strip() and letter.subject.endswith(first.strip()):
        words = rest  # the subject says so already, and each part of an SMS costs
    text = f"{letter.subject}. {' '.join(words.split())}"
    room = max(40, longest - len(where))
    return (text if len(text) <= room else text[: room - 1] + "…") + where


def _as_markup(words: str) -> str:
    """Words that stand within XML or SSML as nothing but words: a machine's `<` begins no instruction there."""
    return escape("".join(c if c.isprintable() or c in "\n\t" else " " for c in words))


def _fill(text: str, known: Mapping[str, str]) -> str:
    # One pass: what is filled in is never looked at again, so a machine's words cannot ask for the secret.
    return _VARIABLE.sub(lambda found: known[found[1]], text)


def _filled(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _fill(value, known)
    if isinstance(value, dict):
        return {key: _filled(each, known) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, known) for each in value]
    return value


def _theirs(provider: Provider, answer: Answer) -> str:
    if not provider.id_path:
        return ""
    try:
        found = _at(json.loads(answer.body), provider.id_path)
    except ValueError:
        return ""
    return str(found)[:200] if found is not None else ""


def _at(held: Any, path: str) -> Any:
    for step in path.split("."):
        if isinstance(held, list) and step.isdecimal() and int(step) < len(held):
            held = held[int(step)]
        else:
            held = held.get(step) if isinstance(held, Mapping) else None
    return held
