"""Declared mappings on topics of their own: which may be, what the broker then allows, and what the bridge hears."""

from __future__ import annotations

from typing import Any

import pytest

from telemetry.bridge_ears import Ears, topics_of
from telemetry.bridge_records import Records
from telemetry.broker_access import OpenTopic, bridge_topics, read_rules, rules
from telemetry.formats.mapped import BadMapping, compiled
from telemetry.mapped_topics import bare_topics, filters, open_topic, open_topics

HALL = OpenTopic("plant/+/+/sensors/#", 2)
SHELLY = OpenTopic("shellies/+/temperature", 1)


def mapping(topic: str) -> Any:
    return {"name": "m", "topic": topic, "value": [{"metric": "v"}]}


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("shellies/{machine}/temperature", SHELLY),
        ("plant/{hall}/{machine}/sensors/#", HALL),
        ("telegraf/{machine}/odd", OpenTopic("telegraf/+/odd", 1)),
    ],
)
def test_a_mapping_is_spoken_where_its_pattern_says(topic: str, expected: OpenTopic) -> None:
    assert open_topic(compiled(mapping(topic))) == expected


@pytest.mark.parametrize(
    "topic",
    ["{site}/{machine}/x", "STATE/{machine}", "spBv1.0/{g}/NCMD/{machine}", "$SYS2/{machine}", "v1/{machine}",
     "homeassistant/{machine}/config", "a%u/{machine}"],
)  # fmt: skip
def test_no_mapping_opens_topics_that_are_somebody_else_s(topic: str) -> None:
    assert open_topic(compiled(mapping(topic))) is None


def test_a_topic_cannot_carry_a_rule_of_its_own_into_the_broker_s_file() -> None:
    with pytest.raises(BadMapping, match="control character"):
        compiled(mapping("a\ntopic write #/{machine}"))


def test_what_is_stored_and_no_longer_understood_opens_nothing() -> None:
    rows = [("a", mapping("a/{machine}")), ("b", {"name": "b"}), ("c", mapping("a/{machine}"))]
    assert topics_of(rows) == [OpenTopic("a/+", 1)]
    assert open_topics([]) == []


def test_nothing_is_subscribed_to_that_is_heard_already() -> None:
    wanted = [OpenTopic("telegraf/+/odd", 1), OpenTopic("a/+/#", 1), OpenTopic("a/+/b", 1), OpenTopic("a/+/b", 0)]
    assert filters(wanted) == ["a/+/#"]


def test_a_machine_writes_under_its_own_name_and_a_gateway_for_whom_it_was_declared() -> None:
    access = read_rules(rules("bridge", [("gw", "press-1")], mapped=[HALL, SHELLY]))
    assert access.allows("press-1", "write", "shellies/press-1/temperature")
    assert access.allows("press-1", "write", "plant/north/press-1/sensors/a/b")
    assert access.allows("gw", "write", "shellies/press-1/temperature")
    assert access.allows("gw", "write", "vigie/press-1/report")
    for user, topic in (
        ("press-2", "shellies/press-1/temperature"), ("gw", "shellies/press-2/temperature"),
        ("press-1", "plant/press-1/north/sensors/a"), ("press-1", "shellies/press-1/other"),
    ):  # fmt: skip
        assert not access.allows(user, "write", topic), (user, topic)
    assert access.foresees("bridge", "plant/+/+/sensors/#")
    assert access.foresees("vigie-record", "shellies/+/temperature")
    assert not read_rules(rules("bridge")).foresees("bridge", "shellies/+/temperature")


WORDS = [  # what may follow a machine's own name, and what only we may write there
    ("report", True), ("event", True), ("status", True), ("answer", True), ("telegraf", True), ("thingsboard", True),
    ("collectd/json", True), ("nobody-knows/it", True), ("press/it", True), ("press", True), ("receipt", False),
    ("ask", False), ("otherwise", False), ("native", False), ("", False), ("ask/x", False), ("receipt/x/y", False),
    ("ask/", False), ("receipt/report", False), ("x/ask", True),
]  # fmt: skip


@pytest.mark.parametrize(("word", "may"), WORDS)
def test_no_machine_writes_what_we_say_to_it(word: str, may: bool) -> None:
    mapped = bare_topics([compiled(mapping("press/{machine}") | {"name": "press"})])
    access = read_rules(rules("bridge", [("gw", "m")], mapped=mapped))
    for user in ("m", "gw"):
        assert access.allows(user, "write", f"vigie/m/{word}") is may
        assert access.allows(user, "read", f"vigie/m/{word}") is (word in {"receipt", "ask"})
    assert not access.allows("m", "write", "vigie/m")
    assert access.allows("bridge", "write", "vigie/m/receipt")
    assert access.allows("bridge", "write", "vigie/m/ask")


@pytest.mark.parametrize(
    ("topic", "may"),
    [
        *((f"spBv1.0/G/{kind}/m", True) for kind in ("NBIRTH", "NDATA", "NDEATH")),
        *((f"spBv1.0/G/{kind}/m/dev", True) for kind in ("DBIRTH", "DDATA", "DDEATH")),
        ("spBv1.0/G/NCMD/m", False), ("spBv1.0/G/DCMD/m/dev", False), ("spBv1.0/STATE/m", False), ("STATE/m", False),
        ("spBv1.0/STATE/vigie/m", False), ("spBv1.0/G/NBIRTH/other", False),
    ],
)  # fmt: skip
def test_of_sparkplug_a_machine_says_what_nodes_say_and_commands_nobody(topic: str, may: bool) -> None:
    access = read_rules(rules("bridge", [("gw", "m")]))
    for user in ("m", "gw"):
        assert access.allows(user, "write", topic) is may, (user, topic)
    assert access.allows("bridge", "write", "spBv1.0/G/NCMD/m")
    assert access.allows("m", "read", "spBv1.0/G/NCMD/m")


def test_a_mapping_with_levels_behind_the_machine_needs_no_rule_for_its_name() -> None:
    assert bare_topics([compiled(mapping("press/{machine}/{sensor}"))]) == []
    assert bare_topics([compiled(mapping("press/{machine}/#"))]) == [OpenTopic("vigie/+/m", 1)]


class Broker:
    """What a client was asked to do."""

    def __init__(self) -> None:
        self.heard: set[str] = set()
        self.asked = 0

    def subscribe(self, topic: list[tuple[str, int]]) -> None:
        self.asked += 1
        self.heard |= {name for name, _ in topic}

    def unsubscribe(self, topic: list[str]) -> None:
        self.heard -= set(topic)


def test_the_bridge_listens_to_what_is_declared_while_it_runs_and_after_it_was_away() -> None:
    ears, broker = Ears(), Broker()
    changes: list[bool] = []
    ears.on_change = lambda: changes.append(True)
    ears.begin(broker)
    assert broker.heard == set(bridge_topics())
    ears.want([HALL])
    ears.follow(broker)
    ears.follow(broker)
    assert broker.heard == {*bridge_topics(), HALL.filter}
    assert (broker.asked, len(changes)) == (2, 2)
    ears.want([SHELLY])
    ears.begin(broker)
    assert broker.heard == {*bridge_topics(), SHELLY.filter}
    ears.want([])
    ears.follow(broker)
    assert broker.heard == set(bridge_topics())


def test_what_a_machine_says_under_a_mapping_lies_beside_all_else_of_it() -> None:
    ears = Ears()
    records = Records(None, 64, lambda: None)  # type: ignore[arg-type]  # nothing is written here
    records.named = ears.machine_in
    ears.want([HALL])
    ears.follow(Broker())
    for machine in (b"press-1", b"press-2", b"x"):
        own = records.partition_of(b"vigie/" + machine + b"/report")
        assert records.partition_of(b"plant/north/" + machine + b"/sensors/a") == own
        assert records.partition_of(b"telemetry/site/" + machine + b"/a") == own
    assert ears.machine_in(b"\xff/x") is None
