"""A watcher that comes back without its state goes on with what had begun: nothing is found twice, everything ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from models.incidents import Finding, Incident
from models.session import SYSTEM, work
from telemetry import course
from telemetry.reading import Reading
from telemetry.resuming import Unended
from telemetry.watching import Watching
from tests.plant import Plant, report

MACHINE = "plant-db-1"
MINUTE = timedelta(minutes=1)


def vitals(at: datetime, **odd: float) -> dict[str, float]:
    """A healthy server, and what is odd about it."""
    angle = at.timestamp() / 3600
    wave = math.sin(angle) + 0.3 * math.sin(37 * angle)
    return {
        "cpu_util": 30 + 5 * wave, "mem_used_pct": 40 + 2 * wave, "latency_ms": 20 + 3 * wave, "procs": 200 + 9 * wave,
        "load_1": 2 + 0.4 * wave, "net_rx_mb_s": 5 + wave, "fan_rpm.1": 3000 + 90 * wave,
        "smart_reallocated.sda": 4.0, "disk_used_pct./var": 31 + 0.1 * wave, **odd,
    }  # fmt: skip


class Night:
    """One machine that reports every minute, and the watchers before it."""

    def __init__(self, plant: Plant) -> None:
        self.plant, self.seq = plant, 0

    def lives(self, minutes: int, change: Callable[[int], dict[str, float]] = lambda minute: {}) -> None:
        for minute in range(minutes):
            self.seq += 1
            self.plant.now += MINUTE
            body = {**report(self.plant.now, self.seq), "metrics": vitals(self.plant.now, **change(minute))}
            self.plant.tell(MACHINE, body)
        self.plant.settle()

    def has_a_past(self, hours: int = 5) -> None:
        """History sent in bulk: what was normal."""
        first = self.plant.now
        self.plant.now += timedelta(hours=hours)
        reports = []
        for minute in range(hours * 60 - 20):
            self.seq += 1
            at = first + minute * MINUTE
            reports.append({**report(at, self.seq), "metrics": vitals(at)})
        self.plant.tell(MACHINE, reports)

    def loses_its_watcher(self) -> None:
        """Killed: no snapshot was ever kept; its successor has what the database has."""
        self.plant.readers[-1].close()
        self.plant.watcher = self.plant.watch("first")

    def found(self) -> list[tuple[str, str, bool]]:
        """Kind, cause and whether it is over, of every finding."""
        rows = self.plant.one(select(Finding.kind, Finding.cause, Finding.ended_at).order_by(Finding.opened_at))
        return [(row.kind, row.cause, row.ended_at is not None) for row in rows]

    def incidents(self) -> list[tuple[str, bool]]:
        """Cause of every incident, and whether its condition is over: then it resolves by itself."""
        rows = self.plant.one(select(Incident.cause, Incident.condition_ended_at).order_by(Incident.opened_at))
        return [(row.cause, row.condition_ended_at is not None) for row in rows]


@pytest.fixture
def night(plant: Plant) -> Night:
    return Night(plant)


def test_a_hard_fault_goes_on_and_ends_as_the_finding_it_was(night: Night) -> None:
    night.lives(3)
    night.lives(3, lambda minute: {"fan_rpm.1": 0.0})
    assert night.found() == [("rule", "fan:1", False)]
    night.loses_its_watcher()
    night.lives(3, lambda minute: {"fan_rpm.1": 0.0})
    assert night.found() == [("rule", "fan:1", False)]
    night.lives(4)
    assert night.found() == [("rule", "fan:1", True)]
    assert night.incidents() == [("fan:1", True)]


def test_a_hard_fault_that_is_over_when_the_watcher_is_back_ends(night: Night) -> None:
    night.lives(3)
    night.lives(3, lambda minute: {"fan_rpm.1": 0.0})
    night.lives(1)
    night.loses_its_watcher()
    night.lives(2)
    assert night.found() == [("rule", "fan:1", True)]
    assert night.incidents() == [("fan:1", True)]


def test_a_drive_that_collects_sectors_is_told_once_and_over_a_day_after_the_last(night: Night) -> None:
    night.lives(3)
    night.lives(3, lambda minute: {"smart_reallocated.sda": 9.0 + minute})
    began = night.plant.now
    night.loses_its_watcher()
    night.lives(3, lambda minute: {"smart_reallocated.sda": 11.0})
    assert night.found() == [("rule", "drive:sda", False)]
    night.plant.now = began + timedelta(hours=23)
    night.lives(1, lambda minute: {"smart_reallocated.sda": 11.0})
    assert night.found() == [("rule", "drive:sda", False)]
    night.plant.now = began + timedelta(hours=24, minutes=5)
    night.lives(1, lambda minute: {"smart_reallocated.sda": 11.0})
    assert night.found() == [("rule", "drive:sda", True)]


def odd(minute: int) -> dict[str, float]:
    return {"latency_ms": 900.0 + minute, "procs": 900.0, "net_rx_mb_s": 80.0, "load_1": 40.0}


def test_what_the_model_found_goes_on_by_what_was_normal_before_it_and_ends(night: Night) -> None:
    night.has_a_past()
    night.lives(10)
    night.lives(6, odd)
    ((kind, cause, over),) = night.found()
    assert (kind, over) == ("anomaly", False)
    night.loses_its_watcher()
    night.lives(5, odd)
    assert night.found() == [(kind, cause, False)]
    night.lives(40)
    assert night.found() == [(kind, cause, True)]
    assert night.incidents() == [(cause, True)]


def test_what_the_model_found_and_is_over_meanwhile_ends_when_history_says(night: Night) -> None:
    night.has_a_past()
    night.lives(10)
    night.lives(6, odd)
    ((kind, cause, over),) = night.found()
    night.lives(1)
    assert not over
    night.loses_its_watcher()
    night.lives(6)
    assert night.found() == [(kind, cause, True)]
    assert night.incidents() == [(cause, True)]


def test_history_that_tells_the_end_is_believed_at_its_instant(night: Night) -> None:
    """The watcher died before it stored what ended; the machine's reports were stored by an older one."""
    night.lives(3)
    night.lives(3, lambda minute: {"fan_rpm.1": 0.0})
    opened = night.plant.now
    night.lives(5)
    assert night.found() == [("rule", "fan:1", True)]
    with work(night.plant.sessions, SYSTEM) as session:
        session.scalars(select(Finding)).one().ended_at = None
        session.scalars(select(Incident)).one().condition_ended_at = None
    night.loses_its_watcher()
    night.plant.now += timedelta(hours=2)
    night.lives(1)
    assert night.found() == [("rule", "fan:1", True)]
    ((ended,),) = night.plant.one(select(Finding.ended_at))
    assert timedelta(0) < ended - opened <= 3 * MINUTE


def test_of_one_condition_found_twice_the_older_one_goes_on(night: Night) -> None:
    """As a watcher without memory once left them behind."""
    night.lives(3)
    night.lives(3, lambda minute: {"fan_rpm.1": 0.0})
    with work(night.plant.sessions, SYSTEM) as session:
        first = session.scalars(select(Finding)).one()
        started_ms = round(night.plant.now.timestamp() * 1000)
        twin = Unended(MACHINE, "rule", "fan:1", started_ms, started_ms, 2)
        session.add(
            Finding(
                id=twin.finding_id, customer_id=first.customer_id, machine_id=first.machine_id, cause="fan:1",
                kind="rule", severity=2, started_at=night.plant.now, opened_at=night.plant.now, summary="again",
                metrics=first.metrics, evidence=first.evidence, incident_id=first.incident_id,
                created_at=night.plant.now,
            )
        )  # fmt: skip
    night.loses_its_watcher()
    night.lives(2, lambda minute: {"fan_rpm.1": 0.0})
    assert night.found() == [("rule", "fan:1", False), ("rule", "fan:1", True)]
    assert night.incidents() == [("fan:1", False)]
    night.lives(4)
    assert night.incidents() == [("fan:1", True)]


def test_what_no_rule_looks_for_any_more_ends(night: Night) -> None:
    night.lives(3)
    night.lives(3, lambda minute: {"fan_rpm.1": 0.0})
    with work(night.plant.sessions, SYSTEM) as session:
        finding = session.scalars(select(Finding)).one()
        finding.evidence = {**finding.evidence, "rule": "a_rule_of_an_older_version"}
    night.loses_its_watcher()
    night.lives(2)
    assert night.found() == [("rule", "fan:1", True)]


def test_what_a_machine_reported_itself_stands_until_it_takes_it_back(night: Night) -> None:
    night.lives(2)
    at = round(night.plant.now.timestamp() * 1000)
    night.plant.tell(
        MACHINE, {"at": at, "code": "ecc", "severity": 2, "text": "memory"}, topic=f"vigie/{MACHINE}/event"
    )
    night.plant.settle()
    night.loses_its_watcher()
    night.lives(2)
    assert night.found() == [("event", "event:ecc", False)]
    at = round(night.plant.now.timestamp() * 1000)
    night.plant.tell(MACHINE, {"at": at, "code": "ecc", "severity": 0}, topic=f"vigie/{MACHINE}/event")
    night.plant.settle()
    assert night.found() == [("event", "event:ecc", True)]


def test_counters_are_learned_as_rates_when_state_was_lost(night: Night) -> None:
    """History keeps what was sent; a byte counter learned as if it were a gauge would be news at the first rate."""
    plant = night.plant
    for minute in range(90):
        plant.now += MINUTE
        said = f"# TYPE bytes_total counter\nbytes_total {1e6 * minute}\n# TYPE heat gauge\nheat 20\n"
        plant.tell(MACHINE, said.encode(), topic=f"vigie/{MACHINE}/prometheus")
    plant.settle()
    before = plant.watcher
    night.loses_its_watcher()
    plant.now += MINUTE
    said = f"# TYPE bytes_total counter\nbytes_total {1e6 * 90}\n# TYPE heat gauge\nheat 20\n"
    plant.tell(MACHINE, said.encode(), topic=f"vigie/{MACHINE}/prometheus")
    plant.settle()
    (old,), (new,) = ([s.watching.known[MACHINE] for s in w.seats.values() if MACHINE in s.watching.known]
                      for w in (before, plant.watcher))  # fmt: skip
    assert old.rates.keys() == new.rates.keys() == {"bytes_total"}


def test_a_forecast_goes_on_and_ends_once_nothing_runs_out_any_more() -> None:
    """Kept apart from the database: it takes days of readings to see a trend."""
    watching = Watching()
    minutes = 5
    one = Unended("m", "forecast", "disk:/var", 3_600_000, 0, 3, metrics=("disk_used_pct./var",),
                  evidence={"metrics": [{"metric": "disk_used_pct./var"}]})  # fmt: skip
    assert watching.resume(one)
    assert not watching.resume(one)
    assert watching.machines()["m"].open_causes == ("disk:/var",)
    ended = []
    for step in range(1, 3 + course.OVER):
        at_ms = one.started_ms + step * minutes * 60_000
        said = Reading("m", at_ms, {"disk_used_pct./var": 40.0}, None, at_ms, "native")
        ended += watching.feed([said])
    assert [(v.finding_id, v.opened) for v in ended] == [(one.finding_id, False)]
