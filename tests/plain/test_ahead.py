"""A forecast in evidence: what is drawn ahead, how far, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.ahead import Ahead, ahead_of
from app.charts import Series, evidence_chart
from app.pages.evidence import Track, chart_data, charts_of, metrics_of, window_of
from app.pages.foretold import joined
from app.pages.meaning import meaning
from escalation.told_plainly import KINDS
from telemetry.forecast import GAUGES
from telemetry.rules import RULES, kind_of

NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)
HOUR = 3600.0


def evidence(late_h: float | None = 3.0, window_h: float = 2.0, **more: Any) -> dict[str, Any]:  # Any: JSON
    """Foretold at NOW: 70 % in use, 100 % in two hours."""
    at = NOW.timestamp() * 1000
    forecast = {
        "metric": "disk", "limit": 100.0, "at_ms": at + 2 * HOUR * 1000, "early_ms": at + 1.5 * HOUR * 1000,
        "late_ms": None if late_h is None else at + late_h * HOUR * 1000, "window_s": window_h * HOUR,
    }  # fmt: skip
    seen = {"metric": "disk", "label": "/var in use", "unit": "%", "observed": 70.0}
    return {"since_ms": at - window_h * HOUR * 1000, "forecast": forecast, "metrics": [seen], **more}


def ahead(**how: Any) -> Ahead:  # Any: as above
    found = ahead_of(evidence(**how))
    assert found is not None
    return found


def test_courses_begin_where_it_stood_reach_the_limit_in_order_and_stay_there() -> None:
    now, end = NOW.timestamp(), NOW.timestamp() + 4 * HOUR
    one = ahead()
    for course, hours in ((one.soonest(end), 1.5), (one.likely_course(end), 2.0), (one.latest(end), 3.0)):
        assert course == [(now, 70.0), (now + hours * HOUR, 100.0), (end, 100.0)]


def test_courses_are_cut_at_the_end_of_the_picture() -> None:
    end = NOW.timestamp() + HOUR
    assert ahead().likely_course(end)[-1] == (end, 85.0)
    assert ahead().likely_course(NOW.timestamp() - 5) == [(NOW.timestamp(), 70.0)]


def test_a_latest_instant_nobody_knows_is_said_and_drawn_level() -> None:
    one = ahead(late_h=None)
    assert one.latest(NOW.timestamp() + HOUR)[-1] == (NOW.timestamp() + HOUR, 70.0)
    assert "not before 11:30, perhaps never" in one.sentence("/var in use", "%", UTC, NOW)


def test_the_sentence_says_what_when_and_between_which_instants() -> None:
    said = ahead().sentence("/var in use", "%", UTC, NOW)
    assert said.startswith("As things go /var in use rises to 100 % at 12:00: between 11:30 and 13:00")
    assert ahead().caption("%", UTC, NOW) == "100 % at 12:00, between 11:30 and 13:00"
    assert " on Thu 12:00" in ahead().sentence("/var in use", "%", UTC, NOW - timedelta(days=2))


def test_what_should_have_come_by_now_is_told_as_foretold() -> None:
    said = ahead().sentence("/var in use", "%", UTC, NOW + timedelta(hours=2, minutes=1))
    assert said == "At 10:00 it was foretold that /var in use rises to 100 % at 12:00, between 11:30 and 13:00."


@pytest.mark.parametrize(
    "broken", [{}, {"forecast": 5}, {"forecast": {"metric": "disk"}}, {"metrics": []}, {"since_ms": None}]
)
def test_evidence_without_a_forecast_or_with_half_of_one_shows_none(broken: dict[str, Any]) -> None:
    assert ahead_of(broken if not broken else evidence() | broken) is None


@pytest.mark.parametrize("window_h", [2.0, 96.0])
def test_the_window_shows_the_trend_the_present_and_at_most_as_much_ahead(window_h: float) -> None:
    given = evidence(window_h=window_h)
    window = window_of(given, NOW, None, NOW)
    now = NOW.timestamp()
    assert window.start < now - window_h * HOUR < now < window.end
    assert window.now == now
    assert window.end - now <= now - window.start
    far = window_of(evidence(late_h=500.0), NOW, None, NOW)
    assert far.end - now <= now - far.start


def test_what_is_over_is_not_drawn_into_the_time_ahead() -> None:
    ended = NOW + timedelta(minutes=5)
    assert window_of(evidence(), NOW, ended, NOW + timedelta(days=1)).end == (ended + timedelta(minutes=30)).timestamp()


def test_the_picture_has_the_cone_the_dashed_line_and_the_limit_and_so_has_the_drawing() -> None:
    given, now = evidence(), NOW.timestamp()
    window = window_of(given, NOW, None, NOW)
    tracks = {"disk": Track([now - 600, now], [65.0, 70.0])}
    (chart,) = charts_of(metrics_of(given), tracks, window, UTC, NOW)
    for mark in ('class="cone"', 'class="likely"', 'class="limit"', "limit 100"):
        assert mark in chart.svg
    assert chart.said == "70; 100 % at 12:00, between 11:30 and 13:00"
    assert '"likely":[[' in chart_data([chart], tracks, {}, window)


def test_without_a_forecast_nothing_is_drawn_ahead() -> None:
    now = NOW.timestamp()
    window = window_of({"since_ms": now * 1000}, NOW, None, NOW)
    assert window.end <= now + 600
    assert "likely" not in evidence_chart(Series("a", "", [now], [1.0]), window, UTC)


def test_every_hard_fault_and_every_forecast_has_a_sentence_for_the_customer_and_says_what_follows() -> None:
    own = {kind_of(r.cause) for r in RULES} | {kind_of(g.cause) for g in GAUGES}
    assert sorted(own - set(KINDS)) == []
    assert [name for name in own if not KINDS[name].follows] == []


def test_meaning_is_told_in_the_customers_language() -> None:
    fr = meaning("memory", {"peak": 11.5, "threshold": 5.75, "model": {"learned_s": 7200}}, "vmc-db-1", "fr", UTC, NOW)
    assert fr.customer == "La mémoire de vmc-db-1 s’épuise : ce qui y tourne peut ralentir ou s’arrêter."
    assert fr.sure.startswith("it stood at 2.0 times what opens an incident. It rests on 2 h of history only")
    assert meaning("queue_depth", evidence(), "m-1", "en", UTC, NOW).customer.startswith("m-1 does not behave")
    assert meaning("memory", {}, "m-1", "en", UTC, NOW).customer == ""


def test_how_sure_is_said_of_a_rule_an_event_and_a_forecast() -> None:
    said = [meaning("disk:/var", e, "m", "en", UTC, NOW).sure for e in ({"rule": "full"}, {"code": "E1"}, evidence())]
    assert ["fixed limit" in said[0], "said so itself" in said[1], "pace" in said[2]] == [True, True, True]


def test_a_forecast_that_joined_later_is_drawn_with_its_metric_and_the_first_metric_stays_first() -> None:
    anomaly = {"since_ms": 0, "peak": 11.5, "threshold": 5.75, "metrics": [{"metric": "writes", "label": "Writes"}]}
    both = joined(anomaly, evidence())
    assert [m.name for m in metrics_of(both)] == ["writes", "disk"]
    assert ahead_of(both) == ahead()
    assert meaning("disk:/var", both, "m", "en", UTC, NOW).ahead.startswith("As things go /var in use rises to 100 %")
    assert meaning("disk:/var", both, "m", "en", UTC, NOW).sure.startswith("it stood at 2.0 times")
    known = joined(
        {**anomaly, "metrics": [{"metric": "a"}, {"metric": "b"}, {"metric": "disk", "low": 1.0}]}, evidence()
    )
    assert [m.name for m in metrics_of(known)] == ["a", "disk", "b"]
    assert metrics_of(known)[1].low == 1.0
    assert joined(anomaly, {"forecast": None}) == anomaly


def test_what_to_do_is_the_rules_cure_else_where_to_look_first_and_never_nothing() -> None:
    said = {
        e.get("cure", ""): meaning("fan:1", e, "m", "en", UTC, NOW).do for e in ({"cure": "Change it."}, {"peak": 1})
    }
    assert said["Change it."] == "Change it."
    assert said[""].startswith("Read the fan")
    assert meaning("queue_depth", {"peak": 1}, "m", "en", UTC, NOW).do.startswith("Compare the charts")
    assert "certain" in meaning("silence", {"kind": "silence"}, "m", "en", UTC, NOW).sure
