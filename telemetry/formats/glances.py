"""Glances' MQTT export, one value a topic (``TOPIC/DEVICE/PLUGIN/[INST/]FIELD``) or one object a plugin. Plain.

Kept: numbers. Left out: texts, nulls, and the alarm thresholds Glances repeats beside every value. ``*_gauge`` are
counters since boot (their plain name beside them is the growth since the last cycle).
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

from telemetry.formats.native import status
from telemetry.formats.route import Route
from telemetry.formats.strict import MAX_METRICS, NUMBERS, add, json_of, leaves, names_known, number, scalar, text_of
from telemetry.reading import NO_COUNTERS, Heard, Reading, Refused

FORMAT: Final = "glances"
_THRESHOLDS: Final = ("_careful", "_warning", "_critical")
# Texts that may happen to read as numbers when each value is a message of its own.
_TEXTS: Final = (
    "key hostname os_name os_version linux_distro platform hr_name alias interface_name disk_name device_name "
    "mnt_point fs_type options label type unit irq_line name version status address gateway mask public_address "
    "description engine image id pid_max_human uptime_human ssid sensor_name zone_name model serial"
)
_IS_TEXT: Final = frozenset(_TEXTS.split())
# What Glances exports by plugin: the level that follows the device's name, if the device stands there at all.
_PLUGINS: Final = (
    "alert amps availability cloud connections containers core cpu diskio docker folders fs gpu ip irq load mem "
    "memswap network now npu percpu ports processcount processlist programlist psutilversion quicklook raid sensors "
    "smart system uptime version vms wifi"
)
_IS_PLUGIN: Final = frozenset(_PLUGINS.split())


def parse(route: Route, payload: bytes) -> list[Heard]:
    """One plugin's object or one field."""
    rest = route.rest
    if len(rest) > 1 and rest[0] not in _IS_PLUGIN and rest[1] in _IS_PLUGIN:
        rest = rest[1:]  # behind a prefix of ours Glances still puts the name of its device
    if not rest:
        raise Refused("unknown_topic", route.topic[:120])
    if rest == ("availability",):
        return [status(route, text_of(payload), FORMAT)]
    prefix = ".".join(rest)
    if len(rest) == 1 and payload[:1] in {b"{", b"["}:
        return _reading(route, _numbers(json_of(payload, nan_is_null=True), prefix))
    if prefix.endswith(_THRESHOLDS) or rest[-1] in _IS_TEXT or not payload:
        return []
    text = text_of(payload)
    try:
        value = scalar(text)
    except Refused:
        return []  # one value a topic: Glances sends device names and states among the numbers
    return _reading(route, {} if value is None else {prefix: value})


def _numbers(value: Any, prefix: str) -> dict[str, float]:
    if isinstance(value, list):
        value = {str(i): v for i, v in enumerate(value)}
    if not isinstance(value, dict):
        raise Refused("bad_shape", "a plugin is an object")
    if len(value) <= MAX_METRICS and (kinds := set(map(type, value.values()))) <= NUMBERS:
        names = _named(prefix, tuple(value))
        if names is not None and names_known(names):
            with suppress(OverflowError):
                return dict(zip(names, map(float, value.values()) if int in kinds else value.values(), strict=True))
    metrics: dict[str, float] = {}
    for name, leaf in leaves(value, prefix + "."):
        if isinstance(leaf, str) or name.endswith(_THRESHOLDS):
            continue
        as_number = number(leaf)
        if as_number is not None:
            add(metrics, name, as_number)
    return metrics


@lru_cache(maxsize=5_000)
def _named(prefix: str, fields: tuple[str, ...]) -> tuple[str, ...] | None:
    """The names of a plugin's fields; None where some are left out."""
    names = tuple(f"{prefix}.{field}" for field in fields)
    return None if any(name.endswith(_THRESHOLDS) for name in names) else names


def _reading(route: Route, metrics: dict[str, float]) -> list[Heard]:
    if not metrics:
        return []
    counters = frozenset(n for n in metrics if n.endswith("_gauge")) or NO_COUNTERS
    return [
        Reading(route.machine, route.received_at_ms, metrics, None, route.received_at_ms, FORMAT, counters=counters)
    ]
