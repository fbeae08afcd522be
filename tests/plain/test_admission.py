"""What becomes of a report: parts of one instant are one report's, repetitions count once, in whatever order."""

from __future__ import annotations

import orjson

from telemetry import admission
from telemetry.admission import Fate, Heard
from telemetry.machine import Machine
from telemetry.prints import KEPT
from telemetry.reading import Reading
from telemetry.watching import Watching

NOW = 1_795_338_200_000


def said(at: int = NOW, seq: int | None = None, **metrics: float) -> Reading:
    return Reading("srv-1", at, metrics, seq, NOW + 50, "sparkplug")


def admit(state: Heard, reading: Reading) -> Fate:
    return state.admit(reading, retained=False, future_tolerance_ms=60_000)


def test_a_second_part_of_the_newest_instant_is_scored_and_its_repetition_is_not() -> None:
    state = Heard()
    assert admit(state, said(cpu=1.0)) is Fate.SCORED
    assert admit(state, said(disk=2.0)) is Fate.SCORED
    assert admit(state, said(cpu=1.0)) is Fate.DUPLICATE
    assert admit(state, said(disk=2.0)) is Fate.DUPLICATE
    assert state.latest == {"cpu": 1.0, "disk": 2.0}


def test_a_whole_batch_sent_again_counts_once_even_after_newer_ones() -> None:
    state = Heard()
    batch = [said(NOW - 1000 * k, load=float(k)) for k in range(500)]
    assert {admit(state, r) for r in batch} == {Fate.SCORED, Fate.LATE}
    assert admit(state, said(NOW + 10, load=1.0)) is Fate.SCORED
    assert {admit(state, r) for r in batch} == {Fate.DUPLICATE}


def test_what_was_told_is_remembered_by_the_next_watcher_and_bounded() -> None:
    state = Heard()
    for k in range(3 * KEPT):
        admit(state, said(NOW - k, load=float(k)))
    assert len(bytes(state.prints)) <= KEPT * 8
    after = admission.restored(orjson.loads(orjson.dumps(state.snapshot())))
    assert admit(after, said(NOW - 3 * KEPT + 1, load=float(3 * KEPT - 1))) is Fate.DUPLICATE


def test_a_snapshot_of_before_there_were_prints_is_read() -> None:
    kept = Heard().snapshot()[:-1]
    assert bytes(admission.restored(kept).prints) == b""


def test_the_detector_hears_of_a_second_part_only_what_the_first_did_not_say() -> None:
    watching = Watching()
    watching.feed([said(cpu=1.0), said(cpu=1.0, disk=2.0), said(cpu=9.0)])
    assert watching.known["srv-1"].last == {"cpu": 1.0, "disk": 2.0}


def test_a_counter_becomes_growth_a_second_and_a_reset_is_no_value() -> None:
    machine = Machine("srv-1")

    def told(second: int, value: float) -> dict[str, float]:
        reading = Reading(
            "srv-1", NOW + 1000 * second, {"rx": value, "t": 5.0}, None, NOW, "x", counters=frozenset({"rx"})
        )
        return dict(machine.measured(reading))

    assert told(0, 1000.0) == {"t": 5.0}
    assert told(10, 1500.0) == {"rx": 50.0, "t": 5.0}
    assert told(20, 30.0) == {"t": 5.0}  # the machine was restarted
    assert told(30, 130.0) == {"rx": 10.0, "t": 5.0}


# ---- the rhythm a machine speaks in


def rhythm(*arrivals: tuple[int, int]) -> float | None:
    """What is learned of reports that came and were measured at these seconds."""
    state = Heard()
    for came, at in arrivals:
        reading = Reading("srv-1", NOW + at * 1000, {"cpu": float(at)}, None, NOW + came * 1000, "native")
        assert admit(state, reading) is not Fate.REFUSED
    after = admission.restored(orjson.loads(orjson.dumps(state.snapshot())))
    assert after.cadence_s == state.cadence_s
    return state.cadence_s


def test_who_sends_many_reports_at_once_speaks_as_often_as_it_sends() -> None:
    assert rhythm(*((60 * k, 60 * k - 59 + second) for k in range(1, 8) for second in range(60))) == 60.0


def test_what_a_closed_way_held_back_changes_no_rhythm() -> None:
    calm = [(10 * k, 10 * k) for k in range(1, 20)]
    held_back = [(800 + k // 20, 200 + 10 * k) for k in range(60)]
    assert rhythm(*calm, *held_back) == 10.0


def test_a_rhythm_of_hours_is_learned_and_one_of_tenths_of_a_second_counts_as_a_second() -> None:
    assert rhythm(*((3600 * k, 3600 * k) for k in range(1, 6))) == 3600.0
    state = Heard()
    for k in range(200):
        at = NOW + 100 * k
        state.admit(Reading("srv-1", at, {"cpu": 1.0}, k, at, "native"), retained=False, future_tolerance_ms=60_000)
    assert state.cadence_s == 1.0
