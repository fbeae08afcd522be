"""Who is set apart whole, and for how long."""

from __future__ import annotations

from telemetry.offences import MUTED_AFTER, MUTED_S, Offences


def test_a_machine_is_muted_after_several_offences_within_an_hour_and_heard_again_after_one() -> None:
    kept = Offences()
    for at in range(MUTED_AFTER):
        assert kept.muted(float(at)) == {}
        kept.note("m-1", "poison", float(at))
    assert kept.muted(10.0) == {"m-1": "poison"}
    assert kept.words(10.0) == ["all of what m-1 says is set apart, because we fail at it (poison)"]
    later = MUTED_AFTER + MUTED_S
    assert kept.muted(later) == {}
    assert kept.words(later) == []
    kept.note("m-1", "poison", later)
    assert kept.muted(later) == {}, "what was an hour ago counts no more"


def test_offences_far_apart_mute_nobody_and_a_stranger_is_never_muted() -> None:
    kept = Offences()
    for turn in range(10):
        kept.note("m-1", "poison", turn * MUTED_S)
        kept.note("", "poison", 0.0)
    assert kept.muted(10 * MUTED_S) == {}
