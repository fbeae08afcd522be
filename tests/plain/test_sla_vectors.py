"""The published clock vectors, one test a case, answered by the functions the product uses. This file only translates.

The folder is SLA_VECTORS, or `sla-vectors` beside the repository's shared examples.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts import clock, hours, running
from contracts.clock import Pause
from contracts.decision import ContractFacts
from contracts.tiers import Budget
from escalation import ladder

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("VIGIE_SHARED", ROOT.parent / "shared"))
FOLDER = Path(os.environ.get("SLA_VECTORS", SHARED / "sla-vectors"))

Case = Mapping[str, Any]


def cases() -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        assert document["format"] == "sla-vectors/1", path
        found += [pytest.param(case, id=case["id"]) for case in document["cases"]]
    missing = pytest.param(None, id="none", marks=pytest.mark.skip(reason=f"no vectors: {FOLDER} has no *.json"))
    return found or [missing]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def said(instant: datetime | None) -> str | None:
    return None if instant is None else instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(span: timedelta) -> int:
    assert span.microseconds == 0
    return span // timedelta(seconds=1)


def pauses(query: Case) -> tuple[Pause, ...]:
    return tuple(Pause(at(start), at(end) if end else None) for start, end in query.get("pauses", ()))


def due(case: Case) -> Case:
    query, calendar = case["query"], hours.parse(case["calendar"])
    return {"due": said(Budget(seconds=query["target_s"]).due(calendar, at(query["start"]), pauses(query)))}


def elapsed(case: Case) -> Case:
    query = case["query"]
    counted = clock.elapsed(hours.parse(case["calendar"]), at(query["start"]), at(query["end"]), pauses(query))
    return {"elapsed_s": seconds(counted)}


def open_at(case: Case) -> Case:
    return {"open": clock.is_open(hours.parse(case["calendar"]), at(case["query"]["at"]))}


def next_open(case: Case) -> Case:
    return {"next_open": said(clock.next_open(hours.parse(case["calendar"]), at(case["query"]["at"])))}


def business_days(case: Case) -> Case:
    query = case["query"]
    return {"due": said(Budget(days=query["days"]).due(hours.parse(case["calendar"]), at(query["start"])))}


def outcome(case: Case) -> Case:
    query, calendar = case["query"], hours.parse(case["calendar"])
    start, stop, budget = at(query["start"]), at(query["stop"]), timedelta(seconds=query["target_s"])
    state, breached_at = clock.outcome(calendar, start, budget, stop, pauses(query))
    return {
        "due": said(clock.due(calendar, start, budget, pauses(query))),
        "state": state,
        "elapsed_s": seconds(clock.elapsed(calendar, start, stop, pauses(query))),
        "breached_at": said(breached_at),
    }


def thresholds(case: Case) -> Case:
    query = case["query"]
    budget = timedelta(seconds=query["target_s"])
    found = clock.thresholds(
        hours.parse(case["calendar"]), at(query["start"]), budget, query["percents"], pauses(query)
    )
    return {"at": [said(instant) for instant in found]}


def event(given: Case) -> running.Event | None:
    when = at(given["at"])
    match given["type"]:
        case "pause":
            return running.Paused(when)
        case "resume":
            return running.Resumed(when)
        case "cancel":
            return running.Cancelled(when)
        case "retarget":
            budget = timedelta(seconds=given["target_s"])
            from_opening = {"retroactive": True, "restart": False}[given["mode"]]
            return running.Retargeted(when, hours.parse(given["calendar"]), budget, from_opening)
        case "upgrade":
            return running.Upgraded(when, hours.parse(given["calendar"]), timedelta(seconds=given["target_s"]))
        case "contract_end":  # a snapshot's promise lives on under the terms it was given
            return {"snapshot": None, "cutoff": running.Cancelled(when)}[given["policy"]]
    raise AssertionError(f"unknown event {given['type']}")


def scenario(case: Case) -> Case:
    query = case["query"]
    events = [heard for heard in map(event, query["events"]) if heard is not None]
    start = at(query["start"])
    now = at(query["now"]) if "now" in query else max([start, *(heard.at for heard in events)])
    calendar, budget = hours.parse(query["calendar"]), timedelta(seconds=query["target_s"])
    course = running.run(start, calendar, budget, events, now)
    return {
        "due": said(course.due),
        "state": course.state,
        "elapsed_s": seconds(course.elapsed),
        "breached_at": said(course.breached_at),
    }


def entitled(case: Case) -> Case:
    given = case["query"]["contract"]
    facts = ContractFacts(
        state="active",
        zone=given["tz"],
        starts_on=date.fromisoformat(given["start_date"]) if given.get("start_date") else None,
        ends_on=date.fromisoformat(given["end_date"]) if given.get("end_date") else None,
    )
    standing = facts.standing(at(case["query"]["at"]), given.get("grace_days", 0))
    return {"entitled": standing in ("active", "grace"), "in_grace": standing == "grace"}


def play(case: Case) -> Case:
    query = case["query"]
    rules: Sequence[Case] = query["rules"]
    timeout = query.get("ack_timeout_min")
    climbed = ladder.Ladder(
        tuple(ladder.Rung(timedelta(minutes=rule["delay_min"])) for rule in rules),
        ladder.Convention(query["delay_mode"]),
        query["loops"],
        None if timeout is None else timedelta(minutes=timeout),
    )
    events = [ladder.Event(at(given["at"]), given["type"]) for given in query["events"]]
    pages = ladder.play(
        climbed, at(query["start"]), events, at(query["until"]), lambda index: rules[index].get("reachable", True)
    )
    return {"pages": [{"at": said(page.at), "rung": page.rung + 1} for page in pages]}


def level(case: Case) -> Case:
    reached, notify = ladder.level(case["query"]["current"], case["query"]["requested"])
    return {"level": reached, "notify": notify}


def select(case: Case) -> Case:
    query = case["query"]
    return {"policy": ladder.select(query["precedence"], query["policies"], query["incident"])}


OPS: Mapping[str, Callable[[Case], Case]] = {
    "due": due,
    "elapsed": elapsed,
    "open_at": open_at,
    "next_open": next_open,
    "business_days": business_days,
    "outcome": outcome,
    "thresholds": thresholds,
    "scenario": scenario,
    "entitled": entitled,
    "ladder": play,
    "level": level,
    "select": select,
}


@pytest.mark.parametrize("case", cases())
def test_sla_vectors(case: Case) -> None:
    op = case["query"]["op"]
    assert op in OPS, f"{case['id']} asks for {op!r}, which no function answers"
    answer = OPS[op](case)
    unknown = set(case["expected"]) - set(answer)
    assert not unknown, f"{case['id']} expects {unknown}, which {op!r} does not say"
    assert {name: answer[name] for name in case["expected"]} == case["expected"], case["title"]
