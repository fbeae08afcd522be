"""Whether somebody is proved to be reachable: codes that came back, weekly test pages that were answered. Plain.

A way is proved by the answer to its last test page. A new one counts from its code on, until its first test page is
due for an answer. While an answer may still come, what was proved before holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from escalation.quiet import held_until

EVERY = timedelta(days=7)  # a test page by each way
ANSWER_WITHIN = timedelta(hours=4)  # long enough for a lunch, short enough to be an alarm of the same day
FORGOTTEN = timedelta(days=9)  # not tried for so long: whoever sends test pages does not get on
CODE_COUNTS = timedelta(minutes=30)
CODE_TRIES = 5
# Whoever is not on duty is asked by day, in their own zone.
DAY = (time(9), time(18))
_CALM = 4  # a test page is the calmest of notices: quiet hours always hold it


class Standing(StrEnum):
    """How a way stands."""

    PROVED = "proved"
    CONFIRMED = "confirmed"  # a code came back; no test page was due yet
    WAITING = "asked"  # a test page is out, and its answer may still come
    SILENT = "not answered"
    FAILED = "refused"  # a channel gave up on it
    UNKNOWN = "never tried"


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of one way."""

    confirmed_at: datetime | None = None
    tested_at: datetime | None = None
    answered_at: datetime | None = None
    failed_at: datetime | None = None


NOTHING = Proof()


def standing(proof: Proof, now: datetime) -> Standing:
    """How a way stands at `now`."""
    good = max((at for at in (proof.answered_at, proof.confirmed_at) if at is not None), default=None)
    if proof.failed_at is not None and (good is None or proof.failed_at > good):
        return Standing.FAILED
    if proof.confirmed_at is not None and (proof.tested_at is None or proof.tested_at < proof.confirmed_at):
        return Standing.CONFIRMED
    if proof.tested_at is None:
        return Standing.UNKNOWN
    if proof.answered_at is not None and proof.answered_at >= proof.tested_at:
        return Standing.PROVED
    return Standing.WAITING if now - proof.tested_at <= ANSWER_WITHIN else Standing.SILENT


def holds(proof: Proof, now: datetime) -> bool:
    """Whether somebody counts as reachable by this way: proved, confirmed, or that before and asked again just now."""
    found = standing(proof, now)
    if found is Standing.WAITING:
        return proof.answered_at is not None or proof.confirmed_at is not None
    return found in (Standing.PROVED, Standing.CONFIRMED)


def is_proved(proofs: Iterable[Proof], now: datetime) -> bool:
    """Whether at least one of somebody's ways is known to reach them."""
    return any(holds(proof, now) for proof in proofs)


def is_missing(proofs: Iterable[Proof], since: datetime, now: datetime) -> bool:
    """Whether somebody known since `since` should have been proved by now, and is not. A new one is given time."""
    every = list(proofs)
    if is_proved(every, now):
        return False
    bad = any(standing(proof, now) in (Standing.SILENT, Standing.FAILED) for proof in every)
    return not every or bad or now - since > FORGOTTEN


def is_due(proof: Proof, way: Mapping[str, str], zone: str, now: datetime, *, on_duty: bool) -> bool:
    """Whether a test page is to be sent by this way now: a week after the last, in hours its owner is willing to read.

    A page that was refused is sent again the next day: an address that was mended need not wait for a week.
    """
    last = proof.tested_at
    pause = timedelta(days=1) if proof.failed_at is not None and last is not None and proof.failed_at >= last else EVERY
    if last is not None and now - last < pause:
        return False
    if held_until(way, zone, _CALM, now) is not None:
        return False
    local = now.astimezone(ZoneInfo(zone))
    return on_duty or (local.weekday() < 5 and DAY[0] <= local.time() < DAY[1])


def words(proof: Proof, now: datetime, zone: str) -> str:
    """How a way stands, as its owner reads it."""

    def hour(at: datetime | None) -> str:
        if at is None:
            return "never"
        local = at.astimezone(ZoneInfo(zone))
        return f"{local.day} {local:%b %Y, %H:%M}"

    return {
        Standing.PROVED: f"proved: the test page of {hour(proof.tested_at)} was answered",
        Standing.CONFIRMED: f"confirmed by its code on {hour(proof.confirmed_at)}; the first test page comes on duty",
        Standing.WAITING: f"a test page was sent at {hour(proof.tested_at)}; it waits for an answer",
        Standing.SILENT: f"the test page of {hour(proof.tested_at)} was not answered",
        Standing.FAILED: f"the channel gave up on it at {hour(proof.failed_at)}",
        Standing.UNKNOWN: "never tried: neither a code nor a test page came back",
    }[standing(proof, now)]
