"""Calendars by name: the version in force on a date, frozen into the terms that name it. Takes a session."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts import hour_words
from contracts.hours import parse
from contracts.terms import Terms
from contracts.tiers import DEFAULTS
from models import audit
from models.calendars import CalendarVersion, ServiceCalendar

Json = Mapping[str, Any]  # Any: a JSON document
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Draft:
    """A calendar somebody wants: its next version, from a date on."""

    body: Json
    effective_on: date
    reason: str


def by_name(session: Session, name: str) -> ServiceCalendar | None:
    """The calendar of a name, within the session's reach."""
    return session.scalar(select(ServiceCalendar).where(ServiceCalendar.name == name))


def in_force(session: Session, calendar: ServiceCalendar, on: date) -> CalendarVersion | None:
    """The version in force on a date: the latest that has begun; before the first one, none."""
    return session.scalar(
        select(CalendarVersion)
        .where(CalendarVersion.calendar_id == calendar.id, CalendarVersion.effective_on <= on)
        .order_by(CalendarVersion.effective_on.desc(), CalendarVersion.version.desc())
        .limit(1)
    )


def versions(session: Session, calendar: ServiceCalendar) -> list[CalendarVersion]:
    """All versions, the newest first."""
    query = select(CalendarVersion).where(CalendarVersion.calendar_id == calendar.id)
    return list(session.scalars(query.order_by(CalendarVersion.version.desc())))


def whole(session: Session, body: Json, at: datetime, _inside: tuple[str, ...] = (), _depth: int = 0) -> dict[str, Any]:
    """A calendar's body with every `{"calendar": NAME}` in it replaced by what that calendar says at an instant.

    Raises ValueError for a name nobody knows, one not in force yet, and a calendar that stands inside itself.
    """
    if _depth > _DEEPEST:
        raise ValueError(f"union: calendars may stand {_DEEPEST} deep inside each other and no deeper")
    if "calendar" in body:
        if set(body) != {"calendar"}:
            raise ValueError("calendar: stands alone; what it names says the rest")
        return _named(session, str(body["calendar"]), at, _inside)
    for word in ("union", "intersect"):
        if word in body:
            parts = body[word]
            if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
                raise ValueError(f"{word}: must be a list of calendars")
            return {word: [whole(session, part, at, _inside, _depth + 1) for part in parts]}
    return dict(body)


def _named(session: Session, name: str, at: datetime, inside: tuple[str, ...]) -> dict[str, Any]:
    if name in inside or len(inside) >= _DEEPEST:
        raise ValueError(f"calendar: {name!r} stands inside itself; name other calendars")
    calendar = by_name(session, name) if NAME.fullmatch(name) else None
    if calendar is None:
        raise ValueError(f"calendar: there is no calendar {name!r}")
    version = in_force(session, calendar, _date_in(session, calendar, at))
    if version is None:
        raise ValueError(f"calendar: {name!r} is not in force yet on {at:%Y-%m-%d}")
    return whole(session, version.body, at, (*inside, name))


def _date_in(session: Session, calendar: ServiceCalendar, at: datetime) -> date:
    """The date in the calendar's own zone, by its newest version that has one; versions change on dates there."""
    newest = session.scalar(
        select(CalendarVersion.body)
        .where(CalendarVersion.calendar_id == calendar.id)
        .order_by(CalendarVersion.version.desc())
        .limit(1)
    )
    zone = newest.get("tz") if newest else None
    return at.astimezone(ZoneInfo(zone or "UTC")).date()


def found_or_usual(session: Session, terms: Terms, at: datetime) -> Terms:
    """Terms with their named calendars; hours that name one which cannot be found are those usual for the tier.

    An ask is never left unanswered because a calendar is missing; that a name is known is checked when terms change,
    and a calendar that is named cannot be removed.
    """
    try:
        return with_named(session, terms, at)
    except ValueError:
        usual, clocks = DEFAULTS[terms.tier], terms.clocks
        vendor = clocks.vendor
        if vendor is not None and hour_words.names(vendor.hours):
            vendor = replace(vendor, hours="")
        kinds = {kind: words for kind, words in clocks.hours.items() if not hour_words.names(words)}
        hours = {n: usual.hours[n] if hour_words.names(words) else words for n, words in terms.hours.items()}
        return replace(terms, hours=hours, clocks=replace(clocks, hours=kinds, vendor=vendor))


def with_named(session: Session, terms: Terms, at: datetime, *, anew: bool = False) -> Terms:
    """Terms with the calendars they name filled in as they stand at an instant; what is frozen in them already stays.

    `anew`: look the frozen ones up again too. Raises ValueError as `whole` does.
    """
    wanted = terms.named()
    if not anew:
        wanted = wanted - set(terms.clocks.calendars)
    if not wanted:
        return terms
    found = {name: _named(session, name, at, ()) for name in sorted(wanted)}
    return replace(terms, clocks=replace(terms.clocks, calendars={**terms.clocks.calendars, **found}))


def unknown(session: Session, terms: Terms, customer_id: uuid.UUID, at: datetime) -> str:
    """What is wrong with a calendar that terms of a customer name, in words; empty when nothing is."""
    for name in sorted(terms.named() - set(terms.clocks.calendars)):
        calendar = by_name(session, name)
        if calendar is None or calendar.customer_id not in (None, customer_id):
            return f"there is no calendar {name!r}; see what there is under Service calendars"
        if in_force(session, calendar, _date_in(session, calendar, at)) is None:
            return f"the calendar {name!r} is not in force yet on {at:%Y-%m-%d}"
    return ""


def add(
    session: Session, name: str, title: str, draft: Draft, author: str, now: datetime,
    customer_id: uuid.UUID | None = None,
) -> ServiceCalendar:  # fmt: skip
    """A new calendar with its first version. Raises ValueError naming the field that is wrong."""
    if not NAME.fullmatch(name):
        raise ValueError("name: use small letters, digits and dashes, such as europe or follow-the-sun")
    if by_name(session, name) is not None:
        raise ValueError(f"name: there is a calendar {name!r} already; give it a new version, or choose another name")
    _check(session, draft, now, name)
    calendar = ServiceCalendar(name=name, title=title, customer_id=customer_id, created_at=now)
    session.add(calendar)
    session.flush()  # the version refers to it
    _write(session, calendar, draft, author, now)
    return calendar


def change(session: Session, calendar: ServiceCalendar, draft: Draft, author: str, now: datetime) -> CalendarVersion:
    """The next version of a calendar. What was promised by an earlier one keeps it. Raises ValueError as `add`."""
    session.scalar(select(ServiceCalendar.id).where(ServiceCalendar.id == calendar.id).with_for_update())
    _check(session, draft, now, calendar.name)
    return _write(session, calendar, draft, author, now)


def _check(session: Session, draft: Draft, now: datetime, name: str) -> None:
    if not draft.reason.strip():
        raise ValueError("reason: say why; everybody who reads the calendar sees it")
    parse(whole(session, draft.body, now, (name,)))


def _write(session: Session, calendar: ServiceCalendar, draft: Draft, author: str, now: datetime) -> CalendarVersion:
    last = session.scalar(select(func.max(CalendarVersion.version)).where(CalendarVersion.calendar_id == calendar.id))
    row = CalendarVersion(
        customer_id=calendar.customer_id,
        calendar_id=calendar.id,
        version=(last or 0) + 1,
        effective_on=draft.effective_on,
        body=dict(draft.body),
        author=author,
        reason=draft.reason.strip(),
        created_at=now,
    )
    session.add(row)
    session.flush()  # the audit names what is written
    audit.record(
        session,
        actor=author,
        deed="change calendar" if last else "add calendar",
        subject=calendar.name,
        customer_id=calendar.customer_id or audit.HOUSE,
        facts={"version": row.version, "effective_on": draft.effective_on.isoformat(), "reason": row.reason},
        now=now,
    )
    return row
