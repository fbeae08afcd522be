"""Notices: what was told to whom, over which channel, and how far each has come; and sending one again."""

from __future__ import annotations

import uuid
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import and_, select

from app.api import lookup
from app.api.door import Call, route
from app.api.paging import page
from app.problems import Problem
from app.wire import Instant, Out, Paged, Ref
from escalation import outbox
from escalation.channels import masked
from models import audit
from models.notices import Notice

State = Literal["waiting", "sending", "retrying", "taken", "delivered", "failed", "not shown", "called off", "given up"]


class NoticeOut(Out):
    id: uuid.UUID = Field(description="also the idempotency key that the receiver sees")
    customer_id: uuid.UUID | None = Field(description="null: a word of the house to its own people")
    incident_id: uuid.UUID | None
    person_id: uuid.UUID | None
    channel: str
    address: str = Field(description="a routing key, or the address of a webhook, by its end only")
    subject: str
    why: str
    state: State
    created_at: Instant
    due_at: Instant
    next_try_at: Instant | None = Field(description="null once it has ended")
    tries: int
    settled_at: Instant | None = Field(description="when the channel took it")
    given_up_at: Instant | None
    last_error: str
    joined_into: uuid.UUID | None = Field(description="told within the letter of this other notice")
    receipt: dict[str, Any] = Field(description="what the receiver said when it took it, and reported later")


class NoticePage(Out):
    items: list[NoticeOut]
    next: str | None


class NoticeList(Paged):
    incident: Ref | None = Field(None, description="id or label (VG-1001)")
    channel: str | None = Field(None, max_length=40)
    state: Literal["open", "taken", "given up"] | None = Field(None, description="open: neither taken nor given up")


@route("GET", "/notices", "platform:read", {200: NoticePage}, query=NoticeList, staff=True, problems=("not-found",))
def index(call: Call, query: NoticeList) -> NoticePage:
    """The delivery log, newest first."""
    found = select(Notice)
    if query.incident is not None:
        found = found.where(Notice.incident_id == lookup.incident(call, query.incident).id)
    if query.channel is not None:
        found = found.where(Notice.channel == query.channel)
    if query.state is not None:
        found = found.where(_ended(query.state))
    rows, after = page(call.session, found, query, Notice.created_at, Notice.id)
    return NoticePage(items=[_out(row) for row in rows], next=after)


@route("GET", "/notices/{notice}", "platform:read", {200: NoticeOut}, staff=True, problems=("not-found",))
def show(call: Call, *, notice: str) -> NoticeOut:
    """One notice, with how far it has come."""
    return _out(lookup.notice(call, notice))


@route("POST", "/notices/{notice}/send-again", "incidents:act", {202: NoticeOut}, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def send_again(call: Call, *, notice: str) -> NoticeOut:
    """Send it once more, under the same id: a receiver that keeps ids knows that it is the same."""
    row = lookup.notice(call, notice)
    if row.settled_at is None and row.given_up_at is None:
        raise Problem("not-now", "It has not come to its end yet.", remedy="Wait: it is tried again by itself.")
    again(call.session, row, call)
    return _out(row)


def again(session: Any, row: Notice, call: Call) -> None:
    """Have a notice sent again, with its audit entry."""
    outbox.send_again(session, row, call.now, call.caller.actor)
    session.flush()
    audit.record(session, actor=call.caller.actor, deed="notice.sent_again", subject=f"notice:{row.id}",
                 customer_id=row.customer_id, facts={"channel": row.channel}, now=call.now)  # fmt: skip


def _ended(state: str) -> Any:
    if state == "open":
        return and_(Notice.settled_at.is_(None), Notice.given_up_at.is_(None))
    return (Notice.settled_at if state == "taken" else Notice.given_up_at).is_not(None)


def _out(row: Notice) -> NoticeOut:
    known = {name: getattr(row, name) for name in NoticeOut.model_fields}
    known["address"] = masked(row.channel, row.address)
    if row.settled_at is not None or row.given_up_at is not None:
        known["next_try_at"] = None
    return NoticeOut(**known)
