"""collectd: its ``mqtt`` plugin (``PREFIX/HOST/PLUGIN[-INST]/TYPE[-INST]`` carrying ``EPOCH.mmm:V1[:V2…]`` and a NUL)
and the JSON its ``write_kafka`` and ``write_http`` send. Plain.

Names: ``plugin-inst.type-inst``, with the data source's name appended where the type has several (order of types.db).
``nan`` is no value now. Both plugins send rates by default; in the JSON, a counter that was sent raw is known by its
type and by being a whole number, which a measured rate hardly ever is.
"""

from __future__ import annotations

import math
from typing import Any, Final

from telemetry.formats.instants import instant
from telemetry.formats.route import Route
from telemetry.formats.strict import add, each, json_of, machine_ok, number, scalar, text_of
from telemetry.reading import NO_COUNTERS, NO_DELTAS, Heard, Reading, Refused

FORMAT: Final = "collectd"
_CUMULATIVE: Final = frozenset({"derive", "counter"})
_SINCE_LAST: Final = "absolute"  # counted anew with each reading, hence growth since the one before

# Every type of collectd 5.12's types.db that has several values, by the names of these.
_BY_NAMES: Final[tuple[tuple[str, str], ...]] = (
    ("rx tx", "if_dropped if_errors if_octets if_packets io_octets io_packets memcached_octets mysql_octets "
              "node_octets serial_octets"),
    ("read write", "arc_l2_bytes disk_latency disk_merged disk_octets disk_ops disk_time io_ops ps_disk_octets "
                   "ps_disk_ops"),
    ("vf_rx vf_tx", "vf_bytes vf_dropped vf_packets"),
    ("minflt majflt", "ps_pagefaults vmpage_faults"),
    ("in out", "vmpage_io"),
    ("used free", "df"),
    ("state reason", "domain_state"),
    ("uncompressed compressed", "compression"),
    ("io_time weighted_io_time", "disk_io_time"),
    ("queries responses", "dns_octets"),
    ("shortterm midterm longterm", "load"),
    ("processes threads", "ps_count"),
    ("user syst", "ps_cputime"),
    ("current worst threshold pretty", "smart_attribute"),
    ("value threshold", "voltage_threshold"),
    ("demand_data demand_metadata prefetch_data prefetch_metadata", "arc_counts"),
    ("current target minlimit maxlimit", "arc_size"),
    ("hits inserts not_cached lowmem_prunes queries_in_cache", "mysql_qcache"),
    ("running connected cached created", "mysql_threads"),
)  # fmt: skip
TYPES: Final = {kind: tuple(names.split()) for names, kinds in _BY_NAMES for kind in kinds.split()}


def parse(route: Route, payload: bytes) -> list[Heard]:
    """One message: one instant, one or several values; or a JSON array of value lists."""
    if payload[:1] in {b"[", b"{"}:
        return _json(route, payload)
    if len(route.rest) < 2:
        raise Refused("unknown_topic", route.topic[:120])
    plugin, kind = route.rest[-2:]
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
    return _from_seconds(seconds, received_at_ms)


def _from_seconds(seconds: float, received_at_ms: int) -> int:
    at_ms = seconds * 1000
    return instant(round(at_ms) if math.isfinite(at_ms) else at_ms, received_at_ms)


def _json(route: Route, payload: bytes) -> list[Heard]:
    sent = json_of(text_of(payload).encode(), nan_is_null=True)
    return each(sent if isinstance(sent, list) else [sent], lambda item: _value_list(route, item))


def _value_list(route: Route, item: Any) -> list[Heard]:
    """One value list. Its host counts where the recording itself is believed; else the machine is who signed in."""
    if not isinstance(item, dict):
        raise Refused("bad_shape", "collectd sends an array of objects")
    values, kinds, names = (item.get(key) for key in ("values", "dstypes", "dsnames"))
    if not isinstance(values, list) or not isinstance(names, list) or len(names) != len(values):
        raise Refused("bad_shape", "values and dsnames are arrays of one length")
    if not isinstance(kinds, list) or len(kinds) != len(values) or {*map(type, kinds)} != {str}:
        kinds = ["gauge"] * len(values)
    plugin, kind = (_with_instance(item, word) for word in ("plugin", "type"))
    machine = route.machine
    if route.believes and isinstance(item.get("host"), str):
        machine = machine_ok(item["host"])
    metrics: dict[str, float] = {}
    counters: set[str] = set()
    deltas: dict[str, float] = {}
    for value, source, source_kind in zip(values, names, kinds, strict=True):
        as_number = number(value)
        if as_number is None:
            continue
        name = f"{plugin}.{kind}" + (f".{source}" if len(values) > 1 else "")
        add(metrics, name, as_number)
        is_raw = isinstance(value, int) and value != 0
        if source_kind in _CUMULATIVE and is_raw:
            counters.add(name)
        elif source_kind == _SINCE_LAST and is_raw and (interval := number(item.get("interval"))) and interval > 0:
            deltas[name] = interval
    if not metrics:
        return []
    seconds = number(item.get("time"))
    received = route.received_at_ms
    at = received if seconds is None else _from_seconds(seconds, received)
    marked = frozenset(counters) or NO_COUNTERS
    return [Reading(machine, at, metrics, None, received, FORMAT, counters=marked, deltas=deltas or NO_DELTAS)]


def _with_instance(item: dict[str, Any], word: str) -> str:
    name, instance = item.get(word), item.get(f"{word}_instance") or ""
    if not isinstance(name, str) or not isinstance(instance, str):
        raise Refused("bad_shape", f"{word} is a text")
    return f"{name}-{instance}" if instance else name
