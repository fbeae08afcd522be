"""The lab's share of first to know: counted as the page says, with the same faults for the same seed."""

from __future__ import annotations

from bench.first_to_know import HEALTHY, HORIZON_S, Broken, report, told


def fault(found_s: float | None, felt_s: float | None, felt: str = "down", luck: float = 0.0) -> Broken:
    return Broken("fan", found_s, felt_s, felt if felt_s is not None else "", luck)


def test_the_customers_word_comes_the_median_after_the_service_is_felt_to_be_down() -> None:
    assert fault(None, 60.0).called_s(1.0) == 60.0 + 600.0
    assert fault(None, 60.0).called_s(2.0) == 60.0 + 1200.0
    assert fault(None, None).called_s(1.0) is None


def test_each_fault_is_ours_the_customers_or_nobodys() -> None:
    t = told([fault(30.0, 60.0), fault(700.0, 60.0), fault(None, 60.0), fault(None, None), fault(9.0, None)])
    assert (t.ours, t.customer, t.nobody, t.felt) == (2, 2, 1, 3)
    assert t.share == 0.5
    assert t.leads_s == [630.0]


def test_a_call_after_the_horizon_is_nobodys_word() -> None:
    assert told([fault(None, float(HORIZON_S))]).nobody == 1


def test_machines_that_alarm_without_a_fault_are_left_out_and_counted() -> None:
    lines = list(report([Broken(HEALTHY, 1.0, None, "", 0.0), Broken(HEALTHY, None, None, "", 0.0), fault(1.0, 60.0)]))
    assert "1 of 1 simulated faults" in lines[-3]
    assert lines[-1].startswith("Left out: 1 of 2 machines")
