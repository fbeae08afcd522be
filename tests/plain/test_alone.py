"""The rule "never alone": after how long a second comes, and how the minutes alone are counted."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation import alone
from models.incidents import OPEN_STATES, Incident

AT = datetime(2026, 3, 10, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("severity", "tier", "level", "minutes"),
    [
        (1, "bronze", "senior", 0),
        (2, "platinum", "junior", 0),
        (3, "platinum", "senior", 60),
        (3, "gold", "confirmed", 120),
        (3, "platinum", "junior", 15),
        (4, "bronze", "junior", 15),
        (3, "silver", "confirmed", None),
        (4, "", "senior", None),
    ],
)
def test_severity_tier_and_level_say_how_long_one_may_be_alone(
    severity: int, tier: str, level: str, minutes: int | None
) -> None:
    expected = None if minutes is None else minutes * MINUTE
    assert alone.limit(severity, tier, level) == expected


def case(**more: object) -> Incident:
    return Incident(alone_s=0.0, state="working", owner_id=uuid.UUID(int=1), **more)


def test_minutes_alone_are_those_between_the_owner_and_the_second() -> None:
    one = case()
    alone.count(one, AT)
    assert alone.seconds(one, AT + 4 * MINUTE) == 240
    one.second_id = uuid.UUID(int=2)  # asked, and has not said yes
    alone.count(one, AT + 5 * MINUTE)
    assert alone.seconds(one, AT + 7 * MINUTE) == 420
    one.second_accepted_at = AT + 7 * MINUTE
    alone.count(one, AT + 7 * MINUTE)
    assert alone.seconds(one, AT + 60 * MINUTE) == 420
    one.second_id = None
    alone.count(one, AT + 60 * MINUTE)
    one.state = "resolved"
    alone.count(one, AT + 70 * MINUTE)
    assert (one.alone_since, one.alone_s) == (None, 1020)


def test_waiting_for_others_is_not_being_alone_in_front_of_a_problem() -> None:
    one = case()
    alone.count(one, AT)
    one.state = "waiting"
    alone.count(one, AT + MINUTE)
    assert alone.seconds(one, AT + 90 * MINUTE) == 60


_changes = st.lists(
    st.tuples(
        st.integers(0, 90),
        st.sampled_from((*OPEN_STATES, "resolved")),
        st.booleans(),
        st.sampled_from(("nobody", "asked", "beside")),
    ),
    max_size=12,
)


@given(_changes)
def test_the_count_equals_a_walk_minute_by_minute(changes: list[tuple[int, str, bool, str]]) -> None:
    one, now, walked, is_alone = case(), AT, 0, True
    alone.count(one, now)
    for minutes, state, owned, second in changes:
        for _ in range(minutes):
            walked += is_alone
        now += minutes * MINUTE
        one.state = state
        one.owner_id = uuid.UUID(int=1) if owned else None
        one.second_id = uuid.UUID(int=2) if second != "nobody" else None
        one.second_accepted_at = now if second == "beside" else None
        is_alone = owned and state in ("acknowledged", "working") and second != "beside"
        alone.count(one, now)
    assert alone.seconds(one, now) == walked * 60
