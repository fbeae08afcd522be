"""Prometheus text, Nagios perfdata and ThingsBoard, as their programs write them."""

from __future__ import annotations

import pytest

from telemetry.formats import Decoder
from telemetry.reading import Reading, Status
from tests.plain.formats_said import (
    NOW,
    heard,
    only,
    readings,
    refusal,
)

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


def test_a_line_prometheus_would_not_read_takes_no_other_along() -> None:
    refused = refusal("prometheus/h/metrics", "a 1\nthis is no sample\nb 2 1795338199000\nc 0x10\n")
    assert (refused.reason, refused.detail) == ("bad_payload", "this is no sample")
    assert [dict(h.metrics) for h in refused.heard if isinstance(h, Reading)] == [{"b": 2.0}, {"a": 1.0}]


def test_blanks_stand_where_prometheus_allows_them_and_a_label_without_quotes_is_no_sample() -> None:
    text = 'a{x="1"}3\nb {x="1", y="}\\"",} 4\nc{ x = "1" , "d.e"="2" } 5\n'
    assert only(("prometheus/h/metrics", text)).metrics == {
        'a{x="1"}': 3.0, 'b{x="1", y="}\\"",}': 4.0, 'c{ x = "1" , "d.e"="2" }': 5.0,
    }  # fmt: skip
    for line in ("a{x=1} 3", 'a{x="1" y="2"} 3', 'a{="1"} 3', "a{x} 3", 'a{x="1" 3', "a{b}3"):
        refused = refusal("prometheus/h/metrics", f"{line}\nb 2\n")
        assert (refused.reason, refused.detail) == ("bad_payload", line)
        assert [dict(h.metrics) for h in refused.heard if isinstance(h, Reading)] == [{"b": 2.0}]


def test_labels_may_make_a_name_as_long_as_hardware_does() -> None:
    dmi = f'node_dmi_info{{bios_vendor="American Megatrends Inc.",product_name="{"x" * 600}"}}'
    assert only(("prometheus/h/metrics", f"{dmi} 1\nup 1\n")).metrics == {dmi: 1.0, "up": 1.0}


@pytest.mark.parametrize("item", ["load=0,5;1;2", "time=0,010s;;;0,0", "t=@10:20;;", "v=1.2.3", "a=", "word", "''=5"])
def test_performance_data_that_is_no_number_never_becomes_one(item: str) -> None:
    refused = refusal("nagios/h/check/1", f"WARNING | {item} good=2ms;@10:20;~:5;0;100")
    assert refused.reason == "bad_payload"
    assert [dict(h.metrics) for h in refused.heard if isinstance(h, Reading)] == [
        {"check.good": 2.0, "check.state": 1.0}
    ]


def test_nagios_labels_may_hold_quotes_spaces_and_equals_signs() -> None:
    text = "OK | 'it''s 100%'=5%;80;90;0;100 'C:\\ Label:x  Serial=d'=5GB;;;0;10 bytes=7c u=U;1;2 n=nan;; r=-4.5B,"
    r = only(("nagios/h/c/0", text))
    assert r.metrics == {
        "c.it's 100%": 5.0, "c.C:\\ Label:x  Serial=d": 5.0, "c.bytes": 7.0, "c.r": -4.5, "c.state": 0.0,
    }  # fmt: skip
    assert r.counters == {"c.bytes"}


def test_thingsboard_takes_digits_for_a_stamp_and_speaks_short_topics_in_recordings() -> None:
    told = readings(
        ("v1/devices/me/telemetry", '{"ts":"1795338199500","values":{"a":1}}'),
        ("v2/t", '{"b":2,"note":"x"}'),
        ("v2/t/j", '[{"ts":1795338199000,"values":{"c":{"d":3}}}]'),
        ("v2/a", '{"fw":"1.0"}'),
    )
    assert [(r.at_ms - NOW, dict(r.metrics), dict(r.facts)) for r in told] == [
        (-500, {"a": 1.0}, {}), (0, {"b": 2.0}, {"note": "x"}), (-1000, {"c.d": 3.0}, {}), (0, {}, {"fw": "1.0"}),
    ]  # fmt: skip


@pytest.mark.parametrize("topic", ["v2/t/p", "v2/a/p"])
def test_protobuf_by_a_schema_that_only_thingsboard_has_is_refused_with_what_to_do(topic: str) -> None:
    for place in (topic, f"vigie/m/thingsboard/{topic}"):
        refused = refusal(place, "x")
        assert (refused.reason, "send JSON" in refused.detail) == ("unknown_format", True)


@pytest.mark.parametrize(
    "stamp", ["1795338199", "1795338199000", '"1795338199"', "1795338199000000000", "1795338199.0"]
)
def test_loose_objects_may_stamp_themselves_in_any_unit(stamp: str) -> None:
    assert only(("telemetry/acme/h/x", f'{{"ts":{stamp},"v":1}}')).at_ms == 1_795_338_199_000


@pytest.mark.parametrize(("begins", "ends"), [("", ",1"), ("1.", "x,,1"), ("1e", ",2")])
def test_a_long_number_costs_no_more_than_its_bytes(begins: str, ends: str) -> None:
    """Tried in all its parts it would take hours, and everybody behind it would wait: the test would not end."""
    assert refusal("nagios/m/s/0", f"OK | a={begins}{'1' * 700_000}{ends}").reason in {"bad_payload", "not_a_number"}
    assert refusal("telegraf/m/x", f"x f={begins}{'1' * 700_000}x").reason == "not_a_number"
