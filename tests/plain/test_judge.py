"""The judge of fault runs: a hand-made wrong history for each violation, told by a small story; good ones pass."""

from __future__ import annotations

import pytest

from tests.faults.history import (
    Allowance,
    Answered,
    Asked,
    Audited,
    Climbed,
    Counted,
    Due,
    History,
    Logged,
    Outcome,
    Packet,
    Receipt,
    Sent,
    Shown,
    Stored,
    Told,
)
from tests.faults.judge import Kind, judge

OK, FAILED, UNKNOWN = Outcome.OK, Outcome.FAILED, Outcome.UNKNOWN
A = "plant-a"


def sent(*numbers: int, outcome: Outcome = OK) -> list[Sent]:
    return [Sent(A, seq, float(seq), outcome, seq + 0.5 if outcome is OK else None) for seq in numbers]


def logged(*numbers: int, partition: int = 0) -> list[Logged]:
    return [Logged(A, seq, partition, position) for position, seq in enumerate(numbers)]


def stored(*numbers: int) -> list[Stored]:
    return [Stored(A, seq) for seq in numbers]


def wire(*packets: str) -> list[Packet]:
    """`1>7`: message 7 came on line 1; `1<7`: it was acknowledged there. The broker sends, the bridge acknowledges."""
    found = []
    for at, each in enumerate(packets):
        line, id_ = each.replace(">", " ").replace("<", " ").split()
        came = ">" in each
        found.append(Packet(float(at), int(line), not came, "PUBLISH" if came else "PUBACK", int(id_)))
    return found


def carried(seq: int, at: float, acked_at: float) -> list[Packet]:
    """One report on its way from broker to bridge, and the acknowledgement for it."""
    return [Packet(at, 1, False, "PUBLISH", seq, False, A, seq), Packet(acked_at, 1, True, "PUBACK", seq)]


GOOD = {
    "nothing at all": History(),
    "everything acknowledged is found": History(sent(1, 2, 3), logged=logged(1, 2, 3), stored=stored(1, 2, 3)),
    "what is unknown may be found or not": History(
        sent(1) + sent(2, 3, outcome=UNKNOWN), logged=logged(1, 2), stored=stored(1, 2)
    ),
    "what failed is not found": History(sent(1) + sent(2, outcome=FAILED), stored=stored(1)),
    "a ledger nobody kept": History(sent(1, 2), stored=None, logged=logged(1, 2)),
    "sent again after a kill": History(sent(1, 2, 3), logged=logged(1, 2, 1, 2, 3), stored=stored(3, 1, 2)),
    "counted": History(sent(1, 2), stored=stored(1, 2), counted=[Counted(A, 5, 1, 1, 2, 1)]),
    "acknowledged in order on each line": History(wire=wire("1>1", "1>2", "1<1", "2>1", "2>2", "2<1", "2<2")),
    "both ends of a line count by themselves": History(
        wire=[Packet(0, 1, True, "PUBLISH", 4), Packet(1, 1, False, "PUBLISH", 4), Packet(2, 1, True, "PUBACK", 4)]
    ),
    "a receipt for what is stored": History(sent(5, 6), receipts=[Receipt(A, 6, frozenset({5, 6}))]),
    "in the log first": History(sent(1), logged=[Logged(A, 1, 0, 0, at=0.5)], wire=carried(1, at=0, acked_at=1)),
    "acknowledged before and after the log was away": History(
        wire=[*carried(1, at=0, acked_at=1), *carried(2, at=2, acked_at=9)], away=[(3, 8)]
    ),
    "told in time, twice where one may be": History(
        due=[Due("k", 10, 5, copies=2)], told=[Told("k", 11, "d"), Told("k", 14, "d")]
    ),
    "rung by rung, one that reaches nobody passed by, until somebody answers": History(
        climbed=[Climbed("VG-1", 0, 1), Climbed("VG-2", 0, 2), Climbed("VG-1", 2, 3, passed=1)],
        answered=[Answered("VG-1", 4), Answered("VG-2", 3)],
    ),
    "an allowance used up": History(allowances=[Allowance("visits", 4, 4)]),
    "done and on record": History(
        asked=[Asked("a", OK), Asked("b", FAILED), Asked("c", UNKNOWN)], audited=[Audited("a"), Audited("c")]
    ),
    "one's own canary": History(shown=[Shown("plant", "x CANARY-P x")], canaries={"plant": "CANARY-P"}),
    "sent again where the broker forgot": History(
        sent(1, 2, 3), logged=logged(3, 1, 2), stored=stored(1, 2, 3), log_in_order=False
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_history_passes(name: str) -> None:
    assert [str(each) for each in judge(GOOD[name])] == []


BAD = {
    "acknowledged and passed over in the log": (
        Kind.LOST,
        History(sent(1, 2, 3), logged=logged(1, 3)),
        ("1 reports of plant-a were acknowledged and are not in the log", "seq=2", "of plant-a in the log is 3"),
    ),
    "acknowledged and passed over in the database": (
        Kind.LOST,
        History(sent(*range(1, 30)), stored=stored(1, 2, 10, 29)),
        ("25 reports of plant-a", "not in the database", "numbers 3-9, 11-28"),
    ),
    "a notice that never came": (Kind.LOST, History(due=[Due("VG-1/0/ada", 10, 60)]), ("VG-1/0/ada was never told",)),
    "acknowledged, and nothing later is there either": (
        Kind.UNSEEN,
        History(sent(1, 2, 3), logged=logged(1)),
        ("2 reports of plant-a were acknowledged", "numbers 2-3", "the newest of plant-a in the log is 1"),
    ),
    "a machine of which nothing came": (Kind.UNSEEN, History(sent(1), stored=[]), ("the newest", "is None")),
    "stored twice": (
        Kind.DUPLICATE,
        History(sent(1, 2), stored=stored(1, 2, 2)),
        ("1 reports of plant-a are in the database twice", "2 stands there 2 times"),
    ),
    "in the log twice though nobody was killed": (
        Kind.DUPLICATE,
        History(sent(1), logged=logged(1, 1), log_once=True),
        ("are in the log twice",),
    ),
    "counted twice": (
        Kind.DUPLICATE,
        History(sent(1), stored=stored(1), counted=[Counted(A, 2, 2, 0, 0, 0)]),
        ("2 counted as taken, 1 different reports stored",),
    ),
    "told more often than a crash explains": (
        Kind.DUPLICATE,
        History(due=[Due("k", 1, 9)], told=[Told("k", 2), Told("k", 3)]),
        ("k was told 2 times",),
    ),
    "told twice in different words": (
        Kind.DUPLICATE,
        History(due=[Due("k", 1, 9, copies=2)], told=[Told("k", 2, "x"), Told("k", 3, "y")]),
        ("k was told 2 times",),
    ),
    "one request, two effects": (
        Kind.DUPLICATE,
        History(asked=[Asked("a", OK)], audited=[Audited("a"), Audited("a")]),
        ("a had 2 effects",),
    ),
    "a rung paged twice": (
        Kind.DUPLICATE,
        History(climbed=[Climbed("VG-1", 0, 1), Climbed("VG-1", 1, 2), Climbed("VG-1", 1, 3)]),
        ("VG-1 climbed to rung 1 again",),
    ),
    "a rung skipped": (
        Kind.DISORDER,
        History(climbed=[Climbed("VG-1", 0, 1), Climbed("VG-1", 2, 2)]),
        ("VG-1 climbed from rung 0 to 2",),
    ),
    "a rung after the acknowledgement": (
        Kind.DISORDER,
        History(
            climbed=[Climbed("VG-1", 0, 1), Climbed("VG-1", 1, 3)], answered=[Answered("VG-1", 2), Answered("VG-1", 4)]
        ),
        ("VG-1 climbed on after it was acknowledged", "place=2"),
    ),
    "first in the log after its successor": (
        Kind.DISORDER,
        History(sent(1, 2, 3), logged=logged(1, 3, 2)),
        ("2 first came into the log after 3",),
    ),
    "a machine in two partitions": (
        Kind.DISORDER,
        History(sent(1, 2), logged=logged(1) + logged(2, partition=1)),
        ("plant-a lies in two partitions",),
    ),
    "acknowledged before its predecessor": (
        Kind.DISORDER,
        History(wire=wire("1>1", "1>2", "1<2", "1<1")),
        ("line 1: 2 was acknowledged before 1",),
    ),
    "acknowledged on a connection it did not come on": (
        Kind.DISORDER,
        History(wire=wire("1>1", "1>2", "1<1", "2>1", "2<2")),
        ("line 2: 2 was acknowledged, and no such message waited on this line",),
    ),
    "acknowledged twice": (Kind.DISORDER, History(wire=wire("1>1", "1<1", "1<1")), ("no such message waited",)),
    "acknowledged before the log had it": (
        Kind.EARLY,
        History(sent(1), logged=[Logged(A, 1, 0, 0, at=1.7)], wire=carried(1, at=0, acked_at=1)),
        ("plant-a: 1 was acknowledged before the log had it", "in the log at 1.700"),
    ),
    "acknowledged while the log was away": (
        Kind.EARLY,
        History(wire=carried(1, at=0, acked_at=4), away=[(3, 8)]),
        ("line 1: 1 was acknowledged while the log was away",),
    ),
    "a receipt over a hole": (
        Kind.EARLY,
        History(sent(1, 2, 3), receipts=[Receipt(A, 3, frozenset({1, 3}))]),
        ("a receipt up to 3 and 1 below it were not stored", "numbers 2"),
    ),
    "told before it was due": (
        Kind.EARLY,
        History(due=[Due("k", 10, 5)], told=[Told("k", 9)]),
        ("k was told 1.000 s early",),
    ),
    "told too late": (
        Kind.LATE,
        History(due=[Due("k", 10, 5)], told=[Told("k", 16.5)]),
        ("k was told after 6.500 s",),
    ),
    "more visits than the contract gives": (
        Kind.OVERSPENT,
        History(allowances=[Allowance("plant/visits/2026", 4, 5)]),
        ("plant/visits/2026: 5 of 4",),
    ),
    "another's canary": (
        Kind.LEAKED,
        History(shown=[Shown("joinery", "VG-7 in CANARY-P's hall")], canaries={"plant": "CANARY-P"}),
        ("joinery saw what is plant's", "VG-7 in CANARY-P's hall"),
    ),
    "stored and never sent": (
        Kind.UNRECORDED,
        History(sent(1), stored=stored(1, 9)),
        ("1 reports of plant-a are in the database and nobody sent them", "numbers 9"),
    ),
    "refused and found all the same": (
        Kind.UNRECORDED,
        History(sent(1) + sent(2, outcome=FAILED), logged=logged(1, 2)),
        ("were refused and are in the log", "seq=2"),
    ),
    "a ledger that does not add up": (
        Kind.UNRECORDED,
        History(counted=[Counted(A, 3, 1, 0, 1, 0)]),
        ("does not add up", "3 received, 2 accounted for"),
    ),
    "stored and not counted": (
        Kind.UNRECORDED,
        History(sent(1, 2), stored=stored(1, 2), counted=[Counted(A, 1, 1, 0, 0, 0)]),
        ("1 counted as taken, 2 different reports stored",),
    ),
    "told and nobody owed it": (Kind.UNRECORDED, History(told=[Told("k", 1)]), ("k was told and nobody owed it",)),
    "done and not on record": (Kind.UNRECORDED, History(asked=[Asked("a", OK)]), ("a was done and is not on record",)),
    "refused and something left behind": (
        Kind.UNRECORDED,
        History(asked=[Asked("a", FAILED)], audited=[Audited("a")]),
        ("a was refused and left something behind",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_history_is_seen_for_what_it_is_and_for_nothing_else(name: str) -> None:
    kind, history, words = BAD[name]
    found = judge(history)
    assert [each.kind for each in found] == [kind]
    for word in words:
        assert word in str(found[0])


def test_there_is_a_wrong_history_for_each_violation() -> None:
    assert {kind for kind, _, _ in BAD.values()} == set(Kind)


def test_a_story_stays_small_however_much_is_wrong() -> None:
    (found,) = judge(History(sent(*range(10_000)), stored=stored(*range(1, 10_000, 2))))
    assert "and 4994 spans more" in str(found)
    assert len(str(found)) < 600
