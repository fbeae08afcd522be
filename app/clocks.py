"""One time axis and one now: the promises ahead as a line, a promise's clock, the ledger as a bar; as SVG. Plain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Literal

from markupsafe import Markup, escape

from app import words

# The horizon: the last quarter of an hour and the next hour lie wide, the rest of the night is folded behind them.
BEHIND = timedelta(minutes=15)
NEAR = timedelta(minutes=65)
FAR = timedelta(hours=8)
_NEAR_SHARE = 62.0  # per cent of the width
_LABEL_WIDTH = 0.52  # per cent a letter at a console's width; a label that would touch its neighbour is left out

Segment = Literal["counted", "paused", "closed", "ahead", "late"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A promise on the horizon."""

    at: datetime
    name: str
    href: str
    weight: Literal["late", "mine", "other"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a promise's clock."""

    kind: Segment
    start: datetime
    end: datetime
    said: str = ""  # to whoever points at it


def horizon(marks: Sequence[Mark], now: datetime, zone: tzinfo, chosen: str = "") -> Markup:
    """The next eight hours as one line; `chosen` is the address of the mark in the beam."""
    parts = [f'<line class="axis" x1="0" x2="100%" y1="{_LINE}" y2="{_LINE}"/>']
    parts.extend(_hours(now, zone))
    x_now = _place(now, now)
    parts.append(f'<line class="now" x1="{x_now:.2f}%" x2="{x_now:.2f}%" y1="0" y2="54"/>')
    parts.append(f'<text class="v" x="{x_now + 0.35:.2f}%" y="12">now {now.astimezone(zone):%H:%M}</text>')
    parts.append(f'<text class="fold" x="{_NEAR_SHARE:.2f}%" y="{_LINE + 4}" text-anchor="middle">⁄⁄</text>')
    taken: list[tuple[float, float]] = []
    weights = {"late": 0, "mine": 1, "other": 2}
    inside = [mark for mark in marks if mark.at <= now + FAR]
    inside.sort(key=lambda mark: (mark.href != chosen, weights[mark.weight], mark.at))
    parts.extend(_mark(mark, now, zone, taken, mark.href == chosen) for mark in inside)
    said = words.count(len(inside), "promise") + " in the next 8 hours"
    box = f'<svg class="plot horizon-line" width="100%" height="54" role="group" aria-label="{said}">'
    return Markup(f"{box}{''.join(parts)}</svg>")


def promise_clock(
    pieces: Sequence[Piece],
    due: datetime | None,
    now: datetime,
    zone: tzinfo,
    marks: Sequence[tuple[int, datetime]] = (),
) -> Markup:
    """Solid counted, outline paused, thin line closed, dashes ahead, red past due; a mark for now, a stroke for due.

    `marks`: shares of the budget in percent with their instants, as small strokes.
    """
    if not pieces:
        return Markup()
    start = pieces[0].start
    end = max(piece.end for piece in pieces)
    end = max(end, due or end)
    width = max((end - start).total_seconds(), 1.0) * 1.02

    def x(at: datetime) -> float:
        return min(100.0, max(0.0, 100 * (at - start).total_seconds() / width))

    parts = [_piece(piece.kind, x(piece.start), x(piece.end), piece.said) for piece in pieces]
    for percent, moment in marks:
        if start <= moment <= end:
            place = f'x1="{x(moment):.2f}%" x2="{x(moment):.2f}%" y1="2" y2="16"'
            parts.append(f'<line class="axis" {place}><title>{percent} %</title></line>')
    if start <= now <= end:
        parts.append(f'<svg x="{x(now):.2f}%" overflow="visible"><path class="solid" d="M-4 0h8l-4 5z"/></svg>')
    parts.append(f'<text x="0" y="28">{words.hour(start, zone, now)}</text>')
    if due is not None:
        at = x(due)
        parts.append(f'<line class="due" x1="{at:.2f}%" x2="{at:.2f}%" y1="1" y2="17"/>')
        anchor = "end" if at > 85 else "middle"
        if at > 12:
            parts.append(f'<text x="{at:.2f}%" y="28" text-anchor="{anchor}">{words.hour(due, zone, now)}</text>')
    return Markup(f'<svg class="plot clock" width="100%" height="31" aria-hidden="true">{"".join(parts)}</svg>')


def ledger_bar(
    scored: int, late: int, duplicate: int, refused: int, missing: int, most: int, *, height: int = 11
) -> Markup:
    """Solid scored, grey late, outline duplicate, black rejected, hatch not heard; `most` is the full width."""
    left = 0.0
    parts: list[str] = []
    every = (("scored", scored), ("late", late), ("twice", duplicate), ("refused", refused), ("unknown", missing))
    for kind, amount in every:
        if amount:
            wide = 100 * amount / max(most, 1)
            shown = max(wide, 0.5)
            fill = ' fill="url(#hatch)"' if kind == "unknown" else ""
            place = f'x="{left:.2f}%" y=".5" width="{shown:.2f}%" height="{height - 1}"'
            parts.append(f'<rect class="{kind}"{fill} {place}/>')
            left += shown
    return Markup(f'<svg class="plot ledger" width="100%" height="{height}" aria-hidden="true">{"".join(parts)}</svg>')


_LINE = 31  # px: where the axis of the horizon lies


def _place(at: datetime, now: datetime) -> float:
    """Per cent from the left: linear to an hour ahead, then folded."""
    first = now - BEHIND
    near = (now + NEAR - first).total_seconds()
    passed = (at - first).total_seconds()
    if passed <= near:
        return max(0.6, _NEAR_SHARE * passed / near)
    rest = (now + FAR - (now + NEAR)).total_seconds()
    return min(99.4, _NEAR_SHARE + 1.5 + (98 - _NEAR_SHARE) * (passed - near) / rest)


def _hours(now: datetime, zone: tzinfo) -> Iterable[str]:
    local = now.astimezone(zone).replace(second=0, microsecond=0)
    quarter = local.replace(minute=local.minute // 15 * 15)
    moments = [quarter + timedelta(minutes=15 * step) for step in range(-1, 6)]
    last = now + NEAR
    full = local.replace(minute=0)
    moments = [at for at in moments if now - BEHIND <= at <= last]
    later = [full + timedelta(hours=step) for step in range(1, 10)]
    moments += [at for at in later if last < at < now + FAR]
    for at in moments:
        x = _place(at, now)
        named = f"{at:%H:%M}" if at <= last else f"{at:%H}"
        yield f'<line class="axis" x1="{x:.2f}%" x2="{x:.2f}%" y1="{_LINE - 3}" y2="{_LINE + 4}"/>'
        if abs(x - _place(now, now) - 3) > 5 and 1 < x < 98 and abs(x - _NEAR_SHARE) > 1.5:
            minor = "" if at.minute == 0 or at > last else ' class="minor"'
            yield f'<text{minor} x="{x:.2f}%" y="12" text-anchor="middle">{named}</text>'


def _mark(mark: Mark, now: datetime, zone: tzinfo, taken: list[tuple[float, float]], chosen: bool) -> str:
    x = _place(mark.at, now)
    kind = "late" if mark.weight == "late" else "lamp" if chosen else mark.weight
    parts = []
    if mark.weight == "late":
        parts.append(f'<line class="late" x1="{x:.2f}%" x2="{_place(now, now):.2f}%" y1="{_LINE}" y2="{_LINE}"/>')
    parts.append(
        f'<svg x="{x:.2f}%" overflow="visible">'
        f'<rect class="tally {kind}" x="-2.5" y="{_LINE - 9}" width="5" height="18"/>'
        f'<rect class="reach" x="-12" y="0" width="24" height="54"/></svg>'
    )
    wide = len(mark.name) * _LABEL_WIDTH
    left = min(max(x - wide / 2, 0.3), 99.5 - wide)
    if all(left + wide < start or left > end for start, end in taken):
        taken.append((left - 0.6, left + wide + 0.6))
        weight = " v" if mark.weight == "mine" or chosen else " broken" if mark.weight == "late" else ""
        parts.append(f'<text class="minor{weight}" x="{left:.2f}%" y="51">{escape(mark.name)}</text>')
    said = escape(f"{mark.name}, {words.chip(mark.at, now, zone).text}")
    return f'<a href="{escape(mark.href)}" tabindex="-1" aria-label="{said}"><title>{said}</title>{"".join(parts)}</a>'


_BARS = {"counted": ("solid", 5.0, 8), "late": ("past", 5.0, 8), "paused": ("hollow", 5.5, 7)}


def _piece(kind: Segment, left: float, right: float, said: str = "") -> str:
    wide = max(right - left, 0.0)
    title = f"<title>{escape(said)}</title>" if said else ""
    if kind in _BARS:
        look, top, height = _BARS[kind]
        return f'<rect class="{look}" x="{left:.2f}%" y="{top}" width="{wide:.2f}%" height="{height}">{title}</rect>'
    look, y = ("thin", 12.5) if kind == "closed" else ("dashes", 9)
    return f'<line class="{look}" x1="{left:.2f}%" x2="{right:.2f}%" y1="{y}" y2="{y}">{title}</line>'
