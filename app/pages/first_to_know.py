"""First to know, as a page: the share of a period and of each contract, never without what it counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

from flask import Flask, Response, request
from sqlalchemy.orm import Session

from app import first_words, front, words
from app.pages.frame import HINTS_TABLE, page, reading, signed_in, zone
from escalation import first_knowing
from escalation.first_known import Share
from models.agreements import Contract

DAYS: Final = 30
SPANS: Final = ((7, "week"), (30, "30 days"), (91, "quarter"), (365, "year"))


@dataclass(frozen=True, slots=True)
class ShareView:
    """A share, ready for a page."""

    share: Share
    said: str
    left_out: str
    percent: str
    lead: str


@dataclass(frozen=True, slots=True)
class Period:
    """Which time is asked for; `wrong` says what of the question could not be read."""

    start: datetime
    end: datetime
    days: int
    wrong: str = ""


def register(app: Flask) -> None:
    app.add_url_rule("/first-to-know", "first_to_know", first_to_know)


def first_to_know() -> Response:
    """`?days=30`, or `?from=2026-01-01&to=2026-03-31`, both days included, in the viewer's own zone."""
    who = signed_in("incidents:read")
    period = asked(request.args.get("days", ""), request.args.get("from", ""), request.args.get("to", ""),
                   front.now(), zone())  # fmt: skip
    with reading(who) as session:
        total, rows = first_knowing.shares(session, period.start, period.end)
    return page(
        "first_to_know.html", here="/", period=period, spans=SPANS, total=view(total), hints=HINTS_TABLE,
        rows=[(row, view(row.share)) for row in rows], counts=first_words.counts(),
        last_day=period.end - timedelta(seconds=1), status=422 if period.wrong else 200,
    )  # fmt: skip


def view(share: Share, language: str = "en") -> ShareView:
    """A share in words."""
    percent = "–" if share.share is None else f"{100 * share.ours // share.counted} %"
    lead = "–" if share.lead_s is None else words.span(share.lead_s)
    return ShareView(share, first_words.sentence(share, language), first_words.left_out(share), percent, lead)


def lately(session: Session, now: datetime) -> ShareView:
    """Of the last 30 days, of all that is within reach; for the watch floor."""
    return view(first_knowing.shares(session, now - timedelta(days=DAYS), now)[0])


def of_contract(session: Session, contract: Contract, now: datetime, language: str) -> dict[str, str]:
    """What a contract's own page says of the last quarter, in its reader's language."""
    share, _ = first_knowing.shares(session, now - timedelta(days=91), now, contract_id=contract.id)
    title = "Qui l’a su d’abord, sur trois mois" if language == "fr" else "Who knew first, over three months"
    return {"title": title, "said": first_words.sentence(share, language), "counts": first_words.counts(language)}


def asked(days: str, start: str, end: str, now: datetime, here: tzinfo) -> Period:
    """The period of a question; of one that cannot be read, the usual one and what was wrong."""
    usual = Period(now - timedelta(days=DAYS), now, DAYS)
    if start or end:
        try:
            first = date.fromisoformat(start)
            last = date.fromisoformat(end) if end else now.astimezone(here).date()
        except ValueError:
            return Period(usual.start, now, DAYS, "A day is written as 2026-03-31; the last 30 days are shown.")
        if not all(2000 <= day.year <= 2100 for day in (first, last)):
            return Period(usual.start, now, DAYS, "Choose days between 2000 and 2100; the last 30 days are shown.")
        begins, ends = (datetime.combine(day, time(), here) for day in (first, last + timedelta(days=1)))
        if not begins < ends <= begins + timedelta(days=732):
            return Period(usual.start, now, DAYS, "The first day must lie before the last, by two years at most.")
        return Period(begins, ends, 0)
    if days:
        if not (days.isascii() and days.isdigit() and len(days) <= 3 and 1 <= int(days) <= 731):
            return Period(usual.start, now, DAYS, "Days are a number from 1 to 731; the last 30 are shown.")
        return Period(now - timedelta(days=int(days)), now, int(days))
    return usual
