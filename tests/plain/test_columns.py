"""What a block gives back is what went in, to the seventh digit, and counters to the last."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.columns import BadBlock, as_sent, joined, of_reports, packed, unpacked

NAMES = st.sampled_from(["cpu", "mem", "disk./var", "net.rx", "ü"])
VALUES = st.floats(allow_nan=False, allow_infinity=False, width=32)
REPORTS = st.lists(
    st.tuples(st.integers(0, 2**45), st.dictionaries(NAMES, VALUES, max_size=5)),
    unique_by=lambda report: report[0],
    min_size=1,
    max_size=30,
)


def as_told(reports: list[tuple[int, dict[str, float]]]) -> dict[int, dict[str, float]]:
    return dict(sorted(reports))


def read_back(body: bytes) -> dict[int, dict[str, float]]:
    columns = unpacked(body)
    return {
        int(at): {name: float(values[i]) for name, values in columns.values.items() if not np.isnan(values[i])}
        for i, at in enumerate(columns.at_ms)
    }


@given(REPORTS)
def test_a_block_gives_back_every_report(reports: list[tuple[int, dict[str, float]]]) -> None:
    assert read_back(packed(of_reports(reports))) == as_told(reports)


@given(REPORTS, st.integers(0, 30))
def test_parts_joined_are_the_whole(reports: list[tuple[int, dict[str, float]]], cut: int) -> None:
    parts = [of_reports(some) for some in (reports[:cut], reports[cut:]) if some]
    assert read_back(packed(joined(parts))) == as_told(reports)


def test_a_byte_counter_keeps_its_last_digit() -> None:
    exact = {"rx": 987_654_321_012_345.0, "load": 0.1}
    back = read_back(packed(of_reports([(1, exact)])))[1]
    assert back["rx"] == exact["rx"]
    assert back["load"] == pytest.approx(0.1, rel=1e-7)


def test_a_report_told_again_stands_once() -> None:
    assert read_back(packed(of_reports([(5, {"a": 1.0}), (5, {"a": 2.0})]))) == {5: {"a": 2.0}}


@given(REPORTS, st.data())
def test_a_cut_block_is_refused(reports: list[tuple[int, dict[str, float]]], data: st.DataObject) -> None:
    body = packed(of_reports(reports))
    with pytest.raises(BadBlock):
        unpacked(body[: data.draw(st.integers(0, len(body) - 1))])


def test_parts_of_one_instant_are_one_report_within_a_block_and_across_blocks() -> None:
    first = of_reports([(1000, {"cpu": 1.0}), (2000, {"cpu": 2.0}), (1000, {"disk": 9.0})])
    assert list(first.rows()) == [(1000, {"cpu": 1.0, "disk": 9.0}), (2000, {"cpu": 2.0})]
    second = of_reports([(2000, {"disk": 8.0}), (1000, {"cpu": 1.5})])
    assert list(joined([first, second]).rows()) == [
        (1000, {"cpu": 1.5, "disk": 9.0}), (2000, {"cpu": 2.0, "disk": 8.0}),
    ]  # fmt: skip


@given(REPORTS, st.integers(1, 5))
def test_reports_of_one_shape_are_stored_as_those_of_many_are(
    reports: list[tuple[int, dict[str, float]]], names: int
) -> None:
    alike = [(at, {f"m{k}": float(k) for k in range(names)} | {"at": float(at % 97)}) for at, _ in reports]
    odd = of_reports([*alike, (2**46, {"at": 0.0})])  # one that says less, so that nothing is taken as a table
    table = of_reports(alike)
    assert list(table.values) == list(odd.values)
    for name, values in table.values.items():
        assert values.tolist() == odd.values[name][:-1].tolist()
    assert read_back(packed(table)) == as_told(alike)


def test_wide_and_narrow_columns_of_one_block_each_keep_what_they_were() -> None:
    reports = [(at, {"bytes": 3e12 + at, "cpu": 0.5 * at, "odd": float(1 << 24)}) for at in range(5)]
    assert read_back(packed(of_reports(reports))) == dict(reports)


def test_a_value_too_large_for_32_bits_is_given_back_as_it_is() -> None:
    values = np.array([1e300, -4e38, 12.1, np.nan, float(np.float32(0.1))])
    assert as_sent(values)[:3].tolist() == [1e300, -4e38, 12.1]
    assert as_sent(values)[4] == 0.1
