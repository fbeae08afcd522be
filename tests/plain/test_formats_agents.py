"""What each agent really sends, in small: literals written by hand after captures of the real programs."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import pytest

from telemetry.formats import Decoder
from telemetry.reading import Answer, Event, Heard, Reading, Refused, Status

NOW = 1_795_338_200_000
SHARED = pathlib.Path(os.environ.get("VIGIE_SHARED") or pathlib.Path(__file__).resolve().parents[3] / "shared")


def heard(*messages: tuple[str, str | bytes], believes: bool = True) -> list[Heard]:
    """What a recording of these messages says, cycles closed at the end."""
    decoder = Decoder(believes=believes)
    out: list[Heard] = []
    for topic, payload in messages:
        out += decoder.decode(topic, payload.encode() if isinstance(payload, str) else payload, NOW)
    return out + list(decoder.flush())


def readings(*messages: tuple[str, str | bytes], believes: bool = True) -> list[Reading]:
    return [h for h in heard(*messages, believes=believes) if isinstance(h, Reading)]


def only(*messages: tuple[str, str | bytes], believes: bool = True) -> Reading:
    (found,) = readings(*messages, believes=believes)
    return found


def refusal(topic: str, payload: str | bytes, believes: bool = True) -> Refused:
    with pytest.raises(Refused) as caught:
        heard((topic, payload), believes=believes)
    return caught.value


def shared(name: str) -> list[dict[str, Any]]:
    path = SHARED / "captures" / name
    if not path.exists():
        pytest.skip(f"the shared captures are not here: {path}")
    return [json.loads(line) for line in path.read_text().splitlines()]


def bytes_of(line: dict[str, Any]) -> bytes:
    return base64.b64decode(line["payload_b64"]) if "payload_b64" in line else line["payload"].encode()


# ---- golden: every value of a capture, counted by an independent hand


def test_each_number_collectd_sent_stands_in_exactly_one_reading() -> None:
    lines = shared("collectd-mqtt.jsonl")
    sent = [v for line in lines for v in line["payload"].rstrip("\0").split(":")[1:] if v != "nan"]
    found = readings(*((line["topic"], line["payload"]) for line in lines))
    assert sorted(v for r in found for v in r.metrics.values()) == sorted(map(float, sent))
    assert {r.machine for r in found} == {"srv-00017"}
    at = sorted({r.at_ms for r in found})
    assert at == [1_795_337_875_429, 1_795_337_880_421, 1_795_337_885_421, 1_795_337_890_421]


def test_the_golden_first_cycle_of_collectd() -> None:
    lines = [line for line in shared("collectd-mqtt.jsonl") if line["payload"].startswith("1795337875.")]
    (first,) = readings(*((line["topic"], line["payload"]) for line in lines))
    assert len(first.metrics) == 25
    assert [first.metrics[f"load.load.{term}"] for term in ("shortterm", "midterm", "longterm")] == [
        1.52783203125, 2.27490234375, 1.32275390625,
    ]  # fmt: skip
    assert first.metrics["memory.memory-free"] == 24_358_850_560
    assert first.metrics["df-root.percent_bytes-used"] == 10.1791591644287
    assert not [n for n in first.metrics if n.startswith("interface")]  # all nan in the first cycle


def test_the_golden_messages_of_mosquitto_pub() -> None:
    decoder, found, refused = Decoder(believes=True), [], []
    for line in shared("mosquitto-pub.jsonl"):
        try:
            found += decoder.decode(line["topic"], bytes_of(line), line["t_ms"])
        except Refused as e:
            refused.append(e.reason)
    found += decoder.flush()
    assert refused == ["empty", "not_a_number", "not_a_number"]
    told = [(h.at_ms, h.seq, dict(h.metrics)) for h in found if isinstance(h, Reading) and h.format != "prometheus"]
    assert told == [
        (1_790_000_000_000, 1, {"cpu_util": 12.5, "temp_c": 31.0}),
        (1_790_000_001_000, 2, {"cpu_util": 13.5, "temp_c": 31.5}),
        (
            1_795_338_182_712, None,
            {"check_load.load1": 1.52, "check_load.load5": 2.16, "check_load.load15": 1.61, "check_load.state": 0.0},
        ),
        (1_795_338_182_736, None, {"check_disk./": 27_714_912_256.0, "check_disk.state": 0.0}),
        (1_795_338_182_755, None, {"check_swap.swap": 0.0, "check_swap.state": 2.0}),
        (1_795_338_182_790, None, {"check_procs.procs": 90.0, "check_procs.state": 0.0}),
        (1_795_338_182_440, None, {"cpu_util": 17.25}),
    ]  # fmt: skip
    assert [h for h in found if isinstance(h, Status)] == [Status("srv-00017", True, 1_795_338_182_444, "values")]


# ---- collectd


def test_collectd_may_have_a_prefix_of_several_levels_and_hyphens_in_its_host() -> None:
    r = only(("dc1/rack-2/collectd/srv-web-02.dc-1/processes-mosquitto/ps_cputime", "1795338200.100:1.5:nan\0"))
    assert (r.machine, r.at_ms) == ("srv-web-02.dc-1", 1_795_338_200_100)
    assert r.metrics == {"processes-mosquitto.ps_cputime.user": 1.5}
    assert only(("mon/x/srv-a/cpu-0/percent-idle", "1795338200.100:97\0")).machine == "srv-a"


def test_collectd_behind_our_prefix_keeps_plugin_and_type_whatever_host_it_puts_before() -> None:
    for topic in (
        "vigie/srv-1/collectd/some-host/df-root/df_complex-free",
        "vigie/srv-1/collectd/df-root/df_complex-free",
    ):
        r = only((topic, "1795338200.100:5\0"), believes=False)
        assert (r.machine, dict(r.metrics)) == ("srv-1", {"df-root.df_complex-free": 5.0})


COLLECTD_JSON = (
    '[{"values":[1901474177,88],"dstypes":["derive","derive"],"dsnames":["rx","tx"],"time":1795338199.250,'
    '"interval":10.000,"host":"srv-00017","plugin":"interface","plugin_instance":"eth0","type":"if_octets",'
    '"type_instance":""},{"values":[null],"dstypes":["gauge"],"dsnames":["value"],"time":1795338199.250,'
    '"interval":10.000,"host":"srv-00017","plugin":"swap","plugin_instance":"","type":"swap_io","type_instance":"in"},'
    '{"values":[12.5],"dstypes":["derive"],"dsnames":["value"],"time":1795338199.250,"interval":10.000,'
    '"host":"srv-00017","plugin":"cpu","plugin_instance":"0","type":"cpu","type_instance":"idle"}]'
)


def test_collectd_for_kafka_names_its_host_its_sources_and_its_kinds() -> None:
    r = only(("collectd", COLLECTD_JSON))
    assert (r.machine, r.at_ms, r.format) == ("srv-00017", 1_795_338_199_250, "collectd")
    assert r.metrics == {
        "interface-eth0.if_octets.rx": 1_901_474_177.0, "interface-eth0.if_octets.tx": 88.0, "cpu-0.cpu-idle": 12.5,
    }  # fmt: skip
    # A whole number of a growing kind was sent raw; a fraction is a rate already.
    assert r.counters == {"interface-eth0.if_octets.rx", "interface-eth0.if_octets.tx"}


def test_live_the_topic_names_the_machine_and_not_the_payload() -> None:
    assert only(("vigie/srv-1/collectd/json", COLLECTD_JSON), believes=False).machine == "srv-1"
    line = "cpu,host=somebody-else usage_idle=1 1795338200000000000\n"
    assert only(("telegraf/srv-1/cpu", line), believes=False).machine == "srv-1"
    assert refusal("collectd", COLLECTD_JSON, believes=False).reason == "unknown_topic"
    assert refusal("v1/devices/me/telemetry", '{"t":1}', believes=False).reason == "unknown_topic"


# ---- Glances, linux2mqtt, psmqtt


def test_glances_per_metric_keeps_numbers_and_nothing_that_only_looks_like_one() -> None:
    r = only(
        ("glances/srv-00017/load/min1", "3.81"),
        ("glances/srv-00017/network/lo/bytes_recv_gauge", "1841933205"),
        ("glances/srv-00017/network/lo/alias", b""),
        ("glances/srv-00017/network/lo/key", "interface_name"),
        ("glances/srv-00017/network/lo/is_up", "True"),
        ("glances/srv-00017/system/os_version", "14.1"),
        ("glances/srv-00017/cpu/cpu_user_careful", "50.0"),
        ("glances/srv-00017/fs/_var_log/percent", "25.4"),
    )
    assert r.metrics == {
        "load.min1": 3.81, "network.lo.bytes_recv_gauge": 1_841_933_205.0, "network.lo.is_up": 1.0,
        "fs._var_log.percent": 25.4,
    }  # fmt: skip
    assert r.counters == {"network.lo.bytes_recv_gauge"}


def test_glances_behind_our_prefix_drops_the_level_of_its_device() -> None:
    for topic in ("vigie/srv-1/glances/host-x/cpu", "vigie/srv-1/glances/cpu"):
        assert only((topic, '{"total": 12.5, "cpu_user_warning": 70}'), believes=False).metrics == {"cpu.total": 12.5}


def test_linux2mqtt_under_its_own_prefix_is_one_report_and_its_lists_are_no_measurements() -> None:
    told = heard(
        ("linux/srv-00017/status", "online"),
        ("linux/srv-00017/version", "1.7.0"),
        ("homeassistant/sensor/linux/srv-00017_cpu/config", '{"unit_of_measurement": "%"}'),
        ("linux/srv-00017/cpu/availability", "online"),
        ("linux/srv-00017/cpu/state", '{"user": 2.7, "used": 82.3}'),
        ("linux/srv-00017/network_connections/state", '{"total": 138, "listening_ports": [22, 80], "outbound": []}'),
        ("linux/srv-00017/fan__f1_/state", '{"label": "f1", "current": 1200, "unit": "rpm"}'),
    )
    status, reading = told
    assert status == Status("srv-00017", True, NOW, "linux2mqtt")
    assert isinstance(reading, Reading)
    assert reading.metrics == {
        "cpu.user": 2.7, "cpu.used": 82.3, "network_connections.total": 138.0, "fan__f1_.current": 1200.0,
    }  # fmt: skip
    assert reading.facts == {"linux2mqtt.version": "1.7.0"}


def test_psmqtt_marks_what_grows_and_tells_its_presence() -> None:
    told = heard(
        ("psmqtt/srv-00017/psmqtt_status", "online"),
        ("psmqtt/srv-00017/net_io_counters/bytes_sent/lo", "11704609018"),
        ("psmqtt/srv-00017/disk_usage/percent/|", "21.0"),
    )
    assert told[0] == Status("srv-00017", True, NOW, "psmqtt")
    assert isinstance(told[1], Reading)
    assert told[1].metrics == {"net_io_counters.bytes_sent.lo": 11_704_609_018.0, "disk_usage.percent./": 21.0}
    assert told[1].counters == {"net_io_counters.bytes_sent.lo"}
    error = refusal("psmqtt/srv-00017/users/error", "users: exactly 1 or 2 parameters are required; found 0")
    assert (error.reason, error.detail[:6]) == ("no_value", "users:")


# ---- Telegraf

DISK = "disk,device=vda\\ 1,host=h,path=/var\\ log\\,x\\=y total=18446744073709551615u,free\\ bytes\\,a\\=b=2.5,n=-3i"
ODD = 'odd\\ name\\,x=,host=h,k=v text="he said \\"hi\\\\there\\"\nline two, a=1 b=2",ok=true,no=F,big=1e21'


def test_telegraf_escapes_suffixes_and_texts_with_line_feeds() -> None:
    r = only(("telegraf/h/all", f"{DISK} 1795338200000000000\n# a comment\n{ODD} 1795338200000000000\n"))
    assert r.metrics == {
        "disk.vda 1./var log,x=y.total": 18_446_744_073_709_551_615.0,
        "disk.vda 1./var log,x=y.free bytes,a=b": 2.5,
        "disk.vda 1./var log,x=y.n": -3.0,
        "odd name,x=.v.ok": 1.0,
        "odd name,x=.v.no": 0.0,
        "odd name,x=.v.big": 1e21,
    }
    assert r.facts == {"odd name,x=.v.text": 'he said "hi\\there"\nline two, a=1 b=2'}


@pytest.mark.parametrize("stamp", ["1795338199", "1795338199000", "1795338199000000", "1795338199000000000"])
def test_telegraf_stamps_in_any_unit_are_the_same_instant(stamp: str) -> None:
    assert only(("telegraf/h/cpu", f"cpu v=1 {stamp}")).at_ms == 1_795_338_199_000
    body = f'{{"name":"cpu","tags":{{}},"fields":{{"v":1}},"timestamp":{stamp}}}'
    assert only(("telegraf/h/cpu", body)).at_ms == 1_795_338_199_000


def test_telegraf_without_a_stamp_counts_from_its_arrival_and_may_write_rfc_3339() -> None:
    assert only(("telegraf/h/cpu", "cpu,host=h v=1i")).at_ms == NOW
    body = '{"name":"cpu","tags":{},"fields":{"v":1},"timestamp":"2026-11-22T09:03:19Z"}'
    assert only(("telegraf/h/cpu", body)).at_ms == 1_795_338_199_000


def test_telegraf_batches_keep_every_instant_apart() -> None:
    batch = (
        "cpu,host=h v=1 1795338198000000000\nmem,host=h u=2 1795338198000000000\ncpu,host=h v=3 1795338199000000000\n"
    )
    assert [(r.at_ms, dict(r.metrics)) for r in readings(("telegraf/h/all", batch))] == [
        (1_795_338_198_000, {"cpu.v": 1.0, "mem.u": 2.0}), (1_795_338_199_000, {"cpu.v": 3.0}),
    ]  # fmt: skip


def test_telegraf_under_one_topic_for_all_is_told_by_its_host_tag_in_a_recording() -> None:
    both = "cpu,host=a v=1 1795338199000000000\ncpu,host=b v=2 1795338199000000000\n"
    assert {(r.machine, r.metrics["cpu.v"]) for r in readings(("telegraf/metrics", both))} == {("a", 1.0), ("b", 2.0)}
    live = only(("vigie/gw/telegraf/x", both), believes=False)
    assert (live.machine, dict(live.metrics)) == ("gw", {"a.cpu.v": 1.0, "b.cpu.v": 2.0})


def test_telegraf_fields_come_bare_and_texts_among_them_are_no_values() -> None:
    r = only(
        ("telegraf/h/cpu/usage_idle", "97.5"),
        ("telegraf/h/odd/ok", "true"),
        ("telegraf/h/odd/nan", "NaN"),
        ("telegraf/h/odd/text", "state a=1 b=2"),
    )
    assert (dict(r.metrics), dict(r.facts)) == ({"cpu.usage_idle": 97.5, "odd.ok": 1.0}, {"odd.text": "state a=1 b=2"})


def test_a_bad_metric_of_a_batch_takes_no_neighbour_along() -> None:
    body = '{"metrics":[{"name":"a","tags":{},"fields":{"v":1}},{"name":"b"},{"name":"c","tags":{},"fields":{"v":2}}]}'
    decoder = Decoder()
    with pytest.raises(Refused, match="item 2 of 3"):
        decoder.decode("telegraf/h/x", body.encode(), NOW)
    (r,) = decoder.flush()
    assert r.metrics == {"a.v": 1.0, "c.v": 2.0}


def test_a_bad_report_of_an_array_takes_no_neighbour_along() -> None:
    refused = refusal(
        "vigie/m/report", '[{"seq":1,"metrics":{"a":1}},{"seq":-2,"metrics":{}},{"seq":3,"metrics":{"a":3}}]'
    )
    assert refused.reason == "bad_seq"
    assert refused.detail.startswith("item 2 of 3")
    assert [h.seq for h in refused.heard if isinstance(h, Reading)] == [1, 3]
    events = refusal("vigie/m/event", '[{"code":"a","severity":9},{"code":"b","severity":1,"text":"x"}]')
    assert [h.code for h in events.heard if isinstance(h, Event)] == ["b"]


# ---- ThingsBoard


def test_a_thingsboard_device_is_told_under_the_name_whoever_decodes_gives_it() -> None:
    decoder = Decoder(believes=True, nameless="srv-9")
    sent = b'[{"temperature":41.9,"enabled":false,"currentFirmwareVersion":"v1.2.2","n":null}]'
    (r,) = decoder.decode("v1/devices/me/telemetry", sent, NOW)
    assert isinstance(r, Reading)
    assert (r.machine, dict(r.metrics)) == ("srv-9", {"temperature": 41.9, "enabled": 0.0})
    assert r.facts == {"currentFirmwareVersion": "v1.2.2"}
    assert decoder.decode("v1/devices/me/rpc/request/1", b'{"method":"getSessionLimits","params":{}}', NOW) == []
    assert decoder.decode("v1/devices/me/attributes/request/1", b'{"clientKeys":"a"}', NOW) == []
    (attributes,) = decoder.decode("v1/devices/me/attributes", b'{"model":"DHT-22","n":7,"up":true}', NOW)
    assert isinstance(attributes, Reading)
    assert (dict(attributes.metrics), dict(attributes.facts)) == ({}, {"model": "DHT-22", "n": "7", "up": "true"})


def test_a_thingsboard_gateway_speaks_for_its_devices_and_each_is_told_apart() -> None:
    told = heard(
        ("v1/gateway/connect", '{"device":"srv-a","type":"default"}'),
        ("v1/gateway/telemetry", '{"srv-a":[{"ts":1795338003000,"values":{"t":20.6}},{"t":20.7}],"srv b":[{"t":1}]}'),
        ("v1/gateway/attributes", '{"srv-a":{"fw":"1.0"}}'),
        ("v1/gateway/disconnect", '{"device":"srv-a"}'),
    )
    assert told == [
        Status("srv-a", True, NOW, "thingsboard", "me"),
        Reading("srv-a", 1_795_338_003_000, {"t": 20.6}, None, NOW, "thingsboard", via="me"),
        Reading("srv-a", NOW, {"t": 20.7}, None, NOW, "thingsboard", via="me"),
        Reading("srv b", NOW, {"t": 1.0}, None, NOW, "thingsboard", via="me"),
        Reading("srv-a", NOW, {}, None, NOW, "thingsboard", {"fw": "1.0"}, via="me"),
        Status("srv-a", False, NOW, "thingsboard", "me"),
    ]


def test_behind_our_prefix_the_machine_is_the_one_that_signed_in() -> None:
    r = only(
        ("vigie/srv-1/thingsboard/v1/devices/me/telemetry", '{"ts":1795338003000,"values":{"t":1}}'), believes=False
    )
    assert (r.machine, r.at_ms, dict(r.metrics)) == ("srv-1", 1_795_338_003_000, {"t": 1.0})


# ---- Prometheus, Nagios


def test_prometheus_of_today_and_openmetrics_are_read() -> None:
    text = (
        '# TYPE hits counter\n# HELP hits of it\nhits_total{path="/a\\"b\\\\n",code="200",} 1027 1795338199.5\n'
        '{"http.status",zone="é"} 3\n# TYPE lat histogram\nlat_bucket{le="+Inf"} 17 # {t="a"} 0.67 1795338199.1\n'
        'lat_sum 8.5\nlat_count 17\n# TYPE q summary\nq{quantile="0.5"} 0.1\nq_sum 4\nup +Inf\nempty NaN\n# EOF\n'
    )
    hits, rest = readings(("prometheus/h/metrics", text))
    assert (hits.at_ms, dict(hits.metrics)) == (
        1_795_338_199_500,
        {'hits_total{path="/a\\"b\\\\n",code="200",}': 1027.0},
    )
    assert rest.metrics == {
        '{"http.status",zone="é"}': 3.0, 'lat_bucket{le="+Inf"}': 17.0, "lat_sum": 8.5, "lat_count": 17.0,
        'q{quantile="0.5"}': 0.1, "q_sum": 4.0,
    }  # fmt: skip
    assert rest.counters >= {'lat_bucket{le="+Inf"}', "lat_sum", "lat_count", "q_sum"}
    assert 'q{quantile="0.5"}' not in rest.counters


def test_nagios_reads_units_ranges_long_output_and_unknown_values() -> None:
    text = (
        "DISK WARNING - 3 volumes | /=2643MB;5948;5958;0;5968 'C:\\ used %'=87.5%;@80:90;~:95\n"
        "long output, no = here\nmore | load1=.5;;; time=0.012s;1;2;0; x=U y=12c\nz=-3e2KB;;"
    )
    r = only(("nagios/srv-00017/check_all/1", text))
    assert r.metrics == {
        "check_all./": 2643.0, "check_all.C:\\ used %": 87.5, "check_all.load1": 0.5, "check_all.time": 0.012,
        "check_all.y": 12.0, "check_all.z": -300.0, "check_all.state": 1.0,
    }  # fmt: skip
    assert r.counters == {"check_all.y"}
    assert only(("nagios/h/check/127", "sh: not found")).metrics == {"check.state": 3.0}


# ---- Sparkplug B


def varint(n: int) -> bytes:
    out = b""
    while n > 0x7F:
        out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
    return out + bytes([n])


def field(number: int, body: bytes | str) -> bytes:
    body = body.encode() if isinstance(body, str) else body
    return varint(number << 3 | 2) + varint(len(body)) + body


def whole(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def metric(name: str, datatype: int, value: bytes, alias: int | None = None) -> bytes:
    named = (field(1, name) if name else b"") + (whole(2, alias) if alias is not None else b"")
    return field(2, named + (whole(4, datatype) if datatype else b"") + value)


def payload(metrics: Sequence[bytes], seq: int, at: int = NOW) -> bytes:
    return whole(1, at) + b"".join(metrics) + whole(3, seq)


def born(decoder: Decoder, node: str, *metrics: bytes, session: int = 0) -> list[Heard]:
    own = metric("bdSeq", 4, whole(11, session))
    return decoder.decode(f"spBv1.0/G 1/NBIRTH/{node}", payload([own, *metrics], 0), NOW)


def test_sparkplug_numbers_inside_arrays_tables_and_templates_are_metrics() -> None:
    int16s = metric("i16", 23, field(16, struct.pack("<3h", 1, -2, 300)))
    bools = metric("bits", 32, field(16, struct.pack("<I", 3) + b"\xa0"))
    row = field(4, field(1, whole(1, 7)) + field(1, b"\x21" + struct.pack("<d", 1.5)))
    table = metric("t", 16, field(17, whole(1, 2) + field(2, "a") + field(2, "b") + field(3, bytes([3, 10])) + row))
    inside = field(2, field(1, "speed") + whole(4, 3) + whole(10, 2**32 - 9))
    instance = metric("motor", 19, field(18, inside + field(4, "Motor")))
    definition = metric("Motor", 19, field(18, inside + whole(5, 1)))
    raw = metric("blob", 17, field(16, b"\1\2"))
    null = metric("gone", 10, whole(7, 1))
    status, reading = born(Decoder(), "n", int16s, bools, table, instance, definition, raw, null)
    assert status == Status("n", True, NOW, "sparkplug")
    assert isinstance(reading, Reading)
    assert reading.metrics == {
        "i16/0": 1.0, "i16/1": -2.0, "i16/2": 300.0, "bits/0": 1.0, "bits/1": 0.0, "bits/2": 1.0,
        "t/a/0": 7.0, "t/b/0": 1.5, "motor/speed": -9.0,
    }  # fmt: skip


def test_sparkplug_data_without_types_has_those_of_its_birth() -> None:
    decoder = Decoder()
    born(decoder, "n", metric("t", 1, whole(10, 5), alias=3), metric("u", 3, whole(10, 5)))
    (r,) = decoder.decode(
        "spBv1.0/G 1/NDATA/n",
        payload([metric("", 0, whole(10, 2**32 - 12), 3), metric("u", 0, whole(10, 2**32 - 1))], 1),
        NOW,
    )
    assert isinstance(r, Reading)
    assert r.metrics == {"t": -12.0, "u": -1.0}


def test_sparkplug_keeps_what_it_knows_beside_an_alias_nobody_declared_and_wants_a_rebirth() -> None:
    decoder = Decoder()
    born(decoder, "n", metric("t", 10, b"\x69" + struct.pack("<d", 1.5), alias=1))
    assert decoder.births.take_wanted() == []
    data = payload([metric("", 0, b"\x69" + struct.pack("<d", 2.5), 1), metric("", 0, whole(10, 1), 99)], 1)
    with pytest.raises(Refused, match="alias 99") as caught:
        decoder.decode("spBv1.0/G 1/NDATA/n", data, NOW)
    assert [dict(h.metrics) for h in caught.value.heard if isinstance(h, Reading)] == [{"t": 2.5}]
    assert decoder.births.take_wanted() == [("G 1", "n")]
    assert decoder.births.take_wanted() == []


def test_sparkplug_numbers_wrap_after_255_and_a_hole_wants_a_rebirth() -> None:
    decoder = Decoder()
    one = metric("t", 3, whole(10, 1))
    born(decoder, "n", one)
    for seq in [*range(1, 256), 0, 1]:
        assert len(decoder.decode("spBv1.0/G 1/NDATA/n", payload([one], seq), NOW)) == 1
    assert decoder.births.take_wanted() == []
    assert len(decoder.decode("spBv1.0/G 1/NDATA/n", payload([one], 4), NOW)) == 1
    assert decoder.births.take_wanted() == [("G 1", "n")]
    decoder.decode("spBv1.0/G 1/DDATA/stranger/d", payload([one], 7), NOW)
    assert decoder.births.take_wanted() == [("G 1", "stranger")]


def test_a_sparkplug_death_of_an_older_session_ends_nothing() -> None:
    decoder = Decoder()
    born(decoder, "n", session=7)
    death = "spBv1.0/G 1/NDEATH/n"
    assert decoder.decode(death, payload([metric("bdSeq", 8, whole(11, 6))], 0), NOW) == []
    # Some write bdSeq signed in one and unsigned in the other.
    assert decoder.decode(death, payload([metric("bdSeq", 8, whole(11, 7))], 0), NOW) == [
        Status("n", False, NOW, "sparkplug")
    ]


def test_sparkplug_hosts_and_commands_say_nothing_of_a_machine() -> None:
    decoder = Decoder(believes=True)
    assert decoder.decode("spBv1.0/STATE/scada", b'{"online":true,"timestamp":1}', NOW) == []
    assert decoder.decode("STATE/scada", b"ONLINE", NOW) == []
    assert (
        decoder.decode("spBv1.0/G 1/NCMD/n", payload([metric("Node Control/Rebirth", 11, whole(14, 1))], 0), NOW) == []
    )


@pytest.mark.parametrize("word", ["gzip", "deflate"])
def test_sparkplug_bodies_may_be_packed(word: str) -> None:
    decoder = Decoder()
    inside = payload([metric("t", 3, whole(10, 4))], 0)
    packer = zlib.compressobj(wbits=31 if word == "gzip" else 15)
    body = packer.compress(inside) + packer.flush()
    algorithm = metric("algorithm", 12, field(15, word.upper()))
    sealed = whole(1, NOW) + algorithm + whole(3, 0) + field(4, "SPBV1.0_COMPRESSED") + field(5, body)
    _, r = decoder.decode("spBv1.0/G 1/NBIRTH/n", sealed, NOW)
    assert isinstance(r, Reading)
    assert r.metrics == {"t": 4.0}


def test_births_outlive_a_watcher() -> None:
    from telemetry.formats import sparkplug

    decoder, next_one = Decoder(), Decoder()
    born(decoder, "n", metric("t", 3, whole(10, 5), alias=1))
    next_one.births = sparkplug.restored(json.loads(json.dumps(decoder.births.snapshot())))
    (r,) = next_one.decode("spBv1.0/G 1/NDATA/n", payload([metric("", 0, whole(10, 6), 1)], 1), NOW)
    assert isinstance(r, Reading)
    assert r.metrics == {"t": 6.0}
    assert next_one.births.take_wanted() == []


# ---- what is ours and not a machine's


@pytest.mark.parametrize("what", ["receipt", "ask"])
def test_what_we_say_to_a_machine_is_no_telemetry(what: str) -> None:
    assert heard((f"vigie/m/{what}", '{"seq":3}')) == []


def test_an_answer_names_what_was_asked() -> None:
    (answer,) = heard(("vigie/m/answer", '{"id":"ask-1","lines":["a"]}'))
    assert isinstance(answer, Answer)
    assert (answer.machine, answer.ask, answer.body) == ("m", "ask-1", {"id": "ask-1", "lines": ["a"]})
    with pytest.raises(Refused, match="bad_shape"):
        heard(("vigie/m/answer", '{"seq":3}'))


def test_a_rebirth_is_asked_for_in_sparkplug_s_own_words() -> None:
    from telemetry.formats.sparkplug_wire import payload_of, rebirth

    asked = payload_of(rebirth(NOW))
    assert asked.timestamp == NOW
    assert [(m.name, m.datatype, m.raw, m.timestamp) for m in asked.metrics] == [("Node Control/Rebirth", 11, 1, NOW)]
