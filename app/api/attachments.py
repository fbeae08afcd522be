"""Files on an incident: brought within limits, listed, fetched as a download, removed."""

from __future__ import annotations

import uuid
from urllib.parse import quote

from flask import request
from pydantic import Field

from app.api import lookup
from app.api.acts import refused
from app.api.door import Answer, Call, route
from app.front import front
from app.problems import FieldError, Problem, not_found
from app.wire import In, Instant, Line, Out
from escalation import attaching
from escalation.attic import Attic, AtticFull, Lost
from escalation.incident import NotNow
from models.attachments import Attachment

BYTES = "application/octet-stream"


class Bring(In):
    name: Line = Field(description="what its owner calls it; must fit what its first bytes say it is")
    public: bool = Field(True, description="whether the customer may fetch it; a customer's own always are")


class AttachmentOut(Out):
    id: uuid.UUID
    incident_id: uuid.UUID
    name: str
    media_type: str = Field(description="by its first bytes, whatever the sender said")
    size: int = Field(description="bytes")
    digest: str = Field(description="SHA-256, hex")
    public: bool
    by: str
    at: Instant


class Attachments(Out):
    items: list[AttachmentOut]


def attic() -> Attic:
    """Where files lie: in the data folder of this desk."""
    return Attic(front().settings.data)


@route("GET", "/incidents/{incident}/attachments", "incidents:read", {200: Attachments}, problems=("not-found",))
def index(call: Call, *, incident: str) -> Attachments:
    """The files that are there, oldest first; a customer sees the public ones."""
    row = lookup.incident(call, incident)
    found = attaching.of_incident(call.session, row.id, only_public=not call.caller.is_staff)
    return Attachments(items=[AttachmentOut.model_validate(one) for one in found])


@route("POST", "/incidents/{incident}/attachments", "incidents:open", {201: AttachmentOut}, query=Bring,
       takes=(BYTES,), problems=("not-found", "not-now", "too-large", "full"))  # fmt: skip
def bring(call: Call, query: Bring, *, incident: str) -> AttachmentOut:
    """Bring a file: its bytes are the body, its name is in the query. 25 MB a file, 50 files an incident; pictures,
    documents, texts, archives, captures. Programs, scripts and pages are refused. Nobody claims it is free of viruses:
    it is stored and handed out as it came."""
    row = lookup.incident(call, incident)
    content = request.get_data(cache=True)
    with call.as_desk():
        return AttachmentOut.model_validate(kept(call, row.id, query.name, content, public=query.public))


def kept(call: Call, incident_id: uuid.UUID, name: str, content: bytes, *, public: bool) -> Attachment:
    """Keep a file. Raises Problem: too large, of no kind that is taken, or no room on the disk."""
    try:
        done = attaching.add(call.session, attic(), incident_id, call.actor, call.now, name, content, public=public)
    except AtticFull:
        raise Problem(
            "full",
            "The disk of this desk has no room for the file; nothing was kept.",
            remedy="Tell an administrator, and send it again when there is room.",
        ) from None
    if not isinstance(done, NotNow):
        return done
    match done.rule:
        case "too-large":
            raise Problem("too-large", done.reason, remedy=done.remedy)
        case "value":
            raise Problem("invalid", done.reason, errors=[FieldError("body", done.reason, done.remedy)],
                          remedy=done.remedy)  # fmt: skip
        case _:
            raise refused(done)


@route("GET", "/attachments/{attachment}", "incidents:read", {200: None}, gives=(BYTES,), problems=("not-found",))
def fetch(call: Call, *, attachment: str) -> Answer:
    """The file, as a download: never shown by the browser, never run. That it was fetched is written down."""
    return Answer(
        raw=content_of(call, lookup.attachment(call, attachment)),
        headers=headers_of(lookup.attachment(call, attachment)),
    )


def content_of(call: Call, row: Attachment) -> bytes:
    """The bytes, for somebody who may see them. Raises Problem."""
    try:
        done = attaching.fetch(attic(), row, call.actor)
    except Lost:
        raise Problem("broken", "The file is not where it should be.", remedy="Ask whoever brought it.") from None
    if isinstance(done, NotNow):
        raise not_found("attachment")
    return done


def headers_of(row: Attachment) -> dict[str, str]:
    """A download under its own name; what it is stays unsaid, so that no browser has an idea of its own (RFC 6266)."""
    plain = "".join(
        letter if letter.isascii() and letter.isprintable() and letter not in '"\\%' else "_" for letter in row.name
    )
    named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(row.name, safe='')}"
    return {
        "Content-Disposition": named,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }


@route("DELETE", "/attachments/{attachment}", "incidents:open", {204: None}, problems=("not-found", "not-now"))
def remove(call: Call, *, attachment: str) -> Answer:
    """Give it out no more; that it was there is kept."""
    row = lookup.attachment(call, attachment)
    if not call.caller.is_staff and not row.public:
        raise not_found("attachment")
    with call.as_desk():
        done = attaching.remove(call.session, row.id, call.actor, call.now)
    if isinstance(done, NotNow):
        raise refused(done)
    return Answer(status=204)
