"""What stands beside a bad item is kept and told as whose it is; and what agents in Python write for no value."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from telemetry.formats import Decoder, otlp, remote_write
from telemetry.formats.mapped import BadMapping, compiled
from telemetry.formats.paths import MOST_FOUND
from telemetry.formats.route import Route
from telemetry.formats.strict import by_instant
from telemetry.reading import Heard, Reading, Refused
from tests.plain.formats_said import NOW, born, field, metric, only, payload, refusal, whole

ROUTE = Route("", "srv-1", (), NOW)


def beside(said: Refused) -> list[tuple[str, dict[str, float]]]:
    return [(h.machine, dict(h.metrics)) for h in said.heard if isinstance(h, Reading)]


@pytest.mark.parametrize(
    "sent",
    ['{"victim": [{"t": 1}, 3]}', '{"victim": [{"t": 1}, 3], "other": [{"t": 1}]}', '{"victim": {"t": 1}, "other": 3}'],
)
def test_a_gateway_never_speaks_as_its_device_itself_whatever_stands_beside(sent: str) -> None:
    said = refusal("vigie/gw/thingsboard/v1/gateway/telemetry", sent, believes=False)
    assert said.heard[0].machine == "victim"
    assert all(getattr(h, "via", "") == "gw" for h in said.heard)


def test_a_good_item_of_a_device_is_kept_beside_a_bad_one_and_beside_another_device() -> None:
    said = refusal("v1/gateway/telemetry", '{"a": [{"t": 1}], "b": [{"t": 2}, 3], "c/d": [{"t": 4}]}')
    assert beside(said) == [("a", {"t": 1.0}), ("b", {"t": 2.0})]
    assert said.detail.startswith("item 2 of 3 and 1 more: item 2 of 2")
    assert refusal("v1/devices/me/telemetry", f'{{"ts": {NOW}, "values": null}}').reason == "bad_shape"


def test_nan_is_no_value_in_what_agents_write_as_json() -> None:
    assert only(("v1/devices/me/telemetry", '{"a": NaN, "b": 1}')).metrics == {"b": 1.0}
    sent = f"[{value_list('a', 'NaN')}, {value_list('b', 'null')}, {value_list('c', '2.5')}]"
    assert only(("collectd", sent)).metrics == {"c.t": 2.5}
    line = '{"name": "m", "tags": {"host": "h"}, "fields": {"a": NaN, "b": 2}, "timestamp": 1795338200}'
    assert only(("telegraf/h/m", f'{{"metrics": [{line}]}}')).metrics == {"m.b": 2.0}


def value_list(plugin: str, value: str, kind: str = "gauge", interval: float = 10.0) -> str:
    rest = {"plugin": plugin, "plugin_instance": "", "type": "t", "type_instance": "", "host": "h", "time": NOW / 1000}
    return (
        f'{{"values": [{value}], "dstypes": ["{kind}"], "dsnames": ["value"], "interval": {interval}, '
        f"{json.dumps(rest)[1:]}"
    )


def test_what_collectd_counts_anew_each_time_grew_in_its_interval_and_what_it_counts_on_is_a_counter() -> None:
    read = only(("collectd", f"[{value_list('a', '50', 'absolute')}, {value_list('d', '7', 'derive')}]"))
    assert (dict(read.metrics), {*read.counters}) == ({"a.t": 50.0, "d.t": 7.0}, {"d.t"})
    assert only(("vigie/h/collectd/json", value_list("a", "50", "absolute"))).deltas == {"a.t": 10.0}
    for rate in (value_list("a", "0.5", "absolute"), value_list("a", "0", "absolute")):
        assert not only(("vigie/h/collectd/json", rate)).deltas  # collectd made the rate itself


def test_of_psmqtt_s_names_none_is_an_instant() -> None:
    for sent in ('{"time": 12, "percent": 50}', ' {"percent": 50, "time": 12}'):
        assert only(("psmqtt/h/battery", sent)).metrics == {"battery.time": 12.0, "battery.percent": 50.0}
    assert refusal("psmqtt/h/battery", '{"state": "full"}').reason == "no_value"


def test_prometheus_names_may_hold_spaces_and_empty_braces_are_no_labels() -> None:
    text = '# TYPE "my metric" counter\n{"my metric",a="b"} 4\n# TYPE x counter\nx{ } 3\n'
    read = only(("prometheus/h/m", text))
    assert dict(read.metrics) == {'{"my metric",a="b"}': 4.0, "x": 3.0}
    assert read.counters == set(read.metrics)


TABLE = whole(1, 2) + field(2, "x") + field(2, "y")


@pytest.mark.parametrize(
    "bad",
    [
        metric("table", 16, field(17, TABLE + whole(3, 3) + field(4, field(1, whole(1, 1)) + field(1, whole(1, 2))))),
        metric("table", 16, field(17, TABLE + field(3, b"\x03\x03") + field(4, field(1, whole(1, 1))))),
        metric("text", 12, field(15, b"\xff")),
        field(2, b"\x0a\x09cut"),
    ],
)
def test_a_metric_of_sparkplug_that_cannot_be_read_takes_no_neighbour_along(bad: bytes) -> None:
    decoder = Decoder()
    born(decoder, "n", metric("a", 3, whole(10, 1), 1))
    with pytest.raises(Refused) as said:
        decoder.decode("spBv1.0/G 1/NDATA/n", payload([bad, metric("", 0, whole(10, 7), 1)], 1), NOW)
    assert beside(said.value) == [("n", {"a": 7.0})]


def test_an_otlp_histogram_whose_buckets_do_not_fit_its_bounds_is_told_of() -> None:
    request = ExportMetricsServiceRequest()
    for name, counts in (("bad", [1, 2]), ("good", [1, 2, 3])):
        m = request.resource_metrics.add().scope_metrics.add().metrics.add(name=name)
        m.histogram.data_points.add(time_unix_nano=NOW * 10**6, count=3, bucket_counts=counts, explicit_bounds=[1, 2])
    with pytest.raises(Refused, match="2 buckets between 2 bounds") as said:
        otlp.parse(ROUTE, request.SerializeToString())
    assert [names["good.count"] for _, names in beside(said.value)] == [3.0]


def test_an_exponential_histogram_of_any_scale_is_read_and_counts_no_bucket_away() -> None:
    request = ExportMetricsServiceRequest()
    for name, scale in (("wide", -(2**31)), ("fine", 20)):
        m = request.resource_metrics.add().scope_metrics.add().metrics.add(name=name)
        point = m.exponential_histogram.data_points.add(time_unix_nano=NOW * 10**6, count=7, scale=scale)
        point.positive.offset = -1
        point.positive.bucket_counts.extend([3, 4])
    wide, fine = otlp.parse(ROUTE, request.SerializeToString())
    assert isinstance(wide, Reading)
    assert isinstance(fine, Reading)
    assert dict(wide.metrics) == {"wide.count": 7.0, 'wide.bucket{le="1"}': 3.0, 'wide.bucket{le="inf"}': 4.0}
    assert dict(fine.metrics) == {"fine.count": 7.0, 'fine.bucket{le="1"}': 7.0}  # 1 and 1.00000066


def test_an_otlp_series_told_often_of_one_instant_is_overwritten_nowhere() -> None:
    request = ExportMetricsServiceRequest()
    m = request.resource_metrics.add().scope_metrics.add().metrics.add(name="a")
    for i in range(otlp.MAX_POINTS):
        m.gauge.data_points.add(time_unix_nano=NOW * 10**6, as_int=i)
    heard = otlp.parse(ROUTE, request.SerializeToString())
    assert [h.metrics["a"] for h in heard if isinstance(h, Reading)] == [*map(float, range(otlp.MAX_POINTS))]


def series(**labels: str) -> tuple[Any, Any]:
    request = remote_write._write_request()()
    one = request.timeseries.add()
    for key, value in labels.items():
        one.labels.add(name=key, value=value)
    return request, one


def test_a_sample_that_cannot_be_kept_takes_no_other_of_its_series_along() -> None:
    request, one = series(__name__="x_total")
    for at in (NOW - 1000, NOW + 10**9, NOW):
        one.samples.add(value=5, timestamp=at)
    with pytest.raises(Refused, match="future_instant") as said:
        remote_write.parse(ROUTE, request.SerializeToString())
    assert [(h.at_ms, {*h.counters}) for h in said.value.heard if isinstance(h, Reading)] == [
        (NOW - 1000, {"x_total"}), (NOW, {"x_total"}),
    ]  # fmt: skip


def test_of_a_native_histogram_count_and_sum_are_kept_and_its_end_is_no_value() -> None:
    request, one = series(__name__="rpc", job="a")
    stale = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
    one.histograms.add(count_int=12, sum=3.5, timestamp=NOW)
    one.histograms.add(count_int=0, sum=stale, timestamp=NOW + 1000)
    (read,) = remote_write.parse(ROUTE, request.SerializeToString())
    assert isinstance(read, Reading)
    assert dict(read.metrics) == {'rpc_count{job="a"}': 12.0, 'rpc_sum{job="a"}': 3.5}
    assert read.counters == set(read.metrics)


def test_a_path_of_a_mapping_that_holds_no_number_takes_no_other_along() -> None:
    spec = {"name": "m", "topic": "plant/{machine}", "value": [
        {"path": "$.a", "metric": "a"}, {"path": "$.s[*].v", "metric": "s.{1}"},
    ]}  # fmt: skip
    decoder = Decoder()
    decoder.mappings = [compiled(spec)]
    with pytest.raises(Refused) as said:
        decoder.decode("plant/h", b'{"a": "broken", "s": [{"v": 1}, {"v": "x"}, {"v": 3}]}', NOW)
    assert (said.value.machine, said.value.detail) == ("h", "broken")
    assert beside(said.value) == [("h", {"s.0": 1.0, "s.2": 3.0})]


@pytest.mark.parametrize(("topic", "sent", "reason"), [
    ("vigie/h/collectd/json", "[{}]".format(value_list("a", "1").replace(f"{NOW / 1000}", "1e308")), "bad_instant"),
    ("vigie/h/collectd/json", value_list("a", "1", "absolute").replace(" 10.0,", f" {'9' * 400},"), "not_a_number"),
    ("vigie/h/telegraf/cpu", "cpu a=1e400", "not_a_number"),
    ("vigie/h/telegraf/cpu", f"cpu a={'9' * 400},b=1", "not_a_number"),
])  # fmt: skip
def test_what_is_larger_than_any_number_is_refused(topic: str, sent: str, reason: str) -> None:
    assert refusal(topic, sent, believes=False).reason == reason


@pytest.mark.parametrize("levels", [900, 3_000])
def test_an_answer_is_not_followed_down_for_ever(levels: int) -> None:
    sent = f'{{"id": "x", "result": {"[" * levels}{"]" * levels}}}'
    assert refusal("vigie/h/answer", sent, believes=False).reason == "too_deep"


def test_collectd_s_kinds_that_are_no_texts_are_none() -> None:
    read = only(("vigie/h/collectd/json", value_list("a", "7").replace('["gauge"]', "[[]]")), believes=False)
    assert (dict(read.metrics), read.counters) == ({"a.t": 7.0}, frozenset())


def test_a_mapping_keeps_what_can_be_kept_of_values_too_large_and_too_many() -> None:
    values = [{"path": "$.a", "metric": "a", "scale": 1e10}, {"path": "$.s[*][*]", "metric": "s.{1}.{2}"}]
    decoder = Decoder()
    decoder.mappings = [compiled({"name": "m", "topic": "plant/{machine}", "value": values})]
    for sent, said, kept in (
        ({"a": 1e308, "s": [[5]]}, "a: 1e+308 is too large to be scaled", {"s.0.0": 5.0}),
        ({"a": 1, "s": [["x"] * MOST_FOUND, [7]]}, "x", {"a": 1e10}),  # and what lies further is not looked for
    ):
        with pytest.raises(Refused) as refused:
            decoder.decode("plant/h", json.dumps(sent).encode(), NOW)
        assert (refused.value.detail, beside(refused.value)) == (said, [("h", kept)])
    with pytest.raises(BadMapping, match="nothing names"):
        compiled({"name": "m", "topic": "plant/{machine}", "value": [{"path": "$[*]", "metric": "s.{²}"}]})


def test_each_value_of_a_name_told_often_of_one_instant_begins_another_set() -> None:
    told = [(1, name, float(i)) for i in range(20_000) for name in (("a", "b") if i % 2 else ("a",))]
    sets = [metrics for _, metrics in by_instant([*told, (0, "c", 1.0)])]
    assert sets[:3] == [{"c": 1.0}, {"a": 0.0, "b": 1.0}, {"a": 1.0, "b": 3.0}]
    assert (len(sets), sets[-1]) == (20_001, {"a": 19_999.0})


ANYBODY: dict[str, bytes] = {
    "vigie/m/thingsboard/v1/gateway/telemetry": b'{"x": [{"t": 1}, 1], "y": {"t": 1}}',
    "vigie/m/thingsboard/v1/gateway/attributes": b'{"x": {"fw": "1"}, "y": 3}',
    "vigie/m/thingsboard/v1/gateway/connect": b'{"device": "x"}',
    "vigie/m/collectd/json": f"[{value_list('a', '1')}, 3]".encode(),
    "vigie/m/telegraf/x": b"cpu,host=x a=1\ncpu,host=y a=2\nbad\n",
    "vigie/m/sparkplug/G/NBIRTH/x": payload([metric("a", 3, whole(10, 1)), field(2, b"\x0a\x09c")], 0),
}


@pytest.mark.parametrize("topic", ANYBODY)
def test_whoever_a_message_names_it_is_its_senders_or_told_as_said_by_it(topic: str) -> None:
    decoder = Decoder()
    told: list[Heard] = []
    try:
        told += decoder.decode(topic, ANYBODY[topic], NOW)
    except Refused as refused:
        told += refused.heard
    told += decoder.flush()
    assert told
    for heard in told:
        assert heard.machine == "m" or getattr(heard, "via", "") == "m"
