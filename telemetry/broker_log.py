"""What the broker's log says of attempts: lines of Mosquitto 2 and of the embedded broker, read as sightings. Plain.

Mosquitto does not write down the user name of somebody it refuses, nor always the address; what can be told from the
lines before is told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from telemetry.broker_access import Access

CONNECTED: Final = "connected"  # no attempt, only counted
_MOST_OPEN: Final = 20_000  # connections that did not say who they are
_MOST_USERS: Final = 100_000
_LONGEST: Final = 200  # characters of a topic that are kept as evidence

_LINE = re.compile(r"(\d+): (.*)")
_OPENED = re.compile(r"New connection from (\S+):(\d+) on port (\d+)\.")
_CAME_IN = re.compile(r"New client connected from (\S+):(\d+) as (.*) \(p\d, c\d, k\d+(?:, u'(.*)')?\)\.")
_ANSWERED = re.compile(r"Sending CONNACK to (\S+) \(\d+, (\d+)\)")
_DENIED = re.compile(r"Denied PUBLISH from (.*) \(d\d, q\d, r\d, m\d+, '(.*)', \.\.\. \((\d+) bytes\)\)", re.DOTALL)
_LISTENS = re.compile(r"([a-z0-9][a-z0-9._@-]*) [012] (\S.*)")
_ENDED = re.compile(r"Client (.*?)(?: disconnected(?: due to|:|,)? ?| already connected, | closed )(.*)\.")
_SSL = re.compile(r"OpenSSL Error\[\d+\]: (?:error:\w+:)?(.*)")


@dataclass(frozen=True, slots=True)
class Sighting:
    """One attempt, or `count` of the same; `at` is epoch seconds."""

    at: float
    kind: str
    user: str = ""
    address: str = ""
    client: str = ""
    detail: str = ""
    count: int = 1


class Ear:
    """Follows one broker's log from line to line."""

    def __init__(self, access: Access, ours: frozenset[str]) -> None:
        self.access = access
        self._ours = ours  # users of the house, who may listen to anything
        self._open: dict[tuple[str, str], bool] = {}  # (address, port) of those who have not said who they are
        self._lives_at: dict[str, str] = {}  # user → the address it came in from last
        self._answered = ""  # the address that was just told no
        self._tls_trouble = ""

    def hear(self, line: str) -> Iterator[Sighting]:
        """What a line says; nothing for most."""
        if line.startswith("{"):
            yield from self._of_ours(line)
            return
        found = _LINE.fullmatch(line)
        if found is not None:
            for one in self._of_mosquitto(found[2]):
                yield replace(one, at=float(found[1]), detail=one.detail[:_LONGEST], user=one.user[:100])

    def _of_ours(self, line: str) -> Iterator[Sighting]:
        try:
            yield Sighting(**json.loads(line))
        except (ValueError, TypeError):
            return  # a line cut off by a crash

    def _of_mosquitto(self, said: str) -> Iterator[Sighting]:
        if (found := _OPENED.fullmatch(said)) is not None:
            if len(self._open) < _MOST_OPEN:
                self._open[(found[1], found[2])] = True
        elif (found := _CAME_IN.fullmatch(said)) is not None:
            yield self._came_in(found[1], found[2], found[4] or found[3])
        elif (found := _ANSWERED.fullmatch(said)) is not None:
            self._answered = found[1] if found[2] != "0" else ""
        elif (found := _DENIED.fullmatch(said)) is not None:
            yield self._by(found[1], "foreign_topic", f"{found[2]} ({found[3]} bytes)")
        elif (found := _SSL.fullmatch(said)) is not None:
            self._tls_trouble = found[1]
        elif (found := _ENDED.fullmatch(said)) is not None:
            yield from self._ended(found[1], found[2])
        elif (found := _LISTENS.fullmatch(said)) is not None:
            user, filter_ = found[1], found[2]
            if user not in self._ours and not self.access.foresees(user, filter_):
                yield self._by(user, "foreign_listening", filter_)

    def _came_in(self, address: str, port: str, user: str) -> Sighting:
        self._open.pop((address, port), None)
        if len(self._lives_at) >= _MOST_USERS:
            self._lives_at.clear()
        self._lives_at[user] = address
        return Sighting(0, CONNECTED, user, address)

    def _ended(self, client: str, why: str) -> Iterator[Sighting]:
        if client == "<unknown>":
            yield from self._turned_away(why)
        elif why == "oversize packet":
            yield self._by(client, "oversize", "larger than the broker takes")
        elif why == "closing old connection":
            yield self._by(client, "pushed_out", "a second connection took the place of the first")
        elif why in ("protocol error", "malformed packet", "Protocol error"):
            yield self._by(client, "malformed", why.lower())
        elif why == "not authorised" and client == self._answered:
            # Told no a moment ago: it gave no user name, so the broker names it by its client id, or one it made up.
            self._answered = ""
            yield Sighting(0, "wrong_credential", "", self._who_was_it(), detail="no user name")
        elif why == "not authorised":
            yield self._by(client, "cut_off", "its credential is no longer good")

    def _turned_away(self, why: str) -> Iterator[Sighting]:
        address, trouble = self._who_was_it(), self._tls_trouble
        self._answered = self._tls_trouble = ""
        if why == "not authorised":
            yield Sighting(0, "wrong_credential", "", address, detail=self._perhaps(address))
        elif "certificate" in trouble:
            yield Sighting(0, "bad_certificate", "", address, detail=trouble)
        elif why == "oversize packet":
            yield Sighting(0, "oversize", "", address, detail="before it said who it is")
        elif why.lower() in ("protocol error", "malformed packet"):
            yield Sighting(0, "malformed", "", address, detail=trouble or "no MQTT")

    def _who_was_it(self) -> str:
        """The address of the connection that just ended unknown: the one told no, else the one open longest."""
        for address, port in self._open:
            if self._answered in ("", address):
                del self._open[(address, port)]
                return address
        return self._answered

    def _perhaps(self, address: str) -> str:
        """Who speaks from that address otherwise, when that is one: the stolen name is likely theirs."""
        users = [user for user, lives_at in self._lives_at.items() if lives_at == address and user not in self._ours]
        return f"{users[0]} spoke from there before" if len(users) == 1 else ""

    def _by(self, user: str, kind: str, detail: str) -> Sighting:
        return Sighting(0, kind, user, self._lives_at.get(user, ""), detail=detail)
