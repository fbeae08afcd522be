"""The quick way through common reports says what the careful way says, or leaves it the word."""

from __future__ import annotations

import random

import orjson
import pytest

from telemetry.formats import Decoder, native, plain
from telemetry.formats.route import Route
from telemetry.reading import Reading, Refused

NOW = 1_790_000_000_000
TOPIC = "vigie/m-1/report"
KNOWN = b'{"metrics":{"cpu_util":1.0,"load_1":2.0,"b\\u00e9ta":3.0}}'
PAYLOADS = (
    b'{"seq":7,"at":1789999999000,"metrics":{"cpu_util":12.5,"load_1":0.25}}',
    b'{"metrics":{"cpu_util":12.5}}',
    b'{"seq":7,"metrics":{"cpu_util":12}}',
    b'{"at":1789999999000,"metrics":{"cpu_util":12,"load_1":-0.0}}',
    b' {"seq":7,"at":1789999999000,"metrics":{"cpu_util":12.5}}',
    b'{"seq":7,"at":"2026-09-21T10:00:00Z","metrics":{"cpu_util":12.5}}',
    b'{"seq":7,"at":"2026-09-21T10\\u003a00:00Z","metrics":{"cpu_util":12.5}}',
    b'{"seq":7,"seq":8,"at":"2026-09-21T10\\u003a00:00Z","metrics":{"cpu_util":12.5}}',
    b'{"seq":7,"at":"2026-09-21T10:00:00","metrics":{"cpu_util":12.5}}',
    b'{"seq":7,"at":1789999999000,"at":1789999999001,"metrics":{"cpu_util":12.5}}',
    b'{"seq":7,"at":1789999999000,"metrics":{"cpu_util":12.5,"cpu_util":13}}',
    b'{"seq":7,"at":1789999999000,"metrics":{"cpu_util":1},"metrics":{"load_1":2}}',
    b'{"seq":-1,"at":1789999999000,"metrics":{"cpu_util":12.5}}',
    b'{"seq":true,"at":1789999999000,"metrics":{"cpu_util":12.5}}',
    b'{"seq":9223372036854775808,"at":1789999999000,"metrics":{"cpu_util":12.5}}',
    b'{"seq":{},"at":1789999999000,"metrics":{"cpu_util":12.5}}',
    b'{"seq":null,"at":null,"metrics":{"cpu_util":12.5}}',
    b'{"seq":7,"at":17,"metrics":{"cpu_util":12.5}}',
    b'{"seq":7,"at":1789999999000.9,"metrics":{"cpu_util":12.5}}',
    b'{"seq":7,"at":1790000601000,"metrics":{"cpu_util":12.5}}',
    b'{"seq":7,"at":4102444800000,"metrics":{"cpu_util":12.5}}',
    b'{"seq":7,"at":true,"metrics":{"cpu_util":12.5}}',
    b'{"seq":7,"at":1789999999000,"metrics":{"cpu_util":null,"load_1":1}}',
    b'{"seq":7,"at":1789999999000,"metrics":{"cpu_util":true}}',
    b'{"seq":7,"at":1789999999000,"metrics":{"cpu_util":"12"}}',
    b'{"seq":7,"at":1789999999000,"metrics":{"cpu":{"util":12.5}}}',
    b'{"seq":7,"at":1789999999000,"metrics":{"cpu_util":[1,2]}}',
    b'{"seq":7,"at":1789999999000,"metrics":{"":1}}',
    b'{"seq":7,"at":1789999999000,"metrics":{"never:seen":1}}',
    b'{"seq":7,"at":1789999999000,"metrics":{}}',
    b'{"seq":7,"at":1789999999000,"metrics":[]}',
    b'{"seq":7,"at":1789999999000,"metrics":null}',
    b'{"seq":7,"at":1789999999000}',
    b'{"seq":7,"at":1789999999000,"metrics":{"cpu_util":1},"facts":{"bios":"2:1"}}',
    b'{"seq":7,"at":1789999999000,"metrics":{"cpu_util":1},"extra":1}',
    b'{"seq":7,"extra":1,"metrics":{"cpu_util":1}}',
    b'{"seq":7,"at":1789999999000,"metrics":{"cpu_util":1e400}}',
    b'{"seq":7,"at":1789999999000,"metrics":{"cpu_util":NaN}}',
    b'{"seq":7,"at":1789999999000,"metrics":{"cpu_util":' + b"9" * 400 + b"}}",
    b'{"seq":7,"at":1789999999000,"metrics":{"cpu_util":18446744073709551615}}',
    b'[{"seq":7,"metrics":{"cpu_util":1}},{"seq":8,"metrics":{"cpu_util":2}}]',
    b'{"seq":7',
    b"{}",
    b"\xff\xfe",
    b"12",
)


def answered(told: object) -> object:
    return told if not isinstance(told, Refused) else (told.reason, told.detail, told.heard)


def carefully(payload: bytes) -> object:
    try:
        return native.parse(Route(TOPIC, "m-1", ("report",), NOW), payload)
    except Refused as refused:
        return answered(refused)


def decoded(payload: bytes, topic: str = TOPIC) -> object:
    try:
        return Decoder().decode(topic, payload, NOW)
    except Refused as refused:
        return answered(refused)


@pytest.fixture(autouse=True)
def names_met_before() -> None:
    native.parse(Route(TOPIC, "m-1", ("report",), NOW), KNOWN)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_both_ways_say_the_same(payload: bytes) -> None:
    found, expected = decoded(payload), carefully(payload)
    assert found == expected
    # 12 equals 12.0 and True: what is stored is a number with a point.
    for heard in found if isinstance(found, list) else ():
        assert not isinstance(heard, Reading) or {type(v) for v in heard.metrics.values()} <= {float}


def test_common_reports_go_the_quick_way() -> None:
    for payload in PAYLOADS[:4]:
        assert isinstance(plain.report("m-1", payload, NOW), Reading)
    instant = plain.report("m-1", PAYLOADS[5], NOW)
    assert instant is not None
    assert instant.at_ms == 1_789_984_800_000


def test_damaged_anywhere_both_ways_say_the_same() -> None:
    rng = random.Random(5)
    whole = PAYLOADS[0]
    for _ in range(2000):
        at, kind = rng.randrange(len(whole)), rng.randrange(3)
        middle = (b"", bytes([rng.choice(b'":,{}[]\\0e-. x')]), whole[at : at + 1] * 2)[kind]
        payload = whole[:at] + middle + whole[at + 1 :]
        assert decoded(payload) == carefully(payload), payload


@pytest.mark.parametrize(
    ("topic", "machine"),
    [
        (TOPIC, "m-1"),
        ("vigie/é.x/report", "é.x"),
        ("vigie/a/b/report", None),
        ("vigie//report", None),
        ("vigie/+/report", None),
        ("vigie/" + "m" * 129 + "/report", None),
        ("vigie/m-1/event", None),
        ("vigie/report", None),
        ("telegraf/m-1/report", None),
    ],
)
def test_only_a_machine_s_own_topic_is_read_quickly(topic: str, machine: str | None) -> None:
    assert plain.machine_in(topic) == machine


def test_an_oversize_report_is_left_to_the_careful_way() -> None:
    payload = orjson.dumps({"metrics": {"cpu_util": 1.0}, "seq": 1}) + b" " * 800_000
    assert plain.report("m-1", payload, NOW) is None
    assert isinstance(found := decoded(payload), tuple)
    assert found[0] == "too_large"
