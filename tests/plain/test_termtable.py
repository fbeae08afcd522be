"""Terms as text and back: what a form, a difference and a CSV file say of each number of the tier table."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import termtable, termtext
from app.termtable import Wrong
from contracts import amending
from contracts.terms import Terms, Tier
from contracts.tiers import DEFAULTS

RICH = amending.changed(
    DEFAULTS[Tier.GOLD],
    {
        "allowances": {"visits": {"units": 4, "period": "year"}, "cases": {"units": 10, "period": "month"}},
        "clocks": {"budgets": {"resolve": {"1": {"seconds": 28800}}}, "pauses": ["customer"], "warn_at": [50, 80],
                   "vendor": {"budget": {"seconds": 3600}, "hours": ""}, "on_severity": "restart"},
        "respond": {"4": {"business_days": 1, "at": "16:00"}},
    },
)  # fmt: skip


@pytest.mark.parametrize("terms", [*DEFAULTS.values(), RICH], ids=[*DEFAULTS, "rich"])
def test_every_line_reads_back_as_it_was_written(terms: Terms) -> None:
    body = terms.to_json()
    assert termtable.changed(body, termtable.lines(body)) == body
    assert termtable.to_changes(body, termtable.lines(body)) == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("15 min", {"seconds": 900}),
        ("4h", {"seconds": 14400}),
        ("1 h 30 min", {"seconds": 5400}),
        ("90 s", {"seconds": 90}),
        ("2 d", {"business_days": 2}),
        ("1 day", {"business_days": 1}),
        ("1 d by closing", {"business_days": 1, "by": "closing"}),
        ("1 d at 16:00", {"business_days": 1, "at": "16:00"}),
    ],
)
def test_a_length_of_time_is_read_as_one_writes_it(text: str, value: dict[str, object]) -> None:
    assert termtext.read_duration(text) == value


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 10**7))
def test_seconds_are_written_whole(seconds: int) -> None:
    assert termtext.read_duration(termtext.duration({"seconds": seconds})) == {"seconds": seconds}


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("respond.1", "soon", "is not a length of time"),
        ("respond.1", "0 min", "is no time at all"),
        ("respond.1", "1 d 4 h", "is not a length of time"),
        ("respond.1", "none", "is not a length of time"),
        ("hours.2", "Mon-Fry 8-18", "cannot be used"),
        ("tier", "tin", "is none of the words known"),
        ("scope", "hardware, moon", "holds 'moon'"),
        ("ladder", "nobody 2 min", "is nobody on a ladder"),
        ("ladder", "duty 2 d", "waits in business days"),
        ("ladder", "none", "has no rung"),
        ("review_months", "six", "is not a whole number"),
        ("review_months", "999", "cannot be used"),
        ("allowances.visits", "many", "is not an allowance"),
        ("clocks.budgets.resolve", "5: 2 h", "names no severity"),
        ("clocks.warn_at", "50, x", "is not a whole number"),
        ("clocks", "{", "is not JSON"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_its_remedy(path: str, text: str, said: str) -> None:
    with pytest.raises(Wrong) as caught:
        termtable.changed(RICH.to_json(), {path: text})
    (wrong,) = caught.value.lines.items()
    assert wrong[0] == path
    assert said in wrong[1].problem
    assert wrong[1].remedy


CHANGES = {
    "respond.2": "1 h",
    "hours.3": "Mon-Fri 8-12 13:30-18",
    "update": "none",
    "on_site": "1 d by closing",
    "allowances.visits": "not counted",
    "allowances.remote_hours": "5 a quarter",
    "clocks.budgets.resolve": "1: 4 h; 2: 8 h",
    "clocks.budgets.acknowledge": "1: 5 min",
    "clocks.on_severity": "retroactive",
    "clocks.warn_at": "",
    "named_people": "account engineer",
    "grace_days": "14",
}


@pytest.mark.parametrize("path", CHANGES)
def test_a_changed_line_changes_the_terms_and_nothing_else(path: str) -> None:
    changes = termtable.to_changes(RICH.to_json(), {**termtable.lines(RICH.to_json()), path: CHANGES[path]})
    after = amending.changed(RICH, changes).to_json()
    assert [(field.path, new) for field, _, new in termtable.differences(RICH.to_json(), after)] == [
        (path, CHANGES[path])
    ]


def test_all_lines_changed_at_once_make_what_each_says() -> None:
    changes = termtable.to_changes(RICH.to_json(), {**termtable.lines(RICH.to_json()), **CHANGES})
    after = termtable.lines(amending.changed(RICH, changes).to_json())
    assert {path: after[path] for path in CHANGES} == CHANGES


def test_what_no_line_tells_of_the_clocks_is_a_difference_of_its_own() -> None:
    after = amending.changed(RICH, {"clocks": {"vendor": None}}).to_json()
    ((field, before, _),) = termtable.differences(RICH.to_json(), after)
    assert field.path == "clocks"
    assert "vendor" in before
