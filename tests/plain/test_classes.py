"""Like machines are judged alike, whoever came first and whoever left."""

from __future__ import annotations

import numpy as np
import pytest

from telemetry.classes import Classes
from telemetry.machine import Machine
from telemetry.relations import Links


def machine(name: str, metrics: tuple[str, ...], calm: float, level: float) -> Machine:
    m = Machine(name)
    m.notebook.columns(metrics)
    m.rows = np.arange(len(metrics))
    m.calm = calm
    m.links = Links(m.rows, np.zeros((0, 0)), np.zeros(0), level, 6.0, 0.1, 60.0, 0.0)
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
