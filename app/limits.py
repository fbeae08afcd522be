"""Token buckets in PostgreSQL, shared by every web process; a bucket is filled and taken from under its row lock."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, text
from sqlalchemy.orm import Session

from models.base import Utc
from models.people import RateBucket


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `burst` at once, then one every `every_s` seconds."""

    name: str
    burst: int
    every_s: float


# A person mistypes a few times; a machine that guesses gets about a thousand tries a week at one account.
SIGN_IN_ACCOUNT = Limit("sign-in:account", burst=8, every_s=600)
# An office behind one address signs in at nine o'clock.
SIGN_IN_ADDRESS = Limit("sign-in:address", burst=40, every_s=15)
LINK_ADDRESS = Limit("sign-in-link:address", burst=40, every_s=15)
TOKEN_MAKING = Limit("token:make", burst=20, every_s=60)
# A whole fleet may cry at once through one door, and a script that sends for Nagios does not come again.
DOOR_CALLS = Limit("door", burst=10_000, every_s=0.01)
DOOR_ADDRESS = Limit("door:address", burst=60, every_s=5)  # of tokens that open nothing
# A rack is switched on at once, from behind one address; a code that is guessed at has 192 random bits.
ENROL_ADDRESS = Limit("enrol:address", burst=60, every_s=10)
COLLECT_ADDRESS = Limit("collect:address", burst=600, every_s=0.5)  # each asks every few seconds while it waits
API_CALLS = Limit("api", burst=1200, every_s=0.05)

_FILL = text(
    """
    INSERT INTO rate_buckets AS b (key, tokens, filled_at) VALUES (:key, :burst, :now)
    ON CONFLICT (key) DO UPDATE SET
        tokens = least(:burst, b.tokens + greatest(0, extract(epoch FROM :now - b.filled_at)) / :every),
        filled_at = greatest(b.filled_at, :now)
    RETURNING tokens
    """
).bindparams(bindparam("now", type_=Utc()))
_SPEND = text("UPDATE rate_buckets SET tokens = tokens - 1 WHERE key = :key")


def take(session: Session, limit: Limit, whose: str, now: datetime) -> int:
    """Take one token: 0 when there was one, else the whole seconds until there will be.

    Filling locks the bucket's row until the transaction ends, so askers take turns; asking in vain costs nothing.
    """
    key = f"{limit.name}:{whose}"[:200]
    facts = {"key": key, "burst": float(limit.burst), "every": limit.every_s, "now": now}
    left = float(session.execute(_FILL, facts).scalar_one())
    if left < 1:
        return max(1, math.ceil((1 - left) * limit.every_s))
    session.execute(_SPEND, {"key": key})
    return 0


def forget_full(session: Session, now: datetime) -> int:
    """Drop buckets nobody has touched for a week: they are full again. Returns how many."""
    gone = session.execute(delete(RateBucket).where(RateBucket.filled_at < now - timedelta(days=7)))
    return int(gone.rowcount)  # type: ignore[attr-defined]  # a delete answers with a CursorResult
