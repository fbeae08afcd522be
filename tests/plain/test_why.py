"""Why did this not alarm: one sentence, and every reason that held."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from telemetry.verdicts import THRESHOLD
from telemetry.why import HeldBack, Kept, Raised, explain

AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
CALM = Kept("db-1", AT, score=1.0, score_at=AT, reported_at=AT)
HELD = HeldBack("verdicts", "Two like it were dismissed.", 6.0, 7.5)
SHADOWED = Raised("network", "Drops 40, 0 to 1 expected", AT, shadow=True, said="Findings are listed at the review.")


def rules(kept: Kept) -> list[str]:
    return [reason.rule for reason in explain(kept).reasons]


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (CALM, ["below"]),
        (replace(CALM, score=None, learned=False), ["learning"]),
        (replace(CALM, score=None), ["unscored"]),
        (replace(CALM, reported_at=AT - timedelta(minutes=9), score=None), ["unheard", "unscored"]),
        (replace(CALM, reported_at=None, score=None), ["unheard"]),
        (replace(CALM, maintenance="disks, until 13:00", score=None), ["maintenance"]),
        (replace(CALM, watching="collect", score=None), ["tier"]),
        (replace(CALM, watching="refused", reported_at=None, score=None), ["tier"]),
        (replace(CALM, watching="shadow", score=9.0, raised=(SHADOWED,)), ["tier", "contract"]),
        (replace(CALM, score=6.0, restraints=(HELD,)), ["verdicts"]),
        (replace(CALM, score=6.0), ["hysteresis"]),
        (replace(CALM, score=9.0, raised=(replace(SHADOWED, shadow=False, held_back="budget", held_words="Seven…"),)),
         ["budget"]),
    ],
)  # fmt: skip
def test_every_restraint_is_named(kept: Kept, expected: list[str]) -> None:
    assert rules(kept) == expected
    answer = explain(kept)
    assert not answer.alarmed
    assert answer.sentence == answer.reasons[0].words
    assert all(reason.words for reason in answer.reasons)


def test_the_answer_to_what_did_alarm_names_the_incident() -> None:
    answer = explain(replace(CALM, score=9.0, raised=(replace(SHADOWED, incident="VG-1001", shadow=False),)))
    assert answer.alarmed
    assert answer.sentence.startswith("It did: VG-1001 has been open since 2026-03-10 12:00:00 UTC")


def test_the_threshold_is_what_it_would_have_had_to_reach() -> None:
    assert explain(CALM).threshold == THRESHOLD
    assert explain(replace(CALM, score=6.0, restraints=(HELD,))).threshold == 7.5


def test_what_joined_the_same_incident_twice_is_one_reason() -> None:
    one = replace(SHADOWED, incident="VG-1001", shadow=False)
    assert rules(replace(CALM, score=9.0, raised=(one, one))) == ["joined"]
