"""Hard-fault rules: each opens on its fault, holds through a wobble, ends when it is over, and says what to do."""

from __future__ import annotations

import pytest

from telemetry.machine import Machine
from telemetry.notebook import Notebook
from telemetry.rulebook import RuleBook, Turn
from telemetry.rules import RULES, applying
from telemetry.verdicts import of_rule

MINUTE = 60_000
Walk = list[tuple[float, float]]  # (seconds, value)


def turns(metric: str, walk: Walk, fmt: str = "native", learning_s: float = 0) -> list[tuple[float, bool]]:
    return [(at, t.opened) for at, t in _walked(metric, walk, fmt, learning_s)]


def _walked(metric: str, walk: Walk, fmt: str = "native", learning_s: float = 0) -> list[tuple[float, Turn]]:
    book = RuleBook()
    out = []
    for seconds, value in walk:
        at_ms = int(seconds * 1000)
        out += [(seconds, t) for t in book.look({metric: value}, fmt, at_ms, seconds < learning_s)]
    return out


# metric, what happens, when it must open and end (None: stays open)
FAULTS: list[tuple[str, Walk, float, float | None]] = [
    ("disk_used_pct./var", [(0, 80), (60, 95.5), (120, 94), (180, 91), (240, 91)], 60, 240),
    ("fs_readonly./var", [(0, 0), (10, 1), (20, 0), (80, 0)], 10, 80),
    ("temp_c.cpu", [(0, 60), (10, 96), (30, 97), (40, 97), (50, 80), (110, 80)], 40, 110),
    ("temp_c.board", [(0, 40), (10, 71), (40, 72), (50, 60), (110, 60)], 40, 110),
    ("fan_rpm.1", [(0, 3000), (10, 0), (15, 0), (20, 3000), (80, 3000)], 15, 80),
    ("psu_ok.2", [(0, 1), (10, 0), (20, 1), (80, 1)], 10, 80),
    ("smart_reallocated.sda", [(0, 4), (60, 4), (120, 7), (86_520, 7)], 120, 86_520),
    ("smart_pending.sda", [(0, 0), (60, 2)], 60, None),
    ("smart_187_raw.sda", [(0, 0), (60, 1), (86_460, 1)], 60, 86_460),
    ("smart_198_raw.sda", [(0, 0), (60, 2)], 60, None),
    ("clock_synced", [(0, 1), (60, 0), (660, 0), (700, 1), (1000, 1)], 660, 1000),
    ("clock_offset_s", [(0, 0), (60, 9), (360, 9), (400, 0), (700, 0)], 360, 700),
    ("clock_offset_s", [(0, 0), (60, -9), (360, -9), (400, 0), (700, 0)], 360, 700),
    ("cert_days_left.www", [(0, 15), (60, 14), (120, 90), (180, 90)], 60, 180),
    ("raid_degraded.md0", [(0, 0), (60, 1)], 60, None),
    ("ecc_errors", [(0, 10), (60, 11), (21_660, 11)], 60, 21_660),
    ("oom_kills", [(0, 0), (60, 1), (3_660, 1)], 60, 3_660),
    ("mem_used_pct", [(0, 50), (10, 98), (70, 98), (80, 90), (140, 90)], 70, 140),
    ("cpu_util", [(0, 99), (300, 99), (310, 20), (370, 20)], 300, 370),
    ("net_errors_s", [(0, 9), (60, 9), (70, 0), (370, 0)], 60, 370),
    ("net_drops_s.eth0", [(0, 90), (60, 90)], 60, None),
]


@pytest.mark.parametrize(("metric", "walk", "opens", "ends"), FAULTS, ids=[f"{f[0]} {i}" for i, f in enumerate(FAULTS)])
def test_a_fault_opens_its_rule_and_its_end_ends_it(metric: str, walk: Walk, opens: float, ends: float | None) -> None:
    assert turns(metric, walk) == [(opens, True)] + ([] if ends is None else [(ends, False)])


def test_every_rule_is_tried_above() -> None:
    tried = {rule.name for metric, *_ in FAULTS for rule, _ in applying(metric, "native")}
    assert {r.name for r in RULES} - tried == {"check_critical"}


def test_a_critical_check_counts_only_where_nagios_says_so() -> None:
    walk: Walk = [(0, 0), (60, 2), (120, 0), (180, 0)]
    assert turns("check_swap.state", walk, "nagios") == [(60, True), (180, False)]
    assert turns("check_swap.state", walk) == []


@pytest.mark.parametrize(
    ("metric", "walk"),
    [
        ("fan_rpm.4", [(0, 0), (60, 0), (3600, 0)]),  # an empty slot
        ("cpu_util", [(0, 99), (200, 99), (210, 40), (220, 99), (500, 99)]),  # busy, not saturated
        ("smart_reallocated.sda", [(0, 500), (60, 500)]),  # old scars
        ("smart_reallocated.sda", [(0, 500), (60, 0), (120, 0)]),  # an exchanged drive
        ("temp_c.cpu", [(0, 96), (10, 80), (20, 96)]),  # a spike
        ("disk_used_pct./", [(0, 94.9), (600, 94.9)]),
        ("fan_rpm_target.1", [(0, 3000), (60, 0)]),  # another metric
    ],
)
def test_what_is_no_fault_opens_nothing(metric: str, walk: Walk) -> None:
    assert turns(metric, walk) == []


def test_a_wobble_around_the_limit_neither_ends_nor_opens_again() -> None:
    walk: Walk = [(s, 95.2 if s % 20 else 94.0) for s in range(0, 3600, 10)]
    assert turns("disk_used_pct./var", walk) == [(10, True)]


def test_history_tells_what_runs_but_opens_nothing() -> None:
    walk: Walk = [(0, 3000), (50, 0), (100, 0), (110, 0)]
    assert turns("fan_rpm.1", walk, learning_s=90) == [(110, True)]
    assert turns("smart_reallocated.sda", [(0, 4), (50, 9), (100, 9), (110, 10)], learning_s=90) == [(110, True)]


def test_a_turn_names_its_cause_and_the_cure() -> None:
    (_, turn), *_ = _walked("disk_used_pct./var", [(0, 50), (60, 96.4)])
    assert (turn.cause, turn.title, turn.rule.severity) == ("disk:/var", "/var is 96 % full", 2)
    assert "/var" in turn.cure
    (_, unnamed), *_ = _walked("raid_degraded", [(0, 0), (60, 1)])
    assert (unnamed.cause, unnamed.title) == ("raid", "RAID is degraded")


@pytest.mark.parametrize(
    ("days", "said"),
    [(13.6, {"expires in 13 days"}), (1.9, {"expires in 1 day"}), (0.6, {"expires within a day"}),
     (0.0, {"expires within a day"}), (-0.01, {"has expired"}), (-30.0, {"has expired"})],
)  # fmt: skip
def test_a_certificate_is_expired_when_nothing_is_left_and_never_in_no_days(days: float, said: set[str]) -> None:
    found = RuleBook().look({"cert_days_left.www": days}, "native", 0, False)
    assert {turn.title.removeprefix("Certificate www ") for turn in found} == said
    assert any(turn.rule.name == "certificate_expired" for turn in found) is (said == {"has expired"})


def test_a_yes_or_no_metric_adds_no_number_to_the_sentence() -> None:
    def said(metric: str, walk: Walk) -> str:
        (_, turn), *_ = _walked(metric, walk)
        return of_rule(Machine("m-1", Notebook()), turn, turn.since_ms).summary.split(", since")[0]

    assert said("psu_ok.1", [(0, 1), (10, 0)]) == "Power supply 1 has failed"
    assert said("fan_rpm.1", [(0, 3000), (10, 0), (20, 0)]) == "Fan 1 has stopped (Fan 1 0 rpm)"


def test_open_causes_are_those_that_began_and_have_not_ended() -> None:
    book = RuleBook()
    book.look({"psu_ok.1": 1, "disk_used_pct./": 97}, "native", 0, False)
    book.look({"psu_ok.1": 0, "disk_used_pct./": 97}, "native", MINUTE, False)
    assert sorted(book.firing()) == ["disk:/", "psu:1"]


def test_every_rule_has_words_for_what_to_do() -> None:
    for rule in RULES:
        assert rule.cure.endswith("."), rule.name
        assert 1 <= rule.severity <= 4
        assert rule.test in {"above", "below", "grew"}
