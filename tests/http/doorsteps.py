"""What every test at the doors for telemetry needs: a small log behind them, and its ends tidied up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import make_url

from app.settings import Settings
from models.session import Sessions
from tests.cast import Cast
from tests.plant import Plant


@pytest.fixture
def settings(database: str) -> Settings:
    url = make_url(database).set(username="ROLE").render_as_string(hide_password=False)
    return Settings(database_url=url.replace("ROLE", "{role}"), partitions=2)


@pytest.fixture
def plant(database: str, sessions: Sessions, cast: Cast, tmp_path: Path, app: Flask) -> Iterator[Plant]:
    a_plant = Plant(database, sessions, cast, tmp_path)
    yield a_plant
    a_plant.writer.close(5)
    for reader in a_plant.readers:
        reader.close()
    if "vigie.doorstep" in app.extensions:
        app.extensions["vigie.doorstep"].close()
