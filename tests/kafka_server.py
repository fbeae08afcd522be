"""The fixture `kafka`: one real broker a session; tests keep apart by the topics and groups they name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import kafka_server


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The `host:port` of a real Kafka broker; tests that need it are left out, loudly, where there is no Java."""
    folder: Path = tmp_path_factory.mktemp("kafka")
    try:
        kafka_server.fetch_jars()
    except kafka_server.KafkaMissing as missing:
        pytest.skip(str(missing))
    with kafka_server.running(folder) as address:
        yield address
