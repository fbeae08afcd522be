"""What is fed, cut so that each machine is in a piece at most once: each piece is scored as arrays. Plain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from telemetry.reading import Fed

Wave = list[tuple[int, Fed]]  # each with its place among all that is fed


def waves(heard: Sequence[Fed], may_fit: Callable[[str, int], bool]) -> list[Wave]:
    """The n-th word of every machine goes into the n-th piece, so that its messages keep their order: machines that
    send many at once cost no more than machines that take turns.

    Only what a fit changes, the standing of a machine's class, passes from one machine to another; where one may be due
    (``may_fit``: the machine, and how many of its words are here) a piece ends at the first machine that would be in it
    twice.
    """
    if len({h.machine for h in heard}) == len(heard):
        return [list(enumerate(heard))]
    turns: Counter[str] = Counter()
    pieces: list[Wave] = []
    for place, h in enumerate(heard):
        turn = turns[h.machine]
        if turn == len(pieces):
            pieces.append([])
        pieces[turn].append((place, h))
        turns[h.machine] = turn + 1
    if any(may_fit(name, count) for name, count in turns.items()):
        return _in_order(heard)
    return pieces


def _in_order(heard: Sequence[Fed]) -> list[Wave]:
    """Cut before the first machine that would be in a piece twice."""
    pieces: list[Wave] = []
    spoke: set[str] = set()
    for place, h in enumerate(heard):
        if h.machine in spoke or not pieces:
            pieces.append([])
            spoke = set()
        pieces[-1].append((place, h))
        spoke.add(h.machine)
    return pieces
