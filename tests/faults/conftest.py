"""A plant of real processes for the tests of the pipe, and trials: the same with ledgers and a judge."""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.session import Sessions
from tests.cast import Cast
from tests.faults.trial import Trial
from tests.rig import Rig, need_mosquitto


@pytest.fixture
def rig(tmp_path: Path, database: str, sessions: Sessions, cast: Cast, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """`indirect` parametrisation chooses the broker; Mosquitto otherwise."""
    kind = getattr(request, "param", "mosquitto")
    if kind == "mosquitto":
        need_mosquitto()
    a_rig = Rig(tmp_path, database, sessions, kind)
    yield a_rig
    a_rig.end()


@pytest.fixture
def trial(rig: Rig, cast: Cast, request: pytest.FixtureRequest) -> Iterator[Trial]:
    """Its seed is that of the whole run (pytest prints it, and takes it with `-p randomly --randomly-seed=N`)."""
    seed = int(request.config.getoption("randomly_seed", 0) or 0)
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")
    a_trial = Trial(name, seed, rig, cast, random.Random(seed ^ zlib.crc32(name.encode())))
    yield a_trial
    a_trial.close()
