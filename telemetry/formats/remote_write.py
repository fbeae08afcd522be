"""Prometheus remote_write 1.0: snappy-packed protobuf, a series a metric with its labels. Plain.

Names are kept with their labels, sorted: ``node_load1{job="node"}``. The ``instance`` label, less its port, names the
machine and is left out. Kinds come in messages of their own, if at all, so a counter is known by the convention of
its name. Stale markers (NaN) are no values. Of a native histogram its count and its sum are kept, under the names a
classic one has for them; its buckets are not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final, NamedTuple

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from telemetry.formats.instants import instant
from telemetry.formats.otlp import labelled
from telemetry.formats.route import Route
from telemetry.formats.strict import by_instant, name_ok
from telemetry.reading import NO_COUNTERS, Heard, Reading, Refused

FORMAT: Final = "remote_write"
MAX_OPENED: Final = 16 << 20  # bytes of a request once opened
MAX_SAMPLES: Final = 50_000
_MACHINE: Final = ("vigie_machine", "instance")
_GROWS: Final = ("_total", "_bucket", "_count", "_sum")
_SYMBOLS: Final = b"\x22"  # field 4, with which every request of version 2.0 begins and none of 1.0 does
_PACKAGE: Final = "vigie.prometheus"
_FIELDS: Final = {
    # message: (field, number, type, is repeated); prompb/remote.proto and types.proto of Prometheus
    "Label": (("name", 1, "string", False), ("value", 2, "string", False)),
    "Sample": (("value", 1, "double", False), ("timestamp", 2, "int64", False)),
    "Histogram": (
        ("count_int", 1, "uint64", False),
        ("count_float", 2, "double", False),
        ("sum", 3, "double", False),
        ("timestamp", 15, "int64", False),
    ),
    "TimeSeries": (("labels", 1, "Label", True), ("samples", 2, "Sample", True), ("histograms", 4, "Histogram", True)),
    "WriteRequest": (("timeseries", 1, "TimeSeries", True),),
}


@cache
def _write_request() -> Any:
    """The class of a request; of its fields the ones we read, the others are stepped over."""
    kinds = descriptor_pb2.FieldDescriptorProto
    scalars = {
        "string": kinds.TYPE_STRING,
        "double": kinds.TYPE_DOUBLE,
        "int64": kinds.TYPE_INT64,
        "uint64": kinds.TYPE_UINT64,
    }
    file = descriptor_pb2.FileDescriptorProto(name="vigie/remote.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            if kind in scalars:
                added.type = scalars[kind]
            else:
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.WriteRequest"))


def opened(body: bytes) -> bytes:
    """The request unpacked. Raises ``Refused``."""
    try:
        if cramjam.snappy.decompress_raw_len(body) > MAX_OPENED:
            raise Refused("too_large", f"the request opens to more than {MAX_OPENED >> 20} MiB")
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError:
        raise Refused("bad_payload", "the body is not packed with snappy (block format)") from None


def request_of(body: bytes) -> Any:  # Any: the class is made at run time
    """An opened request as generated code reads it. Raises ``Refused``."""
    if body[:1] == _SYMBOLS:
        raise Refused("bad_payload", "remote_write 2.0; set protobuf_message: prometheus.WriteRequest")
    request = _write_request()()
    try:
        request.ParseFromString(body)
    except DecodeError:
        raise Refused("bad_payload", "no remote_write request") from None
    return request


def identity(series: Any) -> str:
    """The machine a series names: its instance without the port; empty when it names none."""
    said = {label.name: label.value for label in series.labels if label.name in _MACHINE}
    name = next((said[key] for key in _MACHINE if said.get(key)), "")
    host, colon, port = name.rpartition(":")
    return (host if colon and port.isdigit() else name).strip("[]")


def parts(series: Iterable[Any], largest: int) -> Iterator[bytes]:
    """Series as opened requests of about ``largest`` bytes."""
    part = _write_request()()
    size = 0
    for one in series:
        if part.timeseries and size + one.ByteSize() > largest:
            yield part.SerializeToString()
            part, size = _write_request()(), 0
        part.timeseries.append(one)
        size += one.ByteSize() + 6
    if part.timeseries:
        yield part.SerializeToString()


def parse(route: Route, payload: bytes) -> list[Heard]:
    """One reading an instant (and machine, where the recording is believed)."""
    request = request_of(payload)
    if sum(len(series.samples) + len(series.histograms) for series in request.timeseries) > MAX_SAMPLES:
        raise Refused("too_many_metrics", f"more than {MAX_SAMPLES} samples")
    found: dict[str, list[tuple[int, str, float]]] = {}
    counters: set[str] = set()
    problem: Refused | None = None
    for series in request.timeseries:
        machine = (identity(series) if route.believes else "") or route.machine
        for part, samples in (("", series.samples), *_parts_of(series.histograms)):
            if not samples:
                continue
            try:
                family, name = _named(series, part)
            except Refused as refused:
                problem = problem or refused
                break
            for sample in samples:
                try:
                    if math.isfinite(sample.value):
                        at = instant(sample.timestamp, route.received_at_ms)
                        found.setdefault(machine, []).append((at, name, sample.value))
                except Refused as refused:  # it takes no neighbour along
                    problem = problem or refused
            if family.endswith(_GROWS):
                counters.add(name)
    received = route.received_at_ms
    marked = frozenset(counters) or NO_COUNTERS
    heard: list[Heard] = [
        Reading(machine, at, metrics, None, received, FORMAT, counters=marked)
        for machine in sorted(found)
        for at, metrics in by_instant(found[machine])
    ]
    if problem is not None:
        raise Refused(problem.reason, problem.detail, heard)
    return heard


class _Sample(NamedTuple):
    value: float
    timestamp: int


def _parts_of(histograms: Any) -> Iterator[tuple[str, list[_Sample]]]:
    """Counts and sums of native histograms. A sum that is no number marks a series that ended, as a sample's does."""
    known = [one for one in histograms if not math.isnan(one.sum)]
    if known:
        yield "_count", [_Sample(float(one.count_int or one.count_float), one.timestamp) for one in known]
        yield "_sum", [_Sample(one.sum, one.timestamp) for one in known]


def _named(series: Any, part: str = "") -> tuple[str, str]:
    labels = {label.name: label.value for label in series.labels}
    family = labels.pop("__name__", "")
    if not family:
        raise Refused("bad_name", "a series without __name__")
    kept = sorted((key, value) for key, value in labels.items() if key not in _MACHINE and value)
    return family + part, name_ok(labelled(family + part, kept))
