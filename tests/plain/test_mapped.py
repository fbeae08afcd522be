"""A declared mapping: what it takes out of a message, and what is said of one that cannot be used."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli import main
from telemetry.formats import Decoder
from telemetry.formats.mapped import BadMapping, compiled
from telemetry.formats.sources import RESERVED
from telemetry.mapping_files import BadMappingFile, read
from telemetry.reading import Reading, Refused

NOW = 1_795_338_200_000
PRESS = """
name = "press-plc"
topic = "plant/{hall}/{machine}/sensors/{sensor}"
at = "$.ts"
seq = "$.n"
[[value]]
path = "$.temp.value"
metric = "{sensor}.temperature"
unit = "Cel"
scale = 0.1
offset = -40
[[value]]
path = "$.door"
metric = "door_open"
words = { open = 1, closed = 0 }
[[value]]
path = "$.motors[*].rpm"
metric = "motor.{1}.rpm"
[[value]]
path = "$.total['k Wh']"
metric = "energy"
counter = true
"""
BODY = (
    b'{"ts":1795338199,"n":7,"temp":{"value":655},"door":"open",'
    b'"motors":[{"rpm":10},{"rpm":"20.5"},{}],"total":{"k Wh":9}}'
)


def spec(**changed: Any) -> dict[str, Any]:
    return {"name": "x", "topic": "t/{machine}", "value": [{"path": "$", "metric": "v"}]} | changed


def told(mapping: dict[str, Any], topic: str, payload: bytes) -> Reading:
    decoder = Decoder()
    decoder.mappings = [compiled(mapping)]
    (found,) = decoder.decode(topic, payload, NOW)
    assert isinstance(found, Reading)
    return found


def test_a_mapping_takes_values_names_them_scales_them_and_tells_their_units(tmp_path: Path) -> None:
    file = tmp_path / "press.toml"
    file.write_text(PRESS)
    decoder = Decoder()
    decoder.mappings = read(file)
    for topic in ("plant/h2/press-4/sensors/oil", "vigie/press-4/press-plc/sensors/oil"):
        (r,) = decoder.decode(topic, BODY, NOW)
        assert isinstance(r, Reading)
        assert (r.machine, r.at_ms, r.seq, r.format) == ("press-4", 1_795_338_199_000, 7, "press-plc")
        assert r.metrics == {
            "oil.temperature": 25.5, "door_open": 1.0, "motor.0.rpm": 10.0, "motor.1.rpm": 20.5, "energy": 9.0,
        }  # fmt: skip
        assert r.counters == {"energy"}
        assert r.facts == {"unit.oil.temperature": "Cel"}


def test_a_bare_value_and_an_open_end_are_mapped_too() -> None:
    open_end = spec(topic="shop/{machine}/{what}/#", value=[{"path": "$", "metric": "{what}", "scale": 1000}])
    assert told(open_end, "shop/m1/volt/a/b", b"0.25\0").metrics == {"volt": 250.0}
    assert told(spec(), "t/m1", b"true").metrics == {"v": 1.0}
    assert told(spec(value=[{"path": "$.*.v", "metric": "{1}"}]), "t/m", b'{"a":{"v":1},"b":{"v":2}}').metrics == {
        "a": 1.0,
        "b": 2.0,
    }


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"hello", "not_a_number"),
        (b"", "empty"),
        (b'{"a":1}', "not_a_number"),
        (b'{"a":1,"a":2}', "duplicate_key"),
        (b"nan", "no_value"),
    ],
)
def test_a_message_without_what_the_mapping_wants_is_refused(payload: bytes, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        told(spec(), "t/m", payload)
    assert caught.value.reason == reason


def test_a_topic_no_mapping_fits_is_as_unknown_as_before() -> None:
    with pytest.raises(Refused, match="unknown_topic"):
        told(spec(), "t/m/more", b"1")
    with pytest.raises(Refused, match="unknown_format"):
        told(spec(), "vigie/m/y", b"1")


@pytest.mark.parametrize(
    ("time", "arrived", "meant"),
    [
        ("2026-07-01T12:00:00", "2026-07-01T10:00:02Z", "2026-07-01T10:00:00Z"),
        ("2026-10-25T02:30:00", "2026-10-25T00:30:02Z", "2026-10-25T00:30:00Z"),
        ("2026-10-25T02:30:00", "2026-10-25T01:30:02Z", "2026-10-25T01:30:00Z"),
        ("2026-03-29T03:00:00", "2026-03-29T01:00:02Z", "2026-03-29T01:00:00Z"),
        ("2026-07-01T12:00:00+00:00", "2026-07-01T12:00:02Z", "2026-07-01T12:00:00Z"),
    ],
    ids=["summer", "hour before the clocks go back", "hour after", "clocks go forward", "its own offset"],
)
def test_a_local_time_is_understood_in_the_zone_that_is_declared(time: str, arrived: str, meant: str) -> None:
    decoder = Decoder()
    tasmota = spec(topic="tele/{machine}/SENSOR", at="$.Time", value=[{"path": "$.t", "metric": "t"}])
    payload = f'{{"Time":"{time}","t":1}}'.encode()
    now, expected = (round(datetime.fromisoformat(text).timestamp() * 1000) for text in (arrived, meant))
    decoder.mappings = [compiled(tasmota | {"zone": "Europe/Paris"})]
    (found,) = decoder.decode("tele/m/SENSOR", payload, now)
    assert isinstance(found, Reading)
    assert found.at_ms == expected
    if "+" not in time:
        decoder.mappings = [compiled(tasmota)]
        with pytest.raises(Refused, match="no offset"):
            decoder.decode("tele/m/SENSOR", payload, now)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "Bad Name"}, "name"),
        ({"name": "collectd"}, "name"),
        ({"topic": 3}, "topic"),
        ({"topic": "a/b"}, "topic"),
        ({"topic": "a/{machine}/{machine}"}, "topic"),
        ({"topic": "a/{machine}/{x}/{x}"}, "topic"),
        ({"topic": "a/#/{machine}"}, "topic"),
        ({"topic": "a/+/{machine}"}, "topic"),
        ({"topic": "vigie/{machine}"}, "topic"),
        ({"topic": "a/{Machine Name}/{machine}"}, "topic"),
        ({"value": []}, "value"),
        ({"value": [3]}, "value[0]"),
        ({"value": [{"path": "temp", "metric": "v"}]}, "value[0].path"),
        ({"value": [{"path": "$.a[", "metric": "v"}]}, "value[0].path"),
        ({"value": [{"path": "$.a"}]}, "value[0].metric"),
        ({"value": [{"path": "$.a", "metric": "{nobody}"}]}, "value[0].metric"),
        ({"value": [{"path": "$.a[*]", "metric": "v"}]}, "value[0].metric"),
        ({"value": [{"path": "$.a", "metric": "v", "scale": 0}]}, "value[0].scale"),
        ({"value": [{"path": "$.a", "metric": "v", "scale": "2"}]}, "value[0].scale"),
        ({"value": [{"path": "$.a", "metric": "v", "scale": float("inf")}]}, "value[0].scale"),
        ({"value": [{"path": "$.a", "metric": "v", "counter": 1}]}, "value[0].counter"),
        ({"value": [{"path": "$.a", "metric": "v", "words": {"a": "b"}}]}, "value[0].words.a"),
        ({"value": [{"path": "$.a", "metric": "v", "colour": 1}]}, "value[0].colour"),
        ({"filter": "x"}, "filter"),
        ({"at": "ts"}, "at"),
        ({"zone": "Europe/Paris"}, "zone"),
        *(({"at": "$.ts", "zone": zone}, "zone") for zone in ("Mars/Base", "", "../etc", "Europe", 3, "a\0b", [])),
    ],
)
def test_a_mapping_that_cannot_be_used_says_where_and_what_to_do(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(BadMapping) as caught:
        compiled(spec(**wrong), RESERVED)
    assert caught.value.field == field
    assert caught.value.remedy


def test_decode_reads_a_recording_with_a_mapping_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text("[[mapping]]\n" + PRESS.replace("[[value]]", "[[mapping.value]]"))
    (tmp_path / "r.jsonl").write_text(
        '{"t_ms":1795338200000,"topic":"plant/a/m1/sensors/s","payload":"{\\"temp\\":{\\"value\\":400}}"}\n'
    )
    said = CliRunner().invoke(main, ["decode", str(tmp_path / "r.jsonl"), "--mapping", str(tmp_path / "m.toml")])
    assert said.exit_code == 0, said.output
    assert '"machine":"m1"' in said.output
    assert '"s.temperature":0.0' in said.output


def test_a_mapping_file_that_cannot_be_used_names_file_and_field(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    for text, words in (("name = ", "TOML nor JSON"), ('name = "a"\ntopic = "x"', "machine"), ("[1]", "table")):
        file.write_text(text)
        with pytest.raises(BadMappingFile, match=words) as caught:
            read(file)
        assert str(file) in str(caught.value)
