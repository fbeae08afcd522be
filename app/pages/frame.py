"""What every page has around it: who looks, their zone, the places, the keys, and the words as template filters."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Flask, Response, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front, identity, words
from app.identity import Caller
from app.problems import Problem
from app.sent_once import mark
from app.shields import MARK_AFTER
from app.sign_in import ask_to_sign_in
from escalation import still_held
from escalation.turn_end import AHEAD, Turn
from models.session import work

PLACES = (("/", "Watch floor"), ("/customers", "Customers"), ("/fleet", "Fleet"), ("/duty", "Duty board"),
          ("/escalations", "Escalations"), ("/platform", "Platform"))  # fmt: skip
THEMES = ("light", "dark", "contrast")
THEME_COOKIE = "vigie_theme"
STATIC = Path(__file__).resolve().parent.parent / "static"

Keys = Sequence[tuple[str, str]]
HINTS_FLOOR: Keys = (
    ("j", "next"), ("k", "previous"), ("a", "acknowledge"), ("c", "claim"), ("r", "reply"), ("n", "note"),
    ("w", "wait"), ("s", "call a second"), ("e", "escalate"), ("h", "hand over"), ("x", "resolve"), ("u", "undo"),
    ("?", "all keys"),
)  # fmt: skip
HINTS_CASE: Keys = (
    ("a", "acknowledge"), ("c", "claim"), ("r", "reply"), ("n", "note"), ("w", "wait or go on"),
    ("s", "call a second"), ("e", "escalate"), ("h", "hand over"), ("x", "resolve"), ("u", "undo"),
    ("?", "all keys"),
)  # fmt: skip
HINTS_FORM: Keys = (("Tab", "next field"), ("Ctrl Enter", "keep it"), ("Ctrl K", "find or do"), ("?", "all keys"))
HINTS_TABLE: Keys = (("j", "next"), ("k", "previous"), ("Enter", "open"), ("Ctrl K", "find or do"), ("?", "all keys"))
ALL_KEYS: Keys = (
    ("j", "the next row"), ("k", "the row before"), ("Enter", "open it"), ("a", "acknowledge"),
    ("c", "claim it for me"), ("r", "reply to the customer"), ("n", "internal note"),
    ("w", "wait (asks for whom and why), or go on"), ("s", "call a second engineer"),
    ("y", "yes: stand beside as second, or agree to the severity"), ("t", "take a role in the swarm"),
    ("l", "ask for help by skill"), ("p", "propose another severity"), ("b", "a way around is in place"),
    ("m", "merge into another one"), ("d", "split off what is another problem"), ("i", "say what it belongs to"),
    ("q", "serve on the phone, in a remote session, in writing"), ("f", "add a file"),
    ("1 2 3", "judge it: true, benign, false"), ("e", "escalate"),
    ("h", "hand over"), ("z", "stay with it after your turn"),
    ("x", "resolve"), ("o", "reopen"), ("u", "undo your last act, for a minute"),
    ("g", "fold or unfold colleagues’ rows"),
    ("← →", "a machine’s charts: earlier, later"), ("+ -", "closer, wider"), ("0", "up to now"),
    (".", "show what is new"), ("Ctrl K", "find or do anything"), ("Ctrl Enter", "send now"), ("?", "these keys"),
)  # fmt: skip


def register(app: Flask) -> None:
    """Filters, and what templates know on every page."""
    env = app.jinja_env
    env.filters["hour"] = lambda instant: words.hour(instant, zone(), front.now())
    env.filters["day"] = lambda instant: words.day(instant, zone())
    env.filters["ago"] = lambda instant: words.ago(instant, front.now())
    env.filters["amount"] = words.amount
    env.filters["day_clock"] = day_clock
    env.globals["count"] = words.count
    env.globals["static"] = static
    env.globals["brought"] = lambda name: (STATIC / name).is_file()
    env.trim_blocks = True
    env.lstrip_blocks = True
    app.context_processor(around)


def around() -> dict[str, object]:
    """What the frame of every page needs; without a caller, one that has no places and no acts."""
    who = identity.caller()
    theme = request.cookies.get(THEME_COOKIE, "")
    return {
        "caller": who,
        "csrf": f"{who.csrf}{MARK_AFTER}{mark()}" if who else "",
        "theme": theme if theme in THEMES else "",
        "places": PLACES,
        "here": "",
        "now": front.now(),
        "zone_name": zone().key,
        "zone_city": zone().key.rsplit("/", 1)[-1].replace("_", " "),
        "all_keys": ALL_KEYS,
        "hints": HINTS_TABLE[3:],
        "refresh_s": 0,
        "standing": who.role if who else "",
    }


def page(template: str, *, status: int = 200, **more: object) -> Response:
    """A whole page."""
    return Response(render_template(template, **more), status=status, mimetype="text/html")


def part(template: str, **more: object) -> Response:
    """A fragment of a page, for a pane or the omnibox."""
    return Response(render_template(template, **more), mimetype="text/html")


def signed_in(right: str | None = None) -> Caller:
    """One of ours, with a right. Others are shown the way: `SignInFirst` to the sign-in page, a 403 for a contact."""
    who = identity.caller()
    if who is None:
        raise SignInFirst
    if not who.is_staff:
        raise Problem(
            "not-allowed",
            "These pages are for the desk.",
            remedy="Your own page is /covers; the API shows you everything else that is yours: /api/docs.",
        )
    return identity.need(right)


class SignInFirst(Exception):
    """Nobody is signed in, and a page was asked for."""


def to_sign_in(_: SignInFirst) -> AnyResponse:
    """Where a browser without a sign-in is sent, with the way back."""
    return ask_to_sign_in()


@contextmanager
def reading(who: Caller) -> Iterator[Session]:
    """One transaction in the reach of the caller."""
    with work(front.front().sessions, who.scope) as session:
        yield session


def zone() -> ZoneInfo:
    """The zone the person reads hours in."""
    who = identity.caller()
    return _zone(who.zone if who else "UTC")


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def duty_words(session: Session, who: Caller, now: datetime) -> str:
    """How the person stands: "on shift until 07:00", or their role."""
    mine = still_held.turns_of(session, [who.person], now) if who.person is not None else {}
    return standing_words(who, mine.get(who.person) if who.person is not None else None, now)


def standing_words(who: Caller, turn: Turn | None, now: datetime) -> str:
    """The same of a turn that is known; one without an end in sight is said without it."""
    if turn is None or turn.is_over(now):
        return f"{who.role}, no shift now"
    is_in_sight = turn.ends_at < now + AHEAD
    return f"on shift until {words.hour(turn.ends_at, zone(), now)}" if is_in_sight else "on shift"


def day_clock(instant: datetime) -> str:
    """The clock on top: "Thu 14 May, 02:29"."""
    local = instant.astimezone(zone())
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"


def static(name: str) -> str:
    """The address of a file of ours, with a mark of its contents, so that a new version is never an old one."""
    path = STATIC / name
    try:
        changed = path.stat().st_mtime_ns
    except FileNotFoundError:
        return f"/static/{name}"
    return f"/static/{name}?v={_mark(path, changed)}"


@lru_cache(maxsize=256)
def _mark(path: Path, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:10]
