"""Which unnumbered reports of a machine were told before, known by the print of what they say. Plain.

A number tells a report from its repetition; agents that give none give an instant, but two parts of one round may share
theirs (a Sparkplug node and its device, two processes of one host). Only the same values under the same names at the
same instant are the same report.
"""

from __future__ import annotations

import hashlib
from typing import Final

import orjson

from telemetry.reading import Reading

_SIZE: Final = 8
KEPT: Final = 1024  # the oldest half goes when it is full: what is left is more than one batch may hold


class Prints:
    """The last few hundred prints, as bytes: a set of numbers would weigh ten times as much for every machine."""

    def __init__(self, kept: bytes = b"") -> None:
        self._kept = bytearray(kept)

    def seen(self, reading: Reading) -> bool:
        """Whether it was told before; it is remembered from now on."""
        said = orjson.dumps([reading.at_ms, list((reading.metrics or reading.facts).items())])
        mark = hashlib.blake2b(said, digest_size=_SIZE).digest()
        if mark in self._kept:
            return True
        if len(self._kept) >= KEPT * _SIZE:
            del self._kept[: KEPT * _SIZE // 2]
        self._kept += mark
        return False

    def __bytes__(self) -> bytes:
        return bytes(self._kept)
