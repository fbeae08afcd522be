"""Sparkplug B: ``spBv1.0/GROUP/{N,D}{BIRTH,DATA,DEATH}/NODE[/DEVICE]``. Plain; ``Births`` is the one state it needs.

The machine is the node; a device's metrics carry its name in front. Births name metrics and declare their types and
aliases. Texts become facts; numbers inside arrays, data sets and template instances become metrics of their own; bytes
and files are no measurements. ``seq`` (0 to 255, wrapping) orders messages of a session and says nothing about a
machine's life: a reading has none, but a hole in it, like an alias nobody declared, makes us want a rebirth
(``Births.take_wanted``). ``bdSeq`` pairs a death with its birth: the will of an older session is ignored. Commands and
the state of host applications are not the machine's words and yield nothing.
"""

from __future__ import annotations

from typing import Any, Final

from telemetry.formats.instants import instant
from telemetry.formats.route import Route
from telemetry.formats.sparkplug_wire import Metric, Payload, payload_of
from telemetry.formats.strict import MAX_METRICS, MAX_TEXT, name_ok
from telemetry.reading import NO_FACTS, Heard, Reading, Refused, Status

FORMAT: Final = "sparkplug"
NAMESPACE: Final = "spBv1.0"
_SESSION: Final = ("bdSeq", "Node Control/", "Device Control/")
_DATA: Final = frozenset({"NBIRTH", "DBIRTH", "NDATA", "DDATA"})
OF_NODES: Final = ("NDATA", "DDATA", "NBIRTH", "DBIRTH", "NDEATH", "DDEATH")  # what nodes say; the commonest first
_HOSTS: Final = frozenset({"NCMD", "DCMD", "STATE"})
MAX_SESSIONS: Final = 20_000
_SEQ: Final = 256
Key = tuple[str, str, str]
Node = tuple[str, str]


class Births:
    """What names and aliases mean, per node and device, since its last birth; which nodes should be born again."""

    def __init__(self) -> None:
        self._aliases: dict[Key, dict[int, tuple[str, int]]] = {}
        self._types: dict[Key, dict[str, int]] = {}
        self._seqs: dict[Node, int] = {}
        self._sessions: dict[Node, int] = {}
        self._wanted: set[Node] = set()
        self._heard: dict[Node, None] = {}  # whoever was born, the longest silent first
        self.forgotten, self.forgotten_ms = 0, -1  # sessions given up for others, and when last

    def born(self, key: Key, message: Payload, at_ms: int = -1) -> None:
        """A birth replaces everything its sender declared before; a node's birth also ends its devices' sessions.

        Where there are too many, the node that was silent longest is forgotten: speaks it again, it is born again.
        """
        node = key[:2]
        if not key[2]:
            for other in [k for k in self._aliases if k[:2] == node]:
                del self._aliases[other], self._types[other]
            self._wanted.discard(node)
            self._sessions.pop(node, None)
            session = message.session()
            if session is not None:
                self._sessions[node] = session
        self._heard[node] = self._heard.pop(node, None)
        while len(self._aliases) >= MAX_SESSIONS and key not in self._aliases:
            if (silent := next(iter(self._heard))) == node:
                raise Refused("too_large", "too many Sparkplug devices of one node")
            self._forget(silent)
            self.forgotten, self.forgotten_ms = self.forgotten + 1, at_ms
        named = [m for m in message.metrics if m.name]
        self._aliases[key] = {m.alias: (m.name, m.datatype) for m in named if m.alias is not None}
        self._types[key] = {m.name: m.datatype for m in named if m.datatype}

    def follow(self, key: Key, seq: int | None, is_node_birth: bool) -> None:
        """Note where a session's numbering stands; a hole, or data of somebody not born, asks for a rebirth."""
        node = key[:2]
        if not is_node_birth and (key[0], key[1], "") not in self._aliases:
            self._want(node)
        if node in self._heard:
            self._heard[node] = self._heard.pop(node)
        if seq is None:
            return
        before = self._seqs.pop(node, None)
        if before is not None and not is_node_birth and seq != (before + 1) % _SEQ:
            self._want(node)
        if len(self._seqs) >= MAX_SESSIONS:
            del self._seqs[next(iter(self._seqs))]
        self._seqs[node] = seq % _SEQ

    def is_end(self, node: Node, session: int | None) -> bool:
        """Whether a death belongs to the session we know; a will left over from an older one ends nothing."""
        known = self._sessions.get(node)
        return session is None or known is None or session == known

    def named(self, key: Key, metric: Metric) -> Metric:
        """The metric with its name and type; one that cannot be read, and an alias nobody declared, are refused."""
        if metric.problem is not None:
            raise metric.problem
        if metric.name:
            return (
                metric
                if metric.datatype
                else metric.declared(metric.name, self._types.get(key, {}).get(metric.name, 0))
            )
        if metric.alias is None:
            raise Refused("bad_payload", "a metric without name and alias")
        declared = self._aliases.get(key, {}).get(metric.alias)
        if declared is None:
            self._want(key[:2])
            raise Refused("unknown_alias", f"alias {metric.alias}")
        return metric.declared(*declared)

    def take_wanted(self) -> list[Node]:
        """(group, node) of those that should be born again, each told once until it is."""
        wanted, self._wanted = sorted(self._wanted), set()
        return wanted

    def _want(self, node: Node) -> None:
        if len(self._wanted) < MAX_SESSIONS:
            self._wanted.add(node)

    def _forget(self, node: Node) -> None:
        for key in [key for key in self._aliases if key[:2] == node]:
            del self._aliases[key], self._types[key]
        for known in (self._seqs, self._sessions, self._heard):
            known.pop(node, None)

    def snapshot(self) -> list[Any]:
        """Plain values from which ``restored`` makes an equal one."""
        turns = {node: turn for turn, node in enumerate(self._heard)}
        order = sorted(self._aliases, key=lambda key: turns.get(key[:2], -1))
        return [
            [[*key, list(self._aliases[key].items()), self._types.get(key, {})] for key in order],
            [[*node, seq] for node, seq in self._seqs.items()],
            [[*node, session] for node, session in self._sessions.items()],
        ]


def restored(kept: list[Any]) -> Births:
    """The inverse of ``Births.snapshot``."""
    births = Births()
    for group, node, device, aliases, types in kept[0]:
        key = (group, node, device)
        births._aliases[key] = {alias: (name, datatype) for alias, (name, datatype) in aliases}
        births._types[key] = dict(types)
        births._heard[group, node] = None
    births._seqs = {(group, node): seq for group, node, seq in kept[1]}
    births._sessions = {(group, node): session for group, node, session in kept[2]}
    return births


def parse(route: Route, payload: bytes, births: Births) -> list[Heard]:
    """``route.rest`` is (GROUP, KIND) or (GROUP, KIND, DEVICE)."""
    if len(route.rest) in (2, 3) and route.rest[1] in _HOSTS:
        return []
    if len(route.rest) not in (2, 3):
        raise Refused("unknown_topic", route.topic[:120])
    group, kind = route.rest[:2]
    device = route.rest[2] if len(route.rest) == 3 else ""
    node = (group, route.machine)
    if kind == "NDEATH" and not device:
        if not births.is_end(node, payload_of(payload).session()):
            return []
        return [Status(route.machine, False, route.received_at_ms, FORMAT)]
    if kind == "DDEATH" and device:
        births.follow((*node, device), payload_of(payload).seq, is_node_birth=False)
        return []
    if kind not in _DATA or (kind[0] == "D") != bool(device):
        raise Refused("unknown_topic", route.topic[:120])
    message = payload_of(payload)
    key = (*node, device)
    births.follow(key, message.seq, is_node_birth=kind == "NBIRTH")
    if kind.endswith("BIRTH"):
        births.born(key, message, route.received_at_ms)
    there = [Status(route.machine, True, route.received_at_ms, FORMAT)] if kind == "NBIRTH" else []
    heard, problem = _readings(route, message, key, births)
    if problem is not None:
        raise Refused(problem.reason, problem.detail, [*there, *heard])
    return [*there, *heard]


def _readings(route: Route, message: Payload, key: Key, births: Births) -> tuple[list[Reading], Refused | None]:
    """One reading an instant, and what is wrong with the first metric that cannot be kept: it takes no other along."""
    prefix = f"{key[2]}/" if key[2] else ""
    values: dict[int, dict[str, float]] = {}
    facts: dict[int, dict[str, str]] = {}
    problem: Refused | None = None
    for raw in message.metrics:
        try:
            metric = births.named(key, raw)
            if metric.name.startswith(_SESSION):
                continue
            at = instant(metric.timestamp or message.timestamp or None, route.received_at_ms)
            said = [(name_ok(prefix + metric.name + inner), value) for inner, value in metric.leaves()]
        except Refused as refused:
            problem = problem or refused
            continue
        for name, value in said:
            if isinstance(value, str):
                facts.setdefault(at, {})[name] = value[:MAX_TEXT]
            else:
                # A name that comes twice at one instant: what was said last holds.
                values.setdefault(at, {})[name] = value
    if sum(map(len, values.values())) > MAX_METRICS:
        raise Refused("too_many_metrics")
    received = route.received_at_ms
    heard = [
        Reading(route.machine, at, values.get(at, {}), None, received, FORMAT, facts.get(at, NO_FACTS))
        for at in sorted(values.keys() | facts.keys())
    ]
    return heard, problem
