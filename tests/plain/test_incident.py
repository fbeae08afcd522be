"""The life of an incident: no dead end, no silent dead act, a sentence for every refusal."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.strategies import integers, sampled_from

from escalation.incident import REOPEN_WINDOW, TABLE, Act, NotNow, State, after, allowed, stops_the_ladder
from models.incidents import STATES


def test_the_states_are_those_the_table_of_incidents_accepts() -> None:
    assert tuple(State) == STATES
    assert set(TABLE) == set(Act)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("act", Act)
def test_every_act_in_every_state_has_an_answer(act: Act, state: State) -> None:
    answer = after(act, state)
    if isinstance(answer, NotNow):
        assert answer.reason.startswith("An incident that is ")
        assert answer.remedy.endswith(".")
        assert act not in allowed(state)
    else:
        assert act in allowed(state)


def reachable(start: State) -> set[State]:
    seen, edge = {start}, [start]
    while edge:
        state = edge.pop()
        for act in Act:
            answer = after(act, state)
            if isinstance(answer, State) and answer not in seen:
                seen.add(answer)
                edge.append(answer)
    return seen


@pytest.mark.parametrize("state", State)
def test_no_state_is_a_dead_end(state: State) -> None:
    assert {State.CLOSED, State.OPEN} <= reachable(state)


def test_reopening_is_possible_until_the_window_ends() -> None:
    assert after(Act.REOPEN, State.CLOSED, REOPEN_WINDOW) is State.OPEN
    late = after(Act.REOPEN, State.CLOSED, REOPEN_WINDOW + timedelta(seconds=1))
    assert isinstance(late, NotNow)
    assert late.rule == "window"
    assert Act.REOPEN not in allowed(State.CLOSED, timedelta(days=40))


def test_only_an_open_incident_lets_the_ladder_climb() -> None:
    assert [state for state in State if not stops_the_ladder(state)] == [State.OPEN]


@pytest.mark.parametrize("act", [Act.REPLY, Act.CLAIM, Act.WAIT, Act.ACKNOWLEDGE, Act.RESOLVE])
def test_whoever_touches_an_open_incident_has_seen_it(act: Act) -> None:
    answer = after(act, State.OPEN)
    assert isinstance(answer, State)
    assert stops_the_ladder(answer)


class Life(RuleBasedStateMachine):
    """Any sequence of acts: the incident is always in a state somebody can leave."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State.OPEN
        self.closed_for = timedelta(0)

    @rule(act=sampled_from(Act))
    def act(self, act: Act) -> None:
        answer = after(act, self.state, self.closed_for)
        if isinstance(answer, State):
            if answer is not self.state:
                self.closed_for = timedelta(0)
            self.state = answer

    @precondition(lambda self: self.state is State.CLOSED)
    @rule(days=integers(0, 10))
    def time_passes(self, days: int) -> None:
        self.closed_for += timedelta(days=days)

    @invariant()
    def something_can_be_done(self) -> None:
        acts = set(allowed(self.state, self.closed_for))
        assert Act.NOTE in acts
        if self.state in (State.OPEN, State.ACKNOWLEDGED, State.WORKING, State.WAITING):
            assert {Act.RESOLVE, Act.REPLY, Act.ESCALATE} <= acts
        elif self.state is State.RESOLVED:
            assert {Act.CLOSE, Act.REOPEN} <= acts


TestLife = Life.TestCase
