"""Likeness: reasons a person can check, the same both ways, and no likeness from what says nothing."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.likeness import DUPLICATE, SIMILAR, Sight, alike, likeness

AT = datetime(2026, 3, 10, 9, tzinfo=UTC)
MACHINE, OTHER, SITE = (uuid.UUID(int=n) for n in (11, 12, 13))


def sight(n: int, cause: str = "disk:/var", title: str = "/var will be full in about 6 h", **more: object) -> Sight:
    given: dict[str, object] = {"machine_id": MACHINE, "site_id": SITE, "began_at": AT, **more}
    return Sight(uuid.UUID(int=n), cause, title, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "least", "reasons"),
    [
        (sight(2), DUPLICATE, ("same cause (disk:/var)", "same machine")),
        (sight(2, machine_id=OTHER, began_at=AT - timedelta(days=9)), SIMILAR, ("same cause (disk:/var)", "same site")),
        (sight(2, "disk:/home", "/home fills up"), SIMILAR, ("same machine", "same kind of cause (disk)")),
        (sight(2, "asked:1", "/var is full again, full disk on /var"), SIMILAR, ("same machine",)),
    ],
)
def test_the_reasons_are_what_both_have_in_common(other: Sight, least: float, reasons: tuple[str, ...]) -> None:
    found = likeness(sight(1), other)
    assert found.score >= least
    assert set(reasons) <= set(found.reasons)


@pytest.mark.parametrize(
    "other",
    [
        sight(2, "asked:2", "Please order a badge", machine_id=None, site_id=None, began_at=None),
        sight(2, "net:eth0", "Packets are lost", machine_id=OTHER, began_at=AT + timedelta(hours=5)),
    ],
)
def test_what_has_nothing_in_common_is_not_alike(other: Sight) -> None:
    assert likeness(sight(1), other).score < SIMILAR


def test_two_requests_are_not_alike_because_both_are_requests() -> None:
    one, two = (sight(n, f"asked:{n}", title, machine_id=None, site_id=None, began_at=None)
                for n, title in ((1, "Order a badge"), (2, "The mill stands still")))  # fmt: skip
    assert likeness(one, two).reasons == ()


def test_the_most_alike_come_first_and_never_the_incident_itself() -> None:
    near, far = sight(2), sight(3, "disk:/home", "/home fills up")
    assert [one.id for one in alike(sight(1), [far, sight(1), near], SIMILAR)] == [near.id, far.id]


_words = st.lists(st.sampled_from(["press", "stands", "still", "mill", "and", "the", "full", "disk"]), max_size=5)
_sights = st.builds(
    lambda n, cause, words, machine, hours, metrics: Sight(
        uuid.UUID(int=n), cause, " ".join(words), machine_id=machine, began_at=AT + timedelta(hours=hours),
        metrics=frozenset(metrics),
    ),
    st.integers(1, 9),
    st.sampled_from(["disk:/var", "disk:/home", "asked:1", "fan", ""]),
    _words,
    st.sampled_from([None, MACHINE, OTHER]),
    st.floats(0, 3),
    st.sets(st.sampled_from(["mem", "swap", "io"])),
)  # fmt: skip


@given(_sights, _sights)
def test_likeness_is_the_same_both_ways_and_bounded(one: Sight, other: Sight) -> None:
    there, back = likeness(one, other), likeness(other, one)
    assert (there.score, there.reasons) == (back.score, back.reasons)
    assert 0 <= there.score <= 1
    assert bool(there.reasons) == (there.score > 0)
