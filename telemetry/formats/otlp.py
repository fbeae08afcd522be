"""OpenTelemetry's OTLP metrics, protobuf or JSON, as its HTTP exporters send them. Plain.

Names are kept with their attributes, sorted: ``system.disk.io{device="sda",direction="read"}``. A metric of a service
also carries ``service.name``, because two services of one host count apart; metrics of the host itself (``system.*``,
``hw.*``) do not. Sums that only grow are counters; delta sums are told with their span, so that they become rates all
the same. A histogram becomes ``.count``, ``.sum``, ``.min``, ``.max`` and its counts as ``.bucket{…,le="…"}``, each as
sent (not added up); of an exponential one the buckets that are not empty. Resource attributes become facts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest as Request
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse as Response

from telemetry.formats.instants import instant
from telemetry.formats.route import Route
from telemetry.formats.strict import MAX_NAME, MAX_TEXT, json_of, name_ok
from telemetry.reading import NO_COUNTERS, NO_FACTS, Heard, Reading, Refused

FORMAT: Final = "otlp"
__all__ = [
    "FORMAT",
    "MAX_POINTS",
    "Response",
    "identity",
    "judged",
    "labelled",
    "parse",
    "parts",
    "points_in",
    "request_of",
]

IDENTITY: Final = ("vigie.machine", "host.name", "host.id")
_HOST_LEVEL: Final = ("system.", "hw.", "host.")
_NAMELESS: Final = "unknown_service"  # what SDKs say of a program nobody named
_DELTA: Final = 1
_NO_VALUE: Final = 1  # the flag of a point that says only that there is none
MAX_POINTS: Final = 20_000
_NS_MS: Final = 1_000_000
Value = tuple[str, float]


@dataclass(slots=True)
class _Set:
    """What one resource says at one instant."""

    metrics: dict[str, float] = field(default_factory=dict)
    counters: set[str] = field(default_factory=set)
    deltas: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Sets:
    """Its instants. The same series twice at one of them (two instrumentation scopes) begins a second set: nothing is
    overwritten."""

    places: dict[tuple[int, int], _Set] = field(default_factory=dict)
    behind: dict[tuple[int, str], int] = field(default_factory=dict)  # the first place no such name was put to yet

    def home(self, at: int, names: Sequence[str]) -> _Set:
        """Where values of these names may go."""
        place = max((self.behind.get((at, name), 0) for name in names), default=0)
        self.behind.update({(at, name): place + 1 for name in names})
        return self.places.setdefault((at, place), _Set())


def request_of(body: bytes, *, is_json: bool) -> Any:  # Any: generated classes have no stubs
    """The request as generated code reads it. Raises ``Refused``."""
    request = Request()
    try:
        if is_json:
            json_of(body)  # one parser says what JSON is: keys given twice and bare NaN are refused
            Parse(body.decode("utf-8"), request, ignore_unknown_fields=True, max_recursion_depth=32)
        else:
            request.ParseFromString(body)
    except (DecodeError, ParseError, UnicodeDecodeError, RecursionError) as problem:
        raise Refused("bad_payload", f"no OTLP metrics request ({type(problem).__name__})") from None
    return request


def identity(resource: Any) -> str:
    """The machine a resource names, by the first of ``IDENTITY`` it has; empty when it names none."""
    said = {a.key: a.value.string_value for a in resource.attributes if a.key in IDENTITY}
    return next((said[key] for key in IDENTITY if said.get(key)), "")


def points_in(resource_metrics: Any) -> int:
    """Data points of one resource's metrics."""
    return sum(
        len(getattr(metric, metric.WhichOneof("data")).data_points)
        for scope in resource_metrics.scope_metrics
        for metric in scope.metrics
        if metric.WhichOneof("data")
    )


def parse(route: Route, payload: bytes) -> list[Heard]:
    """One reading a resource and instant. A point that cannot be kept is refused, the others stand."""
    request = request_of(payload, is_json=payload[:1] == b"{")
    if sum(map(points_in, request.resource_metrics)) > MAX_POINTS:
        raise Refused("too_many_metrics", f"more than {MAX_POINTS} points")
    heard: list[Heard] = []
    problem: Refused | None = None
    for resource in request.resource_metrics:
        told, _, bad = judged(route, resource)
        heard += told
        problem = problem or bad
    if problem is not None:
        raise Refused(problem.reason, problem.detail, heard)
    return heard


def judged(route: Route, sent: Any) -> tuple[list[Heard], int, Refused | None]:
    """What one resource's metrics say, how many of their points cannot be kept, and why the first of these cannot."""
    attributes = _attributes(sent.resource.attributes)
    try:
        facts = {name_ok(k[:MAX_NAME]): v[:MAX_TEXT] for k, v in attributes.items() if k and v}
    except Refused as refused:  # who cannot be named takes no other resource along
        return [], points_in(sent), Refused(refused.reason, f"resource attribute {refused.detail}")
    machine = (identity(sent.resource) if route.believes else "") or route.machine
    service = attributes.get("service.name", "")
    service = "" if service.startswith(_NAMELESS) else service
    sets = _Sets()
    bad = 0
    problem: Refused | None = None
    for metric, kind, point in _points(sent):
        extra = {} if not service or metric.name.startswith(_HOST_LEVEL) else {"service.name": service}
        try:
            _take(route, sets, metric, kind, point, extra)
        except Refused as refused:
            bad += 1
            problem = problem or refused
    heard: list[Heard] = []
    for (at, _), kept in sorted(sets.places.items(), key=lambda pair: pair[0]):
        counters = frozenset(kept.counters) or NO_COUNTERS
        told = NO_FACTS if heard else facts
        received = route.received_at_ms
        heard.append(Reading(machine, at, kept.metrics, None, received, FORMAT, told, counters, deltas=kept.deltas))
    return heard, bad, problem


def _points(sent: Any) -> Iterator[tuple[Any, str, Any]]:
    for scope in sent.scope_metrics:
        for metric in scope.metrics:
            kind = metric.WhichOneof("data")
            for point in getattr(metric, kind).data_points if kind else ():
                if not point.flags & _NO_VALUE:
                    yield metric, kind, point


def parts(resource_metrics: Any, largest: int) -> Iterator[tuple[bytes, int]]:
    """One resource's metrics as requests of at most ``largest`` bytes, with their points.

    A single metric larger than that makes a request of its own.
    """
    whole = Request(resource_metrics=[resource_metrics])
    if whole.ByteSize() <= largest:
        yield whole.SerializeToString(), points_in(resource_metrics)
        return
    for scope in resource_metrics.scope_metrics:
        waiting = list(scope.metrics)
        while waiting:
            part = Request()
            resource = part.resource_metrics.add()
            resource.resource.CopyFrom(resource_metrics.resource)
            inner = resource.scope_metrics.add()
            inner.scope.CopyFrom(scope.scope)
            size = part.ByteSize()
            while waiting and (not inner.metrics or size + waiting[0].ByteSize() < largest):
                size += waiting[0].ByteSize() + 8
                inner.metrics.append(waiting.pop(0))
            yield part.SerializeToString(), points_in(resource)


def _take(route: Route, sets: _Sets, metric: Any, kind: str, point: Any, extra: Mapping[str, str]) -> None:
    at = instant(point.time_unix_nano // _NS_MS or None, route.received_at_ms)
    labels = sorted({**_attributes(point.attributes), **extra}.items())
    data = getattr(metric, kind)
    values = list(_values(metric.name, kind, point, labels))
    is_delta = getattr(data, "aggregation_temporality", 0) == _DELTA
    grows = kind in {"histogram", "exponential_histogram", "summary"} or (kind == "sum" and data.is_monotonic)
    span_s = (point.time_unix_nano - point.start_time_unix_nano) / 1e9 if point.start_time_unix_nano else 0.0
    names = [name_ok(name) for name, _ in values]
    home = sets.home(at, names)
    for name, value in values:
        home.metrics[name] = value
        if name.partition("{")[0].endswith((".min", ".max")) and kind != "sum":
            continue
        if is_delta and span_s > 0 and kind != "gauge":
            home.deltas[name] = span_s
        elif grows and not is_delta and "{quantile=" not in name:
            home.counters.add(name)


def _values(name: str, kind: str, point: Any, labels: list[tuple[str, str]]) -> Iterator[Value]:
    if kind in {"gauge", "sum"}:
        held = point.WhichOneof("value")
        value = float(getattr(point, held)) if held else math.nan
        if math.isfinite(value):
            yield labelled(name, labels), value
        return
    yield labelled(f"{name}.count", labels), float(point.count)
    if kind == "summary" or point.HasField("sum"):
        yield from _finite(labelled(f"{name}.sum", labels), point.sum)
    if kind == "summary":
        for quantile in point.quantile_values:
            yield from _finite(labelled(name, [*labels, ("quantile", f"{quantile.quantile:g}")]), quantile.value)
        return
    for side in ("min", "max"):
        if point.HasField(side):
            yield from _finite(labelled(f"{name}.{side}", labels), getattr(point, side))
    buckets: Counter[str] = Counter()  # of bounds too near to each other for our names the counts are one
    for bound, count in _bounds(point) if kind == "histogram" else _exponential(point):
        buckets[bound] += count
    for bound, count in buckets.items():
        yield labelled(f"{name}.bucket", [*labels, ("le", bound)]), float(count)


def _finite(name: str, value: float) -> Iterable[Value]:
    return [(name, float(value))] if math.isfinite(value) else []


def _bounds(point: Any) -> Iterator[tuple[str, int]]:
    bounds = [f"{bound:g}" for bound in point.explicit_bounds]
    if len(point.bucket_counts) not in {0, len(bounds) + 1}:
        raise Refused("bad_shape", f"{len(point.bucket_counts)} buckets between {len(bounds)} bounds")
    yield from zip([*bounds, "+Inf"], point.bucket_counts, strict=False)


def _exponential(point: Any) -> Iterator[tuple[str, int]]:
    """Buckets that hold something, by their upper bounds base^(offset + i + 1), base = 2^(2^-scale)."""
    width = 2.0 ** min(-point.scale, 1000)  # from a scale of -11 down all above 1 lie in one
    for side, sign in ((point.negative, -1.0), (point.positive, 1.0)):
        for i, count in enumerate(side.bucket_counts):
            if count:
                power = (side.offset + i + (1 if sign > 0 else 0)) * width
                yield f"{sign * 2.0**power if power < 1024 else sign * math.inf:g}", count
    if point.zero_count:
        yield "0", point.zero_count


def labelled(name: str, labels: list[tuple[str, str]]) -> str:
    """A name with its labels, in the way of Prometheus' text format."""
    if not labels:
        return name
    return f"{name}{{{','.join(f'{key}={_quoted(value)}' for key, value in labels)}}}"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _attributes(sent: Any) -> dict[str, str]:
    return {one.key: _text(one.value) for one in sent}


def _text(value: Any) -> str:
    held = value.WhichOneof("value")
    if held == "bool_value":
        return "true" if value.bool_value else "false"
    if held == "double_value":
        return f"{value.double_value!r}"
    if held in {"string_value", "int_value"}:
        return str(getattr(value, held))
    if held == "array_value":
        return ",".join(map(_text, value.array_value.values))
    if held == "kvlist_value":
        return ",".join(f"{one.key}={_text(one.value)}" for one in value.kvlist_value.values)
    return value.bytes_value.hex() if held == "bytes_value" else ""
