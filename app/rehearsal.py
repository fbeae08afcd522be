"""Recorded requests through the real doors, at the database of this desk, in a transaction that is rolled back.

Where no desk is up, a PostgreSQL of its own is started in a folder that goes away again.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from escalation.inbound import doors
from escalation.inbound.replaying import FORMATS, replay
from models.agreements import Contract, ContractLine
from models.customers import Customer
from models.inbound import InboundDoor
from models.session import SYSTEM, Sessions, make_engine, make_sessions, work


class _Enough(Exception):
    """Roll back."""


def play(files: Sequence[Path], *, everything: bool = False, one_for: str = "alert") -> Iterator[dict[str, Any]]:
    """For each recording the states after each line, as an `expected.json` states them. Raises BadBody."""
    with _database() as url:
        engine = make_engine(url, pool_size=1, name="vigie-rehearsal")
        try:
            for file in files:
                yield _rolled_back(make_sessions(engine), file, everything, one_for)
        finally:
            engine.dispose()


def _rolled_back(sessions: Sessions, file: Path, everything: bool, one_for: str) -> dict[str, Any]:
    said: dict[str, Any] = {}
    with suppress(_Enough), work(sessions, SYSTEM) as session:
        said = _play(session, file, everything, one_for)
        raise _Enough
    return said


def _play(session: Session, file: Path, everything: bool, one_for: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    customer = _customer(session, now)
    made: dict[str, InboundDoor] = {}

    def door_for(kind: str) -> InboundDoor:
        if kind not in made:
            settings = {"one_for": one_for} if kind == "alertmanager" and one_for != "alert" else {}
            made[kind], _ = doors.make(session, customer, kind, kind, "vigie inbound replay", now, settings=settings)
        return made[kind]

    after = list(replay(session, door_for, file, now, everything=everything))
    kinds = [FORMATS[kind] for kind in made]
    return {"format": kinds[0] if len(kinds) == 1 else kinds, "after": after}


def _customer(session: Session, now: datetime) -> uuid.UUID:
    """A customer with a platinum contract that covers everything, for as long as the transaction lasts."""
    slug = f"rehearsal-{uuid.uuid4().hex[:8]}"
    customer = Customer(slug=slug, name="Rehearsal", zone="UTC", created_at=now)
    session.add(customer)
    session.flush()
    today: date = now.date()
    contract = Contract(
        customer_id=customer.id, number=slug, tier="platinum", state="active", starts_on=today - timedelta(days=1),
        ends_on=today + timedelta(days=365), zone="UTC", country="", created_at=now,
    )  # fmt: skip
    session.add(contract)
    session.flush()
    session.add(ContractLine(customer_id=customer.id, contract_id=contract.id))
    session.flush()
    return customer.id


@contextmanager
def _database() -> Iterator[str]:
    """The database of the desk that runs here, or one of our own."""
    from app import embedded, migrate
    from app.cli import read_settings

    try:
        url = read_settings().database_for("worker")
    except ValueError:
        with tempfile.TemporaryDirectory(prefix="vigie-") as folder, embedded.running(Path(folder)) as cluster:
            migrate.upgrade(cluster.url(embedded.OWNER))
            yield cluster.url(embedded.WORKER)
        return
    yield url
