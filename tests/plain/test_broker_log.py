"""Lines of a broker's log as attempts, floods found in them, and which filter asks for more than is one's own."""

from __future__ import annotations

import pytest

from telemetry.broker_access import is_within, read_rules, rules
from telemetry.broker_log import CONNECTED, Ear, Sighting
from telemetry.floods import CONNECTS_A_MINUTE, Floods

ACCESS = read_rules(rules("vigie-bridge", [("plant-a@b", "plant-a")]))


def heard(*lines: str) -> list[tuple[str, str, str, str]]:
    ear = Ear(ACCESS, frozenset({"vigie-bridge"}))
    return [
        (one.kind, one.user, one.address, one.detail)
        for line in lines
        for one in ear.hear(line)
        if one.kind != CONNECTED
    ]


def came_in(user: str, port: int = 5000, address: str = "192.0.2.7") -> tuple[str, str]:
    return (
        f"100: New connection from {address}:{port} on port 8883.",
        f"100: New client connected from {address}:{port} as {user} (p2, c1, k60, u'{user}').",
    )


def test_who_is_refused_is_told_by_address_and_by_who_spoke_from_there_before() -> None:
    refused = (
        "101: New connection from 192.0.2.7:5001 on port 8883.",
        "101: Sending CONNACK to 192.0.2.7 (0, 5)",
        "101: Client <unknown> disconnected, not authorised.",
    )
    assert heard(*came_in("plant-a"), *refused) == [
        ("wrong_credential", "", "192.0.2.7", "plant-a spoke from there before")
    ]
    assert heard(*refused[::2]) == [("wrong_credential", "", "192.0.2.7", "")]


def test_who_gives_no_user_name_is_a_stranger_and_nobody_whose_credential_ended() -> None:
    opened = "101: New connection from 192.0.2.7:5001 on port 8883."
    ended = "101: Client 6D2FF57D-4D03 disconnected, not authorised."
    stranger = (opened, "101: Sending CONNACK to 6D2FF57D-4D03 (0, 5)", ended)
    assert heard(*stranger, *stranger) == [("wrong_credential", "", "192.0.2.7", "no user name")] * 2
    revoked = "102: Client plant-a disconnected, not authorised."
    assert heard(*came_in("plant-a"), *stranger, revoked)[1:] == [
        ("cut_off", "plant-a", "192.0.2.7", "its credential is no longer good")
    ]


def test_a_foreign_topic_an_oversize_packet_and_a_second_of_one_name_are_told_of_the_speaker() -> None:
    assert heard(
        *came_in("plant-a"),
        "101: Denied PUBLISH from plant-a (d0, q1, r0, m7, 'vigie/plant-b/a, b (c)', ... (12 bytes))",
        "102: Client plant-a disconnected due to oversize packet.",
        "103: Client plant-a already connected, closing old connection.",
        "104: Client plant-a disconnected.",
        "105: Client plant-a closed its connection.",
        "106: OpenSSL Error[0]: error:0A000126:SSL routines::unexpected eof while reading",
    ) == [
        ("foreign_topic", "plant-a", "192.0.2.7", "vigie/plant-b/a, b (c) (12 bytes)"),
        ("oversize", "plant-a", "192.0.2.7", "larger than the broker takes"),
        ("pushed_out", "plant-a", "192.0.2.7", "a second connection took the place of the first"),
    ]


def test_a_certificate_that_is_not_ours_is_told_with_the_words_of_the_library() -> None:
    assert heard(
        "100: New connection from 192.0.2.9:1 on port 8884.",
        "100: OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed",
        "100: Client <unknown> disconnected: Protocol error.",
    ) == [("bad_certificate", "", "192.0.2.9", "SSL routines::certificate verify failed")]


def test_asking_for_what_is_not_ones_own_is_told_and_the_houses_own_may() -> None:
    lines = [f"100: {user} 1 {filter_}" for user, filter_ in (
        ("plant-a", "vigie/plant-a/receipt"), ("plant-a", "vigie/plant-a/#"), ("plant-a", "#"),
        ("plant-a", "$share/g/vigie/plant-a/ask"), ("plant-a@b", "vigie/plant-a/ask"), ("vigie-bridge", "vigie/#"),
    )]  # fmt: skip
    assert [(user, detail) for _, user, _, detail in heard(*lines)] == [
        ("plant-a", "vigie/plant-a/#"), ("plant-a", "#"),
    ]  # fmt: skip


@pytest.mark.parametrize("line", ["", "x", "{", '{"kind": 1}', "100:", "100: Client", "\ufffd: \ufffd", "100: a 1"])
def test_any_line_is_an_attempt_or_nothing(line: str) -> None:
    assert heard(line) == []


@pytest.mark.parametrize(
    ("asked", "granted", "within"),
    [("a/b", "a/b", True), ("a/+", "a/b", False), ("a/b", "a/+", True), ("#", "a/#", False), ("a/#", "a/#", True),
     ("a", "a/#", True), ("a/b/c", "a/+", False), ("+/b", "+/+", True)],
)  # fmt: skip
def test_a_filter_is_within_another_when_it_can_match_nothing_more(asked: str, granted: str, within: bool) -> None:
    assert is_within(asked, granted) is within


def test_a_flood_is_told_once_a_minute_and_a_steady_speaker_never() -> None:
    floods = Floods()
    steady = [Sighting(float(at), CONNECTED, "calm", "a") for at in range(0, 600, 2)]
    assert list(floods.judge(steady)) == []
    storm = [Sighting(1000.0 + i // 100, CONNECTED, "wild", "a") for i in range(CONNECTS_A_MINUTE * 3)]
    assert [(one.user, one.at) for one in floods.judge(storm)] == [("wild", 1003.0)]
    again = [Sighting(1070.0, CONNECTED, "wild", "a", count=CONNECTS_A_MINUTE + 1)]
    assert len(list(floods.judge(again))) == 1
    floods.forget(5000.0)
    assert list(floods.judge([Sighting(5000.0, CONNECTED, "wild", "a")])) == []
