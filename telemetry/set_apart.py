"""What is set apart: words of the log that we failed at, by their places, and the letters they become. Plain."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import orjson

from telemetry.envelope import Envelope
from telemetry.pending import Pending
from telemetry.reading import Heard, Reading, Refused
from telemetry.told import Told

SET_APART: Final = "set_apart"
WHOLE: Final = -1  # the place of a message that said nothing we understood
Place = tuple[int, int, int]  # position, item, and the how-manieth word of the message
Aside = list[tuple[int, Told]]  # words with where they stood in their message, each a message of its own, refused


@dataclass(slots=True)
class Apart:
    """What is set apart in one partition: why, by place."""

    places: dict[Place, str] = field(default_factory=dict)
    messages: set[tuple[int, int]] = field(default_factory=set)

    def add(self, place: Place, why: str) -> None:
        self.places[place] = why
        self.messages.add(place[:2])

    def forget(self, before: int) -> None:
        """Nobody hears what stands in the log before this position again."""
        self.places = {place: why for place, why in self.places.items() if place[0] >= before}
        self.messages = {place[:2] for place in self.places}

    def sifted(self, told: Sequence[Told], muted: Mapping[str, str]) -> tuple[Sequence[Told], Aside]:
        """What may be heard, and what may not. `muted`: why nothing of these machines may; it stays set apart."""
        if not self.places and not muted:
            return told, []
        heard: list[Told] = []
        aside: Aside = []
        for one in told:
            is_free = one.item >= 0 and (one.position, one.item) not in self.messages
            if is_free and not (muted and any(word.machine in muted for word in one.heard)):
                heard.append(one)
                continue
            left: list[Heard] = []
            for at, word in enumerate(one.heard):
                why = self.places.get(place := place_of(one, at, word)) or muted.get(word.machine)
                if why is None:
                    left.append(word)
                    continue
                self.add(place, why)
                aside.append((at, _refused(one, word, why)))
            refused = one.refused
            if (why := self.places.get(place_of(one, WHOLE))) is not None:
                aside.append((WHOLE, one._replace(heard=(), refused=Refused(SET_APART, why))))
                refused = None
            heard.append(one._replace(heard=tuple(left), refused=refused))
        return heard, aside


def place_of(one: Told, at: int, word: Heard | None = None) -> Place:
    """What names a word of the log. A cycle put together of many messages has no place: its machine and instant do."""
    if one.item >= 0:
        return one.position, one.item, at
    at_ms = word.at_ms if isinstance(word, Reading) else 0
    return WHOLE, at_ms, zlib.crc32(f"{word.machine}/{word.format}".encode()) if word is not None else 0


def alone(told: Sequence[Told]) -> Iterator[tuple[int, Told]]:
    """Every word as a message of its own, with its place; what of a message was refused comes last."""
    for one in told:
        for at, word in enumerate(one.heard):
            yield at, one._replace(heard=(word,), refused=None)
        if one.refused is not None:
            yield WHOLE, one._replace(heard=())


def _refused(one: Told, word: Heard, why: str) -> Told:
    """A word as the message that is refused in its stead."""
    refused = Refused(SET_APART, why)
    refused.machine = word.machine
    if one.item >= 0:
        return one._replace(heard=(), refused=refused)
    # Of a cycle nothing stands in the log as one message: it is told as our own wire would tell it.
    at_ms = word.at_ms if isinstance(word, Reading) else word.received_at_ms
    body = orjson.dumps({"at": at_ms, "metrics": dict(word.metrics) if isinstance(word, Reading) else {}})
    item = -2 - (zlib.crc32(f"{word.machine}/{word.format}/{at_ms}".encode()) & 0x3FFFFFFF)
    topic = f"vigie/{word.machine}/report".encode()
    return Told(Envelope(topic, body, word.received_at_ms), one.position, item, (), refused)


def mark(pending: Pending, aside: Aside) -> None:
    """The letters of what is set apart say which words they stand for."""
    for at, one in aside:
        letter = pending.letters[one.position, one.item]
        if letter.apart is None:
            why = one.refused.detail if one.refused is not None else ""
            letter = replace(letter, reason=SET_APART, detail=why, apart=())
        pending.letters[one.position, one.item] = replace(letter, apart=(*(letter.apart or ()), at))
