"""A record gives back exactly the messages that went in, and never half of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.envelope import Damaged, Envelope, packed, unpacked
from telemetry.formats import sources
from telemetry.formats.route import Route
from telemetry.log import Record
from telemetry.reading import Heard
from telemetry.seat import Seat

ENVELOPE = st.builds(
    Envelope, st.binary(max_size=40), st.binary(max_size=80), st.integers(0, 2**63), st.booleans(), st.booleans()
)


@given(st.lists(ENVELOPE, max_size=20))
def test_what_goes_in_comes_out(envelopes: list[Envelope]) -> None:
    assert list(unpacked(packed(envelopes))) == envelopes


@given(st.lists(ENVELOPE, min_size=1, max_size=5), st.data())
def test_a_cut_record_is_damaged_and_not_shorter(envelopes: list[Envelope], data: st.DataObject) -> None:
    body = packed(envelopes)
    cut = body[: data.draw(st.integers(0, len(body) - 1))]
    with pytest.raises(Damaged):
        list(unpacked(cut))


@pytest.mark.parametrize("body", [b"\x02\x00\x00\x00\x00", packed([]) + b"x"])
def test_what_is_not_ours_is_damaged(body: bytes) -> None:
    with pytest.raises(Damaged):
        list(unpacked(body))


def test_a_message_our_reader_fails_at_is_refused_and_its_neighbours_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(route: Route, payload: bytes) -> list[Heard]:
        raise OverflowError("too large")

    monkeypatch.setitem(sources.PARSERS, "nagios", fails)
    said = [("vigie/m/report", b'{"metrics":{"a":1}}'), ("nagios/m/c/0", b"OK"), ("vigie/m/report", b'{"metrics":{}}')]
    seat = Seat(0, 0, 0)
    told = seat.understand([Record(0, 7, packed(Envelope(topic.encode(), body, 10**12) for topic, body in said))])
    assert [(each.item, len(each.heard), each.refused and each.refused.reason) for each in told[:2]] == [
        (0, 1, None), (1, 0, "bad_payload"),
    ]  # fmt: skip
    assert (len(told), seat.reached) == (3, 8)
