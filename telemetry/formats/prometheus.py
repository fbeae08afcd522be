"""Prometheus text exposition (and OpenMetrics text as far as it is the same). Plain.

Names are kept with their labels as sent: ``node_load1``, ``node_cpu_seconds_total{cpu="0",mode="idle"}``. NaN and
infinities are no value now. Counters (by ``# TYPE``, or parts of a histogram or summary) are marked so that they
become rates when scored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from telemetry.formats.instants import instant
from telemetry.formats.route import Route
from telemetry.formats.strict import by_instant, name_ok, scalar, text_of
from telemetry.reading import NO_COUNTERS, Heard, Reading, Refused

FORMAT: Final = "prometheus"
_QUOTED: Final = r"\"(?:[^\"\\]|\\.)*\""
# Since Prometheus 3 a name that is no plain word stands quoted, first among the labels, and labels may be quoted too.
_LABEL: Final = rf"[ \t]*(?:[a-zA-Z_][a-zA-Z0-9_]*[ \t]*=[ \t]*{_QUOTED}|{_QUOTED}(?:[ \t]*=[ \t]*{_QUOTED})?)[ \t]*"
_USUAL: Final = r"(?:[a-zA-Z_][a-zA-Z0-9_]*+=\"[^\"\\]*+\",?+)*+"
_SAMPLE: Final = re.compile(
    # A blank before the braces and none behind them are read by Prometheus as well.
    rf"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*+)?(?:[ \t]*(?P<labels>\{{{_USUAL}\}}|\{{(?:{_LABEL}(?:,|(?=\}})))*[ \t]*\}})"
    r"[ \t]*|[ \t]+)(?P<value>[^\s]+)(?:[ \t]+(?P<at>-?[\d.]+(?:[eE][-+]?\d+)?))?[ \t]*(?:#.*)?$"
)
_QUOTED_NAME: Final = re.compile(r"\{[ \t]*\"((?:[^\"\\]|\\.)*)\"[ \t]*(?:,|\})")
_TYPE: Final = re.compile(r"#[ \t]+TYPE[ \t]+(\"(?:[^\"\\]|\\.)*\"|[^ \t]+)[ \t]+([a-z]+)")
_NO_LABELS: Final = re.compile(r"\{[ \t]*\}")
_PARTS: Final = ("_bucket", "_count", "_sum", "_total")


def parse(route: Route, payload: bytes) -> list[Heard]:
    """One scrape; samples with instants of their own become readings of their own. A bad line takes no other along."""
    kinds: dict[str, str] = {}
    found: list[tuple[int, str, float]] = []
    counters: set[str] = set()
    samples = 0
    problem: Refused | None = None
    for line in text_of(payload).split("\n"):
        line = line.strip()
        if not line or line.startswith("#"):
            if declared := _TYPE.match(line):
                kinds[declared[1].strip('"')] = declared[2]
            continue
        samples += 1
        try:
            family, name, value, at = _sample(line, route)
        except Refused as refused:
            problem = problem or refused
            continue
        if value is None:
            continue
        found.append((at, name, value))
        if is_counter(family, kinds):
            counters.add(name)
    if not samples:
        raise Refused("no_value", "no sample")
    marked = frozenset(counters) or NO_COUNTERS
    heard: list[Heard] = [
        Reading(route.machine, at, metrics, None, route.received_at_ms, FORMAT, counters=marked)
        for at, metrics in by_instant(found)
    ]
    if problem is not None:
        raise Refused(problem.reason, problem.detail, heard)
    return heard


def _sample(line: str, route: Route) -> tuple[str, str, float | None, int]:
    """Family, name as sent, value and instant of one line."""
    sample = _SAMPLE.match(line)
    family = _family(sample) if sample else ""
    if sample is None or not family:
        raise Refused("bad_payload", line[:120])
    labels = "" if _NO_LABELS.fullmatch(sample["labels"] or "") else sample["labels"] or ""
    name = name_ok(f"{sample['name'] or ''}{labels}")
    return family, name, scalar(sample["value"]), instant(_milliseconds(sample["at"]), route.received_at_ms)


def _family(sample: re.Match[str]) -> str:
    if sample["name"]:
        return sample["name"]
    quoted = _QUOTED_NAME.match(sample["labels"] or "")
    return quoted[1] if quoted else ""


def _milliseconds(text: str | None) -> float | None:
    if text is None:
        return None
    value = scalar(text)
    if value is None:
        raise Refused("bad_instant", text[:40])
    # OpenMetrics writes seconds, the older text format milliseconds; no time of this century is both.
    return value * 1000 if value < 10_000_000_000 else value


def is_counter(name: str, kinds: Mapping[str, str]) -> bool:
    """Whether a series of this name only grows, by its declared kind; undeclared, by the convention of its name."""
    if name in kinds:
        return kinds[name] == "counter"
    for part in _PARTS:
        if name.endswith(part):
            base = kinds.get(name[: -len(part)])
            if base is not None:
                return base in {"counter", "histogram", "summary"}
    return name.endswith("_total")
