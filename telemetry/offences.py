"""At whose words we failed lately, and who is set apart whole for it: for an hour, then it is heard again. Plain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MUTED_AFTER: Final = 3  # words of one machine within the hour
MUTED_S: Final = 3600.0
MOST_TOLD: Final = 3  # machines, in one line


class Offences:
    """Of one watcher. Instants in seconds of a clock that only grows."""

    def __init__(self) -> None:
        self._lately: dict[str, list[tuple[float, str]]] = {}  # of each machine: when we failed at it, and how
        self._muted: dict[str, tuple[float, str]] = {}  # until when, and why

    def note(self, machine: str, why: str, now: float) -> None:
        """We failed at a word of this machine; an empty name is nobody in particular, who is never muted."""
        self._forget(now)
        since = self._lately.setdefault(machine, [])
        since.append((now, why))
        if machine and len(since) >= MUTED_AFTER:
            self._muted[machine] = now + MUTED_S, why

    def muted(self, now: float) -> Mapping[str, str]:
        """Of whom nothing is heard now, and why."""
        if not self._muted:
            return {}
        self._muted = {machine: told for machine, told in self._muted.items() if told[0] > now}
        return {machine: why for machine, (_, why) in self._muted.items()}

    def words(self, now: float) -> list[str]:
        """For the platform page: at whose words we failed within the hour, and how; the newest first."""
        self._forget(now)
        muted = self.muted(now)
        told = sorted(((*since[-1], machine) for machine, since in self._lately.items()), reverse=True)[:MOST_TOLD]
        return [
            f"{'all' if machine in muted else 'some'} of what {machine or 'a stranger'} says is set apart, because we "
            f"fail at it ({why})"
            for _, why, machine in told
        ]

    def _forget(self, now: float) -> None:
        kept = {machine: [one for one in since if one[0] > now - MUTED_S] for machine, since in self._lately.items()}
        self._lately = {machine: since for machine, since in kept.items() if since}
