"""One word for the same thing, whichever agent says it; the name as sent stands beside it."""

from __future__ import annotations

import pytest

from telemetry.reading import Reading
from telemetry.synonyms import in_our_words, our_word, sense
from telemetry.vocabulary import is_scored, word
from telemetry.watching import Watching

NOW = 1_795_338_200_000

# agent's name → our word, a value as sent, the same in our unit
SAME = [
    ("cpu.total", "cpu_util", 83.4, 83.4),
    ("cpu_percent", "cpu_util", 83.4, 83.4),
    ("cpu.used", "cpu_util", 82.3, 82.3),
    ("cpu.cpu-total.usage_idle", "cpu_util", 97.5, 2.5),
    ("cpu.percent-idle", "cpu_util", 97.5, 2.5),
    ("load.min5", "load_5", 2.75, 2.75),
    ("load.load.longterm", "load_15", 1.32, 1.32),
    ("check_load.load1", "load_1", 1.52, 1.52),
    ('node_load1{job="node"}', "load_1", 1.5, 1.5),
    ("mem.percent", "mem_used_pct", 3.1, 3.1),
    ("virtual_memory.percent", "mem_used_pct", 6.8, 6.8),
    ("memory.percent-used", "mem_used_pct", 6.8, 6.8),
    ('system.memory.utilization{state="used"}', "mem_used_pct", 0.25, 25.0),
    ("fs./var.percent", "disk_used_pct./var", 25.4, 25.4),
    ("disk_usage.percent./", "disk_used_pct./", 21.0, 21.0),
    ("df-root.percent_bytes-used", "disk_used_pct./", 10.2, 10.2),
    ("disk.vda1.ext4.rw./var/lib.used_percent", "disk_used_pct./var/lib", 41.0, 41.0),
    ('system.filesystem.utilization{device="/dev/vda",mountpoint="/srv"}', "disk_used_pct./srv", 0.5, 50.0),
    ("network.eth0.bytes_recv_rate_per_sec", "net_rx_mb_s.eth0", 2e6, 2.0),
    ("interface-eth0.if_octets.tx", "net_tx_mb_s.eth0", 2e6, 2.0),
    ("net.eth0.bytes_recv", "net_rx_mb_s.eth0", 2e6, 2.0),
    ("net_io_counters.bytes_sent.eth0", "net_tx_mb_s.eth0", 2e6, 2.0),
    ('system.network.io{device="eth0",direction="transmit"}', "net_tx_mb_s.eth0", 2e6, 2.0),
    ('node_network_receive_bytes_total{device="eth0",job="n"}', "net_rx_mb_s.eth0", 2e6, 2.0),
    ("disk-vda.disk_octets.read", "disk_read_mb_s.vda", 2e6, 2.0),
    ('system.disk.io{device="vda",direction="write"}', "disk_write_mb_s.vda", 2e6, 2.0),
    ("uptime.seconds", "uptime_s", 60.0, 60.0),
    ("processcount.total", "procs", 98.0, 98.0),
]


@pytest.mark.parametrize(("sent", "ours", "value", "in_ours"), SAME)
def test_what_agents_call_differently_is_one_word_in_one_unit(
    sent: str, ours: str, value: float, in_ours: float
) -> None:
    known = sense(sent)
    assert known is not None
    assert known.word == ours
    assert known.in_our_unit(value) == pytest.approx(in_ours)
    assert known.otel.startswith(("system.", "hw."))
    assert word(sent).family == word(ours).family
    assert dict(in_our_words({sent: value})) == {sent: value, ours: pytest.approx(in_ours)}


def test_our_own_words_have_the_conventions_name_and_unit_too() -> None:
    known = sense("disk_used_pct./var")
    assert known is not None
    assert (known.otel, known.otel_unit) == ('system.filesystem.utilization{mountpoint="/var"}', "1")
    assert 95.0 * known.otel_factor == pytest.approx(0.95)


def test_what_nobody_listed_stays_as_it_was_sent() -> None:
    assert sense("probe.requests") is None
    assert our_word("probe.requests") == "probe.requests"
    metrics = {"probe.requests": 1.0}
    assert in_our_words(metrics) is metrics


def test_a_unit_as_sent_stands_beside_the_value_as_sent() -> None:
    assert (word("net.eth0.bytes_recv").unit, word("fs./var.percent").unit) == ("By/s", "%")
    assert word("fs./var.percent").label == "/var in use"


@pytest.mark.parametrize(
    ("fmt", "metric", "full"),
    [
        ("glances", "fs./var.percent", 98.0),
        ("psmqtt", "disk_usage.percent./var", 98.0),
        ("telegraf", "disk.vda1.ext4.rw./var.used_percent", 98.0),
        ("otlp", 'system.filesystem.utilization{mountpoint="/var",state="used"}', 0.98),
        ("native", "disk_used_pct./var", 98.0),
    ],
)
def test_one_rule_fits_every_agent(fmt: str, metric: str, full: float) -> None:
    watching = Watching()
    said = [
        Reading("srv-1", NOW + k * 10_000, {metric: value}, None, NOW + k * 10_000, fmt)
        for k, value in enumerate([full / 2, full / 2, full, full, full])
    ]
    (verdict,) = watching.feed(said)
    assert (verdict.cause, verdict.opened) == ("disk:/var", True)


def test_the_single_buckets_of_a_histogram_are_kept_and_not_scored() -> None:
    assert not is_scored('lat_bucket{le="5"}')
    assert not is_scored('probe.latency.bucket{route="/a",le="+Inf"}')
    assert is_scored("probe.latency.count")
