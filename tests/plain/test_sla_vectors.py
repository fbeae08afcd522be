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

from contracts import clock, hours, precedence, running
from contracts.clock import Pause
from contracts.decision import ContractFacts
from contracts.tiers import Budget
from escalation import ladder

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("VIGIE_SHARED", ROOT.parent / "shared"))
FOLDER = Path(os.environ.get("SLA_VECTORS", SHARED / "sla-vectors"))

Case = Mapping[str, Any]

FORMAT = "sla-vectors/1"


def read(path: Path) -> list[Any]:
    """The cases of a file, each a test; a file that is none of ours is one test that fails."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        found = document["cases"] if document["format"] == FORMAT else None
        return [pytest.param(case, id=str(case["id"])) for case in found]
    except (ValueError, KeyError, TypeError) as wrong:
        return [pytest.param({"unreadable": f"{path.name} is no file of {FORMAT}: {wrong!r}"}, id=path.stem)]


def cases() -> list[Any]:
    found = [case for path in sorted(FOLDER.glob("*.json")) for case in read(path)]
    missing = pytest.param(None, id="none", marks=pytest.mark.skip(reason=f"no vectors: {FOLDER} has no *.json"))
    return found or [missing]


# What a query of each op may say. A word that is not listed could change the answer, so such a case is not guessed at.
_COUNTING = {"start", "target_s", "pauses"}
FORM: Mapping[str, set[str]] = {
    "due": _COUNTING,
    "elapsed": {"start", "end", "pauses"},
    "open_at": {"at"},
    "next_open": {"at"},
    "business_days": {"start", "days"},
    "outcome": {*_COUNTING, "stop"},
    "thresholds": {*_COUNTING, "percents"},
    "scenario": {"start", "calendar", "target_s", "events", "now"},
    "entitled": {"at", "contract"},
    "ladder": {"start", "rules", "loops", "delay_mode", "events", "until", "ack_timeout_min"},
    "level": {"current", "requested"},
    "select": {"precedence", "policies", "incident"},
}
EVENTS: Mapping[str, set[str]] = {
    "pause": {"reason"},
    "resume": set(),
    "cancel": set(),
    "retarget": {"target_s", "calendar", "mode"},
    "contract_end": {"policy"},
    "upgrade": {"target_s", "calendar"},
    "ack": set(),
    "resolve": set(),
    "trigger": set(),
    "policy_edited": {"rules", "loops", "delay_mode"},  # heard, and not obeyed: the ladder that climbs is frozen
}
PARTS: Mapping[str, set[str]] = {
    "contract": {"tz", "start_date", "end_date", "grace_days", "state"},
    "rules": {"delay_min", "reachable"},
    "policies": {"level", "match", "name"},
}
REMARKS = {"note", "title", "comment", "source", "unordered"}  # said to the reader; they change no answer


def refuse_unknown(where: str, given: Case, known: set[str]) -> None:
    unknown = set(given) - known - REMARKS
    assert not unknown, f"{where} says {sorted(unknown)}, which nothing here understands"


def refuse_unknown_form(case: Case) -> None:
    query = case["query"]
    op = query["op"]
    assert op in OPS, f"{case['id']} asks for {op!r}, which no function answers"
    refuse_unknown(op, query, FORM[op] | {"op"})
    for event in query.get("events", ()):
        assert event["type"] in EVENTS, f"{case['id']} tells of {event['type']!r}, which nothing here understands"
        refuse_unknown(event["type"], event, EVENTS[event["type"]] | {"at", "type"})
    for part, known in PARTS.items():
        given = query.get(part, ())
        for each in [given] if isinstance(given, dict) else given:
            refuse_unknown(part, each, known)


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
    query, calendar = case["query"], hours.parse(case["calendar"])
    return {"due": said(clock.business_days(calendar, at(query["start"]), query["days"]))}


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


def calendar_of(given: Case) -> hours.Hours | None:
    return hours.parse(given["calendar"]) if given.get("calendar") is not None else None


def event(given: Case) -> running.Event:
    when = at(given["at"])
    match given["type"]:
        case "pause":
            return running.Paused(when, given.get("reason", ""))
        case "resume":
            return running.Resumed(when)
        case "cancel":
            return running.Cancelled(when)
        case "retarget":
            budget = timedelta(seconds=given["target_s"])
            from_opening = {"retroactive": True, "restart": False}[given["mode"]]
            return running.Retargeted(when, calendar_of(given), budget, from_opening)
        case "upgrade":
            return running.Upgraded(when, calendar_of(given), timedelta(seconds=given["target_s"]))
        case "contract_end":
            return running.ContractEnded(when, {"snapshot": False, "cutoff": True}[given["policy"]])
    raise AssertionError(f"no event of a clock's life: {given['type']}")


def scenario(case: Case) -> Case:
    query = case["query"]
    events = [event(given) for given in query["events"]]
    start = at(query["start"])
    now = at(query["now"]) if query.get("now") else max([start, *(heard.at for heard in events)])
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
        state=given.get("state", "active"),
        zone=given.get("tz", "UTC"),
        starts_on=date.fromisoformat(given["start_date"]) if given.get("start_date") else None,
        ends_on=date.fromisoformat(given["end_date"]) if given.get("end_date") else None,
    )
    standing = facts.standing(at(case["query"]["at"]), given.get("grace_days") or 0)
    return {"entitled": standing in ("active", "grace"), "in_grace": standing == "grace"}


def play(case: Case) -> Case:
    query = case["query"]
    rules: Sequence[Case] = query["rules"]
    timeout = query.get("ack_timeout_min")
    climbed = ladder.Ladder(
        tuple(ladder.Rung(timedelta(minutes=rule["delay_min"])) for rule in rules),
        ladder.Convention(query["delay_mode"]),
        query.get("loops", 0),
        None if timeout is None else timedelta(minutes=timeout),
    )
    events = [ladder.Event(at(given["at"]), given["type"]) for given in query.get("events", ())]
    pages = ladder.play(
        climbed, at(query["start"]), events, at(query["until"]), lambda index: rules[index].get("reachable", True)
    )
    return {"pages": [{"at": said(page.at), "rung": page.rung + 1} for page in pages]}


def level(case: Case) -> Case:
    reached, notify = ladder.level(case["query"]["current"], case["query"]["requested"])
    return {"level": reached, "notify": notify}


def select(case: Case) -> Case:
    query = case["query"]
    return {"policy": precedence.select(query["precedence"], query["policies"], query["incident"])}


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


def answer(case: Case) -> Case:
    """What the product answers, by the words the case expects. AssertionError for a form nothing here understands."""
    assert "unreadable" not in case, case["unreadable"]
    refuse_unknown_form(case)
    op = case["query"]["op"]
    said = OPS[op](case)
    unknown = set(case["expected"]) - set(said)
    assert not unknown, f"{case['id']} expects {unknown}, which {op!r} does not say"
    assert case["expected"], f"{case['id']} expects nothing"
    return {name: said[name] for name in case["expected"]}


@pytest.mark.parametrize("case", cases())
def test_sla_vectors(case: Case) -> None:
    assert answer(case) == case["expected"], case["title"]


UNKNOWN: list[dict[str, Any]] = [
    {"query": {"op": "foresee", "at": "2026-01-12T09:00:00Z"}, "expected": {"due": None}},
    {"query": {"op": "due", "start": "2026-01-12T09:00:00Z", "target_s": 60, "speed": 2}, "expected": {"due": None}},
    {"query": {"op": "open_at", "at": "2026-01-12T09:00:00Z"}, "expected": {"open": True, "mood": "fine"}},
    {"query": {"op": "open_at", "at": "2026-01-12T09:00:00Z"}, "expected": {}},
    {"calendar": {"tides": []}, "query": {"op": "open_at", "at": "2026-01-12T09:00:00Z"}, "expected": {"open": True}},
    {
        "query": {
            "op": "scenario",
            "start": "2026-01-12T09:00:00Z",
            "calendar": {"always_open": True},
            "target_s": 60,
            "events": [{"at": "2026-01-12T09:00:00Z", "type": "rewind"}],
        },
        "expected": {"due": None},
    },
]


@pytest.mark.parametrize("case", UNKNOWN)
def test_a_case_of_an_unknown_form_fails(case: dict[str, Any]) -> None:
    with pytest.raises((AssertionError, ValueError)):
        answer({"id": "X", "title": "unknown", "calendar": {"always_open": True}, **case})


def test_a_file_that_is_none_of_ours_fails_and_takes_no_other_along(tmp_path: Path) -> None:
    for name, text in (("a.json", "[]"), ("b.json", "{"), ("c.json", '{"format": "sla-vectors/2", "cases": []}')):
        (tmp_path / name).write_text(text)
        (unreadable,) = read(tmp_path / name)
        with pytest.raises(AssertionError, match=name):
            answer(unreadable.values[0])
