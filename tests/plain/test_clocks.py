"""A machine's clock that is off: what is believed of it, and at which instants its words then count."""

from __future__ import annotations

import pytest

from telemetry.admission import Fate, Heard, restored
from telemetry.clocks import Clock, Moved
from telemetry.reading import Event, Reading
from telemetry.replay import Arrivals

START = 1_795_338_200_000
TOLERANCE = 600_000


def reading(at_ms: int, received_ms: int, seq: int | None = None) -> Reading:
    return Reading("m", at_ms, {"cpu": 1.0}, seq, received_ms, "native")


def heard(
    ahead_s: float, *, count: int = 30, started: int = START, clock: Clock | None = None
) -> tuple[Clock, list[float]]:
    """A machine's reports, each half a second on its way: the clock, and where each report was put, by arrival."""
    clock = clock or Clock()
    put = []
    for i in range(count):
        received = started + i * 10_000
        at = received - 500 + round(ahead_s * 1000)
        clock.look(at, received)
        put.append((clock.corrected(reading(at, received)).at_ms - received) / 1000)
    return clock, put


@pytest.mark.parametrize("off", [0, 12, 30, -12, -119])
def test_a_clock_that_is_nearly_right_is_left_alone(off: float) -> None:
    clock, put = heard(off)
    assert (clock.offset_ms, clock.moved, set(put)) == (0, [], {off - 0.5})


def test_what_comes_from_the_future_is_corrected_from_the_first_word_on() -> None:
    clock, put = heard(180)
    assert set(put) == {0.0}
    assert clock.take_moved() == [Moved(START, 179_500)]
    assert clock.take_moved() == []


def test_a_clock_behind_is_believed_once_a_minute_of_arrivals_agrees_on_it() -> None:
    clock, put = heard(-3600)
    assert put == [-3600.5] * 6 + [0.0] * 24
    assert clock.moved == [Moved(START + 60_000, -3_600_500)]


def test_a_clock_from_before_it_was_ever_set_is_corrected_too() -> None:
    _, put = heard(-20 * 365 * 86_400)
    assert put[-1] == 0.0


def test_what_was_kept_back_for_an_outage_says_nothing_of_the_clock() -> None:
    clock, put = Clock(), []
    for i in range(60):  # ten minutes of reports, told within two when the line was back
        received = START + i * 2000
        at = START - 600_000 + i * 10_000
        clock.look(at, received)
        put.append(clock.corrected(reading(at, received)).at_ms == at)
    assert all(put)
    assert clock.moved == []


def test_reports_sent_together_minute_by_minute_say_nothing_of_the_clock() -> None:
    clock = Clock()
    for minute in range(20):
        for i in range(6):
            clock.look(START + minute * 60_000 - 50_000 + i * 10_000, START + minute * 60_000 + i)
    assert clock.moved == []


def test_a_clock_set_right_is_right_at_once() -> None:
    ahead, _ = heard(180)
    _, put = heard(0, started=START + 300_000, clock=ahead)
    assert set(put) == {-0.5}
    behind, _ = heard(-3600)
    _, put = heard(0, started=START + 300_000, clock=behind)
    assert set(put) == {-0.5}
    assert [moved.offset_ms for moved in behind.moved] == [-3_600_500, 0]


def test_a_drift_is_followed_in_steps() -> None:
    clock, _ = heard(60)
    _, put = heard(72, started=START + 400_000, clock=clock)
    assert [moved.offset_ms for moved in clock.moved] == [59_500, 71_500]
    assert put[-1] == 0.0


def test_a_single_stray_report_moves_no_clock_behind() -> None:
    clock, _ = heard(0, count=9)
    clock.look(START - 3_600_000, START + 90_000)
    _, put = heard(0, count=9, started=START + 100_000, clock=clock)
    assert set(put) == {-0.5}


def test_a_recording_whose_clock_began_at_nought_is_not_corrected() -> None:
    clock = Clock()
    clock.look(START, 5_000)
    assert clock.offset_ms == 0


def test_events_move_with_the_clock_and_what_has_no_instant_of_its_own_stays() -> None:
    clock, _ = heard(180)
    received = START + 300_000
    event = Event("m", received + 179_500, "psu", 1, "", received, "native")
    assert clock.corrected(event).at_ms == received
    undated = reading(received, received)
    assert clock.corrected(undated) is undated


def test_replay_gives_the_instants_live_watching_gives() -> None:
    sent = [reading(START + i * 10_000 + (200_000 if i > 20 else 0), START + i * 10_000 + 300, i) for i in range(60)]
    replayed, live = Arrivals(), Heard()
    for one in sent:
        assert live.admit(one, retained=False, future_tolerance_ms=TOLERANCE) is Fate.SCORED
        assert replayed.admitted([one]) == [live.clock.corrected(one)]
    assert live.last_at_ms - START == pytest.approx(590_000, abs=1000)


def test_a_correction_makes_nothing_late_twice_or_new() -> None:
    live = Heard()
    sent = [reading(START + i * 10_000 - 3_600_000, START + i * 10_000 + 300, i) for i in range(40)]
    fates = [live.admit(one, retained=False, future_tolerance_ms=TOLERANCE) for one in sent]
    again = [
        live.admit(reading(one.at_ms, START + 500_000, one.seq), retained=False, future_tolerance_ms=TOLERANCE)
        for one in sent
    ]
    assert (set(fates), set(again)) == ({Fate.SCORED}, {Fate.DUPLICATE})
    assert live.skew_s == pytest.approx(-3600.3)
    assert len(live.clock.take_moved()) == 1
    assert restored(live.snapshot()).clock == live.clock


def test_the_future_beyond_the_tolerance_is_refused_and_moves_no_clock() -> None:
    live = Heard()
    assert live.admit(reading(START + 601_000, START), retained=False, future_tolerance_ms=TOLERANCE) is Fate.REFUSED
    assert live.clock == Clock()
