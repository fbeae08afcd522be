"""What each agent really sends, in small: literals written by hand after captures of the real programs."""

from __future__ import annotations

import pytest

from telemetry.formats import Decoder
from telemetry.formats.assembler import Assembler
from telemetry.reading import Answer, Reading, Refused, Status
from tests.plain.formats_said import (
    NOW,
    bytes_of,
    heard,
    only,
    readings,
    refusal,
    shared,
)

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


def test_psmqtt_s_joined_lists_are_told_by_place_and_texts_among_them_are_left_out() -> None:
    disks = '[{"device": "sda", "reads": 5}, {"device": "sdb", "reads": 6, "busy": NaN}]'
    told = only(("psmqtt/h/cpu_percent", "[1.5, 3.0]"), ("psmqtt/h/disk_io_counters/reads", disks))
    assert told.metrics == {
        "cpu_percent.0": 1.5, "cpu_percent.1": 3.0,
        "disk_io_counters.reads.0.reads": 5.0, "disk_io_counters.reads.1.reads": 6.0,
    }  # fmt: skip
    assert told.counters == {"disk_io_counters.reads.0.reads", "disk_io_counters.reads.1.reads"}
    assert refusal("psmqtt/h/disk_partitions/device", '["/dev/sda1", "/dev/sdb1"]').reason == "no_value"


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


@pytest.mark.parametrize(
    ("topic", "name"),
    [("glances/h/sensors", "sensors.b.v"), ("linux/h/temp/state", "temp.b.v"), ("psmqtt/h/temp", "temp.b.v")],
)
def test_agents_in_python_say_nan_where_a_sensor_has_no_value(topic: str, name: str) -> None:
    assert only((topic, '{"a": {"v": NaN, "w": -Infinity}, "b": {"v": 40}}')).metrics == {name: 40.0}
    assert refusal("vigie/h/report", '{"metrics": {"a": NaN}}').reason == "not_a_number"


def test_cycles_that_are_open_outlive_whoever_decodes_even_with_texts_no_json_may_hold() -> None:
    before, after = Assembler(), Assembler()
    for name, value in (("a", 1.0), ("b", 2.0)):
        before.add(Reading("m", NOW, {name: value}, None, NOW, "values", {"half": "\ud800"}, frozenset({name})))
    assert after.resume(before.state()) == []
    assert after.flush(None) == before.flush(None) != []
    before.add(Reading("m", NOW, {"a": 1.0}, None, NOW, "values"))
    (whole,) = before.resume(after.state())  # nothing was open any more where the other stood
    assert (whole.metrics, before.waiting) == ({"a": 1.0}, 0)
