"""Every wire format: what real agents sent is understood, nonsense is refused with its reason."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.formats import Decoder
from telemetry.formats.sources import PARSERS
from telemetry.reading import REASONS, Event, Heard, Reading, Refused, Status

NOW = 1_795_338_200_000
SHARED = pathlib.Path(os.environ.get("VIGIE_SHARED") or pathlib.Path(__file__).resolve().parents[3] / "shared")


def report(payload: bytes, topic: str = "vigie/srv-1/report") -> list[Heard]:
    return Decoder().decode(topic, payload, NOW)


def reading(payload: bytes, topic: str = "vigie/srv-1/report") -> Reading:
    (found,) = report(payload, topic)
    assert isinstance(found, Reading)
    return found


def refusal(payload: bytes, topic: str = "vigie/srv-1/report") -> str:
    with pytest.raises(Refused) as caught:
        report(payload, topic)
    return caught.value.reason


def capture(name: str) -> tuple[list[Heard], list[tuple[str, str]]]:
    path = SHARED / "captures" / name
    if not path.exists():
        pytest.skip(f"the shared captures are not here: {path}")
    decoder, heard, refused = Decoder(), [], []
    for line in path.read_text().splitlines():
        m = json.loads(line)
        payload = base64.b64decode(m["payload_b64"]) if "payload_b64" in m else m["payload"].encode()
        try:
            heard += decoder.decode(m["topic"], payload, m["t_ms"])
        except Refused as e:
            refused.append((m["topic"], e.reason))
    return heard + decoder.flush(), refused


def test_a_native_report_keeps_its_instant_number_metrics_and_facts() -> None:
    r = reading(
        b'{"seq":17,"at":1790000000000,"metrics":{"cpu_util":12.5,"up":true,"disk":{"used":{"/var":3}},"gone":null},'
        b'"facts":{"bios":"2.4.1"}}'
    )
    assert (r.machine, r.at_ms, r.seq, r.format) == ("srv-1", 1_790_000_000_000, 17, "native")
    assert r.metrics == {"cpu_util": 12.5, "up": 1.0, "disk.used./var": 3.0}
    assert r.facts == {"bios": "2.4.1"}


def test_instants_may_be_rfc_3339_or_missing() -> None:
    assert reading(b'{"at":"2026-09-21T14:13:20Z","metrics":{"a":1}}').at_ms == 1_790_000_000_000
    assert reading(b'{"at":"2026-09-21T16:13:20.250+02:00","metrics":{"a":1}}').at_ms == 1_790_000_000_250
    assert reading(b'{"metrics":{"a":1}}').at_ms == NOW


def test_an_array_is_many_reports() -> None:
    assert [
        h.seq for h in report(b'[{"seq":1,"metrics":{"a":1}},{"seq":2,"metrics":{"a":2}}]') if isinstance(h, Reading)
    ] == [1, 2]


def test_events_and_status_are_told_apart_from_reports() -> None:
    (event,) = report(b'{"code":"ecc","severity":"critical","text":"DIMM A2"}', "vigie/srv-1/event")
    assert event == Event("srv-1", NOW, "ecc", 1, "DIMM A2", NOW, "native")
    (status,) = report(b"offline", "vigie/srv-1/status")
    assert status == Status("srv-1", False, NOW, "native")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (b"\x00\x00", "empty"),
        (b"x" * 2**20, "too_large"),
        (b'{"metrics":{"a":\xff}}', "not_utf8"),
        (b"hello", "not_json"),
        (b'{"metrics":{"a":1}', "not_json"),
        (b'{"metrics":{"a":1,"a":2}}', "duplicate_key"),
        (b'{"metrics":{"a" :1, "b":2, "a" : 2}}', "duplicate_key"),
        (b'{"metrics":{"a":1,"a":2,"t":"\\u003a"}}', "duplicate_key"),
        (b'{"metrics":{"a.b":1,"a":{"b":2}}}', "duplicate_key"),
        (b'{"metrics":{"a":NaN}}', "not_a_number"),
        (b'{"metrics":{"a":-Infinity}}', "not_a_number"),
        (b'{"metrics":{"a":1e999}}', "not_a_number"),
        (b'{"metrics":{"a":' + b"9" * 400 + b"}}", "not_a_number"),
        (b'{"metrics":{"a":"12"}}', "not_a_number"),
        (b"[" * 100_000, "too_deep"),
        (b'{"metrics":' + b'{"a":' * 60 + b"1" + b"}" * 61, "too_deep"),
        (b'{"seq":-1,"metrics":{"a":1}}', "bad_seq"),
        (b'{"seq":9223372036854775808,"metrics":{"a":1}}', "bad_seq"),
        (b'{"seq":1.5,"metrics":{"a":1}}', "bad_seq"),
        (b'{"seq":true,"metrics":{"a":1}}', "bad_seq"),
        (b'{"at":"0001-01-01T00:00:00Z","metrics":{"a":1}}', "bad_instant"),
        (b'{"at":"9999-12-31T23:59:59Z","metrics":{"a":1}}', "bad_instant"),
        (b'{"at":"9999-12-31T23:59:59-14:00","metrics":{"a":1}}', "bad_instant"),
        (b'{"at":"2026-09-21T14:13:20","metrics":{"a":1}}', "bad_instant"),
        (b'{"at":1790000000,"metrics":{"a":1}}', "bad_instant"),
        (b'{"at":1795999999999,"metrics":{"a":1}}', "future_instant"),
        (b'{"at":[],"metrics":{"a":1}}', "bad_instant"),
        (b'{"metrics":[1]}', "bad_shape"),
        (b'{"metrics":{"a":1},"extra":1}', "bad_shape"),
        (b"17", "bad_shape"),
        (b"[]", "no_value"),
        (b"{}", "no_value"),
        (b'{"metrics":{"":1}}', "bad_name"),
        (b'{"metrics":{"a\\u0000b":1}}', "bad_name"),
        (b'{"metrics":{' + b",".join(b'"m%d":1' % i for i in range(5000)) + b"}}", "too_many_metrics"),
    ],
)
def test_nonsense_is_refused_with_its_reason(payload: bytes, reason: str) -> None:
    assert refusal(payload) == reason


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("vigie/srv-1/telepathy", "unknown_format"),
        ("vigie/srv-1/report/more", "unknown_topic"),
        ("vigie/srv-1", "unknown_topic"),
        ("vigie//report", "no_machine"),
        ("vigie/a+b/report", "bad_name"),
        ("elsewhere/x", "unknown_topic"),
        ("spBv1.0/G/XDATA/n", "unknown_topic"),
        ("collectd/h/only", "bad_shape"),
        ("t" * 5000, "too_large"),
    ],
)
def test_a_topic_nobody_declared_is_refused(topic: str, reason: str) -> None:
    assert refusal(b'{"metrics":{"a":1}}', topic) == reason


def test_a_colon_in_a_text_is_no_second_key() -> None:
    assert reading(b'{"metrics":{"a":1},"facts":{"url":"http://x:80/"}}').facts == {"url": "http://x:80/"}


def test_collectd_as_captured_becomes_one_report_a_cycle() -> None:
    heard, refused = capture("collectd-mqtt.jsonl")
    assert refused == []
    assert [len(h.metrics) for h in heard if isinstance(h, Reading)] == [25, 68, 78, 78]
    first = heard[0]
    assert isinstance(first, Reading)
    assert (first.machine, first.at_ms) == ("srv-00017", 1_795_337_875_429)
    assert first.metrics["load.load.midterm"] == 2.27490234375
    assert first.metrics["df-root.df_complex-used"] == 27_540_037_632
    last = heard[-1]
    assert isinstance(last, Reading)
    assert last.metrics["disk-vda.disk_octets.read"] == 46_597_197.3761153


def test_collectd_nan_is_no_value() -> None:
    assert report(b"1795337875.429:nan:nan\0", "collectd/h/interface-lo/if_octets") == []


def test_glances_as_captured_keeps_numbers_and_leaves_thresholds() -> None:
    heard, refused = capture("glances-per-plugin.jsonl")
    assert refused == []
    cycles = [h for h in heard if isinstance(h, Reading)]
    assert [len(c.metrics) for c in cycles] == [360, 360, 360]
    assert cycles[0].metrics["fs./.percent"] == 25.4
    assert not any(n.endswith("_careful") for n in cycles[0].metrics)
    assert "network.lo.bytes_recv_gauge" in cycles[0].counters
    assert [h.online for h in heard if isinstance(h, Status)] == [True, False]


def test_sparkplug_as_captured_says_what_its_decoded_file_says() -> None:
    heard, refused = capture("pysparkplug.jsonl")
    assert refused == []
    lines = (SHARED / "captures" / "pysparkplug.decoded.jsonl").read_text().splitlines()
    assert heard.pop(0) == Status("srv-00017", True, heard[0].received_at_ms, "sparkplug")
    for found, line in zip(heard, map(json.loads, lines), strict=True):
        if "DEATH" in line["topic"]:
            assert found == Status("srv-00017", False, found.received_at_ms, "sparkplug")
            continue
        assert isinstance(found, Reading)
        device = "raid0/" if line["topic"].endswith("raid0") else ""
        sent = {}
        for m in line["payload"]["metrics"]:
            value = next((m[k] for k in ("double_value", "float_value", "long_value", "int_value") if k in m), None)
            if value is not None and m["name"] != "bdSeq":
                sent[device + m["name"]] = float(value)
        assert found.metrics == sent
        assert found.at_ms == int(line["payload"]["metrics"][0]["timestamp"])


def test_what_mosquitto_pub_carried_is_understood_or_refused() -> None:
    heard, refused = capture("mosquitto-pub.jsonl")
    assert refused == [
        ("telemetry/acme/srv-00017/health", "empty"),
        ("telemetry/acme/srv-00017/lines", "not_a_number"),
        ("telemetry/acme/srv-00017/lines", "not_a_number"),
    ]
    found = {tuple(h.metrics): h for h in heard if isinstance(h, Reading)}
    assert found["cpu_util", "temp_c"].seq == 2
    assert found["check_swap.swap", "check_swap.state"].metrics["check_swap.state"] == 2.0
    (scrape,) = [h for h in heard if isinstance(h, Reading) and h.format == "prometheus"]
    assert scrape.metrics['node_cpu_seconds_total{cpu="1",mode="user"}'] == 786.94
    assert 'node_cpu_seconds_total{cpu="1",mode="user"}' in scrape.counters
    assert "node_load1" not in scrape.counters


def test_nagios_labels_may_be_quoted_and_values_unknown() -> None:
    r = reading(b"OK | 'a b''c'=3ms;1;2 d=U 'e=f'=1.5e3c", "nagios/h/check/1")
    assert r.metrics == {"check.a b'c": 3.0, "check.e=f": 1500.0, "check.state": 1.0}
    assert r.counters == {"check.e=f"}


def test_psmqtt_writes_a_bar_for_a_slash_and_its_errors_are_no_values() -> None:
    decoder = Decoder()
    decoder.decode("psmqtt/h/disk_usage/percent/|var", b"41.5", NOW)
    (r,) = decoder.flush()
    assert r.metrics == {"disk_usage.percent./var": 41.5}
    assert refusal(b"no such device", "psmqtt/h/disk_usage/error") == "no_value"
    assert refusal(b"no such device", "psmqtt/h/disk_usage") == "not_a_number"


def test_telegraf_lines_and_json_name_metrics_alike() -> None:
    decoder = Decoder()
    decoder.decode(
        "telegraf/h/cpu", b'cpu,cpu=cpu0,host=h usage_idle=97.5,n=3i,ok=t,s="a b" 1795338200000000000\n', NOW
    )
    (line,) = decoder.flush()
    decoder.decode(
        "telegraf/h/cpu",
        b'{"metrics":[{"name":"cpu","tags":{"cpu":"cpu0","host":"h"},"timestamp":1795338200,"fields":'
        b'{"usage_idle":97.5,"n":3,"ok":true,"s":"a b"}}]}',
        NOW,
    )
    (as_json,) = decoder.flush()
    assert line.metrics == as_json.metrics == {"cpu.cpu0.usage_idle": 97.5, "cpu.cpu0.n": 3.0, "cpu.cpu0.ok": 1.0}
    assert line.at_ms == as_json.at_ms == NOW


def test_thingsboard_objects_and_batches_are_readings() -> None:
    decoder = Decoder()
    topic = "vigie/srv-1/thingsboard/v1/devices/me/telemetry"
    heard = decoder.decode(topic, b'[{"ts":1790000000000,"values":{"t":1}},{"ts":1790000001000,"values":{"t":2}}]', NOW)
    assert [dict(h.metrics) for h in heard if isinstance(h, Reading)] == [{"t": 1.0}, {"t": 2.0}]


def test_prometheus_labels_may_hold_braces_and_escaped_quotes() -> None:
    r = reading(b'# TYPE x counter\nx{a="}\\"{",b=" "} 3 1795338200000\ny NaN\n', "prometheus/h/metrics")
    assert r.metrics == {'x{a="}\\"{",b=" "}': 3.0}
    assert refusal(b"x{ 3", "prometheus/h/metrics") == "bad_payload"


def test_a_late_member_finds_its_own_cycle() -> None:
    decoder, heard = Decoder(), []
    for at, plugin, value in ((0, "a", 1), (0, "b", 2), (5, "a", 3), (0, "c", 9), (5, "b", 4), (5, "c", 5)):
        body = f"{1_795_338_000 + at}.000:{value}\0".encode()
        heard += decoder.decode(f"collectd/h/{plugin}/gauge", body, 1_795_338_000_100 + at * 100)
    heard += decoder.flush()
    assert [dict(h.metrics) for h in heard if isinstance(h, Reading)] == [
        {"a.gauge": 1.0, "b.gauge": 2.0, "c.gauge": 9.0},
        {"a.gauge": 3.0, "b.gauge": 4.0, "c.gauge": 5.0},
    ]


def test_a_cycle_is_complete_once_its_machine_is_quiet() -> None:
    decoder = Decoder()
    assert decoder.decode("glances/h/cpu/user", b"1.5", NOW) == []
    assert decoder.flush(NOW + 500) == []
    (r,) = decoder.flush(NOW + 10_000)
    assert r.metrics == {"cpu.user": 1.5}
    assert decoder.waiting == 0


def _varint(n: int) -> bytes:
    out = b""
    while n > 0x7F:
        out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
    return out + bytes([n])


def _field(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _int(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def test_sparkplug_aliases_stand_for_the_names_of_the_birth_also_inside_compressed_bodies() -> None:
    decoder = Decoder()
    birth = _int(1, NOW) + _field(2, _field(1, b"t") + _int(2, 7) + _int(4, 3) + _int(10, 2**32 - 5)) + _int(3, 0)
    _, r = decoder.decode("spBv1.0/G/NBIRTH/n", birth, NOW)
    assert isinstance(r, Reading)
    assert r.metrics == {"t": -5.0}
    data = _int(1, NOW + 5) + _field(2, _int(2, 7) + _int(10, 12)) + _int(3, 1)
    envelope = _field(4, b"SPBV1.0_COMPRESSED") + _field(5, zlib.compress(data))
    (r,) = decoder.decode("spBv1.0/G/NDATA/n", envelope, NOW)
    assert isinstance(r, Reading)
    assert (r.at_ms, r.metrics) == (NOW + 5, {"t": 12.0})
    assert refusal(data, "spBv1.0/G/NDATA/stranger") == "unknown_alias"
    assert (
        refusal(_field(4, b"SPBV1.0_COMPRESSED") + _field(5, zlib.compress(b"\0" * 2**21)), "spBv1.0/G/NDATA/n")
        == "too_large"
    )
    assert refusal(birth[:-9], "spBv1.0/G/NBIRTH/n") == "bad_payload"
    nan = _int(1, NOW) + _field(2, _field(1, b"t") + _int(4, 10) + b"\x69" + struct.pack("<d", float("nan")))
    assert decoder.decode("spBv1.0/G/NBIRTH/m", nan, NOW) == [Status("m", True, NOW, "sparkplug")]


WORDS = [
    b'{"metrics":{',
    b'"a":',
    b"1e5",
    b"}",
    b"[",
    b"]",
    b":",
    b'"',
    b"nan",
    b"a=1",
    b"|",
    b" ",
    b"\n",
    b"\\",
    b"\x08\x01",
    b"#",
    b"{",
    b",",
]
TOPICS = [
    "vigie/m/report", "vigie/m/event", "vigie/m/status", "spBv1.0/G/NBIRTH/n", "spBv1.0/G/DDATA/n/d", "nagios/h/x/2",
    *(f"vigie/m/{fmt}/a/b" for fmt in PARSERS if fmt != "native"), "prometheus/h/metrics", "glances/h/cpu",
    "telegraf/h/cpu",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    topic=st.one_of(st.sampled_from(TOPICS), st.text(max_size=40)),
    payload=st.one_of(
        st.binary(max_size=200),
        st.lists(st.sampled_from(WORDS), max_size=20).map(b"".join),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
            lambda s: (
                st.lists(s, max_size=4)
                | st.dictionaries(
                    st.text(max_size=8) | st.sampled_from(["at", "metrics", "seq", "fields"]), s, max_size=4
                )
            ),
            max_leaves=12,
        ).map(lambda v: json.dumps(v).encode()),
    ),
)
def test_no_bytes_bring_anything_but_readings_or_a_refusal(topic: str, payload: bytes) -> None:
    decoder = Decoder()
    try:
        heard = decoder.decode(topic, payload, NOW)
    except Refused as e:
        assert e.reason in REASONS  # noqa: PT017 (both outcomes are allowed; each has its claim)
        return
    for h in [*heard, *decoder.flush()]:
        assert isinstance(h, Reading | Event | Status)
        if isinstance(h, Reading):
            assert all(type(v) is float and abs(v) != float("inf") and v == v for v in h.metrics.values())
