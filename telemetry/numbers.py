"""Which numbered reports of a machine are stored: each counts once, holes are known, the receipt follows. Plain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# A machine that never fills its holes must not make its row grow for ever: the oldest hole is given up.
MOST_SPANS: Final = 64
# A larger jump is a new way of counting and not so many lost reports.
LARGEST_HOLE: Final = 1_000_000


class Numbers:
    """Spans of stored numbers, [first, last] each, in order, none touching the next."""

    def __init__(self, spans: Sequence[Sequence[int]] = ()) -> None:
        self.spans: list[list[int]] = [[first, last] for first, last in spans]

    def __contains__(self, seq: int) -> bool:
        if not self.spans or seq > self.spans[-1][1]:
            return False  # the newest, as nearly every number is
        return any(first <= seq <= last for first, last in reversed(self.spans))

    @property
    def receipt(self) -> int | None:
        """Everything from the first number heard up to this one is stored."""
        return self.spans[0][1] if self.spans else None

    @property
    def newest(self) -> int | None:
        return self.spans[-1][1] if self.spans else None

    def start_anew(self, seq: int) -> None:
        """The machine counts from `seq` now; what it counted before is no longer compared."""
        self.spans = [[seq, seq]]

    def add(self, seq: int) -> int:
        """Store a number not stored yet. Returns how many numbers became missing by it; -1 when it filled a hole."""
        if not self.spans:
            self.spans.append([seq, seq])
            return 0
        last = self.spans[-1]
        if seq == last[1] + 1:
            last[1] = seq
            return 0
        if seq > last[1]:
            hole = seq - last[1] - 1
            if hole > LARGEST_HOLE:
                self.start_anew(seq)
                return 0
            self.spans.append([seq, seq])
            self._forget()
            return hole
        before_all = seq < self.spans[0][0]
        self._insert(seq)
        return 0 if before_all else -1

    def _insert(self, seq: int) -> None:
        place = next(i for i, span in enumerate(self.spans) if seq < span[0])
        after = self.spans[place]
        before = self.spans[place - 1] if place else None
        if before is not None and before[1] + 1 == seq:
            before[1] = seq
            if after[0] == seq + 1:
                before[1] = after[1]
                del self.spans[place]
        elif after[0] == seq + 1:
            after[0] = seq
        else:
            self.spans.insert(place, [seq, seq])
            self._forget()

    def _forget(self) -> None:
        while len(self.spans) > MOST_SPANS:
            self.spans[1][0] = self.spans[0][0]
            del self.spans[0]
