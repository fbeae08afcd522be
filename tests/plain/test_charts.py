"""Pictures as SVG: what is drawn, and what must never be."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app import charts, clocks
from app.charts import Series, Window
from app.clocks import Mark, Piece
from app.usual import usual_range

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 5, 14, 0, 29, tzinfo=UTC)
START = NOW.timestamp() - 7200


def minutes(count: int) -> list[float]:
    return [START + 60 * step for step in range(count)]


def draw(series: Series, **more: float) -> str:
    window = Window(START, START + 7200, now=NOW.timestamp(), **more)
    picture = str(charts.evidence_chart(series, window, PARIS))
    ElementTree.fromstring(picture)  # well-formed
    return picture


values = some.lists(some.one_of(some.none(), some.floats(-1e9, 1e9)), min_size=0, max_size=60)


@given(values)
def test_any_values_make_a_picture_without_style_attributes(observed: list[float | None]) -> None:
    picture = draw(Series("Load", "%", minutes(len(observed)), observed, low=(1.0,), high=(2.0,), limit=5.0))
    assert "style=" not in picture
    assert "nan" not in picture
    assert "inf" not in picture


def test_names_from_outside_are_escaped() -> None:
    assert "<b>" not in draw(Series("<b>", '"', minutes(3), [1.0, 2.0, 3.0]))


def test_a_hole_is_hatched_and_not_crossed_by_the_line() -> None:
    at = minutes(20) + [START + 60 * step for step in range(60, 80)]
    picture = draw(Series("Load", "%", at, [1.0] * 40))
    assert picture.count('class="obs"') == 2
    assert 'class="unknown"' in picture


def test_silence_up_to_now_is_hatched() -> None:
    assert 'class="unknown"' in draw(Series("Load", "%", minutes(30), [1.0] * 30))
    assert 'class="unknown"' not in draw(Series("Load", "%", minutes(121), [1.0] * 121))


def test_the_lit_interval_has_its_cap() -> None:
    picture = draw(Series("Load", "%", minutes(120), [1.0] * 120), lit_from=START + 6000.0)
    assert re.search(r'class="lit" x="83\.33%"', picture)
    assert 'class="lamp"' in picture


def test_values_stand_in_the_gutter_where_no_line_crosses_them() -> None:
    root = ElementTree.fromstring(draw(Series("Fan 1", "rpm", minutes(120), [4400.0] * 119 + [0.0], limit=50.0)))
    values = [text for text in root if text.get("class") == "tick"]
    plot = next(child for child in root if child.tag == "svg")
    assert values, "no value is named"
    assert {text.get("text-anchor") for text in values} == {"end"}
    assert all(float(text.get("x", "").rstrip("%")) < float(plot.get("x", "").rstrip("%")) for text in values)
    assert not [text for text in plot.iter("text") if text.get("class") == "tick"]


def test_a_chart_says_itself_in_words() -> None:
    assert charts.spoken(Series("Load", "%", [1.0], [93.0], (41.0,), (55.0,))) == "Load: 93 %; expected 41 to 55"


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-5.0, 5.0), (1e6, 2e6), (3.0, 3.0)])
def test_ticks_are_few_and_inside(low: float, high: float) -> None:
    found = charts.ticks(low, high)
    assert len(found) <= 5
    assert all(low <= tick <= high for tick in found)


def test_hours_stand_at_round_local_times() -> None:
    named = [name for _, name in charts.hours_on(START, START + 6 * 3600, PARIS)]
    assert named[0] == "01:00"
    assert all(name.endswith((":00", ":30")) for name in named)


def test_a_broken_promise_is_drawn_red_up_to_now() -> None:
    late = Mark(NOW - timedelta(minutes=6), "Aster", "/incidents/VG-1", "late")
    ahead = Mark(NOW + timedelta(minutes=11), "Halvorsen", "/incidents/VG-2", "mine")
    picture = str(clocks.horizon([late, ahead], NOW, PARIS))
    ElementTree.fromstring(picture)
    assert picture.count('class="late"') == 1
    assert "6 min late" in picture
    assert "in 11 min" in picture


def test_promises_past_the_horizon_are_not_drawn() -> None:
    far = Mark(NOW + timedelta(hours=9), "Far", "/x", "other")
    assert "Far" not in str(clocks.horizon([far], NOW, PARIS))


@given(some.lists(some.integers(-900, 28_000), max_size=40))
def test_the_horizon_holds_any_night(offsets: list[int]) -> None:
    marks = [Mark(NOW + timedelta(seconds=one), "A <&> B", "/x?a=1&b=2", "other") for one in offsets]
    ElementTree.fromstring(str(clocks.horizon(marks, NOW, PARIS)))


def test_clock_pieces_keep_their_kinds() -> None:
    due = NOW + timedelta(minutes=20)
    pieces = [
        Piece("counted", NOW - timedelta(minutes=10), NOW - timedelta(minutes=5)),
        Piece("paused", NOW - timedelta(minutes=5), NOW),
        Piece("ahead", NOW, due),
    ]
    picture = str(clocks.promise_clock(pieces, due, NOW, PARIS))
    assert [kind in picture for kind in ('"solid"', '"hollow"', '"dashes"', '"due"')] == [True] * 4
    assert clocks.promise_clock([], None, NOW, PARIS) == ""


def test_a_ledger_bar_shows_each_part_it_has() -> None:
    bar = str(clocks.ledger_bar(330, 24, 24, 6, 12, 396))
    assert [kind in bar for kind in ("scored", "late", "twice", "refused", "unknown")] == [True] * 5
    assert "refused" not in str(clocks.ledger_bar(330, 0, 0, 0, 0, 330))


def test_usual_follows_the_hour_of_the_day() -> None:
    at = [START - 3 * 86400 + 600 * step for step in range(3 * 144)]
    past = [80.0 if 8 <= (moment // 3600) % 24 < 18 else 10.0 for moment in at]
    noon, night = 12.5 * 3600, 2.5 * 3600
    found = usual_range(at, past, [noon, night])
    assert found is not None
    (low_noon, low_night), (high_noon, high_night) = found
    assert low_noon <= 80 <= high_noon
    assert low_night <= 10 <= high_night < 80


def test_too_short_a_past_says_nothing() -> None:
    assert usual_range([1.0, 2.0], [1.0, 2.0], [3.0]) is None


def drawn(values: dict[float, float | None]) -> list[str]:
    """The lines of what was seen, by their points."""
    chart = charts.evidence_chart(Series("a", "", list(values), list(values.values())), Window(0, 10_000), UTC)
    return re.findall(r'class="obs" points="([^"]*)"', chart)


def test_what_is_told_more_rarely_than_the_machine_reports_is_one_line_until_it_stays_away() -> None:
    every = {float(at): 1.0 if at % 600 == 0 else None for at in range(0, 6000, 10)}
    (line,) = drawn(every)
    assert len(line.split()) == 10
    assert len(drawn({at: None if 1000 < at < 4500 else v for at, v in every.items()})) == 2
    assert len(drawn({at: v for at, v in every.items() if not 1000 < at < 1500})) == 2, "the machine said nothing"


def test_a_value_that_stands_alone_is_a_dot() -> None:
    (dot,) = drawn({float(at): 5.0 if at == 500 else None for at in range(0, 1000, 10)})
    assert len(dot.split()) == 2
