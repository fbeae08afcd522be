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
# One item: what stands up to the next space, spaces inside quotes excepted; the label may hold '' for a quote.
_ITEM: Final = re.compile(r"(?:'(?P<quoted>(?:[^']|'')*)'|(?P<bare>[^\s='|]+))=(?P<said>\S*)|(?P<other>\S+)")
# Nothing is tried twice (++): a number of a megabyte must cost no more than its bytes.
_SAID: Final = re.compile(
    r"(?P<value>U|[-+]?(?:\d++(?:\.\d*+)?+|\.\d++)(?:e[-+]?\d++)?+|[-+]?(?:nan|inf))"
    r"(?P<uom>[^\s;\d.,][^\s;,]*+)?(?:;\S*+)?,?",
    re.I,
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
    problem: Refused | None = None
    for item in _ITEM.finditer(_performance(text_of(payload))):
        try:
            label, value, uom = _measured(item)
            if value is not None:
                add(metrics, f"{service}.{label}", value)
        except Refused as refused:
            problem = problem or refused
            continue
        if uom == "c":
            counters.add(f"{service}.{label}")
    if state is not None and f"{service}.state" not in metrics:
        add(metrics, f"{service}.state", state)
    received = route.received_at_ms
    marked = frozenset(counters) or NO_COUNTERS
    heard = [Reading(route.machine, received, metrics, None, received, FORMAT, counters=marked)] if metrics else []
    if problem is not None:
        raise Refused(problem.reason, problem.detail, heard)
    if not heard:
        raise Refused("no_value", "no performance data and no exit code")
    return [*heard]


def _measured(item: re.Match[str]) -> tuple[str, float | None, str]:
    """Label, value and unit of one item; a decimal comma or a range is no value, and it is said so."""
    said = None if item["other"] else _SAID.fullmatch(item["said"])
    label = (item["quoted"] or item["bare"] or "").replace("''", "'").strip()
    if said is None or not label:
        raise Refused("bad_payload", f"performance data {item[0][:80]!r}: label=value[unit][;warn;crit;min;max]")
    return label, scalar(said["value"]), said["uom"] or ""


def _performance(text: str) -> str:
    """What stands after the first bar of the first line, and after the next bar of the lines below (plugin API,
    long output).
    """
    first, _, below = text.partition("\n")
    return f"{first.partition('|')[2]} {below.partition('|')[2]}"
