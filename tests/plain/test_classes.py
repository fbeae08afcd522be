"""Like machines are judged alike, whoever came first and whoever left."""

from __future__ import annotations

import numpy as np
import pytest

from telemetry.classes import ABOVE_NOISE, Classes
from telemetry.machine import Machine
from telemetry.relations import Links
from telemetry.verdicts import LINKED_THRESHOLD


def machine(
    name: str, metrics: tuple[str, ...], calm: float, level: float, top: float = 0.0, noise: float = 0.0
) -> Machine:
    m = Machine(name)
    m.notebook.columns(metrics)
    m.rows = np.arange(len(metrics))
    m.calm = calm
    m.links = Links(m.rows, np.zeros((0, 0)), np.zeros(0), level, 6.0, 0.1, 60.0, 0.0, top, noise)
    return m


def test_most_of_a_class_decide_what_rules_it_and_how_restless_it_is() -> None:
    classes = Classes(1.75)
    members = [machine(f"m-{i}", ("a", "b"), calm, i + 1.0) for i, calm in enumerate((1.2, 1.4, 3.0))]
    for m in members:
        classes.join(m)
    alone = machine("other", ("b", "c"), 2.0, 9.0)
    classes.join(alone)
    assert {(classes.of(m).trusted, classes.of(m).restless) for m in members} == {(True, 2.0)}
    assert not classes.of(alone).trusted


def test_the_order_of_metrics_makes_no_other_class_and_the_order_of_machines_no_other_judgement() -> None:
    one, two = machine("one", ("a", "b"), 1.0, 1.0), machine("two", ("b", "a"), 1.5, 3.0)
    first, second = Classes(1.75), Classes(1.75)
    for classes, members in ((first, (one, two)), (second, (two, one))):
        for m in members:
            classes.join(m)
    assert first.of(one) == first.of(two) == second.of(one)


def test_who_leaves_has_no_say_and_an_empty_class_is_forgotten() -> None:
    classes = Classes(1.75)
    calm, wild = machine("calm", ("a", "b"), 1.0, 1.0), machine("wild", ("a", "b"), 9.0, 5.0)
    classes.join(calm)
    classes.join(wild)
    classes.leave(wild)
    assert (classes.of(calm).trusted, classes.of(calm).restless) == (True, 1.0)
    classes.leave(calm)
    with pytest.raises(KeyError):
        classes.of(calm)


def test_where_history_is_nothing_but_noise_its_highest_is_no_news() -> None:
    """And where it holds problems, or is too short to say, nothing more is asked than of everybody."""
    classes = Classes(1.75)
    for name, metrics, tops in (
        ("noise", ("a", "b"), (1.2, 1.3, 9.0)),
        ("problems", ("a", "c"), (1.2, 2.0, 2.0)),
        ("young", ("a", "d"), (0.0, 0.0, 1.2)),
    ):
        members = [machine(f"{name}-{i}", metrics, 1.2, 0.66, top) for i, top in enumerate(tops)]
        for m in members:
            classes.join(m)
        judged = classes.of(members[0])
        asked = 0.66 * 1.3 * ABOVE_NOISE / LINKED_THRESHOLD if name == "noise" else 1.0
        assert judged.bar == pytest.approx(asked)
        assert judged.restless == pytest.approx(0.66 / asked)


def test_a_weekly_job_on_most_of_a_class_does_not_hide_how_calm_it_is() -> None:
    """Where what is left without the weeks' own peaks is no calmer, or was not known yet, nothing changes."""
    classes = Classes(1.75)
    for metrics, noises, calmer in ((("a", "b"), (1.2, 1.3, 1.2), True), (("a", "c"), (1.2, 2.0, 2.0), False),
                                    (("a", "d"), (0.0, 0.0, 1.2), False)):  # fmt: skip
        tops = (3.0, 4.0, 1.2)
        members = [machine(f"{metrics}{i}", metrics, 1.0, 1.0, top, noise)
                   for i, (top, noise) in enumerate(zip(tops, noises, strict=True))]  # fmt: skip
        for m in members:
            classes.join(m)
        assert (classes.of(members[0]).bar > 1.0) is calmer
