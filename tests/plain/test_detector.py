"""Baselines and the fleet's columns: streamed equals fitted, units do not matter, what is normal stays silent."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.covariance import ShrunkCovariance

from telemetry.baselines import Baselines
from telemetry.features import Array, half_hour, separate_peaks, without_weekly
from telemetry.fleet import Fleet
from telemetry.levels import own_level

GRID_MS = 60_000


def server(rows: int, seed: int = 1, metrics: int = 6) -> Array:
    """A daily rhythm all metrics share, each with noise of its own."""
    rng = np.random.default_rng(seed)
    load = 50 + 20 * np.sin(np.arange(rows) * 2 * np.pi / 1440) + rng.normal(0, 3, rows)
    scale = 10.0 ** rng.uniform(-2, 4, metrics)
    return (load[:, None] + rng.normal(0, 2, (rows, metrics))) * scale


def streamed(model: Baselines, history: Array, later: Array) -> tuple[Array, Array]:
    """Own-past and relation scores of ``later``, one row at a time through the columns."""
    fleet = Fleet()
    rows = fleet.add(history.shape[1])
    links = fleet.settle(rows, model, history, 999)
    own, linked = [], []
    for i, row in enumerate(later):
        full = np.full(len(rows), float(1000 + i))
        fleet.hear(rows, row, full, np.full(len(rows), 60.0))
        own.append(own_level(fleet.own_surprise(rows)[None, :], model.own_threshold)[0])
        assert links is not None
        linked.append(fleet.linked_surprise([links], [True]).levels[0])
    return np.array(own), np.array(linked)


def test_streaming_one_row_at_a_time_scores_as_the_whole_history_at_once() -> None:
    x = server(3400)
    x[3200:3230, 2] *= 1.8
    history, later = x[:3000], x[3000:]
    model = Baselines().fit(history)
    own, linked = streamed(model, history, later)
    assert np.allclose(own, model.own_score(x)[3000:], rtol=1e-6, atol=1e-9)
    assert np.allclose(linked, model.linked_score(x)[3000:], rtol=1e-4, atol=1e-4)
    assert own[200:230].max() > own[:200].max()


def test_changing_units_changes_no_score() -> None:
    x = server(3000)
    other = x * np.array([1e-6, 1e6, 3.6, 1.0, 1024.0, 0.01])
    a, b = Baselines().fit(x[:2500]), Baselines().fit(other[:2500])
    assert np.allclose(a.score_samples(x), b.score_samples(other), rtol=1e-6)


def test_relations_are_carried_by_a_scikit_learn_model() -> None:
    model = Baselines().fit(server(3000))
    assert isinstance(model.relation_, ShrunkCovariance)
    assert clone(model).get_params() == model.get_params()


def test_a_metric_that_leaves_its_relations_but_not_its_range_is_seen() -> None:
    x = server(4320)
    model = Baselines().fit(x[:3600])
    later = x.copy()
    later[4000:4010, :3] = np.median(x[:, :3], axis=0) * 1.35
    calm = model.linked_score(x)[3700:].max()
    assert model.linked_score(later)[4000:4010].max() > 1.5 * calm


def test_a_constant_metric_is_silent() -> None:
    x = server(2000)
    x[:, 3] = 7.0
    model = Baselines().fit(x)
    later = x.copy()
    later[1500:, 3] = 9.0
    assert np.allclose(model.own_score(later), model.own_score(x))


def test_a_level_that_stays_is_normal_after_a_while() -> None:
    x = server(7200)
    x[5000:, :] += 8 * x[:4320].std(axis=0)
    score = Baselines().fit(x[:4320]).own_score(x)
    assert score[5000:5030].max() > 5.75
    assert score[5100:].max() < 5.75


def test_fitting_twice_gives_the_same_bytes() -> None:
    x = server(2000)
    a, b = Baselines().fit(x), Baselines().fit(x)
    assert a.weights_.tobytes() == b.weights_.tobytes()
    assert a.own_scale_.tobytes() == b.own_scale_.tobytes()


@pytest.mark.parametrize(("rows", "expected"), [(1, 0.0), (3, 0.0)])
def test_the_half_hour_surprise_waits_for_something_to_compare_with(rows: int, expected: float) -> None:
    assert half_hour(np.arange(rows, dtype=float)[:, None])[-1, 0] == expected


def test_peaks_near_each_other_are_one() -> None:
    score = np.zeros(100)
    score[[10, 12, 50]] = 5, 4, 3
    assert separate_peaks(score, 2, apart=5) == 3.0


def test_what_recurs_weekly_is_left_out_of_how_high_noise_can_rise() -> None:
    """Half-hour steps over two weeks and a bit: a job that moves by an hour is one, a problem of one week is none."""
    score = np.full(15 * 48, 0.3)
    score[100:104], score[100 + 7 * 48 + 2 : 106 + 7 * 48], score[300] = 5.0, 4.0, 0.9
    assert without_weekly(score, 0.5, 1800.0).max() == 0.9
    score[300 + 5 * 48] = 3.0
    assert without_weekly(score, 0.5, 1800.0).max() == 3.0
    assert without_weekly(score[: 7 * 48], 0.5, 1800.0).max() == 5.0, "of one week nothing is known to recur"
