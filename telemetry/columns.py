"""Reports as compressed columns: the body of a history block. Plain.

A column holds 32-bit floats where seven digits are enough, else 64-bit ones; "no value" is NaN. Bytes of equal weight
stand together before they are compressed, as neighbouring values differ in their last bytes only.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import lt
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

Floats = npt.NDArray[np.float64]
Instants = npt.NDArray[np.int64]

_MAGIC: Final = b"VR1"
# Above this a 32-bit float no longer tells neighbouring whole numbers apart: byte counters.
_EXACT_IN_32: Final = float(1 << 24)
# Level 1: three quarters of what the highest level saves, at a tenth of its time.
_LEVEL: Final = 1
_HEAD_BYTES: Final = 4


class BadBlock(ValueError):
    """The body of a block is not one of ours, or was cut."""


@dataclass(frozen=True)
class Columns:
    """Reports in the order of their instants. Each column has one value a report; NaN where the report had none."""

    at_ms: Instants
    values: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.at_ms)

    def rows(self) -> Iterator[tuple[int, dict[str, float]]]:
        """The reports again: instant and the metrics it had."""
        lists = {name: values.tolist() for name, values in self.values.items()}
        for i, at in enumerate(self.at_ms.tolist()):
            yield at, {name: column[i] for name, column in lists.items() if column[i] == column[i]}  # NaN is not itself


def of_reports(reports: Sequence[tuple[int, Mapping[str, float]]]) -> Columns:
    """Columns of (instant, metrics). Several reports of one instant are one; of a metric the last value stands."""
    unique: dict[int, Mapping[str, float]] = dict(reports)
    if len(unique) < len(reports) or not all(map(lt, unique, islice(unique, 1, None))):
        unique = {}
        for at, metrics in sorted(reports, key=lambda report: report[0]):
            unique[at] = {**unique[at], **metrics} if at in unique else metrics
    rows = list(unique.values())
    shape = tuple(rows[0]) if rows else ()
    if shape and all(map(shape.__eq__, map(tuple, rows))):
        # The common machine says the same names each time: its values are one table.
        flat = chain.from_iterable([row.values() for row in rows])
        table = np.fromiter(flat, np.float64, len(rows) * len(shape)).reshape(len(rows), len(shape)).T
        found = dict(zip(shape, np.ascontiguousarray(table), strict=True))
        return Columns(np.fromiter(unique, np.int64, len(unique)), {name: found[name] for name in sorted(shape)})
    names: dict[str, None] = {}
    for metrics in rows:
        names.update(dict.fromkeys(metrics))
    missing = float("nan")
    return Columns(
        np.fromiter(unique, np.int64, len(unique)),
        {name: np.fromiter((row.get(name, missing) for row in rows), np.float64, len(rows)) for name in sorted(names)},
    )


def joined(parts: Iterable[Columns]) -> Columns:
    """One after the other, in order of instants; of one instant the last value of each metric stands."""
    every = [part for part in parts if len(part)]
    if not every:
        return Columns(np.zeros(0, np.int64), {})
    if len(every) == 1:
        return every[0]
    at = np.concatenate([part.at_ms for part in every])
    order = np.argsort(at, kind="stable")
    ordered = at[order]
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    names = sorted({name for part in every for name in part.values})
    values = {}
    for name in names:
        pieces = [part.values[name] if name in part.values else np.full(len(part), np.nan) for part in every]
        values[name] = _last_of_each(np.concatenate(pieces)[order], first)
    return Columns(ordered[first], values)


def _last_of_each(values: Floats, first: Instants) -> Floats:
    """Of each run that begins at `first` the last value that is one."""
    if len(first) == len(values):
        return values
    place = np.maximum.reduceat(np.where(np.isnan(values), -1, np.arange(len(values))), first)
    return np.where(place < 0, np.nan, values[place])


def as_sent(values: Floats) -> Floats:
    """The values as people wrote them: what lay in 32 bits is given back with the digits that were sent (12.1), not
    with those the width made of them (12.100000381469727)."""
    with np.errstate(over="ignore"):  # what is too large for 32 bits becomes infinite, and so does not fit
        narrow = values.astype(np.float32)
    fits = (narrow == values) & (np.abs(values) < _EXACT_IN_32)
    found = values.copy()
    found[fits] = narrow[fits].astype("U32").astype(np.float64)
    return found


def packed(columns: Columns) -> bytes:
    """The body of a block."""
    start = int(columns.at_ms[0]) if len(columns) else 0
    table = np.array(list(columns.values.values()), np.float64).reshape(len(columns.values), len(columns))
    small = ~(np.abs(table) >= _EXACT_IN_32).any(axis=1)
    kinds = "".join(np.where(small, "f", "d").tolist())
    pieces = [_shuffled((columns.at_ms - start).astype("<i8"))]
    if small.all():
        pieces.append(_shuffled(table.astype("<f4")))
    else:
        pieces += [
            _shuffled(row.astype("<f4" if kind == "f" else "<f8")) for kind, row in zip(kinds, table, strict=True)
        ]
    head = orjson.dumps({"n": len(columns), "t": start, "k": kinds, "m": list(columns.values)})
    return _MAGIC + zlib.compress(len(head).to_bytes(_HEAD_BYTES, "little") + head + b"".join(pieces), _LEVEL)


def unpacked(body: bytes, only: frozenset[str] | None = None) -> Columns:
    """The columns of a block, or only those named. Raises `BadBlock`."""
    try:
        if body[:3] != _MAGIC:
            raise BadBlock("not a block of ours")
        data = zlib.decompress(body[3:])
        end = _HEAD_BYTES + int.from_bytes(data[:_HEAD_BYTES], "little")
        head: dict[str, Any] = orjson.loads(data[_HEAD_BYTES:end])
        n = head["n"]
        at = _unshuffled(data, end, n, "<i8").astype(np.int64) + head["t"]
        end += 8 * n
        values = {}
        for kind, name in zip(head["k"], head["m"], strict=True):
            width = 4 if kind == "f" else 8
            if only is None or name in only:
                values[name] = _unshuffled(data, end, n, f"<f{width}").astype(np.float64)
            end += width * n
    except (zlib.error, orjson.JSONDecodeError, KeyError, ValueError) as problem:
        raise BadBlock(str(problem)) from problem
    return Columns(at, values)


def _shuffled(array: npt.NDArray[Any]) -> bytes:  # Any: whichever width the column has
    """A column, or several of one width one after the other."""
    planes = array.view(np.uint8).reshape(*array.shape, array.itemsize)
    return np.swapaxes(planes, -1, -2).tobytes()


def _unshuffled(data: bytes, start: int, count: int, dtype: str) -> npt.NDArray[Any]:
    width = np.dtype(dtype).itemsize
    planes = np.frombuffer(data, np.uint8, count * width, start).reshape(width, count)
    return np.ascontiguousarray(planes.T).view(dtype).reshape(count)
