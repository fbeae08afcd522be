"""collectd's ``mqtt`` plugin: ``PREFIX/HOST/PLUGIN[-INST]/TYPE[-INST]`` carrying ``EPOCH.mmm:V1[:V2…]`` and a NUL.
Plain.

Names: ``plugin-inst.type-inst``, with the data source's name appended where the type has several (order of types.db).
``nan`` is no value now.
"""

from __future__ import annotations

from typing import Final

from telemetry.formats.route import Route
from telemetry.formats.strict import add, instant, scalar, text_of
from telemetry.reading import Heard, Reading, Refused

FORMAT: Final = "collectd"

# The multi-value types of collectd 5.12's types.db that its own plugins send.
TYPES: Final[dict[str, tuple[str, ...]]] = {
    "load": ("shortterm", "midterm", "longterm"),
    "if_octets": ("rx", "tx"),
    "if_packets": ("rx", "tx"),
    "if_errors": ("rx", "tx"),
    "if_dropped": ("rx", "tx"),
    "io_octets": ("rx", "tx"),
    "io_packets": ("rx", "tx"),
    "node_octets": ("rx", "tx"),
    "disk_octets": ("read", "write"),
    "disk_ops": ("read", "write"),
    "disk_time": ("read", "write"),
    "disk_merged": ("read", "write"),
    "disk_latency": ("read", "write"),
    "disk_ops_complex": ("read", "write"),
    "disk_io_time": ("io_time", "weighted_io_time"),
    "df": ("used", "free"),
    "dns_octets": ("queries", "responses"),
    "mysql_octets": ("rx", "tx"),
    "mysql_qcache": ("hits", "inserts", "not_cached", "lowmem_prunes", "queries_in_cache"),
    "mysql_threads": ("running", "connected", "cached", "created"),
    "ps_count": ("processes", "threads"),
    "ps_cputime": ("user", "syst"),
    "ps_disk_octets": ("read", "write"),
    "ps_disk_ops": ("read", "write"),
    "ps_pagefaults": ("minflt", "majflt"),
    "serial_octets": ("rx", "tx"),
    "compression": ("uncompressed", "compressed"),
    "memcached_octets": ("rx", "tx"),
    "vs_memory": ("value",),
    "vs_processes": ("value",),
}


def parse(route: Route, payload: bytes) -> list[Heard]:
    """One message: one instant, one or several values."""
    if len(route.rest) != 2:
        raise Refused("unknown_topic", route.topic[:120])
    plugin, kind = route.rest
    at, *values = text_of(payload).split(":")
    if not values:
        raise Refused("bad_shape", "collectd sends EPOCH:VALUE[:VALUE…]")
    when = route.received_at_ms if at == "N" else _epoch(at, route.received_at_ms)
    sources = TYPES.get(kind.split("-", 1)[0], ())
    metrics: dict[str, float] = {}
    for i, text in enumerate(values):
        value = scalar(text)
        if value is None:
            continue
        name = f"{plugin}.{kind}"
        if len(values) > 1:
            name += f".{sources[i] if len(sources) == len(values) else i}"
        add(metrics, name, value)
    if not metrics:
        return []
    return [Reading(route.machine, when, metrics, None, route.received_at_ms, FORMAT)]


def _epoch(text: str, received_at_ms: int) -> int:
    seconds = scalar(text)
    if seconds is None:
        raise Refused("bad_instant", text[:40])
    return instant(round(seconds * 1000), received_at_ms)
