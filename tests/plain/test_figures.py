"""Figures: their sums are those of the values they are made of, in whatever order and however often they are joined."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app import naming
from telemetry import figures
from telemetry.columns import as_sent, of_reports
from telemetry.figures import DAY_MS, HOUR_MS

REPORTS = st.lists(
    st.tuples(
        st.integers(0, 5 * DAY_MS),
        st.dictionaries(st.sampled_from("abc"), st.integers(-1000, 1000).map(float), max_size=3),
    ),
    min_size=1,
    max_size=60,
    unique_by=lambda one: one[0],
)


@settings(max_examples=80, deadline=None)
@given(REPORTS)
def test_days_of_hours_are_the_days_of_the_reports(reports: list[tuple[int, dict[str, float]]]) -> None:
    columns = of_reports(reports)
    hours = figures.of_reports(columns, HOUR_MS)
    days, direct = figures.summed(hours, DAY_MS), figures.of_reports(columns, DAY_MS)
    assert days.at_ms.tolist() == direct.at_ms.tolist()
    assert figures.reports_in(days) == len(columns)
    for name, line in figures.lines(direct).items():
        other = figures.lines(days)[name]
        np.testing.assert_array_equal(line.least, other.least)
        np.testing.assert_array_equal(line.most, other.most)
        np.testing.assert_array_equal(line.count, other.count)
        np.testing.assert_allclose(line.mean, other.mean, rtol=1e-9, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(REPORTS, st.integers(0, 60))
def test_what_is_added_late_makes_the_figures_of_all(reports: list[tuple[int, dict[str, float]]], cut: int) -> None:
    first, late = reports[: min(cut, len(reports))], reports[min(cut, len(reports)) :]
    parts = [figures.of_reports(of_reports(some), HOUR_MS) for some in (first, late)]
    together, whole = figures.added(parts[0], parts[1], HOUR_MS), figures.of_reports(of_reports(reports), HOUR_MS)
    assert together.at_ms.tolist() == whole.at_ms.tolist()
    for name, line in figures.lines(whole).items():
        np.testing.assert_array_equal(figures.lines(together)[name].count, line.count)
        np.testing.assert_allclose(figures.lines(together)[name].mean, line.mean, rtol=1e-9, atol=1e-9)


def test_figures_taken_out_leave_the_others_as_they_were() -> None:
    hours = figures.of_reports(of_reports([(hour * HOUR_MS, {"a": float(hour)}) for hour in range(4)]), HOUR_MS)
    left = figures.without(hours, np.asarray([HOUR_MS, 3 * HOUR_MS]))
    assert figures.lines(left)["a"].mean.tolist() == [0.0, 2.0]
    assert len(figures.between(hours, HOUR_MS, 3 * HOUR_MS)) == 2


def test_values_are_given_back_with_the_digits_they_were_sent_with() -> None:
    kept = np.asarray([12.1, 99.99, -0.5, 1e-9]).astype(np.float32).astype(np.float64)
    assert as_sent(kept).tolist() == [12.1, 99.99, -0.5, 1e-9]
    assert as_sent(np.asarray([0.1, 123456789.125])).tolist() == [0.1, 123456789.125]


def test_a_comma_within_braces_or_quotes_belongs_to_a_name() -> None:
    name = 'system.filesystem.usage{mountpoint="/a,b",state="free"}'
    assert naming.split(f"cpu, {name} ,,mem") == ["cpu", name, "mem"]


def test_a_name_of_the_common_vocabulary_finds_what_was_sent_under_another() -> None:
    known = ["cpu_times_percent.idle", "df-root.percent_bytes-used", "odd"]
    assert naming.meant(["system.cpu.utilization", "disk_used_pct./", "odd", "nobody"], known) == [
        "cpu_times_percent.idle", "df-root.percent_bytes-used", "odd", "nobody",
    ]  # fmt: skip
    idle = naming.shown("cpu_times_percent.idle", "otel")
    assert (idle.name, idle.unit, 75.0 * idle.factor + idle.offset) == ("system.cpu.utilization", "1", 0.25)
    assert naming.shown("odd", "otel").name == "odd"


def test_the_mean_of_the_largest_numbers_there_are_lies_between_them() -> None:
    most = 1.7976931348623157e308
    columns = of_reports([(at, {"a": value, "b": 1.0}) for at, value in enumerate([most, most, -most, most / 2])])
    hours = figures.of_reports(columns, HOUR_MS)
    days = figures.summed(figures.added(hours, hours, HOUR_MS), DAY_MS)
    for line in (figures.lines(hours)["a"], figures.lines(days)["a"]):
        assert (line.least[0], line.most[0]) == (-most, most)
        np.testing.assert_allclose(line.mean, [most * 0.375], rtol=1e-12)
    assert figures.lines(days)["b"].mean.tolist() == [1.0]
    alike = figures.lines(figures.of_reports(of_reports([(at, {"a": most}) for at in range(3)]), HOUR_MS))["a"]
    assert alike.mean.tolist() == [most]
