"""Whose message a recording holds when no source is declared for its topic. Plain.

Live, a topic nobody declared is refused: the broker would not even carry it. A recording was made by somebody who
wants to know what is in it, so here agents are known by their habits: a prefix of several levels before their own
topic, an array that names its host, a host's name among the tags. What names no machine at all (ThingsBoard's devices
do so only when they connect) is told under the name that whoever decodes gives it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

Guess = tuple[str, str, list[str]]  # format, machine, the topic levels behind it

_AGENTS: Final = {
    "collectd": "collectd", "glances": "glances", "linux2mqtt": "linux2mqtt", "linux": "linux2mqtt",
    "psmqtt": "psmqtt", "telegraf": "telegraf", "prometheus": "prometheus", "nagios": "nagios",
}  # fmt: skip
# Requests over HTTP, by the last word of their path.
_PATHS: Final = {"metrics": "otlp", "write": "remote_write", "reports": "batch"}
_COLLECTD_VALUE: Final = re.compile(rb"(?:\d{9,10}(?:\.\d{1,6})?|N)(?::[-+0-9.eEnaif]+)+\x00?\s*")
_COLLECTD_JSON: Final = re.compile(rb"\s*\[?\s*\{(?=.*\"dsnames\")(?=.*\"plugin\")", re.S)
_TELEGRAF_JSON: Final = re.compile(rb"\s*\{(?=.*\"fields\"\s*:\s*\{)(?=.*\"name\"\s*:)(?=.*\"tags\"\s*:)", re.S)
_INFLUX: Final = re.compile(rb"[^\s,{\[#][^\s]*,(?:[^\s]*,)?host=[^\s,]+[^\s]* [^\s=]+=.+", re.S)
_EXPOSITION: Final = re.compile(rb"\s*#\s*(?:HELP|TYPE|UNIT)\s+\S+")
_PERFDATA: Final = re.compile(rb"[^\n|]*\|\s*(?:'[^']+'|[^\s=]+)=[-+0-9.U]")


def guess(levels: Sequence[str], payload: bytes, nameless: str) -> Guess | None:
    """Format, machine and rest of a topic, or None when nothing is recognised. Only the first bytes are looked at."""
    head = payload[:4000]
    if levels[0] == "" and levels[-1] in _PATHS:
        return _PATHS[levels[-1]], nameless, []
    if levels[0] in {"spBv1.0", "STATE"}:
        return ("sparkplug", nameless, ["", "STATE"]) if "STATE" in levels[:2] else None
    if levels[0] == "homeassistant":
        return "discovery", nameless, []
    if levels[:1] == ["v1"] and levels[1:2] in (["devices"], ["gateway"]):
        return "thingsboard", nameless, list(levels)
    if levels[:1] == ["v2"] and levels[1:2] in (["t"], ["a"]):
        return "thingsboard", nameless, list(levels)
    if _COLLECTD_JSON.match(head):
        return "collectd", nameless, list(levels)
    for place, level in enumerate(levels[:-2]):
        if level in _AGENTS:
            return _AGENTS[level], levels[place + 1], list(levels[place + 2 :])
    if len(levels) >= 3 and _COLLECTD_VALUE.fullmatch(head):
        return "collectd", levels[-3], list(levels[-2:])
    if _INFLUX.match(head) or _TELEGRAF_JSON.match(head):
        return "telegraf", levels[-1], list(levels[-1:])
    if _EXPOSITION.match(head):
        return "prometheus", levels[-2] if len(levels) > 1 else nameless, list(levels[-1:])
    if _PERFDATA.match(head) and len(levels) > 2:
        return "nagios", levels[-3] if levels[-1].isdigit() and len(levels) > 3 else levels[-2], list(levels[-2:])
    return None
