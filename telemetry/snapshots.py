"""The watch's state as bytes and back: a JSON head and raw arrays, compressed. Plain. Never a pickle.

Layout: magic, SHA-256 of the rest, then zlib of (length of head, head, arrays one after the other).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from telemetry.changes import Lately
from telemetry.eyes import Eyes
from telemetry.fleet import COLUMNS, Fleet, kind_of
from telemetry.habits import Habits
from telemetry.machine import Condition, Machine
from telemetry.relations import Links
from telemetry.restraint import Run
from telemetry.standing import Standing
from telemetry.teaching import Taught

MAGIC: Final = b"VIGIE-W3"
_TYPES: Final = ("<f8", "<f4", "<i8", "|i1", "|b1")
AnyArray = NDArray[Any]


class _Writer:
    def __init__(self) -> None:
        self.shapes: list[list[Any]] = []
        self.parts: list[bytes] = []

    def put(self, array: AnyArray, kind: str) -> int:
        self.shapes.append([kind, list(array.shape)])
        self.parts.append(np.ascontiguousarray(array, dtype=kind).tobytes())
        return len(self.shapes) - 1


class _Reader:
    def __init__(self, body: bytes, at: int, shapes: list[list[Any]]) -> None:
        self.arrays: list[AnyArray] = []
        for kind, shape in shapes:
            if kind not in _TYPES:
                raise ValueError("snapshot: unknown array type")
            count = int(np.prod(shape, dtype=np.int64))
            size = count * np.dtype(kind).itemsize
            self.arrays.append(np.frombuffer(body, dtype=kind, count=count, offset=at).reshape(shape).copy())
            at += size

    def get(self, index: int) -> AnyArray:
        return self.arrays[index]


def pack(fleet: Fleet, machines: Iterable[Machine]) -> bytes:
    """See the module's docstring."""
    out = _Writer()
    size = fleet.size
    head = {
        "size": size,
        "free": fleet.free,
        "columns": {n: out.put(fleet.columns[n][:size], np.dtype(kind_of(n)).str) for n in COLUMNS},
        "ring": out.put(fleet.ring[:size], "<f4"),
        "slots": out.put(fleet.slots[:size], "<f4"),
        "ages": out.put(fleet.ages[:size], "|i1"),
        "frozen": out.put(fleet.frozen[:size], "|b1"),
        "machines": [_machine(m, out) for m in machines],
    }
    head["arrays"] = out.shapes
    text = orjson.dumps(head)
    body = zlib.compress(len(text).to_bytes(8, "little") + text + b"".join(out.parts), 1)
    return MAGIC + hashlib.sha256(body).digest() + body


def unpack(blob: bytes) -> tuple[Fleet, list[Machine]]:
    """The inverse of ``pack``; ``ValueError`` when the bytes are of another version or damaged."""
    if blob[:8] != MAGIC or hashlib.sha256(blob[40:]).digest() != blob[8:40]:
        raise ValueError("snapshot: not ours, of another version, or damaged")
    body = zlib.decompress(blob[40:])
    length = int.from_bytes(body[:8], "little")
    head = orjson.loads(body[8 : 8 + length])
    arrays = _Reader(body, 8 + length, head["arrays"])
    fleet = Fleet()
    fleet.size, fleet.free = head["size"], head["free"]
    # Columns of an older version may be wider than they are now.
    fleet.columns = {n: arrays.get(i).astype(kind_of(n), copy=False) for n, i in head["columns"].items()}
    fleet.ring = arrays.get(head["ring"]).astype(np.float32, copy=False)
    fleet.ages, fleet.frozen = arrays.get(head["ages"]).astype(np.int8, copy=False), arrays.get(head["frozen"])
    fleet.slots = arrays.get(head["slots"])
    fleet.reserve(fleet.size)
    return fleet, [_machine_back(m, arrays) for m in head["machines"]]


def _machine(m: Machine, out: _Writer) -> dict[str, Any]:
    m.rules.told_until(m.last_ms)
    n = m.notebook
    table = np.full((len(n.rows), len(n.names)), np.nan, dtype=np.float32)
    for i, kept in enumerate(n.rows):
        table[i, : len(kept)] = kept
    step, row, told = n.open_row()
    links = m.links
    return {
        "name": m.name,
        "names": n.names,
        "steps": out.put(np.asarray(n.steps, dtype=np.int64), "<i8"),
        "table": out.put(table, "<f4"),
        "open": [step, out.put(row, "<f8"), out.put(told, "|b1")],
        "rules": [[*key, _fields(s)] for key, s in m.rules.standing.items()],
        "condition": _fields(m.condition),
        "events": m.events,
        "rates": m.rates,
        "joined": m.joined,
        "settles": m.settles_ms,
        "eyes": m.eyes.state(),
        "taught": m.taught.state(),
        "habits": m.habits.state(),
        "lately": m.lately.state(),
        "held": None if m.held is None else _fields(m.held),
        "rows": out.put(m.rows, "<i8"),
        "links": None
        if links is None
        else [
            out.put(links.weights, "<f4"),
            out.put(links.offset, "<f8"),
            links.level,
            links.cap,
            links.usual_weight,
            links.grid_s,
            links.phase,
            links.top,
            None if links.kin is None else out.put(links.kin, "|i1"),
            links.noise,
        ],
        "plain": [m.grid_s, m.step, m.learned_s, m.last_ms, m.cadence_ms, m.score, m.looked_at],
        "calm": m.calm if np.isfinite(m.calm) else None,
        "lineage": m.lineage,
        "release": [m.release, m.stricter],
    }


def _fields(one: Standing | Condition | Run) -> dict[str, Any]:
    """`dataclasses.asdict` for what holds plain values only: a machine has a dozen of them."""
    return {name: getattr(one, name) for name in one.__slots__}


def _machine_back(d: dict[str, Any], arrays: _Reader) -> Machine:
    m = Machine(d["name"])
    n = m.notebook
    n.names = d["names"]
    n.index = {name: i for i, name in enumerate(n.names)}
    n.steps = arrays.get(d["steps"]).tolist()
    n.rows = list(arrays.get(d["table"]))
    step, row, told = d["open"]
    n.reopen(step, arrays.get(row), arrays.get(told))
    for name, metric, standing in d["rules"]:
        # Older versions did not keep when a metric was told last; nothing dated before the newest report is newer.
        m.rules.standing[name, metric] = Standing(**{"at_ms": d["plain"][3], **standing})
    m.condition = Condition(**{**d["condition"], "metrics": tuple(d["condition"]["metrics"])})
    m.events = {code: (e[0], e[1], e[2]) for code, e in d["events"].items()}
    m.rates = {name: (r[0], r[1]) for name, r in d["rates"].items()}
    m.joined, m.settles_ms = d.get("joined", {}), d.get("settles", -1)
    m.eyes = Eyes.restored(d["eyes"]) if "eyes" in d else m.eyes
    m.taught = Taught.restored(d["taught"]) if "taught" in d else m.taught
    m.habits = Habits.restored(d.get("habits", ()))
    m.lately = Lately.restored(d.get("lately", ()))
    m.held = Run(**d["held"]) if d.get("held") else None
    m.rows = arrays.get(d["rows"])
    if d["links"] is not None:
        weights, offset, *plain = d["links"]
        m.links = Links(m.rows, arrays.get(weights), arrays.get(offset), *plain[:6])
        if len(plain) > 6 and plain[6] is not None:  # older versions did not keep it
            m.links.kin = arrays.get(plain[6])
        m.links.noise = plain[7] if len(plain) > 7 else 0.0
    m.grid_s, m.step, m.learned_s, m.last_ms, m.cadence_ms, m.score, m.looked_at = d["plain"]
    m.calm = float("inf") if d["calm"] is None else d["calm"]
    m.lineage = d["lineage"]
    m.release, m.stricter = d.get("release", ("", 1.0))
    return m
