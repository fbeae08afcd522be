"""Notices as rows: written beside what they tell of, leased by a sender, settled when a channel has taken them.

A sender that dies leaves its lease to run out, and the notice is sent again under the same id: never lost, at most
told twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Interval, case, func, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from escalation import announce
from models.incidents import Incident
from models.notices import NOT_NEEDED, Notice

# Four times the channels' own deadline: a lease only runs out when its sender is gone.
LEASE = timedelta(seconds=60)

# Pauses between tries: quick while a hiccup is likely, patient through a night's outage. After the last it is given up.
BACK_OFF = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800))

# Platinum first without starving bronze: a head start in the queue, not a queue of its own.
_HEAD_START = {"platinum": 600, "gold": 300, "silver": 120}

# Notices to one person over one channel within so much join: the first goes at once, the others follow as one letter.
DIGEST = timedelta(seconds=20)
# What people read. Programs get each event by itself.
JOINABLE = frozenset({"email", "file", "slack", "teams", "sms", "voice"})
_MOST_JOINED = 50

# Shown by the person's own open pages, which fetch it; no sender has a hand in it.
BROWSER = "browser"
SHOWN_WITHIN = timedelta(minutes=10)

NO_RUNG = -1  # a notice that belongs to no rung: a word to the customer

_SPACE = uuid.UUID("6f5e7c0a-51f5-5d0f-9a0d-6a6f0c9b7a11")  # of notice ids


@dataclass(frozen=True, slots=True)
class Draft:
    """A notice to be written. `round` tells repeats of a rung apart (and customer words from each other)."""

    rung: int
    round: int
    channel: str
    address: str
    subject: str
    body: Mapping[str, Any]
    why: str
    person_id: uuid.UUID | None = None
    not_before: datetime | None = None  # quiet hours of its reader


def enqueue(session: Session, incident: Incident, draft: Draft, now: datetime) -> bool:
    """Write a notice, due now. One rung, round, person and channel is one notice: a second writing does nothing."""
    return _write(session, incident.customer_id, incident.id, str(incident.id), draft, now)


def enqueue_word(session: Session, customer_id: uuid.UUID | None, about: str, draft: Draft, now: datetime) -> bool:
    """Write a notice that belongs to no incident; without a customer, a word of the house to its own people. `about`
    names what it tells of: the same to the same person over the same channel is one notice, however often written."""
    return _write(session, customer_id, None, about, draft, now)


def _write(
    session: Session,
    customer_id: uuid.UUID | None,
    incident_id: uuid.UUID | None,
    about: str,
    draft: Draft,
    now: datetime,
) -> bool:
    row = insert(Notice).values(
        id=id_of(about, draft),
        customer_id=customer_id,
        incident_id=incident_id,
        rung=draft.rung,
        round=draft.round,
        person_id=draft.person_id,
        channel=draft.channel,
        address=draft.address,
        subject=draft.subject,
        body=dict(draft.body),
        why=draft.why,
        created_at=now,
        due_at=now,
        next_try_at=max(now, draft.not_before or now, _after_the_last(session, draft, now)),
        tries=0,
        leased_by="",
        last_error="",
        receipt={},
    )
    return session.execute(row.on_conflict_do_nothing().returning(Notice.id)).first() is not None


def id_of(about: str, draft: Draft) -> uuid.UUID:
    """The id a notice has: the same for the same thing told to the same person over the same channel."""
    whom = str(draft.person_id) if draft.person_id else draft.address
    return uuid.uuid5(_SPACE, f"{about}/{draft.rung}/{draft.round}/{whom}/{draft.channel}")


def _after_the_last(session: Session, draft: Draft, now: datetime) -> datetime:
    """When this person may be told again over this channel: now, unless they were told a moment ago."""
    if draft.person_id is None or draft.channel not in JOINABLE:
        return now
    last = session.scalar(
        select(func.max(Notice.settled_at)).where(
            Notice.channel == draft.channel, Notice.address == draft.address, Notice.settled_at > now - DIGEST
        )
    )
    return last + DIGEST if last is not None else now


def _open(channel: str) -> list[Any]:  # Any: SQLAlchemy's conditions
    return [Notice.channel == channel, Notice.settled_at.is_(None), Notice.given_up_at.is_(None)]


def claim(
    session: Session,
    now: datetime,
    channel: str,
    by: str,
    limit: int,
    busy: Collection[str] = (),
    lease: timedelta = LEASE,
) -> list[Notice]:
    """Lease up to `limit` due notices of a channel, at most one an address and none of the `busy` addresses.

    A leased notice comes up again when the lease ends, so a dead sender needs no cleaning up after.
    """
    head_start = case(_HEAD_START, value=Incident.tier, else_=0)
    query = (
        select(Notice)
        .outerjoin(Incident, Incident.id == Notice.incident_id)
        .where(*_open(channel), Notice.next_try_at <= now, Notice.address.not_in(busy), Notice.joined_into.is_(None))
        .order_by(Notice.due_at - func.make_interval(0, 0, 0, 0, 0, 0, head_start, type_=Interval), Notice.id)
        .limit(limit)
        .with_for_update(of=Notice, skip_locked=True)
    )
    taken: dict[str, Notice] = {}
    due = session.scalars(query).all()
    for notice in due:
        if not _call_off(session, notice, now):
            taken.setdefault(notice.address, notice)
    if due and not taken:
        return claim(session, now, channel, by, limit, busy, lease)  # what is called off hides nothing that is due
    for notice in taken.values():
        for each in (notice, *_join(session, notice, now)):
            each.lease_until = each.next_try_at = now + lease
            each.leased_by = by
            each.tries += 1
    session.flush()  # the caller commits before anything is sent
    return list(taken.values())


def _join(session: Session, first: Notice, now: datetime) -> list[Notice]:
    """What else is due to the same person over the same channel becomes part of the first one's letter, for good.

    For good, so that a letter sent again after a crash is the same letter under the same id.
    """
    if first.channel not in JOINABLE or first.person_id is None or first.customer_id is None:
        return []  # a word of the house carries a code or a link of its own, which must not drown in a digest
    before = members(session, first.id)
    if before or first.tries:
        return before
    query = (
        select(Notice)
        .where(*_open(first.channel), Notice.next_try_at <= now, Notice.joined_into.is_(None), Notice.tries == 0)
        .where(Notice.address == first.address, Notice.person_id == first.person_id, Notice.id != first.id)
        .where(Notice.customer_id.is_not(None))
        .order_by(Notice.created_at, Notice.id)
        .limit(_MOST_JOINED)
        .with_for_update(skip_locked=True)
    )
    others = [other for other in session.scalars(query).all() if not _call_off(session, other, now)]
    for other in others:
        other.joined_into = first.id
    return others


def _call_off(session: Session, notice: Notice, now: datetime) -> bool:
    """Whether a page that quiet hours held back looks for somebody no more: then nobody reads in the morning that they
    should acknowledge what a colleague had at night."""
    was_held = notice.next_try_at - notice.created_at > 2 * DIGEST
    if notice.rung == NO_RUNG or notice.tries or notice.receipt or not was_held or notice.incident_id is None:
        return False
    if session.get_one(Incident, notice.incident_id).state == "open":
        return False
    notice.given_up_at, notice.last_error = now, f"{NOT_NEEDED}: somebody has had it meanwhile"
    return True


def members(session: Session, first: uuid.UUID) -> list[Notice]:
    """The notices that are told within another one's letter, oldest first."""
    return list(
        session.scalars(select(Notice).where(Notice.joined_into == first).order_by(Notice.created_at, Notice.id))
    )


def settle(session: Session, notice_id: uuid.UUID, receipt: Mapping[str, Any], now: datetime) -> bool:
    """A channel has taken it. False when it had its end already (its lease ran out and another sender was quicker)."""
    # Added to what is there: a provider's report may be quicker than its own answer.
    said = Notice.receipt.op("||")(literal(dict(receipt), JSONB))
    if not _end(session, notice_id, settled_at=now, receipt=said, last_error=""):
        return False
    notice = session.get(Notice, notice_id)
    if notice is not None and notice.channel in JOINABLE and notice.person_id is not None:
        # They were told just now: what waits for them waits a little longer, and comes as one letter.
        waiting = (*_open(notice.channel), Notice.address == notice.address, Notice.tries == 0)
        soon = update(Notice).where(*waiting, Notice.next_try_at < now + DIGEST)
        session.execute(soon.values(next_try_at=now + DIGEST))
    return True


def fail(
    session: Session,
    notice: Notice,
    reason: str,
    now: datetime,
    *,
    permanent: bool = False,
    retry_after: timedelta | None = None,
) -> bool:
    """A channel did not take it: due again after the back-off (or what the receiver asked for), or given up: then True.

    Counted by the tries of the lease in hand, so a sender that lost its lease changes nothing.
    """
    given_up = permanent or notice.tries > len(BACK_OFF)
    if given_up:
        return _end(session, notice.id, given_up_at=now, last_error=reason)
    pause = max(BACK_OFF[notice.tries - 1], retry_after or timedelta(0))
    mine = (Notice.id == notice.id, Notice.tries == notice.tries, Notice.settled_at.is_(None))
    session.execute(
        update(Notice).where(*mine).values(next_try_at=now + pause, lease_until=None, leased_by="", last_error=reason)
    )
    return False


def _end(session: Session, notice_id: uuid.UUID, **words: Any) -> bool:  # Any: column values
    """End a notice and what is told within its letter."""
    unended = (Notice.settled_at.is_(None), Notice.given_up_at.is_(None))
    done = session.execute(
        update(Notice)
        .where(Notice.id == notice_id, *unended)
        .values(lease_until=None, leased_by="", **words)
        .returning(literal(1))
    )
    if done.first() is None:
        return False
    joined = {**words, "receipt": {"joined": str(notice_id)}} if "receipt" in words else words
    session.execute(
        update(Notice).where(Notice.joined_into == notice_id, *unended).values(lease_until=None, leased_by="", **joined)
    )
    return True


def send_again(session: Session, notice: Notice, now: datetime, by: str) -> None:
    """Have a notice sent once more, under the same id: a receiver that keeps ids knows that it is the same."""
    again = [*notice.receipt.get("again", []), {"at": now.isoformat(), "by": by, "before": _last_end(notice)}]
    notice.settled_at = notice.given_up_at = notice.lease_until = None
    notice.joined_into, notice.leased_by, notice.tries = None, "", 0
    notice.next_try_at, notice.last_error, notice.receipt = now, "", {"again": again[-20:]}
    announce.wake(session)


def let_go_unshown(session: Session, now: datetime) -> int:
    """Notices for a browser that no open page has shown: they are old, and the person's other ways were tried."""
    old = (*_open(BROWSER), Notice.created_at < now - SHOWN_WITHIN)
    gone = update(Notice).where(*old).values(settled_at=now, receipt={"delivery": "not shown"}).returning(literal(1))
    return len(session.execute(gone).all())


def _last_end(notice: Notice) -> str:
    ended = notice.settled_at or notice.given_up_at
    return f"{notice.state} {ended.isoformat()}" if ended is not None else notice.state


def next_due(session: Session, channels: Collection[str], after: datetime) -> datetime | None:
    """When the next notice of these channels wants to be tried after an instant; None when none does."""
    return session.scalar(
        select(func.min(Notice.next_try_at)).where(
            Notice.channel.in_(channels),
            Notice.settled_at.is_(None),
            Notice.given_up_at.is_(None),
            Notice.next_try_at > after,
        )
    )
