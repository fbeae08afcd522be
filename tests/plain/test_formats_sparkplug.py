"""Sparkplug B, byte by byte."""

from __future__ import annotations

import json
import struct
import zlib

import pytest

from telemetry.formats import Decoder, sparkplug
from telemetry.reading import Reading, Refused, Status
from tests.plain.formats_said import (
    NOW,
    born,
    field,
    metric,
    payload,
    whole,
)


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
    decoder, next_one = Decoder(), Decoder()
    born(decoder, "n", metric("t", 3, whole(10, 5), alias=1))
    next_one.births = sparkplug.restored(json.loads(json.dumps(decoder.births.snapshot())))
    (r,) = next_one.decode("spBv1.0/G 1/NDATA/n", payload([metric("", 0, whole(10, 6), 1)], 1), NOW)
    assert isinstance(r, Reading)
    assert r.metrics == {"t": 6.0}
    assert next_one.births.take_wanted() == []


def test_a_metric_that_cannot_be_kept_takes_no_other_along() -> None:
    ahead = field(2, field(1, "ahead") + whole(3, NOW + 10**9) + whole(4, 3) + whole(10, 1))
    cut = metric("cut", 23, field(16, b"\1"))
    born_so = payload([ahead, metric("x" * 1001, 3, whole(10, 1)), cut, metric("ok", 3, whole(10, 2))], 0)
    with pytest.raises(Refused, match="future_instant") as caught:
        Decoder().decode("spBv1.0/G 1/NBIRTH/n", born_so, NOW)
    assert caught.value.heard == (
        Status("n", True, NOW, "sparkplug"),
        Reading("n", NOW, {"ok": 2.0}, None, NOW, "sparkplug"),
    )


def test_whole_numbers_have_their_signs_by_their_types() -> None:
    sent = [
        ("i8", 1, whole(10, 251), -5.0), ("i8w", 1, whole(10, 2**32 - 5), -5.0), ("i16", 2, whole(10, 65531), -5.0),
        ("i32", 3, whole(10, 2**32 - 7), -7.0), ("i32w", 3, whole(11, 2**64 - 7), -7.0),
        ("i64", 4, whole(11, 2**64 - 9), -9.0), ("u8", 5, whole(10, 200), 200.0), ("u16", 6, whole(10, 65535), 65535.0),
        ("u32", 7, whole(10, 2**32 - 1), 2.0**32 - 1), ("u64", 8, whole(11, 2**63), 2.0**63),
        ("t", 13, whole(11, NOW), float(NOW)), ("off", 11, whole(14, 0), 0.0),
    ]  # fmt: skip
    no_value = [metric("nan", 10, b"\x69" + struct.pack("<d", float("nan"))), metric("null", 3, whole(7, 1))]
    _, r = born(Decoder(), "n", *(metric(name, kind, value) for name, kind, value, _ in sent), *no_value)
    assert isinstance(r, Reading)
    assert r.metrics == {name: value for name, _, _, value in sent}


def test_after_a_rebirth_an_alias_means_what_the_new_birth_says() -> None:
    decoder = Decoder()
    born(decoder, "n", metric("a", 3, whole(10, 1), alias=0), metric("b", 3, whole(10, 2), alias=1))
    data = payload([metric("", 0, whole(10, 9), 0)], 1)
    (before,) = decoder.decode("spBv1.0/G 1/NDATA/n", data, NOW)
    born(decoder, "n", metric("b", 3, whole(10, 2), alias=0), session=1)
    (after,) = decoder.decode("spBv1.0/G 1/NDATA/n", data, NOW)
    assert isinstance(before, Reading)
    assert isinstance(after, Reading)
    assert (dict(before.metrics), dict(after.metrics)) == ({"a": 9.0}, {"b": 9.0})


def test_a_payload_packed_as_a_whole_is_opened_and_an_envelope_keeps_its_number() -> None:
    decoder = Decoder()
    packer = zlib.compressobj(wbits=31)
    inside = payload([metric("t", 3, whole(10, 4))], 0)
    _, r = decoder.decode("spBv1.0/G 1/NBIRTH/n", packer.compress(inside) + packer.flush(), NOW)
    assert isinstance(r, Reading)
    assert r.metrics == {"t": 4.0}
    unnumbered = zlib.compress(whole(1, NOW) + metric("t", 3, whole(10, 5)))
    sealed = whole(1, NOW) + whole(3, 1) + field(4, "SPBV1.0_COMPRESSED") + field(5, unnumbered)
    assert len(decoder.decode("spBv1.0/G 1/NDATA/n", sealed, NOW)) == 1
    assert decoder.births.take_wanted() == []


def test_of_too_many_sparkplug_sessions_the_longest_silent_is_forgotten_and_a_known_one_is_always_born_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sparkplug, "MAX_SESSIONS", 3)
    decoder = Decoder()
    one = metric("t", 3, whole(10, 1), alias=1)
    for node in ("a", "b", "c"):
        born(decoder, node, one)
    born(decoder, "a", one)  # at the limit, and known
    assert decoder.births.forgotten == 0
    decoder.decode("spBv1.0/G 1/NDATA/b", payload([metric("", 0, whole(10, 1), 1)], 1), NOW)
    born(decoder, "d", one)
    assert (decoder.births.forgotten, decoder.births.forgotten_ms) == (1, NOW)
    with pytest.raises(Refused, match="alias 1"):  # of the three the one that was silent longest
        decoder.decode("spBv1.0/G 1/NDATA/c", payload([metric("", 0, whole(10, 1), 1)], 1), NOW)
    assert decoder.births.take_wanted() == [("G 1", "c")]
    again = sparkplug.restored(json.loads(json.dumps(decoder.births.snapshot())))
    assert [key[1] for key in again._aliases] == ["a", "b", "d"]
    for device in "12":
        decoder.decode(f"spBv1.0/G 1/DBIRTH/a/{device}", payload([one], int(device)), NOW)
    with pytest.raises(Refused, match="too many Sparkplug devices of one node"):
        decoder.decode("spBv1.0/G 1/DBIRTH/a/3", payload([one], 3), NOW)
