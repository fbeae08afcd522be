"""The door to PostgreSQL: engines, one transaction with one scope, and leases on rows."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeAlias

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session, sessionmaker

Sessions: TypeAlias = sessionmaker[Session]
CustomerId: TypeAlias = uuid.UUID


class Reach(Enum):
    """A scope wider than one customer."""

    STAFF = "staff"  # our own people in the console: every customer, through the web role
    SYSTEM = "system"  # the workers: their database role sees every row without being asked


STAFF = Reach.STAFF
SYSTEM = Reach.SYSTEM
Scope: TypeAlias = CustomerId | Reach

_SCOPE = text("SELECT set_config('app.customer', :customer, true), set_config('app.reach', :reach, true)")


_MAY_THINK = text("SET LOCAL idle_in_transaction_session_timeout = '15min'")


_REACH = text("SELECT set_config('app.reach', :reach, true)")


def make_engine(url: str, *, pool_size: int = 4, statement_timeout_ms: int = 15_000, name: str = "vigie") -> Engine:
    """An engine whose sessions cannot hang the plant: lock 2 s, idle in transaction 10 s, a bound on each statement.

    Its errors name the statement and never the values: they end in logs and on the platform page.
    """
    options = (
        f"-c lock_timeout=2000 -c statement_timeout={int(statement_timeout_ms)}"
        " -c idle_in_transaction_session_timeout=10000 -c timezone=UTC"
    )
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"options": options, "application_name": name, "connect_timeout": 5},
    )


def make_sessions(engine: Engine) -> Sessions:
    """A factory whose objects stay readable after commit: an answer is often built once the transaction is over."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def work(sessions: Sessions, scope: Scope) -> Iterator[Session]:
    """One transaction in one scope. Commits when the block ends, rolls back when it raises.

    The scope is set for this transaction only, so a pooled connection never carries a customer over.
    """
    with sessions.begin() as session:
        customer = "" if isinstance(scope, Reach) else str(scope)
        reach = scope.value if isinstance(scope, Reach) else ""
        session.execute(_SCOPE, {"customer": customer, "reach": reach})
        session.info["reach"] = reach
        yield session


def let_think(session: Session) -> None:
    """Let this transaction rest for a quarter of an hour: a fleet may be fitted between two of its reads.

    For transactions that only read: what a resting one has locked stands still for everybody.
    """
    session.execute(_MAY_THINK)


@contextmanager
def as_staff(session: Session) -> Iterator[None]:
    """Look at what is ours within a customer's transaction: who is on duty, whom to tell. Keep the block small.

    The customer's own scope holds again after it. If the block raises, the transaction is lost and the scope with it.
    """
    session.flush()  # what was written so far was written in the narrow scope
    before = session.info["reach"]  # as `work` set it
    if before == STAFF.value:
        yield
        return
    session.execute(_REACH, {"reach": STAFF.value})
    session.info["reach"] = STAFF.value
    try:
        yield
    finally:
        session.info["reach"] = before
    session.execute(_REACH, {"reach": before})


def lease_until(now: datetime, lease: timedelta) -> datetime:
    """The instant at which a lease taken now runs out."""
    return now + lease
