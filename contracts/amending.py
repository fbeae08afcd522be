"""Changing terms: what a change makes of them, where they differ, and which differences a second person must confirm.

Plain. Terms are compared in their JSON form, field by field, so that a field added to them is never overlooked: one
without a rule of its own counts as lowered by any change.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from contracts import hour_words, keeping
from contracts.terms import PERIODS, SKILLS, Terms, Tier, Watching
from contracts.tiers import DEFAULTS

Json: TypeAlias = Mapping[str, Any]  # Any: terms as stored
FIELDS = tuple(field.name for field in dataclasses.fields(Terms))
# What a new tier leaves as it was agreed: it is no part of the tier table.
_KEPT_BY_TIER = ("grace_days", "allowances", "clocks", "climbing", "false_alarms", "silence_s")


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs: "respond.1". `lowers`: the customer gets less by it."""

    field: str
    before: Any  # Any: JSON; None: the field was not there
    after: Any
    lowers: bool

    def to_json(self) -> dict[str, Any]:
        return {"field": self.field, "before": self.before, "after": self.after, "lowers": self.lowers}


def changed(before: Terms, changes: Json) -> Terms:
    """The terms after `changes`, which are fields by name.

    In a field of several entries (`hours`, `respond`, `allowances`, `clocks`) only those named change, and null takes
    an entry away. A new `tier` brings its usual terms, over which the other changes are laid.

    Raises ValueError naming the field that cannot be used.
    """
    body = before.to_json()
    unknown = set(changes) - set(FIELDS)
    if unknown:
        raise ValueError(f"{min(unknown)}: is no field of terms; known are {', '.join(FIELDS)}")
    if not changes:
        raise ValueError("changes: name at least one field")
    tier = changes.get("tier", before.tier.value)
    if tier != before.tier.value:
        if tier not in list(Tier):
            raise ValueError(f"tier: {tier!r} is not known; use one of {', '.join(Tier)}")
        body = DEFAULTS[Tier(tier)].to_json() | {name: body[name] for name in _KEPT_BY_TIER if name in body}
    for name, value in changes.items():
        there = body.get(name)
        if isinstance(there, Mapping) and isinstance(value, Mapping) and not _is_budget(there):
            body[name] = {key: one for key, one in {**there, **value}.items() if one is not None}
        else:
            body[name] = value
    return Terms.from_json(body)


def differences(before: Terms, after: Terms) -> tuple[Difference, ...]:
    """Where two versions differ, in the order of the terms' fields."""
    return tuple(_compare(before.to_json(), after.to_json()))


def needs_second(before: Terms, after: Terms) -> tuple[Difference, ...]:
    """The differences for whose sake a second person confirms: another tier, whom we call at night and when, and every
    promise that is lowered."""
    kept = before.tier is after.tier  # another tier brings its own ladder, and is confirmed anyway
    return tuple(
        one for one in differences(before, after)
        if one.lowers or one.field == "tier" or (kept and one.field.startswith(("ladder", "climbing")))
    )  # fmt: skip


def _compare(before: Json, after: Json) -> Iterator[Difference]:
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping) and not (_is_budget(old) or _is_budget(new)):
            for key in dict.fromkeys((*old, *new)):
                if old.get(key) != new.get(key):
                    lower = _lowers(name, key, old.get(key), new.get(key), before, after)
                    yield Difference(f"{name}.{key}", old.get(key), new.get(key), lower)
        else:
            yield Difference(name, old, new, _lowers(name, "", old, new, before, after))


def _lowers(name: str, key: str, old: Any, new: Any, before: Json, after: Json) -> bool:  # Any: JSON
    if name == "tier":
        return Tier(new).rank < Tier(old).rank
    if name == "allowances":
        return _allowance(old, new)
    if name == "keep":
        return keeping.lowers(*(keeping.read(terms.get("keep"), terms["tier"]) for terms in (before, after)))
    if _is_budget(old) or _is_budget(new):
        severity = key if key in before["hours"] else "1" if name == "update" else "3"
        return _budget(old, new, before["hours"][severity])
    rule = _RULES.get(name)
    return rule is None or rule(old, new)


def _is_budget(value: object) -> bool:
    return isinstance(value, Mapping) and ("seconds" in value or "business_days" in value)


def _budget(old: Json | None, new: Json | None, hours: str) -> bool:
    """Later is less. A business day beside a budget in hours counts as the longest day of the hours it replaces."""
    if new is None:
        return old is not None
    if old is None:
        return False
    if "business_days" in old and "business_days" in new:
        if old["business_days"] != new["business_days"]:
            return bool(new["business_days"] > old["business_days"])
        # By closing is the latest of a day; of two times of day the later one; the rest cannot be told apart.
        return not (old.get("by") == "closing" or (old.get("at") and new.get("at") and new["at"] <= old["at"]))
    if "seconds" in old and "seconds" in new:
        return bool(new["seconds"] > old["seconds"])
    longest = hour_words.longest_day(hours)
    if longest is None:  # a calendar by name says how long its days are: what cannot be compared counts as lowered
        return True
    return _seconds(new, longest) > _seconds(old, longest)


def _seconds(budget: Json, longest_day: int) -> int:
    return int(budget.get("seconds") or budget["business_days"] * longest_day)


def _allowance(old: Json | None, new: Json | None) -> bool:
    """Counting what was not counted is less; so are fewer units in a period, or in a year."""
    if old is None or new is None:
        return new is not None

    def yearly(one: Json) -> int:
        return int(one["units"]) * 12 // PERIODS[one["period"]]

    return bool(new["units"] < old["units"] and PERIODS[new["period"]] >= PERIODS[old["period"]]) or yearly(
        new
    ) < yearly(old)


def _ladder(old: list[Json], new: list[Json]) -> bool:
    """Somebody is called later than before, or not at all."""

    def reached(rungs: list[Json]) -> dict[str, int]:
        found: dict[str, int] = {}
        waited = 0
        for rung in rungs:
            found.setdefault(rung["who"], waited)
            waited += rung["wait"]
        return found

    now = reached(new)
    return any(who not in now or now[who] > at for who, at in reached(old).items())


def _review(old: int, new: int) -> bool:
    return bool(old) and (not new or new > old)


_RULES: Mapping[str, Callable[[Any, Any], bool]] = {  # Any: JSON of the field
    "scope": lambda old, new: not set(old) <= set(new),
    "named_people": lambda old, new: not set(old) <= set(new),
    "hours": hour_words.loses,
    "skill_floor": lambda old, new: SKILLS.index(new) < SKILLS.index(old),
    "watching": lambda old, new: list(Watching).index(new) < list(Watching).index(old),
    "review_months": _review,
    "ladder": _ladder,
    "grace_days": lambda old, new: new < old,
    "false_alarms": lambda old, new: False,  # how patient detection is, no promise
    "silence_s": lambda old, new: False,  # the same
}


def carried(base: Terms, later: Terms, changes: Json) -> dict[str, Any]:
    """Of `changes` made to `base`, those that also belong into `later` terms, which were settled on for a later instant
    before: the ones about what these left as it was. A change of tier is not carried."""
    if "tier" in changes:
        return {}
    old, new = base.to_json(), later.to_json()
    found: dict[str, Any] = {}
    for name, value in changes.items():
        before, after = old.get(name), new.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping) and not _is_budget(before):
            left = {key: one for key, one in value.items() if (after or {}).get(key) == before.get(key)}
            found |= {name: left} if left else {}
        elif before == after:
            found[name] = value
    return found
