"""Which topic speaks which format, and where the machine's name stands. Plain.

``Decoder`` is the one entry: bytes in, readings, events and status out, or ``Refused``. It keeps the state two
kinds of agent need (open cycles, Sparkplug births); give each partition its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from telemetry.formats import (
    collectd,
    glances,
    linux2mqtt,
    nagios,
    native,
    prometheus,
    psmqtt,
    sparkplug,
    telegraf,
    values,
)
from telemetry.formats.assembler import Assembler
from telemetry.formats.route import Route
from telemetry.formats.strict import MAX_TEXT, machine_ok, within_limits
from telemetry.reading import Heard, Reading, Refused

Parse = Callable[[Route, bytes], list[Heard]]

PARSERS: Final[dict[str, Parse]] = {
    "native": native.parse,
    "values": values.parse,
    "thingsboard": values.parse,
    "collectd": collectd.parse,
    "glances": glances.parse,
    "linux2mqtt": linux2mqtt.parse,
    "psmqtt": psmqtt.parse,
    "telegraf": telegraf.parse,
    "prometheus": prometheus.parse,
    "nagios": nagios.parse,
}
# Agents that spread one cycle over many messages.
PIECEMEAL: Final = frozenset({"values", "collectd", "glances", "linux2mqtt", "psmqtt", "telegraf"})
OWN_WIRE: Final = frozenset({"report", "event", "status"})


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
    Source("linux2mqtt/+/#", "linux2mqtt", 1),
    Source("psmqtt/+/#", "psmqtt", 1),
    Source("telegraf/+/#", "telegraf", 1),
    Source("prometheus/+/#", "prometheus", 1),
    Source("nagios/+/#", "nagios", 1),
    Source("spBv1.0/+/+/+/#", "sparkplug", 3),
    Source("telemetry/+/+/#", "values", 2),
)


class Decoder:
    """Understands messages in arrival order. Not thread-safe."""

    def __init__(self, sources: Sequence[Source] = SOURCES) -> None:
        self._sources = tuple(sources)
        self._births = sparkplug.Births()
        self._assembler = Assembler()

    def decode(self, topic: str, payload: bytes, received_at_ms: int) -> list[Heard]:
        """What this message says, and what it completes. Raises ``Refused``, whatever the bytes, and nothing else.

        A part of an agent's cycle yields nothing until the cycle is complete: call ``flush`` now and then.
        """
        if len(topic) > MAX_TEXT:
            raise Refused("too_large", "the topic")
        levels = topic.split("/")
        # A last-will or a retained message that was cleared arrives empty: the same refusal as any other empty payload.
        within_limits(payload)
        if levels[0] == "vigie" and len(levels) >= 3:
            fmt, machine, rest = self._own(levels)
        else:
            fmt, machine, rest = self._foreign(topic, levels)
        route = Route(topic, machine_ok(machine), tuple(rest), received_at_ms)
        if fmt == "sparkplug":
            return sparkplug.parse(route, payload, self._births)
        heard = PARSERS[fmt](route, payload)
        if fmt not in PIECEMEAL:
            return heard
        return self._assembled(heard)

    def flush(self, now_ms: int | None = None) -> list[Reading]:
        """Cycles complete by ``now_ms`` (the newest arrival, or a clock while nothing arrives).

        All of them when None.
        """
        return self._assembler.flush(now_ms)

    @property
    def waiting(self) -> int:
        """Cycles not yet complete: what a crash of the decoder would have to hear again."""
        return self._assembler.waiting

    def _own(self, levels: list[str]) -> tuple[str, str, list[str]]:
        machine, what = levels[1], levels[2]
        if what in OWN_WIRE:
            return "native", machine, levels[2:]
        if what == "sparkplug":
            # vigie/MACHINE/sparkplug/GROUP/KIND/NODE[/DEVICE]; the machine stands for the node it signed in as
            rest = levels[3:5] + levels[6:]
            return what, machine, rest
        if what not in PARSERS or what == "native":
            raise Refused("unknown_format", what[:60])
        rest = levels[3:]
        # An agent that puts its own prefix and host after ours keeps them: the machine is the one that signed in.
        if len(rest) > 2 and rest[0] == what:
            rest = rest[2:]
        return what, machine, rest

    def _foreign(self, topic: str, levels: list[str]) -> tuple[str, str, list[str]]:
        for source in self._sources:
            if source.matches(levels):
                if source.machine >= len(levels):
                    raise Refused("no_machine", topic[:120])
                if source.format == "sparkplug":
                    return source.format, levels[3], levels[1:3] + levels[4:]
                return source.format, levels[source.machine], levels[source.machine + 1 :]
        raise Refused("unknown_topic", topic[:120])

    def _assembled(self, heard: list[Heard]) -> list[Heard]:
        out: list[Heard] = []
        for h in heard:
            # A report with a number of its own is whole; joining it to others would lose the number.
            if isinstance(h, Reading) and h.seq is None:
                out += self._assembler.add(h)
            else:
                out.append(h)
        return out
