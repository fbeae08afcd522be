"""Retention takes what is older than the terms keep, in whole days, says so, and what comes late still counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from contracts import keeping
from contracts.keeping import Keeping
from models.audit import AuditEntry
from models.changes import MachineChange
from models.history import HistoryRemoval, ReadingRollup
from models.machines import Machine
from models.session import SYSTEM, Sessions, work
from models.telemetry import ReadingBlock
from telemetry import history, retention, rollups, spans
from tests.cast import NOW, Cast

TODAY = NOW.replace(hour=0)


def store(sessions: Sessions, cast: Cast, days_ago: int, value: float, minute: int = 0, part: int = 1) -> None:
    at = TODAY - timedelta(days=days_ago) + timedelta(minutes=minute)
    with work(sessions, SYSTEM) as session:
        history.add(
            session, part, [(cast.joinery_machine, cast.joinery, [(round(at.timestamp() * 1000), {"cpu": value})])]
        )


def clear(sessions: Sessions, now: datetime = NOW) -> None:
    with work(sessions, SYSTEM) as session:
        rollups.roll(session, now)
    with work(sessions, SYSTEM) as session:
        assert retention.clear(session, now) is None


def day(sessions: Sessions, cast: Cast, days_ago: int) -> tuple[list[int], list[float]]:
    start = TODAY - timedelta(days=days_ago)
    with work(sessions, SYSTEM) as session:
        found = spans.read(session, cast.joinery_machine, ["cpu"], start, start + timedelta(days=1))
    if "cpu" not in found.lines:
        return [], []
    return found.lines["cpu"].count.tolist(), found.lines["cpu"].mean.tolist()


def test_reports_older_than_the_tier_keeps_go_and_their_figures_stay(sessions: Sessions, cast: Cast) -> None:
    for days_ago in (20, 15, 14, 13):
        store(sessions, cast, days_ago, float(days_ago))
    clear(sessions)
    with work(sessions, SYSTEM) as session:
        hours = session.scalars(select(ReadingBlock.hour).order_by(ReadingBlock.hour)).all()
    assert hours == [TODAY - timedelta(days=14), TODAY - timedelta(days=13)]
    assert day(sessions, cast, 20) == ([1], [20.0])
    assert day(sessions, cast, 13) == ([1], [13.0])


def test_it_is_said_what_went_in_a_row_that_grows_and_in_the_audit(sessions: Sessions, cast: Cast) -> None:
    store(sessions, cast, 20, 1.0)
    store(sessions, cast, 14, 1.0)
    clear(sessions)
    clear(sessions)
    clear(sessions, NOW + timedelta(days=1))
    with work(sessions, SYSTEM) as session:
        rows = session.scalars(select(HistoryRemoval)).all()
        entries = session.scalars(select(AuditEntry).where(AuditEntry.deed == "history.aged")).all()
    assert [(row.kind, row.what, row.reports, row.starts_at, row.ends_at) for row in rows] == [
        ("aged", "reports", 2, TODAY - timedelta(days=20), TODAY - timedelta(days=13))
    ]
    assert [entry.facts["reports"] for entry in entries] == [1, 1]


def test_what_comes_late_for_a_day_whose_reports_are_gone_is_added_once(sessions: Sessions, cast: Cast) -> None:
    store(sessions, cast, 20, 10.0)
    clear(sessions)
    store(sessions, cast, 20, 30.0, minute=5, part=2)
    assert day(sessions, cast, 20) == ([2], [20.0])
    clear(sessions)
    clear(sessions)
    assert day(sessions, cast, 20) == ([2], [20.0])


def test_figures_older_than_the_tier_keeps_go_too(sessions: Sessions, cast: Cast) -> None:
    store(sessions, cast, 100, 1.0)
    store(sessions, cast, 91, 2.0)
    with work(sessions, SYSTEM) as session:
        session.add_all(
            MachineChange(customer_id=cast.joinery, machine_id=cast.joinery_machine, at=TODAY - timedelta(days=ago),
                          kind="restart", what="a restart", told_by="machine", told_at=TODAY)
            for ago in (400, 100, 90, 1)
        )  # fmt: skip
    clear(sessions)
    assert day(sessions, cast, 100) == ([], [])
    assert day(sessions, cast, 91) == ([1], [2.0])
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).where(ReadingRollup.grain == "hour")) == 1
        assert set(session.scalars(select(HistoryRemoval.what))) == {"reports", "figures"}
        kept = session.scalars(select(MachineChange.at).order_by(MachineChange.at)).all()
    assert kept == [TODAY - timedelta(days=90), TODAY - timedelta(days=1)]


def test_a_machine_without_a_contract_keeps_what_the_least_tier_gives(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        stray = Machine(customer_id=cast.joinery, name="stray", created_at=NOW)
        session.add(stray)
        session.flush()
        assert retention.keeping_of(session, cast.joinery, stray.id, NOW) == keeping.USUAL["bronze"]
        assert retention.keeping_of(session, cast.plant, cast.plant_machine, NOW) == keeping.USUAL["platinum"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reports": 3}, "keep.reports: 3"),
        ({"reports": True}, "keep.reports: True"),
        ({"reports": 60, "figures": 31}, "keep.figures: 31 days is less than the 60 days reports are kept"),
        ({"figures": "long"}, "keep.figures: 'long'"),
        ({"weeks": 2}, "keep: give days"),
        ([31], "keep: give days"),
    ],
)
def test_terms_that_keep_nonsense_are_refused_by_name(given: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        keeping.read(given, "silver")


def test_terms_say_only_what_differs_from_their_tier() -> None:
    assert keeping.read(None, "gold") == keeping.USUAL["gold"]
    assert keeping.read({"reports": 40}, "silver") == Keeping(40, 400)
    assert keeping.read({"reports": 500}, "silver") == Keeping(500, 500)


def test_a_loop_clears_once_a_day(sessions: Sessions, cast: Cast) -> None:
    body = retention.retention_loop(sessions)
    body(NOW)
    store(sessions, cast, 20, 1.0)
    with work(sessions, SYSTEM) as session:
        rollups.roll(session, NOW)
    body(NOW + timedelta(hours=1))
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(ReadingBlock)) == 1
    body(NOW + timedelta(days=1))
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(ReadingBlock)) == 0


def test_the_instant_of_an_hour_is_utc() -> None:
    assert history.instant(0) == datetime(1970, 1, 1, tzinfo=UTC)
