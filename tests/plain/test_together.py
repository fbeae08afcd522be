"""What began together is one event; what merely coincides is not."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from escalation.together import FLEET, Gathering, Onset, Spot, by_chance, is_over, named_after, sort_out

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
ADA, CY = uuid.uuid5(uuid.NAMESPACE_DNS, "ada"), uuid.uuid5(uuid.NAMESPACE_DNS, "cy")
RACK, SITE = Spot("rack", "1 at Mill"), Spot("site", "Mill")


def onset(name: str, problem: str = "silence", after_s: float = 0.0, customer: uuid.UUID = ADA, *spots: Spot) -> Onset:
    machine = uuid.uuid5(uuid.NAMESPACE_DNS, name)
    own = Spot("customer", "ada" if customer == ADA else str(customer))
    return Onset(machine, customer, problem, NOON + timedelta(seconds=after_s), (*(spots or (RACK, SITE)), own))


def groups(*onsets: Onset, **usual: float) -> list[list[int]]:
    a_day = {
        (kind, spot): rate for kind, rate in usual.items() for spot in (RACK, SITE, Spot("customer", "ada"), FLEET)
    }
    return [list(found.members) for found in sort_out(onsets, [], a_day)]


def test_two_machines_of_one_customer_with_one_problem_in_one_minute_are_one_event() -> None:
    assert groups(onset("a"), onset("b", after_s=40)) == [[0, 1]]


def test_another_problem_in_the_same_minute_stands_for_itself() -> None:
    assert groups(onset("a"), onset("b", after_s=5), onset("c", "memory", 6)) == [[0, 1]]


def test_one_machine_alone_and_one_machine_twice_are_no_event() -> None:
    assert groups(onset("a")) == []
    assert groups(onset("a"), onset("a", after_s=5)) == []


def test_more_than_a_minute_apart_is_not_together() -> None:
    assert groups(onset("a"), onset("b", after_s=61)) == []
    assert groups(*(onset(str(n), after_s=50.0 * n) for n in range(4))) == [[0, 1, 2, 3]]


def test_where_a_problem_is_common_two_of_it_are_a_chance() -> None:
    pair = (onset("a", "memory"), onset("b", "memory"))
    assert groups(*pair, memory=2.0) == [[0, 1]]
    assert groups(*pair, memory=200.0) == []
    assert groups(*(onset(str(n), "memory") for n in range(6)), memory=200.0) == [list(range(6))]


def test_two_customers_share_an_event_only_through_a_place() -> None:
    elsewhere = (Spot("rack", "9 at Yard"), Spot("site", "Yard"))
    far = onset("c", "silence", 0, CY, *elsewhere)
    assert groups(onset("a"), far) == []
    assert groups(onset("a"), onset("b"), far) == [[0, 1]]
    assert groups(onset("a"), onset("b"), onset("c", "silence", 0, CY)) == [[0, 1, 2]]


def test_ten_machines_of_several_customers_are_one_event_wherever_they_stand() -> None:
    many = [onset(str(n), "latency", n, ADA if n % 2 else CY, Spot("site", f"site {n}")) for n in range(10)]
    (found,) = sort_out(many, [], {})
    assert list(found.members) == list(range(10))
    assert FLEET in found.spots


def test_a_version_of_software_is_shared_by_its_machines_and_breaks_no_fan() -> None:
    runs = Spot("software", "erp 4.2")
    for problem, together in (("latency", True), ("fan", False)):
        five = [onset(str(n), problem, n, uuid.uuid4(), runs) for n in range(5)]
        assert bool(sort_out(five, [], {})) is together


def test_worn_drives_read_at_the_same_minute_are_single_faults() -> None:
    assert groups(*(onset(str(n), "drive") for n in range(4))) == []


def test_a_rack_that_loses_power_holds_silent_machines_and_dead_supplies() -> None:
    assert groups(onset("a"), onset("b"), onset("c", "psu", 20)) == [[0, 1, 2]]


def test_an_anomaly_of_another_name_joins_when_the_same_metrics_speak() -> None:
    loud = {"latency_ms": 0.8, "requests_s": 0.6}
    far = {"mem_used_pct": 1.0}
    pair = [
        Onset(o.machine_id, ADA, problem, NOON, o.spots, 0.0, signature)
        for o, problem, signature in (
            (onset("a"), "latency", loud), (onset("b"), "latency", loud), (onset("c"), "requests", loud),
            (onset("d"), "memory", far),
        )
    ]  # fmt: skip
    (found,) = sort_out(pair, [], {})
    assert found.members == (0, 1, 2)


def test_what_comes_later_joins_the_event_that_goes_on() -> None:
    event = Gathering(uuid.uuid4(), frozenset({"silence"}), NOON, NOON, frozenset({RACK}))
    assert sort_out([onset("c", after_s=50)], [event], {})[0].joins == event.id
    assert sort_out([onset("c", "memory", 50)], [event], {}) == []
    assert sort_out([onset("c", "silence", 50, CY, Spot("rack", "2 at Yard"))], [event], {}) == []
    assert sort_out([onset("c", after_s=300)], [event], {}) == []


def test_an_event_is_named_after_the_narrowest_thing_most_machines_share() -> None:
    assert named_after({RACK: 10, SITE: 10}, 10) == RACK
    assert named_after({RACK: 5, SITE: 9}, 10) == SITE
    assert named_after({RACK: 5, SITE: 5}, 10) == FLEET


def test_chance_falls_with_the_number_and_rises_with_the_rate() -> None:
    assert by_chance(2, 1.0) < by_chance(2, 10.0) < by_chance(2, 100.0)
    assert by_chance(3, 10.0) < by_chance(2, 10.0)
    assert 700 < by_chance(1, 1000.0) < 1000
    assert by_chance(5000, 1.0) >= 0.0


def test_an_event_is_over_when_all_are_well_or_nearly_all_of_many() -> None:
    assert not is_over(3, 2)
    assert is_over(3, 3)
    assert not is_over(100, 89)
    assert is_over(100, 90)
