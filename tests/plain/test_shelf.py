"""Artefacts: the model that comes back scores the same; a wrong digest or a foreign type never loads."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer

from telemetry.features import Array
from telemetry.shelf import BadArtefact, dumped, loaded
from telemetry.training import fitted, judged


@pytest.fixture(scope="module")
def history() -> Array:
    rng = np.random.default_rng(2)
    load = 50 + 20 * np.sin(np.arange(3000) * 2 * np.pi / 1440)
    return load[:, None] + rng.normal(0, 3, (3000, 4))


METRICS = ("a", "b", "c", "uptime_s")


def test_a_model_off_the_shelf_scores_as_before(history: Array) -> None:
    model = fitted(history, METRICS, 60.0)
    artefact = dumped(model, machine="srv-1")
    again = loaded(artefact.body, artefact.digest)
    assert again.score_samples(history).tobytes() == model.score_samples(history).tobytes()
    assert artefact.lineage["machine"] == "srv-1"
    assert artefact.lineage["rows"] == 3000


def test_a_wrong_digest_is_refused(history: Array) -> None:
    artefact = dumped(fitted(history, METRICS, 60.0))
    with pytest.raises(BadArtefact, match="digest"):
        loaded(artefact.body + b"x", artefact.digest)


def test_a_type_we_do_not_name_is_refused() -> None:
    body = skops.io.dumps(FunctionTransformer(func=np.fromfile))
    with pytest.raises(BadArtefact):
        loaded(body, hashlib.sha256(body).hexdigest())
    with pytest.raises(BadArtefact, match="cannot be read"):
        loaded(b"PK", hashlib.sha256(b"PK").hexdigest())


def test_fitting_leaves_the_history_as_it_was_and_a_clock_is_no_metric(history: Array) -> None:
    before = history.copy()
    model = fitted(history, METRICS, 60.0)
    assert (history == before).all()
    assert model.live_.tolist() == [True, True, True, False]


def test_judging_counts_separate_alarms(history: Array) -> None:
    model = fitted(history[:2500], METRICS, 60.0)
    rows = history[2500:].copy()
    rows[100:110, :3] += 200
    found = judged(model, rows)
    assert found.over_a_day == pytest.approx(1440 / 500)
    assert found.calmest < 1.0 < found.loudest
