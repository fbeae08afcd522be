"""What the store tests share beside the house's fixtures: a plant whose watcher reads a real log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.session import Sessions
from tests.cast import Cast
from tests.plant import Plant


@pytest.fixture
def plant(database: str, sessions: Sessions, cast: Cast, tmp_path: Path) -> Iterator[Plant]:
    a_plant = Plant(database, sessions, cast, tmp_path)
    yield a_plant
    a_plant.writer.close(5)
    for reader in a_plant.readers:
        reader.close()
