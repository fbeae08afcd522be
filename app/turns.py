"""Turns of duty on one time axis with one now, as SVG: six hours behind, eighteen ahead. Plain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from markupsafe import Markup, escape

from app import words
from escalation.rota import Stretch

BEHIND, AHEAD = timedelta(hours=6), timedelta(hours=18)
_LABEL = 13.0  # per cent of the axis a label such as "until Mon 06:00" takes at a console's width


def _place(at: datetime, now: datetime) -> float:
    """Per cent from the left of the axis."""
    return min(100.0, max(0.0, 100 * (at - (now - BEHIND)) / (BEHIND + AHEAD)))


def _ticks(now: datetime, zone: tzinfo) -> list[datetime]:
    """Every third full hour on the axis."""
    first = (now - BEHIND).astimezone(zone).replace(minute=0, second=0, microsecond=0)
    hours = [first + timedelta(hours=step) for step in range(1, 26)]
    return [one for one in hours if one.hour % 3 == 0 and one <= now + AHEAD]


def axis(now: datetime, zone: tzinfo) -> Markup:
    """The hours above the strips."""
    parts = [
        f'<text x="{_place(tick, now):.2f}%" y="11" text-anchor="middle">{tick:%H:%M}</text>'
        for tick in _ticks(now, zone)
        if 3 < _place(tick, now) < 97
    ]
    return Markup(f'<svg class="plot" width="100%" height="16" aria-hidden="true">{"".join(parts)}</svg>')


def strip(spans: Sequence[Stretch], now: datetime, zone: tzinfo) -> Markup:
    """Solid while a stretch holds now, outline while it is planned or over; in words for who cannot see."""
    parts = [
        f'<line class="grid" x1="{_place(tick, now):.2f}%" x2="{_place(tick, now):.2f}%" y1="0" y2="26"/>'
        for tick in _ticks(now, zone)
    ]
    for one in spans:
        low, high = _place(one.start, now), _place(one.end, now)
        holds = one.start <= now < one.end
        kind = "solid" if holds else "hollow"
        said = f"until {words.hour(one.end, zone, now)}" if holds else f"from {words.hour(one.start, zone, now)}"
        parts.append(f'<rect class="{kind}" x="{low:.2f}%" y="5" width="{max(high - low, 0.4):.2f}%" height="16"/>')
        at = max(low, _place(now, now)) if holds else low
        if high - at > _LABEL and one.end > now:
            parts.append(f'<text class="turn-{kind}" x="{at + 0.8:.2f}%" y="17">{escape(said)}</text>')
    x = _place(now, now)
    parts.append(f'<line class="now" x1="{x:.2f}%" x2="{x:.2f}%" y1="0" y2="26"/>')
    told = "; ".join(f"{words.hour(one.start, zone, now)} to {words.hour(one.end, zone, now)}" for one in spans)
    box = f'<svg class="plot turns" width="100%" height="26" role="img" aria-label="{escape(told)}">'
    return Markup(f"{box}{''.join(parts)}</svg>")
