"""The sentences beside the evidence are true of what was seen: which way it went, what joined it, who shares it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.charts import Window
from app.pages.evidence import Track, bounds_of, charts_of, metrics_of
from app.pages.meaning import LOOKS, SHARED, Meaning, in_local_hours, meaning
from telemetry.rulebook import RuleBook, Turn

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
T0 = NOW.timestamp()


def model(metric: str, observed: float, **more: Any) -> dict[str, Any]:
    seen = {"metric": metric, "label": metric, "unit": "%", "observed": observed, "low": 40.0, "high": 60.0}
    return {"since_ms": 1000 * (T0 - 600), "threshold": 5.75, "peak": 11.5, "metrics": [seen], **more}


def means(cause: str, evidence: dict[str, Any], language: str = "en") -> Meaning:
    return meaning(cause, evidence, "srv-1", language, UTC, NOW)


@pytest.mark.parametrize(
    ("cause", "metric", "observed", "fills"),
    [
        ("memory", "mem_used_pct", 93.0, True),
        ("memory", "mem_used_pct", 12.0, False),
        ("memory", "mem_available_mb", 12.0, True),
        ("disk:/var", "disk_used_pct./var", 93.0, True),
        ("disk:/var", "disk_free_gb./var", 93.0, False),
        ("disk:/var", "disk_free_gb./var", 12.0, True),
        ("temperature", "temp_c.cpu", 20.0, False),
        ("latency", "latency_ms", 2.0, False),
    ],
)
def test_what_goes_the_harmless_way_is_not_said_to_run_out(
    cause: str, metric: str, observed: float, fills: bool
) -> None:
    said = means(cause, model(metric, observed))
    assert (said.customer == "srv-1 does not behave as it usually does. We are looking into it.") is not fills
    assert (said.do == LOOKS[cause.partition(":")[0]]) is fills
    assert bool(said.follows) is fills


@pytest.mark.parametrize(
    ("cause", "metric", "much", "little"),
    [
        ("cpu", "cpu_util", "srv-1 works unusually hard.", "unusually little"),
        ("requests", "requests_s", "srv-1 is asked unusually often.", "unusually seldom"),
    ],
)
def test_much_and_little_are_told_apart(cause: str, metric: str, much: str, little: str) -> None:
    assert means(cause, model(metric, 93.0)).customer == much
    assert little in means(cause, model(metric, 12.0)).customer
    assert means(cause, model(f"{metric}_idle", 12.0)).customer == much


def test_unusual_traffic_is_no_bad_connection_and_lost_packets_are() -> None:
    assert "unreliable" not in means("network", model("net_rx_mb_s", 93.0)).customer
    assert "unreliable" in means("network", model("net_drops_s.eth0", 93.0)).customer


def test_a_hard_fault_that_joined_says_what_to_do_and_how_sure() -> None:
    certain = {"said": "Fan 1 has stopped (Fan 1 0 rpm)", "cure": "Replace fan 1."}
    said = means("fan:1", model("fan_rpm.1", 93.0, certain=certain))
    assert said.do == "Replace fan 1."
    assert said.sure == "beyond doubt since it is seen as well: Fan 1 has stopped (Fan 1 0 rpm)."


@pytest.mark.parametrize("place", [*SHARED, "fleet"])
def test_many_machines_at_once_are_looked_at_by_what_they_share(place: str) -> None:
    evidence = {"last_heard": NOW.isoformat(), "shared": {"place": place, "name": "B2"}}
    said = means("silence", evidence)
    assert said.do == SHARED.get(place, said.do)
    assert "several of your machines" in said.customer
    assert "certain" in said.sure
    assert "plusieurs de vos machines" in means("silence", evidence, "fr").customer
    assert "same problem" in means("memory", model("mem_used_pct", 93.0, shared={"place": place})).customer


def test_whose_only_machine_is_in_a_fleet_event_is_not_told_of_several() -> None:
    shared = {"place": "rack", "name": "B2", "machines": 1}
    silent = means("silence", {"last_heard": NOW.isoformat(), "shared": shared})
    assert (silent.customer, silent.do) == (means("silence", {"last_heard": NOW.isoformat()}).customer, SHARED["rack"])
    assert "Memory on srv-1" in means("memory", model("mem_used_pct", 93.0, shared=shared)).customer


@pytest.mark.parametrize(("language", "said"), [("en", "no longer sends all"), ("fr", "n’envoie plus toutes")])
def test_a_metric_that_fell_silent_is_no_machine_that_did(language: str, said: str) -> None:
    told = means("silence:fan_rpm", {"last_heard": NOW.isoformat(), "silent": ["fan_rpm"]}, language)
    assert said in told.customer
    assert "console" not in told.do
    assert "certain" in told.sure


def test_an_expired_certificate_is_not_about_to_expire() -> None:
    assert "has expired" in means("certificate:www", {"rule": "certificate_expired", "metrics": []}).customer
    assert "about to" in means("certificate:www", {"rule": "certificate", "metrics": []}).customer


def titles(metric: str, *values: float) -> list[str]:
    book = RuleBook()
    turns: list[Turn] = []
    for at, value in enumerate(values):
        turns += book.look({metric: value}, "native", at * 600_000, False)
    return [turn.title for turn in turns]


@pytest.mark.parametrize(
    ("metric", "values", "title"),
    [
        ("smart_reallocated.sda", (0, 1), "Drive sda reallocated 1 more sector"),
        ("smart_reallocated.sda", (0, 7), "Drive sda reallocated 7 more sectors"),
        ("ecc_errors", (4, 5), "Memory corrected 1 more error"),
        ("oom_kills", (0, 1), "The system killed 1 process for lack of memory"),
        ("oom_kills", (0, 3), "The system killed 3 processes for lack of memory"),
        ("cert_days_left", (30, 1), "Certificate expires in 1 day"),
        ("cert_days_left.www", (30, 0.2), "Certificate www expires within a day"),
        ("cert_days_left.www", (30, -2), "Certificate www has expired"),
        ("clock_offset_s", (0, -7, -7), "The clock is 7 s behind"),
    ],
)
def test_a_rule_s_title_reads_as_somebody_would_say_it(metric: str, values: tuple[float, ...], title: str) -> None:
    assert titles(metric, *values)[0] == title


def drawn(evidence: dict[str, Any], values: list[float | None]) -> tuple[str, str, dict[str, Any]]:
    """The words beside the chart, the band as drawn, and what the browser draws."""
    metrics = metrics_of(evidence)
    tracks = {metrics[0].name: Track([T0 - 1200 + 300 * k for k in range(len(values))], values)}
    (chart,) = charts_of(metrics, tracks, Window(T0 - 1200, T0, T0 - 600, T0, T0), UTC, NOW)
    band = str(chart.svg).partition('class="band" points="')[2].partition('"')[0]
    return chart.said, band, dict(bounds_of(metrics, tracks))


def test_what_the_other_metrics_let_expect_is_drawn_from_the_first_sign_on() -> None:
    evidence = model("fan_rpm.1", 20.0)
    _, whole, _ = drawn(evidence, [90.0, 91.0, 20.0, 19.0, 20.0])
    assert whole.startswith("0")
    evidence["metrics"][0]["told_by"] = "others"
    _, band, bounds = drawn(evidence, [90.0, 91.0, 20.0, 19.0, 20.0])
    assert band.startswith("500")
    assert bounds["fan_rpm.1"][0] == {T0 - 600: 40.0, T0 - 300: 40.0, T0: 40.0}


def test_a_chart_tells_what_is_now_beside_what_was_when_it_was_found() -> None:
    said, _, _ = drawn(model("mem_used_pct", 65.0), [50.0, 50.0, 65.0, 80.0, 91.0])
    assert said == "now 91; 65 when found; expected 40 to 60"
    said, _, _ = drawn(model("mem_used_pct", 65.0), [50.0, 50.0, 65.0, 65.0, 65.0])
    assert said == "65; expected 40 to 60"


def test_the_limit_of_what_was_added_is_no_line_across_the_count() -> None:
    metrics = [{"metric": "smart_reallocated.sda", "observed": 3.0}]
    assert metrics_of({"rule": "smart_reallocated", "threshold": 1, "metrics": metrics})[0].limit is None
    assert metrics_of({"rule": "disk_full", "threshold": 95, "metrics": metrics})[0].limit == 95


def test_every_hour_of_the_detector_is_read_in_the_readers_own_zone() -> None:
    zone, evidence = ZoneInfo("Europe/Paris"), {"since_ms": 1000 * T0}
    assert in_local_hours("Fan 1 has stopped, since 13:49", evidence, zone) == "Fan 1 has stopped, since 14:49"
    assert in_local_hours("Disk, since 23:30; also CPU", evidence, zone) == "Disk, since 00:30; also CPU"
    assert in_local_hours("The press stands, since 13:49", {}, zone) == "The press stands, since 13:49"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"at_ms": 1000 * (T0 - 840), "what": "release 2.3.1"}, "It began 4 min after release 2.3.1."),
        ({"at_ms": 1000 * (T0 - 630), "what": "a restart"}, "It began with a restart."),
        ({"at_ms": 1000 * (T0 - 540), "what": "release 2.3.1"}, "It began with release 2.3.1."),
        ({"at_ms": 1000 * (T0 - 840), "what": "erp 4.2", "for": "customer"},
         "It began 4 min after erp 4.2 (announced for the customer; whether it touched this machine is not known)."),
        (None, ""),
    ],
)  # fmt: skip
def test_what_was_changed_when_it_began_is_said_in_a_sentence(change: dict[str, Any] | None, said: str) -> None:
    assert means("memory", model("mem_used_pct", 93.0, change=change)).changed == said
