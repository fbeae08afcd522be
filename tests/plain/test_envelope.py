"""A record gives back exactly the messages that went in, and never half of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.envelope import Damaged, Envelope, packed, unpacked

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
