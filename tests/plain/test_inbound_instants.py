"""Instants as senders write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from escalation.inbound.events import instant

AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "said",
    [
        1773133200, 1773133200.0, "1773133200", "1773133200.0", 1773133200000, "1773133200000", 1773133200000000,
        "1773133200000000", "1773133200000000000", "2026-03-10T09:00:00Z", "2026-03-10T10:00:00+01:00",
        "2026-03-10T09:00:00.000000000Z", "2026-03-10 09:00:00", " 2026-03-10T09:00:00Z ",
    ],
)  # fmt: skip
def test_an_instant_is_the_same_however_it_is_counted(said: object) -> None:
    assert instant(said) == AT


@pytest.mark.parametrize("said", ["0001-01-01T00:00:00Z", "", "soon", None, True, [], "12", 1e300, -1, "9" * 40])
def test_what_is_no_instant_is_none(said: object) -> None:
    assert instant(said) is None
