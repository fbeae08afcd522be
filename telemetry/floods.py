"""Who connects, or is refused, too often: counted over the last minute. Plain."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from telemetry.broker_log import CONNECTED, Sighting

# An agent that has lost its way tries each second, and two that push each other out make two connections a second.
CONNECTS_A_MINUTE: Final = 300
REFUSALS_A_MINUTE: Final = 300
_MINUTE_S: Final = 60.0
_REFUSALS: Final = ("wrong_credential", "bad_certificate", "malformed")


class Floods:
    """Counts by user name for those who come in, and by address for those who do not."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], deque[tuple[float, int]]] = {}
        self._told: dict[tuple[str, str], float] = {}

    def judge(self, sightings: Iterable[Sighting]) -> Iterator[Sighting]:
        """A sighting of kind `connect_flood` for each who is over the limit, once a minute."""
        for one in sightings:
            if one.kind == CONNECTED:
                key, limit = ("user", one.user), CONNECTS_A_MINUTE
            elif one.kind in _REFUSALS and one.address:
                key, limit = ("address", one.address), REFUSALS_A_MINUTE
            else:
                continue
            count = self._count(key, one)
            if count > limit and one.at - self._told.get(key, 0.0) >= _MINUTE_S:
                self._told[key] = one.at
                user = one.user if key[0] == "user" else ""
                detail = f"more than {limit} {'connections' if user else 'refusals'} within a minute"
                yield Sighting(one.at, "connect_flood", user, one.address, detail=detail)

    def forget(self, now_s: float) -> None:
        """Drop who has been calm for a minute."""
        for known in (self._seen, self._told):
            for key in [key for key in known if self._last(key) < now_s - _MINUTE_S]:
                known.pop(key, None)

    def _count(self, key: tuple[str, str], one: Sighting) -> int:
        seen = self._seen.setdefault(key, deque())
        before = seen.pop()[1] if seen and seen[-1][0] == one.at else 0
        seen.append((one.at, before + one.count))
        while seen[0][0] < one.at - _MINUTE_S:
            seen.popleft()
        return sum(count for _, count in seen)

    def _last(self, key: tuple[str, str]) -> float:
        seen = self._seen.get(key)
        return max(seen[-1][0] if seen else 0.0, self._told.get(key, 0.0))
