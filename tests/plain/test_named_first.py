"""Which metric an incident names first: of several that tell of one thing, the one that stands in their middle."""

from __future__ import annotations

import numpy as np
import pytest

from telemetry.features import Array
from telemetry.reading import Heard, Reading
from telemetry.watching import Settings, Watching

MINUTE = 60_000
NAMES = ("alone", "kin_1", "kin_2", "kin_3", "other")
DAY = 1440


def history(minutes: int) -> Array:
    """Two metrics with noise of their own, and three that move together, the second closest to both others."""
    rng = np.random.default_rng(5)
    shared = rng.normal(0, 1, minutes)
    table = 100 + rng.normal(0, 1, (minutes, len(NAMES)))
    for column, own in ((1, 0.5), (2, 0.2), (3, 0.5)):
        table[:, column] = 100 + shared + own * rng.normal(0, 1, minutes)
    return table


def heard(table: Array, first: int, received: int | None = None) -> list[Heard]:
    return [
        Reading("m", at := (first + i) * MINUTE, dict(zip(NAMES, row, strict=True)), None,
                at if received is None else received * MINUTE, "plain")
        for i, row in enumerate(table.tolist())
    ]  # fmt: skip


def told(learned: bytes, jump: dict[str, float], calm_trusted: float = 0.0) -> dict[str, float]:
    """The metrics of the incident that opens when these leave their usual hundred, first the first, and how loud."""
    watching = Watching.restore(learned, Settings(calm_trusted=calm_trusted))  # 0: judged by its own past alone
    table = np.full((5, len(NAMES)), 100.0)
    for name, by in jump.items():
        table[2:, NAMES.index(name)] += by
    (opened,) = watching.feed(heard(table, 2 * DAY + 1))
    return {w["metric"]: w["share"] for w in opened.evidence["metrics"]}


@pytest.fixture(scope="module")
def learned() -> bytes:
    watching = Watching()
    assert watching.feed(heard(history(2 * DAY), 0, received=2 * DAY)) == []
    watching.feed(heard(np.full((1, len(NAMES)), 100.0), 2 * DAY))
    assert watching.machines()["m"].state == "watched"
    return watching.snapshot()


ODD = {"alone": 42.0, "kin_1": 40.0, "kin_2": 40.0, "kin_3": 40.0}


def test_an_odd_metric_does_not_speak_for_several_that_move_together_though_it_is_louder(learned: bytes) -> None:
    shares = told(learned, ODD)
    assert next(iter(shares)) == "kin_2"
    assert max(shares, key=lambda name: shares[name]) == "alone"


def test_where_relations_judge_the_metric_that_left_them_speaks_first(learned: bytes) -> None:
    assert next(iter(told(learned, ODD, calm_trusted=1.75))) == "alone"


def test_a_metric_far_louder_than_all_others_speaks_first_however_many_they_are(learned: bytes) -> None:
    assert next(iter(told(learned, ODD | {"alone": 60.0}))) == "alone"


@pytest.mark.parametrize(("jump", "first"), [((40.0, 44.0), "other"), ((44.0, 40.0), "alone")])
def test_of_strangers_the_loudest_speaks_first(learned: bytes, jump: tuple[float, float], first: str) -> None:
    assert next(iter(told(learned, dict(zip(("alone", "other"), jump, strict=True))))) == first


def test_who_moves_with_whom_survives_a_snapshot(learned: bytes) -> None:
    again = Watching.restore(learned)
    assert again.snapshot() == learned
    links = again.known["m"].links
    assert links is not None
    assert links.kin is not None
    assert links.kin[1, 2] > 70
    assert links.kin[0].tolist() == [0, 0, 0, 0, 0]
