"""The life of an incident: its states, what may be done in each, and the words for what may not. Plain."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

# A closed case that comes back within two weeks is the same case; later it is a new one with a new promise.
REOPEN_WINDOW = timedelta(days=14)
# Severity 1 and 2 are never left to one engineer ("never an engineer alone in front of a problem").
NEVER_ALONE = 2
WAITING_FOR = ("customer", "vendor", "maintenance")
VERDICTS = ("true", "benign", "false")


class State(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    WORKING = "working"
    WAITING = "waiting"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Act(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    CLAIM = "claim"
    SECOND = "second"
    REPLY = "reply"
    NOTE = "note"
    WAIT = "wait"
    RESUME = "resume"
    RESOLVE = "resolve"
    CLOSE = "close"
    REOPEN = "reopen"
    SET_SEVERITY = "set_severity"
    VERDICT = "verdict"
    ESCALATE = "escalate"
    HAND_OVER = "hand_over"
    WORKAROUND = "workaround"
    MERGE = "merge"
    SPLIT = "split"
    SERVE = "serve"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, or (without an id) the house itself or a program."""

    person_id: uuid.UUID | None
    name: str
    # Whether a customer's contact acts: their word is told apart from ours in the story and on the clocks.
    is_customer: bool = False


VIGIE = Actor(None, "Vigie")


@dataclass(frozen=True, slots=True)
class NotNow:
    """An act that does not fit now: why, and what to do instead. An answer, not an error."""

    reason: str
    remedy: str
    # Machine-readable: "state", "version", "absent", "person", "value", "duplicate", "window"
    rule: str = "state"


_S = State
_EVERY_OPEN = (_S.OPEN, _S.ACKNOWLEDGED, _S.WORKING, _S.WAITING)


def _stays(*states: State) -> dict[State, State]:
    return {state: state for state in states}


# What each act turns each state into; a state that is not named refuses the act. A reply, a wait or a claim says that
# somebody has seen the incident, so none of them leaves it merely "open".
TABLE: Mapping[Act, Mapping[State, State]] = {
    Act.ACKNOWLEDGE: {_S.OPEN: _S.ACKNOWLEDGED},
    Act.CLAIM: {_S.OPEN: _S.WORKING, _S.ACKNOWLEDGED: _S.WORKING, _S.WORKING: _S.WORKING, _S.WAITING: _S.WAITING},
    Act.SECOND: _stays(*_EVERY_OPEN),
    Act.REPLY: {**_stays(*_EVERY_OPEN, _S.RESOLVED), _S.OPEN: _S.ACKNOWLEDGED},
    Act.NOTE: _stays(*State),
    Act.WAIT: dict.fromkeys(_EVERY_OPEN, _S.WAITING),
    Act.RESUME: {_S.WAITING: _S.WORKING},
    Act.RESOLVE: dict.fromkeys(_EVERY_OPEN, _S.RESOLVED),
    Act.CLOSE: {_S.RESOLVED: _S.CLOSED},
    # Reopened means open: nobody has it until somebody says so, and the ladder starts over.
    Act.REOPEN: {_S.RESOLVED: _S.OPEN, _S.CLOSED: _S.OPEN},
    Act.SET_SEVERITY: _stays(*_EVERY_OPEN),
    Act.VERDICT: _stays(*State),
    Act.ESCALATE: _stays(*_EVERY_OPEN),
    # What nobody has taken up is not handed over: its ladder is still looking for somebody.
    Act.HAND_OVER: _stays(_S.ACKNOWLEDGED, _S.WORKING, _S.WAITING),
    # A way around it is no end of it; whoever found one has seen the incident.
    Act.WORKAROUND: {**_stays(*_EVERY_OPEN), _S.OPEN: _S.ACKNOWLEDGED},
    # Into another one, where everything of it goes on.
    Act.MERGE: dict.fromkeys(_EVERY_OPEN, _S.CLOSED),
    Act.SPLIT: _stays(*_EVERY_OPEN),
    # On the phone, in a remote session, in writing: changed as often as the customer wishes.
    Act.SERVE: _stays(*_EVERY_OPEN),
}

_SAID = {
    Act.ACKNOWLEDGE: "acknowledged",
    Act.CLAIM: "claimed",
    Act.SECOND: "given a second engineer",
    Act.REPLY: "replied on",
    Act.WAIT: "set to wait",
    Act.RESUME: "resumed",
    Act.RESOLVE: "resolved",
    Act.CLOSE: "closed",
    Act.REOPEN: "reopened",
    Act.SET_SEVERITY: "given another severity",
    Act.ESCALATE: "escalated",
    Act.WORKAROUND: "given a workaround",
    Act.MERGE: "merged",
    Act.SPLIT: "split",
    Act.SERVE: "served another way",
    Act.HAND_OVER: "handed over",
}

_REMEDY = {
    (Act.ACKNOWLEDGE, _S.ACKNOWLEDGED): "Claim it to take it over.",
    (Act.ACKNOWLEDGE, _S.WORKING): "Claim it to take it over.",
    (Act.ACKNOWLEDGE, _S.WAITING): "Resume it or claim it.",
    (Act.RESUME, _S.OPEN): "Acknowledge or claim it.",
    (Act.RESUME, _S.ACKNOWLEDGED): "Claim it to work on it.",
    (Act.RESUME, _S.WORKING): "It is being worked on already; nothing needs to be done.",
    (Act.RESOLVE, _S.RESOLVED): "Close it, or reopen it if it came back.",
    (Act.CLOSE, _S.CLOSED): "Nothing needs to be done.",
    (Act.HAND_OVER, _S.OPEN): "Acknowledge it first, or leave it to the ladder.",
}


def after(act: Act, state: State, closed_for: timedelta | None = None) -> State | NotNow:
    """The state an act leads to, or why it may not be done now. `closed_for`: how long ago the incident was closed."""
    target = TABLE[act].get(state)
    if target is None:
        remedy = _REMEDY.get((act, state)) or _general_remedy(act, state)
        return NotNow(f"An incident that is {state} cannot be {_SAID[act]}.", remedy)
    if act is Act.REOPEN and state is State.CLOSED and closed_for is not None and closed_for > REOPEN_WINDOW:
        return NotNow(
            f"It was closed {closed_for.days} days ago; it could be reopened for {REOPEN_WINDOW.days}.",
            "Open a new incident and name this one in it.",
            "window",
        )
    return target


def _general_remedy(act: Act, state: State) -> str:
    if state in (State.RESOLVED, State.CLOSED):
        return "Reopen it first."
    if act is Act.REOPEN:
        return "It is open already; nothing needs to be done."
    return "Resolve it first."


def allowed(state: State, closed_for: timedelta | None = None) -> tuple[Act, ...]:
    """The acts that fit a state, in the order of the table: what a page offers."""
    return tuple(act for act in Act if isinstance(after(act, state, closed_for), State))


def stops_the_ladder(state: State) -> bool:
    """Whether nobody more needs to be told: somebody has it, or it is over."""
    return state is not State.OPEN
