"""Terms as a person reads and changes them: the tier table, each number one line of text. Plain.

The same text stands in a form, in a difference ("respond.2: 4 h → 2 h") and in a CSV file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from app import termtext
from app.termtext import Unfit
from contracts.ladder_terms import CONVENTIONS
from contracts.terms import POOLS, SCOPE, SKILLS, Terms, Tier, Watching

Body = dict[str, Any]  # Any: terms as JSON


@dataclass(frozen=True, slots=True)
class Field:
    """One line of the table: where it stands in the terms, what people call it, and how it is written."""

    path: str  # "respond.2"
    label: str
    group: str
    hint: str
    write: Callable[[Any], str]  # Any: a JSON value
    read: Callable[[str], Any]  # Any: the same; raises Unfit
    words: tuple[str, ...] = ()  # the only ones it takes


_HOURS = "days and hours, such as Mon-Fri 8-18, Sat 22-6 (a night); 24x7; calendar:NAME; several with or, or with and"
_TIME = "service time such as 15 min or 4 h; business days such as 2 d, 1 d by closing, 1 d at 16:00"
_CLIMBING = (
    Field("climbing.convention", "A rung's wait counts", "People",
          "escalate_after: on the rung; from_previous: since the page before; from_opening: since the opening",
          lambda given: given or "escalate_after",
          lambda text: None if text.strip() == "escalate_after" else termtext.one_of(CONVENTIONS)(text), CONVENTIONS),
    Field("climbing.repeats", "The ladder repeats", "People", "times; 0: once only",
          termtext.repeats, termtext.read_repeats),
    Field("climbing.again_after", "Acknowledged, and climbed again after", "People",
          "such as 30 min, while nobody works on it; never", termtext.worn_off, termtext.read_worn_off),
)  # fmt: skip
FIELDS: Sequence[Field] = (
    Field("tier", "Tier", "What it covers", "", str, termtext.one_of([one.value for one in Tier]), tuple(Tier)),
    Field("scope", "Scope", "What it covers", "some of " + ", ".join(SCOPE), termtext.listed, termtext.some_of(SCOPE)),
    *(
        Field(f"hours.{n}", f"Hours, severity {n}", "Hours", _HOURS, str, lambda text: " ".join(text.split()))
        for n in range(1, 5)
    ),
    *(
        Field(f"respond.{n}", f"Respond, severity {n}", "Promises", _TIME, termtext.duration, termtext.read_duration)
        for n in range(1, 5)
    ),
    Field(
        "update", "Next update, severity 1", "Promises", _TIME + "; none", termtext.duration, termtext.maybe_duration
    ),
    Field("on_site", "On site", "Promises", _TIME, termtext.duration, termtext.read_duration),
    *(
        Field(
            f"clocks.budgets.{kind}",
            said,
            "Promises",
            "by severity, such as 1: 15 min; 2: 1 h; none",
            termtext.by_severity,
            termtext.read_by_severity,
        )
        for kind, said in (("acknowledge", "Acknowledge"), ("workaround", "Workaround"), ("resolve", "Resolution"))
    ),
    Field("skill_floor", "Engineer's floor", "People", "", str, termtext.one_of(SKILLS), SKILLS),
    Field(
        "named_people",
        "Named people",
        "People",
        "duties with a comma between them; none",
        termtext.listed,
        termtext.listing,
    ),
    Field(
        "ladder",
        "Ladder",
        "People",
        "whom it calls and how long it waits: duty 2 min, lead 4 min",
        termtext.ladder,
        termtext.read_ladder,
    ),
    *_CLIMBING,
    Field(
        "review_months",
        "Review, every … months",
        "Dossier and telemetry",
        "0: no dossier, no review",
        str,
        termtext.whole,
    ),
    Field(
        "watching",
        "Telemetry",
        "Dossier and telemetry",
        "",
        str,
        termtext.one_of([one.value for one in Watching]),
        tuple(Watching),
    ),
    *(
        Field(
            f"keep.{kind}",
            said,
            "Dossier and telemetry",
            "days, such as 31; usual: as its tier",
            termtext.kept_days,
            termtext.read_kept_days,
        )
        for kind, said in (("reports", "Reports are kept"), ("figures", "Hourly figures are kept"))
    ),
    *(
        Field(
            f"allowances.{pool}",
            pool.replace("_", " ").capitalize(),
            "Allowances",
            "such as 4 a year; not counted",
            termtext.amount,
            termtext.read_amount,
        )
        for pool in POOLS
    ),
    Field("grace_days", "Days of grace", "Rules", "after the last day", str, termtext.whole),
    Field("false_alarms", "False alarms a week", "Rules", "empty: the usual", termtext.maybe, termtext.maybe_whole),
    Field("silence_s", "Silent after", "Rules", "seconds, 30 or more", termtext.maybe, termtext.maybe_whole),
    Field(
        "clocks.pauses",
        "Clocks may wait for",
        "Rules",
        "some of customer, vendor, maintenance; empty: the usual",
        lambda given: termtext.listed(given) if given is not None else "",
        lambda text: None if not text.strip() else termtext.some_of(("customer", "vendor", "maintenance"))(text),
    ),
    Field(
        "clocks.on_severity",
        "A changed severity counts",
        "Rules",
        "retroactive: from the opening; restart: anew",
        lambda given: given or "retroactive",
        lambda text: None if text.strip() == "retroactive" else termtext.one_of(("retroactive", "restart"))(text),
        ("retroactive", "restart"),
    ),
    Field(
        "clocks.on_end",
        "At its end running promises",
        "Rules",
        "snapshot: are kept; cutoff: end with it",
        lambda given: given or "snapshot",
        lambda text: None if text.strip() == "snapshot" else termtext.one_of(("snapshot", "cutoff"))(text),
        ("snapshot", "cutoff"),
    ),
    Field(
        "clocks.warn_at",
        "Warned of at, per cent",
        "Rules",
        "such as 50, 75, 90, 100; none; empty: the usual",
        lambda given: termtext.listed(given) if given is not None else "",
        termtext.percents,
    ),
)
BY_PATH: Mapping[str, Field] = {field.path: field for field in FIELDS}
# The rest of the clocks, exact and rarely written by hand: vendors, internal clocks, calendars by name.
REST = Field("clocks", "Clocks", "Rules", "JSON", termtext.as_json, termtext.read_json)


def value_at(body: Mapping[str, Any], path: str) -> Any:  # Any: a JSON value
    """What stands at a path; None where nothing does."""
    found: Any = body
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def lines(body: Mapping[str, Any]) -> dict[str, str]:
    """The whole table as text, by path."""
    return {field.path: field.write(value_at(body, field.path)) for field in FIELDS}


def changed(body: Mapping[str, Any], texts: Mapping[str, str]) -> Body:
    """The terms with these lines in place of theirs. Raises Wrong naming each line that cannot be used."""
    made: Body = deepcopy(dict(body))
    wrong: dict[str, Unfit] = {}
    for path, text in texts.items():
        field = REST if path == REST.path else BY_PATH[path]
        try:
            _put(made, path.split("."), field.read(text))
        except Unfit as unfit:
            wrong[path] = unfit
    if wrong:
        raise Wrong(wrong)
    return checked(made)


def checked(body: Body) -> Body:
    """Terms in their one form. Raises Wrong naming the line."""
    try:
        return Terms.from_json(body).to_json()
    except ValueError as error:
        path, _, said = str(error).partition(": ")
        raise Wrong({line_of(path): Unfit("cannot be used", said)}) from None


class Wrong(Exception):
    """Lines that cannot be used, by path."""

    def __init__(self, lines: Mapping[str, Unfit]) -> None:
        super().__init__(", ".join(lines))
        self.lines = lines


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[Field, str, str]]:
    """The lines in which two versions differ, as text, in the order of the table."""
    found = []
    for field in (*FIELDS, REST):
        if field is REST:
            old, new = rest_of(before), rest_of(after)
        else:
            old, new = value_at(before, field.path), value_at(after, field.path)
        if field.write(old) != field.write(new):
            found.append((field, field.write(old), field.write(new)))
    return found


def rest_of(body: Mapping[str, Any]) -> Any:  # Any: a JSON value
    """What of the clocks no line of the table tells."""
    clocks = deepcopy(dict(body.get("clocks") or {}))
    for field in FIELDS:
        if field.path.startswith("clocks."):
            _put(clocks, field.path.split(".")[1:], None)
    return {name: value for name, value in clocks.items() if value}


def _put(body: Body, path: list[str], value: Any) -> None:  # Any: a JSON value; None takes it away
    first, *rest = path
    if rest:
        below = body.setdefault(first, {})
        _put(below, rest, value)
        if not below:
            del body[first]
    elif value is None and first != "update":
        body.pop(first, None)
    else:
        body[first] = value


def label_of(path: str) -> str:
    """What people call the line that a path of the terms belongs to."""
    line = line_of(path)
    return REST.label if line == REST.path else BY_PATH[line].label


def line_of(path: str) -> str:
    """The line a path of the terms belongs to; one of several entries stands for the first of them."""
    parts = path.split(".")
    while parts:
        if ".".join(parts) in BY_PATH:
            return ".".join(parts)
        below = [known for known in BY_PATH if known.startswith(".".join(parts) + ".")]
        if below and parts != ["clocks"]:
            return below[0]
        parts.pop()
    return REST.path


def to_changes(body: Mapping[str, Any], texts: Mapping[str, str]) -> Body:
    """Lines that differ from the terms as `contracts.amending.changed` wants them. Raises Wrong naming each wrong line.

    A mapping of several entries holds only those named, null where one goes; what stands within clocks is whole.
    """
    changes: Body = {}
    clocks: Body = deepcopy(dict(body.get("clocks") or {}))
    wrong: dict[str, Unfit] = {}
    for path, text in texts.items():
        field = REST if path == REST.path else BY_PATH[path]
        try:
            value = field.read(text)
        except Unfit as unfit:
            wrong[path] = unfit
            continue
        if field.write(value) == field.write(value_at(body, path)):
            continue
        first, _, rest = path.partition(".")
        if not rest:
            changes[first] = value
            continue
        if first != "clocks":
            changes.setdefault(first, {})[rest] = value
            continue
        _put(clocks, rest.split("."), value)
        part = rest.partition(".")[0]
        changes.setdefault(first, {})[part] = clocks.get(part)
    if wrong:
        raise Wrong(wrong)
    return changes
