"""Telegraf as it writes: influx lines, JSON, one field a topic."""

from __future__ import annotations

import pytest

from telemetry.formats import Decoder
from telemetry.reading import Event, Reading, Refused
from tests.plain.formats_said import (
    NOW,
    only,
    readings,
    refusal,
)

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


def test_a_metric_without_a_host_keeps_its_own_name_beside_those_that_have_one() -> None:
    both = "net,host=h v=1 1795338199000000000\nlab v=2 1795338199000000000\n"
    told = readings(("telegraf/h/all", both), believes=False)
    assert {name for r in told for name in r.metrics} == {"net.v", "lab.v"}


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


def test_a_bad_line_of_a_batch_takes_no_neighbour_along() -> None:
    decoder = Decoder()
    with pytest.raises(Refused, match="bad_payload: m broken") as caught:
        decoder.decode("telegraf/h/x", b"m,host=h a=1\nm broken\nn,host=h b=2,c=,d=3\no,host=h e=4\n", NOW)
    assert caught.value.heard == ()  # a part of an open cycle
    (r,) = decoder.flush()
    assert r.metrics == {"m.a": 1.0, "o.e": 4.0}


def test_telegraf_writes_truth_in_ten_ways_and_numbers_beyond_what_floats_hold() -> None:
    line = "m a=t,b=T,c=true,d=True,e=TRUE,f=f,g=F,h=false,i=False,j=FALSE,k=-9223372036854775808i,l=-1.5e-3,o=NaN"
    assert list(only(("telegraf/h/m", line)).metrics.values()) == [1.0] * 5 + [0.0] * 5 + [-(2.0**63), -0.0015]


def test_a_backslash_before_anything_else_is_one() -> None:
    r = only(("telegraf/h/disk", r"disk,path=C:\Windows\System32,t=a\,b\ c free=5i"))
    assert r.metrics == {r"disk.C:\Windows\System32.a,b c.free": 5.0}


def test_what_homie_tells_of_names_and_kinds_is_no_value() -> None:
    r = only(
        ("telegraf/h/$homie", "4.0"),
        ("telegraf/h/$state", "ready"),
        ("telegraf/h/cpu/$properties", "usage-idle"),
        ("telegraf/h/cpu/usage-idle", "97.5"),
        ("telegraf/h/cpu/usage-idle/$datatype", "float"),
    )
    assert (dict(r.metrics), dict(r.facts)) == ({"cpu.usage-idle": 97.5}, {})
