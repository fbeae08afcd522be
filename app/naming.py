"""Under which names metrics are asked for and shown: as they were sent, or in the common vocabulary. Plain.

The common vocabulary is OpenTelemetry's system semantic conventions; a metric shown under it is in its unit.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from telemetry.synonyms import sense
from telemetry.vocabulary import word

Names = Literal["sent", "otel"]
_NEAR_MOST: Final = 1.79e308  # rounded to twelve digits it may be more than there is


@dataclass(frozen=True, slots=True)
class Shown:
    """A metric as it is shown. `sent × factor + offset` is the value under that name."""

    sent: str
    name: str
    label: str
    unit: str
    otel: str  # its name in the common vocabulary; empty where nobody told us what it means
    otel_unit: str
    factor: float = 1.0
    offset: float = 0.0

    def of(self, value: float) -> float:
        """A value as sent in the unit shown, to twelve digits. What that unit cannot hold stands as the largest number
        there is (1.8e308, where nothing is measured)."""
        there = value * self.factor + self.offset
        return math.copysign(sys.float_info.max, there) if abs(there) > _NEAR_MOST else float(f"{there:.12g}")


def shown(sent: str, names: Names = "sent") -> Shown:
    """How a metric as sent is shown; under its own name where the common vocabulary has none for it."""
    meaning, known = word(sent), sense(sent)
    if known is None or not known.otel:
        return Shown(sent, sent, meaning.label, meaning.unit, "", "")
    if names == "sent":
        return Shown(sent, sent, meaning.label, meaning.unit, known.otel, known.otel_unit)
    factor, offset = known.factor * known.otel_factor, known.offset * known.otel_factor
    return Shown(sent, known.otel, meaning.label, known.otel_unit, known.otel, known.otel_unit, factor, offset)


def split(text: str) -> list[str]:
    """Names with a comma between them; a comma within braces or quotes belongs to a name."""
    found, depth, quoted, start = [], 0, False, 0
    for at, letter in enumerate(text):
        if letter == '"' and text[at - 1 : at] != "\\":
            quoted = not quoted
        elif not quoted and letter in "{}":
            depth = max(0, depth + (1 if letter == "{" else -1))
        elif letter == "," and not quoted and not depth:
            found.append(text[start:at])
            start = at + 1
    return [name for name in (one.strip() for one in (*found, text[start:])) if name]


def meant(wanted: Sequence[str], known: Iterable[str]) -> list[str]:
    """The metrics as sent that these names stand for: names as sent, our own words, or the common vocabulary's.

    What nobody reported under any name is left as it is, and finds nothing.
    """
    by_name: dict[str, list[str]] = {}
    there = set(known)
    for sent in sorted(there):
        sensed = sense(sent)
        for name in {sensed.word, sensed.otel} - {""} if sensed is not None else ():
            by_name.setdefault(name, []).append(sent)
    found: dict[str, None] = {}
    for name in wanted:
        found.update(dict.fromkeys([name] if name in there else by_name.get(name, [name])))
    return list(found)
