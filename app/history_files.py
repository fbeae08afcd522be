"""History as files: rows of one instant and one metric each, as CSV or Parquet, made while they are sent.

Never more than a piece of one machine's history is held. Of Parquet arro3 writes the bytes; it is the only door to it.
"""

from __future__ import annotations

import csv
import io
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import IO, Any, Final, cast

from app import naming
from app.transfer.cells import defused
from telemetry.columns import Columns, as_sent
from telemetry.figures import Line

CSV, PARQUET = "text/csv; charset=utf-8", "application/vnd.apache.parquet"
_REPORT: Final = ("machine", "at", "metric", "value", "unit")
_CHANGE: Final = ("machine", "at", "kind", "what", "told_by")
_FIGURE: Final = ("machine", "from", "metric", "least", "mean", "most", "count", "unit")
_WAITING: Final = 16  # pieces of Parquet made ahead of whoever reads them
_PATIENCE_S: Final = 30.0


Told = tuple[int, str, str, str]  # a change: instant in epoch ms, kind, what, who told it


@dataclass(frozen=True)
class Rows:
    """Some rows: instants in epoch ms, metrics as shown with their unit, and the values in the order of the columns."""

    at_ms: Sequence[int]
    metrics: Sequence[str]
    units: Sequence[str]
    values: Sequence[Sequence[float]]  # one value a row, or least, mean, most, count


def of_reports(columns: Columns, names: naming.Names) -> Rows:
    """A row each report and metric it had."""
    at: list[int] = []
    metrics: list[str] = []
    units: list[str] = []
    found: list[float] = []
    instants = columns.at_ms.tolist()
    for sent, values in columns.values.items():
        one = naming.shown(sent, names)
        for moment, value in zip(instants, as_sent(values).tolist(), strict=True):
            if value == value:
                at.append(moment)
                found.append(value if one.factor == 1 and not one.offset else one.of(value))
        metrics += [one.name] * (len(at) - len(metrics))
        units += [one.unit] * (len(at) - len(units))
    order = sorted(range(len(at)), key=at.__getitem__)
    return Rows(
        [at[i] for i in order], [metrics[i] for i in order], [units[i] for i in order], [[found[i] for i in order]]
    )


def of_figures(at_ms: Sequence[int], lines: Iterable[tuple[str, Line]], names: naming.Names) -> Rows:
    """A row each hour or day and metric."""
    told: list[tuple[int, str, str, tuple[float, ...]]] = []
    for sent, line in lines:
        one = naming.shown(sent, names)
        low, high = (line.most, line.least) if one.factor < 0 else (line.least, line.most)
        values = (as_sent(low).tolist(), as_sent(line.mean).tolist(), as_sent(high).tolist(), line.count.tolist())
        for moment, least, mean, most, count in zip(at_ms, *values, strict=True):
            if count:
                edges = tuple(one.of(value) for value in (least, mean, most))
                told.append((moment, one.name, one.unit, (*edges, count)))
    told.sort(key=lambda row: row[:2])
    figures = [[row[3][place] for row in told] for place in range(4)]
    return Rows([row[0] for row in told], [row[1] for row in told], [row[2] for row in told], figures)


def as_csv(machine: str, chunks: Iterator[Rows], zone: tzinfo, *, figures: bool) -> Iterator[bytes]:
    """RFC 4180 with a header; instants of RFC 3339 with the offset of their zone; text a spreadsheet would run is
    defused."""
    text = io.StringIO(newline="")
    out = csv.writer(text, lineterminator="\r\n")
    out.writerow(_FIGURE if figures else _REPORT)
    name = defused(machine)
    for rows in chunks:
        safe = {metric: defused(metric) for metric in set(rows.metrics) | set(rows.units)}
        for at, metric, unit, *values in zip(rows.at_ms, rows.metrics, rows.units, *rows.values, strict=True):
            out.writerow([name, _when(at, zone), safe[metric], *map(_number, values), safe[unit]])
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    if rest := text.getvalue():
        yield rest.encode()


def changes_as_csv(machine: str, chunks: Iterable[Sequence[Told]], zone: tzinfo) -> Iterator[bytes]:
    """What was changed on a machine, a row each, written as `as_csv` writes."""
    text = io.StringIO(newline="")
    out = csv.writer(text, lineterminator="\r\n")
    out.writerow(_CHANGE)
    for told in chunks:
        out.writerows([defused(machine), _when(at, zone), *map(defused, said)] for at, *said in told)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()


def changes_as_parquet(machine: str, chunks: Iterable[Sequence[Told]]) -> Iterator[bytes]:
    """The same, written as `as_parquet` writes."""
    import arro3.core as arrow

    text, instant = arrow.DataType.string(), arrow.DataType.timestamp("ms", tz="UTC")
    kinds = (text, instant, text, text, text)
    schema = arrow.Schema([arrow.Field(name, kind, nullable=False) for name, kind in zip(_CHANGE, kinds, strict=True)])

    def batches() -> Iterator[Any]:  # Any: arro3 has no types for what it reads from
        for told in filter(None, chunks):
            at, *said = zip(*told, strict=True)
            columns = [arrow.Array([machine] * len(at), type=text)]
            columns.append(arrow.Array(list(at), type=arrow.DataType.int64()).cast(instant))
            columns += [arrow.Array(list(column), type=text) for column in said]
            yield arrow.RecordBatch(columns, schema=schema)

    return _written(schema, batches)


def as_parquet(machine: str, chunks: Iterator[Rows], *, figures: bool) -> Iterator[bytes]:
    """One row group a chunk; instants in UTC to the millisecond, compressed with zstd."""
    import arro3.core as arrow

    kinds = arrow.DataType
    instant = kinds.timestamp("ms", tz="UTC")
    numbers = ("least", "mean", "most", "count") if figures else ("value",)
    fields = [arrow.Field("machine", kinds.string(), nullable=False),
              arrow.Field("from" if figures else "at", instant, nullable=False),
              arrow.Field("metric", kinds.string(), nullable=False),
              *(arrow.Field(name, _kind(kinds, name), nullable=False) for name in numbers),
              arrow.Field("unit", kinds.string(), nullable=False)]  # fmt: skip
    schema = arrow.Schema(fields)

    def batches() -> Iterator[Any]:  # Any: arro3 has no types for what it reads from
        for rows in chunks:
            if rows.at_ms:
                yield arrow.RecordBatch(
                    [
                        arrow.Array([machine] * len(rows.at_ms), type=kinds.string()),
                        arrow.Array(list(rows.at_ms), type=kinds.int64()).cast(instant),
                        arrow.Array(list(rows.metrics), type=kinds.string()),
                        *(
                            arrow.Array(list(map(int if name == "count" else float, column)), type=_kind(kinds, name))
                            for name, column in zip(numbers, rows.values, strict=True)
                        ),
                        arrow.Array(list(rows.units), type=kinds.string()),
                    ],
                    schema=schema,
                )

    return _written(schema, batches)


def _written(schema: Any, batches: Callable[[], Iterator[Any]]) -> Iterator[bytes]:  # Any: arro3's own types
    import arro3.core as arrow
    import arro3.io

    def write(into: io.RawIOBase) -> None:
        reader = arrow.RecordBatchReader.from_batches(schema, batches())
        arro3.io.write_parquet(
            reader, cast(IO[bytes], into), compression="zstd(3)", max_row_group_size=1 << 18, created_by="vigie"
        )

    return _pieces(write)


def _kind(kinds: Any, name: str) -> Any:  # Any: arro3's own types
    """How many there were is a whole number; everything else was measured."""
    return kinds.int64() if name == "count" else kinds.float64()


class Abandoned(OSError):
    """Whoever was to read the file has gone."""


class _Pipe(io.RawIOBase):
    """Bytes written on one thread and read on another, a few pieces ahead of each other."""

    def __init__(self) -> None:
        self.pieces: queue.Queue[bytes | BaseException | None] = queue.Queue(_WAITING)
        self.abandoned = threading.Event()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:  # Any: a buffer
        piece = bytes(data)
        self.put(piece)
        return len(piece)

    def put(self, piece: bytes | BaseException | None) -> None:
        while not self.abandoned.is_set():
            try:
                self.pieces.put(piece, timeout=1.0)
                return
            except queue.Full:
                continue
        raise Abandoned("nobody reads the file any more")


def _pieces(write: Callable[[io.RawIOBase], None]) -> Iterator[bytes]:
    """What `write` writes, as it writes it. It ends soon after the reader has gone."""
    pipe = _Pipe()

    def run() -> None:
        try:
            write(pipe)
            pipe.put(None)
        except Abandoned:
            return
        except BaseException as problem:  # noqa: BLE001 - handed to the reader, who raises it where it is seen
            if not pipe.abandoned.is_set():
                pipe.put(problem)

    writer = threading.Thread(target=run, name="parquet", daemon=True)
    writer.start()
    try:
        while (piece := pipe.pieces.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
    finally:
        pipe.abandoned.set()
        writer.join(_PATIENCE_S)


def _when(at_ms: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).isoformat(timespec="milliseconds")


def _number(value: float) -> str:
    return str(int(value)) if abs(value) < 1e15 and value == int(value) else repr(value)
