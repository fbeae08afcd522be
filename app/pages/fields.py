"""Fields of a form: what was given, what is wrong with it in a sentence, and what to do. Plain."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones


class Form:
    """One submitted form: values by field, and the first thing that is wrong with each."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self.wrong: dict[str, str] = {}

    def __getitem__(self, field: str) -> str:
        """What was given, to show it again."""
        return self._given.get(field, "")

    def holds(self, field: str) -> bool:
        """Whether the field was sent at all, empty or not."""
        return field in self._given

    def refuse(self, field: str, said: str) -> None:
        """Say what is wrong with a field, unless something was said already."""
        self.wrong.setdefault(field, said)

    def text(self, field: str, what: str, *, most: int, required: bool = True) -> str:
        """A line of text without control characters."""
        value = " ".join(self._given.get(field, "").split())
        if not value and required:
            self.refuse(field, f"Give it {what}.")
        elif len(value) > most:
            self.refuse(field, f"At most {most} letters; this has {len(value)}.")
        elif not value.isprintable():
            self.refuse(field, "It holds characters that cannot be printed; type it again.")
        return value

    def choice(self, field: str, fits: Callable[[str], bool], said: str, default: str) -> str:
        """One of several values; `default` when nothing was given."""
        value = self._given.get(field, "").strip() or default
        if not fits(value):
            self.refuse(field, said)
        return value

    def day(self, field: str, *, required: bool = True) -> date | None:
        """A date as the browser's own field sends it."""
        value = self._given.get(field, "").strip()
        if not value:
            if required:
                self.refuse(field, "Choose a date.")
            return None
        try:
            chosen = date.fromisoformat(value)
        except ValueError:
            self.refuse(field, "This is not a date; write it like 2026-05-14.")
            return None
        if not 2000 <= chosen.year <= 2100:
            self.refuse(field, "Choose a date between 2000 and 2100.")
        return chosen


def short_name(name: str) -> str:
    """A name as an address carries it: "Élan Nord" → "elan-nord"."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:40]


@lru_cache(maxsize=1)
def zones() -> tuple[str, ...]:
    """IANA names a person would choose."""
    places = (name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return (*sorted(places), "UTC")


def is_zone(name: str) -> bool:
    """Whether it is the name of a zone this machine knows."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
