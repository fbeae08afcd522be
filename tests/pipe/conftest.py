"""A plant of real processes for the tests of the pipe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.session import Sessions
from tests.cast import Cast
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
