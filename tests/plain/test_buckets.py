"""Whatever a machine speaks, all its words lie in one partition: order holds, and births lie beside their data."""

from __future__ import annotations

import pytest

from telemetry.bridge_records import _bucket
from telemetry.formats.sources import SOURCES, Source


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.filter)
def test_every_source_is_bucketed_by_its_machine(source: Source) -> None:
    levels = [word if word not in "+#" else f"level{i}" for i, word in enumerate(source.filter.split("/"))]
    levels[source.machine] = "srv-1"
    assert _bucket("/".join(levels).encode()) == b"srv-1"


@pytest.mark.parametrize("topic", [b"vigie/srv-1/report", b"vigie/srv-1/collectd/h/load/load", b"vigie/srv-1"])
def test_our_own_wire_is_bucketed_by_its_machine(topic: bytes) -> None:
    assert _bucket(topic) == b"srv-1"


@pytest.mark.parametrize("topic", [b"", b"x", b"spBv1.0/G", b"telemetry/a", b"\xff\xfe"])
def test_any_bytes_have_a_bucket(topic: bytes) -> None:
    assert isinstance(_bucket(topic), bytes)
