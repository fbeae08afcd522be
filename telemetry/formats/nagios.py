"""Nagios plugin output: ``TEXT | 'label'=VALUE[UOM];warn;crit;min;max …``; the exit code is the last topic level.
Plain.

Topic: ``…/HOST/SERVICE[/CODE]``. Names: ``SERVICE.label`` and ``SERVICE.state`` (0 ok, 1 warning, 2 critical, 3
unknown). Values keep the unit they were sent in; ``U`` is no value now.
"""

from __future__ import annotations

import re
from typing import Final

from telemetry.formats.route import Route
from telemetry.formats.strict import add, scalar, text_of
from telemetry.reading import NO_COUNTERS, Heard, Reading, Refused

FORMAT: Final = "nagios"
_PERFDATA: Final = re.compile(
    r"(?:'(?P<quoted>(?:[^']|'')+)'|(?P<bare>[^\s='|]+))=(?P<value>U|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
    r"(?P<uom>[^\s;\d][^\s;]*)?(?:;\S*)?"
)
_CODE: Final = re.compile(r"\d{1,3}")
_UNKNOWN: Final = 3.0  # a plugin that could not be run ends with 126 or 127: unknown to Nagios


def parse(route: Route, payload: bytes) -> list[Heard]:
    """One check's result."""
    levels = list(route.rest)
    state = None
    if len(levels) > 1 and _CODE.fullmatch(levels[-1]) and int(levels[-1]) < 256:
        state = min(float(levels.pop()), _UNKNOWN)
    if not levels:
        raise Refused("unknown_topic", route.topic[:120])
    service = ".".join(levels)
    metrics: dict[str, float] = {}
    counters: set[str] = set()
    for found in _PERFDATA.finditer(_performance(text_of(payload))):
        label = (found["quoted"] or found["bare"] or "").replace("''", "'").strip()
        value = scalar(found["value"])
        if value is None:
            continue
        add(metrics, f"{service}.{label}", value)
        if found["uom"] == "c":
            counters.add(f"{service}.{label}")
    if state is not None:
        add(metrics, f"{service}.state", state)
    if not metrics:
        raise Refused("no_value", "no performance data and no exit code")
    received = route.received_at_ms
    marked = frozenset(counters) or NO_COUNTERS
    return [Reading(route.machine, received, metrics, None, received, FORMAT, counters=marked)]


def _performance(text: str) -> str:
    """What stands after the first bar of the first line, and after the next bar of the lines below (plugin API,
    long output).
    """
    first, _, below = text.partition("\n")
    return f"{first.partition('|')[2]} {below.partition('|')[2]}"
