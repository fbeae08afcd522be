"""A clock as a small picture that stands alone: what counted, what was closed, what was paused, when it is due. Plain.

For the API and for mail: colours are given in the picture itself, and what is drawn is also said in its title.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from contracts.clock import Segment

WIDTH, HEIGHT = 640, 44
_LEFT, _RIGHT, _BAR = 8, 632, 18  # px: edges of the bar, and its upper line
_INK, _PALE, _RED = "#1b1f24", "#8a939e", "#b3261e"
_SAID = {
    "en": {"counted": "counted", "closed": "outside service hours", "paused": "paused", "late": "late",
           "ahead": "still to come"},
    "fr": {"counted": "compté", "closed": "hors des heures de service", "paused": "arrêté", "late": "en retard",
           "ahead": "à venir"},
}  # fmt: skip


def drawing(
    segments: Sequence[Segment],
    due: datetime | None,
    until: datetime,
    sentence: str,
    marks: Sequence[tuple[int, datetime]] = (),
    language: str = "en",
) -> Markup:
    """SVG of 640 by 44: solid counted, outline paused, thin line closed, dashes ahead, red past due.

    `marks`: shares in percent with their instants, as small strokes. Nothing where nothing has happened yet.
    """
    if not segments and due is None:
        return Markup()
    start = segments[0].start if segments else min(until, due or until)
    end = max(until, due or until, *(segment.end for segment in segments))
    width = max((end - start).total_seconds(), 1.0)
    words = _SAID.get(language, _SAID["en"])
    zone = ZoneInfo(segments[0].zone if segments else "UTC")

    def x(at: datetime) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (at - start).total_seconds() / width

    parts = []
    for one in segments:
        kind = "late" if one.kind == "counted" and due is not None and one.start >= due else one.kind
        split = due is not None and one.kind == "counted" and one.start < due < one.end
        if split and due is not None:
            parts.append(_piece("counted", x(one.start), x(due), words["counted"], zone, one.start, due))
            parts.append(_piece("late", x(due), x(one.end), words["late"], zone, due, one.end))
        else:
            said = f"{words[kind]} ({one.reason})" if one.kind == "paused" and one.reason else words[kind]
            parts.append(_piece(kind, x(one.start), x(one.end), said, zone, one.start, one.end))
    if due is not None and due > until:
        parts.append(_piece("ahead", x(until), x(due), words["ahead"], zone, until, due))
    for percent, at in marks:
        if start <= at <= end:
            parts.append(_stroke(x(at), _BAR - 4, _BAR + 12, _PALE, 1, f"{percent} %"))
    if due is not None:
        parts.append(_stroke(x(due), _BAR - 7, _BAR + 15, _INK, 2, f"{due.astimezone(zone):%Y-%m-%d %H:%M}"))
    parts.append(_label(_LEFT, "start", start, zone))
    parts.append(_label(_RIGHT, "end", end, zone))
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        f' role="img" font-family="sans-serif" font-size="10"><title>{escape(sentence)}</title>'
    )
    return Markup(opening + "".join(parts) + "</svg>")


def _piece(kind: str, left: float, right: float, said: str, zone: ZoneInfo, start: datetime, end: datetime) -> str:
    title = f"<title>{escape(said)}, {start.astimezone(zone):%m-%d %H:%M} – {end.astimezone(zone):%m-%d %H:%M}</title>"
    wide = max(right - left, 0.5)
    if kind in ("counted", "late"):
        fill = _RED if kind == "late" else _INK
        return f'<rect x="{left:.1f}" y="{_BAR}" width="{wide:.1f}" height="8" fill="{fill}">{title}</rect>'
    if kind == "paused":
        return (
            f'<rect x="{left:.1f}" y="{_BAR + 0.5}" width="{wide:.1f}" height="7" fill="none" stroke="{_INK}">'
            f"{title}</rect>"
        )
    dashes = ' stroke-dasharray="4 3" stroke-width="1.5"' if kind == "ahead" else ""
    y = _BAR + 4 if kind == "ahead" else _BAR + 7.5
    return f'<line x1="{left:.1f}" x2="{right:.1f}" y1="{y}" y2="{y}" stroke="{_PALE}"{dashes}>{title}</line>'


def _stroke(x: float, top: float, bottom: float, colour: str, wide: int, said: str) -> str:
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="{colour}" stroke-width="{wide}">'
        f"<title>{escape(said)}</title></line>"
    )


def _label(x: float, anchor: str, at: datetime, zone: ZoneInfo) -> str:
    return (
        f'<text x="{x}" y="{HEIGHT - 3}" text-anchor="{anchor}" fill="{_PALE}">'
        f"{at.astimezone(zone):%Y-%m-%d %H:%M}</text>"
    )
