"""Which topic speaks which format, and where the machine's name stands. Plain.

``Decoder`` is the one entry: bytes in, readings, events and status out, or ``Refused``. It keeps the state two
kinds of agent need (open cycles, Sparkplug births); give each partition its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from telemetry.formats import (
    batch,
    collectd,
    glances,
    linux2mqtt,
    nagios,
    native,
    plain,
    prometheus,
    psmqtt,
    sparkplug,
    telegraf,
    thingsboard,
    values,
)
from telemetry.formats.assembler import Assembler
from telemetry.formats.guess import guess
from telemetry.formats.lanes import BARE, DATED, MOST_LANES, OBJECTS, Lanes
from telemetry.formats.mapped import Mapped
from telemetry.formats.patterns import TEXTS
from telemetry.formats.route import Route
from telemetry.formats.strict import MAX_TEXT, machine_ok, within_limits
from telemetry.reading import REASONS, Heard, Reading, Refused

Parse = Callable[[Route, bytes], list[Heard]]


# What only comes over HTTP brings libraries that take a while to load: met when first needed.
def _otlp(route: Route, payload: bytes) -> list[Heard]:
    from telemetry.formats import otlp

    return otlp.parse(route, payload)


def _remote_write(route: Route, payload: bytes) -> list[Heard]:
    from telemetry.formats import remote_write

    return remote_write.parse(route, payload)


PARSERS: Final[dict[str, Parse]] = {
    "native": native.parse,
    "values": values.parse,
    "thingsboard": thingsboard.parse,
    "collectd": collectd.parse,
    "glances": glances.parse,
    "linux2mqtt": linux2mqtt.parse,
    "psmqtt": psmqtt.parse,
    "telegraf": telegraf.parse,
    "prometheus": prometheus.parse,
    "nagios": nagios.parse,
    "discovery": linux2mqtt.discovery,
    "batch": batch.parse,
    "otlp": _otlp,
    "remote_write": _remote_write,
}
# Agents that spread one cycle over many messages.
PIECEMEAL: Final = frozenset({"values", "collectd", "glances", "linux2mqtt", "psmqtt", "telegraf"})
LEARNED: Final = frozenset({*BARE, DATED, *TEXTS, *OBJECTS})
DOOR: Final = "door"  # no machine may write there: door/REASON/…
OWN_WIRE: Final = frozenset({"report", "event", "status", "answer"}) | native.OURS

# What makes sense right behind a machine's name, with no level after it; what we say to it is not among it.
BEHIND_OURS: Final = (
    *("report", "event", "status", "answer"),
    *("collectd", "otlp", "prometheus", "remote_write", "telegraf", "thingsboard"),
)
RESERVED: Final = tuple(sorted({*PARSERS, *OWN_WIRE, "sparkplug"}))  # names a declared mapping may not have


@dataclass(frozen=True, slots=True)
class Source:
    """A topic filter in MQTT's words, the format under it, and the level (from 0) that is the machine's name."""

    filter: str
    format: str
    machine: int

    def matches(self, levels: Sequence[str]) -> bool:
        """As MQTT 5 section 4.7 matches a filter."""
        wanted = self.filter.split("/")
        for i, word in enumerate(wanted):
            if word == "#":
                return True
            if i >= len(levels) or word not in ("+", levels[i]):
                return False
        return len(levels) == len(wanted)


# Each agent's own default; first match wins. ``vigie/MACHINE/…`` needs no entry.
SOURCES: Final = (
    Source("collectd/+/#", "collectd", 1),
    Source("glances/+/#", "glances", 1),
    Source("linux/+/#", "linux2mqtt", 1),
    Source("linux2mqtt/+/#", "linux2mqtt", 1),
    Source("psmqtt/+/#", "psmqtt", 1),
    Source("telegraf/+/#", "telegraf", 1),
    Source("prometheus/+/#", "prometheus", 1),
    Source("nagios/+/#", "nagios", 1),
    Source("spBv1.0/+/+/+/#", "sparkplug", 3),
    Source("telemetry/+/+/#", "values", 2),
)


class Decoder:
    """Understands messages in arrival order. Not thread-safe.

    ``believes``: for recordings. Topics without a declared source are guessed at, payloads may name their machine, and
    what names none is told of ``nameless``.
    """

    def __init__(self, sources: Sequence[Source] = SOURCES, *, believes: bool = False, nameless: str = "me") -> None:
        self._sources = tuple(sources)
        self.births = sparkplug.Births()
        self._assembler = Assembler()
        self._believes = believes
        self._nameless = nameless
        self.mappings: Sequence[Mapped] = ()  # asked before anything else but our own wire; may be replaced at any time
        self._lanes = Lanes(self._assembler)
        self._placed: dict[str, tuple[str, str, tuple[str, ...]]] = {}
        self._lanes_of: Sequence[Mapped] = self.mappings  # as they were when the lanes were found

    def decode(self, topic: str, payload: bytes, received_at_ms: int) -> list[Heard]:
        """What this message says, and what it completes. Raises ``Refused``, whatever the bytes, and nothing else.

        A part of an agent's cycle yields nothing until the cycle is complete: call ``flush`` now and then.
        """
        if len(topic) > MAX_TEXT:
            raise Refused("too_large", "the topic")
        if payload and (name := plain.machine_in(topic)) is not None:
            quickly = plain.report(name, payload, received_at_ms)
            if quickly is not None:
                return [quickly]
        if self.mappings is not self._lanes_of:
            if [*self.mappings] != [*self._lanes_of]:
                self._lanes.clear()
            self._lanes_of = self.mappings  # asked for anew every few seconds, and mostly the same
        known = self._lanes.quickly(topic, payload, received_at_ms)
        if known is not None:
            return [*known]
        levels = topic.split("/")
        if not payload and "glances" in levels[:-2]:
            return []  # Glances' word for None
        for mapping in self.mappings:
            place = _mapped(mapping, levels)
            if place is not None:
                route = Route(topic, machine_ok(place[0]), (), received_at_ms, self._believes)
                try:
                    within_limits(payload)
                    return mapping.read(route, payload, place[1])
                except Refused as refused:
                    refused.machine = route.machine  # nobody else can tell it from a topic like this
                    raise
        # A last-will or a retained message that was cleared arrives empty: the same refusal as any other empty payload.
        within_limits(payload)
        if (placed := self._placed.get(topic)) is None:
            fmt, machine, rest = self._place(topic, levels, payload)
            placed = (fmt, machine_ok(machine), tuple(rest))
            if not self._believes and len(self._placed) < MOST_LANES:
                self._placed[topic] = placed  # of a topic alone: nothing is guessed by its payload
        fmt = placed[0]
        route = Route(topic, placed[1], placed[2], received_at_ms, self._believes)
        try:
            if fmt == "sparkplug":
                return sparkplug.parse(route, payload, self.births)
            heard = PARSERS[fmt](route, payload)
            if not self._believes and fmt in LEARNED:
                self._lanes.learn(route, fmt, payload, heard, PARSERS[fmt])
        except Refused as refused:
            refused.heard = tuple(self._assembled(fmt, list(refused.heard)))
            raise
        return self._assembled(fmt, heard)

    @staticmethod
    def at_once(topic: bytes, payload: bytes, received_at_ms: int) -> Reading | None:
        """What `decode` says of the common report of our own wire; None for anything else. Raises ``Refused``."""
        name = plain.machine_at(topic)
        return plain.report(name, payload, received_at_ms) if name is not None else None

    def flush(self, now_ms: int | None = None) -> list[Reading]:
        """Cycles complete by ``now_ms`` (the newest arrival, or a clock while nothing arrives).

        All of them when None.
        """
        return self._assembler.flush(now_ms)

    def cycles(self) -> bytes:
        """The open ones, for whoever decodes on from here."""
        return self._assembler.state()

    def resume(self, cycles: bytes) -> list[Reading]:
        """Go on from there: with these cycles and no others. What else was open here had been complete by then."""
        return self._assembler.resume(cycles)

    @property
    def waiting(self) -> int:
        """Cycles not yet complete: what a crash of the decoder would have to hear again."""
        return self._assembler.waiting

    def _place(self, topic: str, levels: list[str], payload: bytes) -> tuple[str, str, list[str]]:
        """Format, machine, and the topic levels behind it."""
        if levels[0] == "vigie" and len(levels) >= 3:
            return self._own(levels)
        if levels[0] == DOOR and len(levels) > 2 and levels[1] in REASONS:
            # What a door over HTTP has refused goes the same way, so that the same ledger and letters tell of it.
            raise Refused(levels[1], "/".join(levels[2:])[:200])
        for source in self._sources:
            if source.matches(levels):
                if source.machine >= len(levels):
                    raise Refused("no_machine", topic[:120])
                if source.format == "sparkplug":
                    return source.format, levels[3], levels[1:3] + levels[4:]
                return source.format, levels[source.machine], levels[source.machine + 1 :]
        guessed = guess(levels, payload, self._nameless) if self._believes else None
        if guessed is None:
            raise Refused("unknown_topic", topic[:120])
        return guessed

    def _own(self, levels: list[str]) -> tuple[str, str, list[str]]:
        machine, what = levels[1], levels[2]
        if what in OWN_WIRE:
            return "native", machine, levels[2:]
        rest = levels[3:]
        if what == "sparkplug":
            # vigie/MACHINE/sparkplug/[spBv1.0/]GROUP/KIND/NODE[/DEVICE]: the machine stands for the node it signed in
            # as.
            rest = rest[1:] if rest[:1] == [sparkplug.NAMESPACE] else rest
            return what, machine, rest[:2] + rest[3:]
        if what not in PARSERS or what in {"native", "discovery", "batch"}:
            raise Refused("unknown_format", what[:60])
        # An agent that puts its own prefix and host after ours keeps them: the machine is the one that signed in.
        if len(rest) > 2 and rest[0] == what:
            rest = rest[2:]
        return what, machine, rest

    def _assembled(self, fmt: str, heard: list[Heard]) -> list[Heard]:
        if fmt not in PIECEMEAL:
            return heard
        out: list[Heard] = []
        for h in heard:
            # A report with a number of its own is whole; joining it to others would lose the number.
            if isinstance(h, Reading) and h.seq is None:
                out += self._assembler.add(h)
            else:
                out.append(h)
        return out


def _mapped(mapping: Mapped, levels: list[str]) -> tuple[str, dict[str, str]] | None:
    """The machine and the named levels, if the mapping is meant: by its pattern, or by its name behind our prefix."""
    if levels[0] == "vigie":
        if len(levels) < 3 or levels[2] != mapping.name:
            return None
        named = mapping.behind(levels[3:])
        return None if named is None else (levels[1], named | {"machine": levels[1]})
    named = mapping.named(levels)
    return None if named is None else (named["machine"], named)
