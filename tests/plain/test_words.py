"""Words for people: labels, amounts, one sentence."""

from __future__ import annotations

import pytest

from telemetry.evidence import Witness, cause_of, led, sentence_of, title_of
from telemetry.vocabulary import amount, is_scored, word

AT_0141 = 1_790_041_260_000


def witness(
    metric: str, observed: float, low: float, high: float, share: float = 2.0, told_by: str = "past"
) -> Witness:
    return Witness(metric, observed, low, high, share, told_by)


def test_one_line_says_what_expected_and_since_when() -> None:
    line = sentence_of([witness("mem_used_pct", 93, 41, 55), witness("swap_used_pct", 30, 0, 2)], AT_0141)
    assert line == "Memory in use 93 %, 41 to 55 expected, since 01:41; also Swap in use"


def test_close_values_get_the_digits_that_tell_them_apart() -> None:
    close = sentence_of([witness("disk_free_gb./var", 118.01, 118.4, 120.1)], AT_0141)
    assert close.startswith("Free on /var 118.01 GB, 118.4 to 120.1 expected")


def test_a_metric_nobody_listed_is_shown_as_sent_and_is_its_own_family() -> None:
    assert word("m07").label == "m07"
    assert cause_of([witness("m07", 1, 2, 3)]) == "m07"


def test_what_fills_or_breaks_is_named_before_the_symptoms_that_are_louder() -> None:
    busy, leaking = witness("cpu_util", 99, 0, 50, 2.0), witness("mem_used_pct", 93, 40, 55, 1.2)
    assert cause_of(led([busy, leaking])) == "memory"
    assert [one.metric for one in led([busy, leaking])] == ["mem_used_pct", "cpu_util"]


def test_a_root_too_faint_to_be_enough_by_itself_does_not_lead() -> None:
    busy, faint = witness("cpu_util", 99, 0, 50, 2.0), witness("mem_used_pct", 56, 40, 55, 0.4)
    assert cause_of(led([busy, faint])) == "cpu"


def test_the_title_says_high_low_or_out_of_relation() -> None:
    assert title_of([witness("fan_rpm.1", 0, 3000, 5000)]) == "Fan 1 unusually low"
    assert title_of([witness("latency_ms", 90, 3, 5)]) == "Response time unusually high"
    assert title_of([witness("m1", 4.5, 3, 5, told_by="others")]) == "m1 unusually high beside the other metrics"
    assert title_of([witness("m1", 3.5, 3, 5, told_by="others")]) == "m1 unusually low beside the other metrics"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(93.0, "%", "93 %"), (0.12345, "", "0.123"), (12.34, "ms", "12.3 ms"), (1234.5, "rpm", "1,234 rpm"),
     (3.2e8, "", "3.2e+08"), (float("inf"), "B", "inf B"),
     (5.0, "/s", "5/s"), (-0.5, "°C", "-0.5 °C")],
)  # fmt: skip
def test_amounts_read_well(value: float, unit: str, text: str) -> None:
    assert amount(value, unit) == text


@pytest.mark.parametrize("name", ["uptime_s", "uptime.uptime", "network.lo.time_since_update", "cpu.history_size"])
def test_clocks_and_constants_are_not_scored(name: str) -> None:
    assert not is_scored(name)
    assert is_scored("cpu_util")
