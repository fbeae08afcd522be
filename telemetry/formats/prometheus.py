"""Prometheus text exposition (and OpenMetrics text as far as it is the same). Plain.

Names are kept with their labels as sent: ``node_load1``, ``node_cpu_seconds_total{cpu="0",mode="idle"}``. NaN and
infinities are no value now. Counters (by ``# TYPE``, or parts of a histogram or summary) are marked so that they
become rates when scored.
"""

from __future__ import annotations

import re
from typing import Final

from telemetry.formats.route import Route
from telemetry.formats.strict import add, instant, scalar, text_of
from telemetry.reading import NO_COUNTERS, Heard, Reading, Refused

FORMAT: Final = "prometheus"
_SAMPLE: Final = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?P<labels>\{(?:[^\"{}]|\"(?:[^\"\\]|\\.)*\")*\})?[ \t]+(?P<value>[^\s]+)"
    r"(?:[ \t]+(?P<at>-?[\d.]+))?[ \t]*(?:#.*)?$"
)
_PARTS: Final = ("_bucket", "_count", "_sum", "_total")


def parse(route: Route, payload: bytes) -> list[Heard]:
    """One scrape; samples with instants of their own become readings of their own."""
    kinds: dict[str, str] = {}
    by_instant: dict[int, dict[str, float]] = {}
    counters: set[str] = set()
    for line in text_of(payload).split("\n"):
        line = line.strip()
        if not line or line.startswith("#"):
            words = line.split(None, 3)
            if len(words) == 4 and words[1] == "TYPE":
                kinds[words[2]] = words[3]
            continue
        found = _SAMPLE.match(line)
        if found is None:
            raise Refused("bad_payload", line[:120])
        value = scalar(found["value"])
        if value is None:
            continue
        at = instant(_milliseconds(found["at"]), route.received_at_ms)
        name = f"{found['name']}{found['labels'] or ''}"
        add(by_instant.setdefault(at, {}), name, value)
        if _is_counter(found["name"], kinds):
            counters.add(name)
    if not by_instant:
        raise Refused("no_value", "no sample")
    marked = frozenset(counters) or NO_COUNTERS
    return [
        Reading(route.machine, at, metrics, None, route.received_at_ms, FORMAT, counters=marked)
        for at, metrics in sorted(by_instant.items())
    ]


def _milliseconds(text: str | None) -> float | None:
    if text is None:
        return None
    value = scalar(text)
    if value is None:
        raise Refused("bad_instant", text[:40])
    # OpenMetrics writes seconds, the older text format milliseconds; no time of this century is both.
    return value * 1000 if value < 10_000_000_000 else value


def _is_counter(name: str, kinds: dict[str, str]) -> bool:
    if kinds.get(name) == "counter":
        return True
    for part in _PARTS:
        if name.endswith(part):
            base = kinds.get(name[: -len(part)])
            if base in {"counter", "histogram", "summary"}:
                return True
    return False
