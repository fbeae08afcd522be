"""Recordings: what is written is read back; a line that is none is named by file and number."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.recording import BadRecording, Message, merged, message_of, messages


@given(
    st.builds(
        Message,
        t_ms=st.integers(0, 2**53),
        topic=st.text(st.characters(codec="utf-8"), max_size=30),
        payload=st.binary(max_size=60),
        qos=st.integers(0, 2),
        retain=st.booleans(),
    )
)
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    line = message.line()
    assert line.count(b"\n") == 1
    assert message_of(line) == message


def test_plain_and_gzip_are_told_apart_by_their_bytes(tmp_path: Path) -> None:
    lines = b"".join(Message(i, "t", b"x").line() for i in range(3)) + b"\n"
    (tmp_path / "a.jsonl").write_bytes(lines)
    (tmp_path / "b").write_bytes(gzip.compress(lines))
    assert list(messages(tmp_path / "a.jsonl")) == list(messages(tmp_path / "b"))
    (tmp_path / "empty").write_bytes(b"")
    assert list(messages(tmp_path / "empty")) == []


def test_several_recordings_are_one_stream_in_time(tmp_path: Path) -> None:
    for name, instants in (("a", (1, 5, 9)), ("b", (2, 5, 7))):
        (tmp_path / name).write_bytes(b"".join(Message(t, name, b"").line() for t in instants))
    assert [m.t_ms for m in merged([tmp_path / "a", tmp_path / "b"])] == [1, 2, 5, 5, 7, 9]


@pytest.mark.parametrize(
    "line",
    [b"nonsense", b"[]", b"{}", b'{"t_ms":1.5,"topic":"t","payload":""}',
     b'{"t_ms":1,"topic":2,"payload":""}',
     b'{"t_ms":1,"topic":"t"}', b'{"t_ms":1,"topic":"t","payload_b64":"%%"}',
     b'{"t_ms":true,"topic":"t","payload":""}'],
)  # fmt: skip
def test_a_line_that_is_no_message_is_named(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(Message(1, "t", b"").line() + line + b"\n")
    with pytest.raises(BadRecording, match="line 2"):
        list(messages(path))


def test_a_gzip_cut_short_is_a_bad_recording(tmp_path: Path) -> None:
    path = tmp_path / "r.gz"
    path.write_bytes(gzip.compress(b"".join(Message(i, "t", b"x").line() for i in range(50)))[:-12])
    with pytest.raises(BadRecording):
        list(messages(path))


def test_a_line_that_lacks_something_is_told_by_its_name_and_what_a_message_has() -> None:
    for line, missing in ((b'{"t_ms": 1, "topic": "a"}', "payload_b64"), (b'{"topic": "a", "payload": ""}', "t_ms")):
        with pytest.raises(BadRecording, match=f"'{missing}' is missing; a message has t_ms, topic, and payload"):
            message_of(line)
