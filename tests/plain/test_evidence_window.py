"""What was frozen is drawn as it was; what came after it is drawn as it was reported."""

from __future__ import annotations

from app.pages.evidence import Track, continued

FROZEN = {"series": [{"name": "mem", "at_ms": [1_000, 2_000, 3_000], "observed": [50.0, None, 90.0]}]}


def test_reports_after_the_frozen_window_go_on_from_its_end() -> None:
    tracks = continued(FROZEN, {"mem": Track([2.5, 3.0, 4.0], [1.0, 2.0, 95.0])})
    assert list(tracks["mem"].at) == [1.0, 2.0, 3.0, 4.0]
    assert list(tracks["mem"].values) == [50.0, None, 90.0, 95.0]


def test_the_frozen_window_stands_when_history_has_forgotten_it() -> None:
    assert list(continued(FROZEN, {})["mem"].values) == [50.0, None, 90.0]


def test_a_metric_that_was_not_frozen_is_drawn_from_history() -> None:
    assert list(continued(FROZEN, {"cpu": Track([1.0], [12.5])})["cpu"].values) == [12.5]
