"""Calendars that name others: which ones, whether they go round in a circle, whether the rest reads. Plain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.hours import parse

Json = Mapping[str, Any]  # Any: a JSON document
TOGETHER = ("union", "intersect")


def named_in(body: Json) -> frozenset[str]:
    """The calendars a body names, at any depth."""
    return frozenset(_names(body))


def _names(body: object) -> Iterator[str]:
    if not isinstance(body, Mapping):
        return
    if isinstance(body.get("calendar"), str):
        yield body["calendar"]
    for word in TOGETHER:
        parts = body.get(word)
        for part in parts if isinstance(parts, list) else ():
            yield from _names(part)


def check(body: object) -> None:
    """Whether a body reads, whatever the calendars it names hold. Raises ValueError naming the field that is wrong."""
    parse(_without_names(body))


def _without_names(body: object) -> Any:  # Any: unchecked JSON, which `parse` checks
    if not isinstance(body, Mapping):
        return body
    if set(body) == {"calendar"} and isinstance(body["calendar"], str):
        return {"always_open": True}  # stands for whatever it names
    for word in TOGETHER:
        parts = body.get(word)
        if isinstance(parts, list):
            return {**body, word: [_without_names(part) for part in parts]}
    return body


def circle(name: str, names: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """The way from a calendar back to itself, by what each one names; empty when there is none."""
    ways: list[tuple[str, ...]] = [(name,)]
    seen = {name}
    while ways:
        way = ways.pop()
        for following in sorted(names.get(way[-1], ())):
            if following == name:
                return (*way, name)
            if following not in seen:
                seen.add(following)
                ways.append((*way, following))
    return ()
