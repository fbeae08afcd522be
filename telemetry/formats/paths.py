"""Where a path of a declared mapping leads in a JSON message. Plain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from telemetry.reading import Refused

MOST_FOUND: Final = 4096
ANY: Final = "*"
Step = str | int


def found_at(tree: Any, path: Sequence[Step], stars: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What a path leads to, with what its stars stood for."""
    for i, step in enumerate(path):
        if step == ANY:
            pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
            for count, (key, inner) in enumerate(pairs):
                if count >= MOST_FOUND:
                    raise Refused("too_many_metrics", "a path with *")
                yield from found_at(inner, path[i + 1 :], (*stars, str(key)))
            return
        is_there = step in tree if isinstance(tree, dict) else isinstance(tree, list) and _within(step, tree)
        if not is_there:
            return
        tree = tree[step]
    yield stars, tree


def _within(step: Step, items: Sequence[Any]) -> bool:
    return isinstance(step, int) and step < len(items)


def first(tree: Any, path: Sequence[Step] | None) -> Any:
    """The first thing it leads to; None where there is no path, or nothing at its end."""
    return None if path is None else next((found for _, found in found_at(tree, path)), None)
