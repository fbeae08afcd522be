"""What stands behind a chart's line: the time axis, what was lit, when it was worked on, what was changed. Plain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from markupsafe import escape


@dataclass(frozen=True, slots=True)
class Window:
    """The time axis: from, to, the lit interval (amber), now, when it was worked on, and what was changed when; epoch
    seconds."""

    start: float
    end: float
    lit_from: float | None = None
    lit_to: float | None = None
    now: float | None = None
    worked_on: Sequence[tuple[float, float]] = ()
    changes: Sequence[tuple[float, str]] = ()

    def x(self, at: float) -> float:
        """Where an instant stands, 0 to 100."""
        width = max(self.end - self.start, 1.0)
        return min(100.0, max(0.0, 100 * (at - self.start) / width))


def behind(window: Window, found: Sequence[tuple[float, float]], height: int) -> Iterable[str]:
    """Amber intervals, the window's own and those of `found`; maintenance."""
    yield from _lit(window, height)
    for begins, ends in found:
        yield from _lit(replace(window, lit_from=begins, lit_to=ends), height)
    for begins, ends in window.worked_on:
        left, wide = window.x(begins), max(window.x(ends) - window.x(begins), 0.4)
        yield f'<rect class="worked" x="{left:.2f}%" y="0" width="{wide:.2f}%" height="{height}"/>'


def uprights(window: Window, height: int) -> Iterable[str]:
    """A dash where something was changed, over the band that would hide it."""
    for at, what in window.changes:
        if window.start <= at <= window.end:
            x = f"{window.x(at):.2f}%"
            said = f"<title>{escape(what)}</title>"
            yield f'<line class="changed" x1="{x}" x2="{x}" y1="0" y2="{height}">{said}</line>'


def _lit(window: Window, height: int) -> Iterable[str]:
    if window.lit_from is None:
        return
    left = window.x(window.lit_from)
    wide = max(window.x(window.lit_to if window.lit_to is not None else window.end) - left, 0.4)
    yield f'<rect class="lit" x="{left:.2f}%" y="0" width="{wide:.2f}%" height="{height}"/>'
    yield f'<rect class="lamp" x="{left:.2f}%" y="0" width="{wide:.2f}%" height="3"/>'
