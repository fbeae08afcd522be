"""Instants within kept words: the house's own are read on the reader's clock, everybody else's stay as written."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from escalation import instants

PARIS = ZoneInfo("Europe/Paris")
AT = datetime(2026, 3, 10, 23, 30, 7, tzinfo=UTC)
AT_MS = AT.timestamp() * 1000


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("Disk full, since 23:30", "Disk full, since 2026-03-10T23:30:00Z"),
        ("No report since 23:30:07 UTC; it reported", "No report since 2026-03-10T23:30:07Z; it reported"),
        ("Fan: last reported 23:30:07 UTC, until then", "Fan: last reported 2026-03-10T23:30:07Z, until then"),
        ("Disk, since 00:10", "Disk, since 2026-03-11T00:10:00Z"),  # the next day is nearer than twenty hours before
        ("Nothing since 25:10, nor since 3:10", "Nothing since 25:10, nor since 3:10"),
    ],
)
def test_an_hour_of_a_detector_is_of_the_day_nearest_to_its_evidence(sentence: str, kept: str) -> None:
    assert instants.found(sentence, {"since_ms": AT_MS}) == (kept, instants.within(kept))
    assert instants.found(sentence, {"last_heard": AT.isoformat()})[0] == kept


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"since_ms": None},
        {"since_ms": True},
        {"since_ms": float("nan")},
        {"since_ms": 1e300},
        {"since_ms": -1},
        {"last_heard": "yesterday"},
        {"last_heard": "9999-12-31T23:59:59+00:00"},
    ],
)
def test_without_an_instant_beside_it_a_sentence_stays(evidence: dict[str, object]) -> None:
    assert instants.found("Disk full, since 23:30", evidence) == ("Disk full, since 23:30", [])


def test_an_instant_is_read_on_the_readers_clock_and_names_another_day() -> None:
    text = f"The response of {instants.stamp(AT)} stands."
    line = {instants.BESIDE: instants.within(text)}
    assert instants.of_line(text, line, UTC, AT) == "The response of 23:30:07 stands."
    assert instants.of_line(text, line, PARIS, AT) == "The response of 00:30:07 stands."
    assert instants.of_line(text, line, PARIS, AT.replace(hour=9)) == "The response of 2026-03-11 00:30:07 stands."


def test_what_others_wrote_and_lines_of_before_stay_as_they_are() -> None:
    pasted = "log of 2026-03-10T23:30:07Z: killed"
    assert instants.of_line(pasted, {}, PARIS, AT) == pasted
    assert instants.of_line("The response of 23:30 UTC stands.", {}, PARIS, AT) == "The response of 23:30 UTC stands."
