"""A complete export imports again: random worlds out, into an empty database, and out again are the same bytes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import create_engine, text

from app.transfer import kinds, moving, terms_rows
from contracts.life import By
from models.agreements import ContractTerms
from models.session import STAFF, SYSTEM, Sessions, work
from tests.store.worlds import NOW, World

BY = By("Root", "person:root")
SEEDS = range(1, 9)


def _taken(sessions: Sessions) -> bytes:
    with work(sessions, STAFF) as session:
        return moving.take_out(session)


def _emptied(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE customers, people, service_calendars, house_rates CASCADE"))
    engine.dispose()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_world_comes_in_again_as_it_went_out(
    seed: int, web_sessions: Sessions, sessions: Sessions, database: str
) -> None:
    with work(sessions, SYSTEM) as session:
        World(seed).write(session)
    first = _taken(web_sessions)
    assert b"very-secret" not in first
    _emptied(database)
    with work(web_sessions, STAFF) as session:
        plan, done = moving.bring(
            session, moving.open_files([("export.zip", first)]), BY, NOW + timedelta(days=1), dry=False
        )
    assert done, [(line.file, line.line, line.faults) for line in plan.refused]
    assert plan.counts["create"] == len(plan.lines)
    again = _taken(web_sessions)
    assert moving.open_files([("a.zip", again)]).sheets == moving.open_files([("a.zip", first)]).sheets
    assert again == first
    with work(web_sessions, STAFF) as session:
        same, _ = moving.bring(session, moving.open_files([("export.zip", first)]), BY, NOW, dry=True)
    assert same.counts["nothing"] == len(same.lines)


@pytest.mark.parametrize("seed", range(1, 60))
def test_terms_are_the_same_after_they_were_text(seed: int) -> None:
    for row in World(seed).rows:
        if isinstance(row, ContractTerms):
            told = terms_rows.told("VC-1", row)
            read = {one.name: one.read(told[one.name]) for one in kinds.TERMS.columns if told[one.name].strip()}
            assert read == {name: text for name, text in told.items() if text.strip()}
            whole, wrong = terms_rows.complete(read, {"starts_on": "2026-01-01", "zone": "UTC", "tier": "gold"})
            assert not wrong
            assert terms_rows.body(whole) == row.body
