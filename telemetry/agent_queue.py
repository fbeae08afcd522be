"""Reports on disk until the desk has stored them: SQLite, because a power cut is just when reports matter."""

from __future__ import annotations

import sqlite3
from pathlib import Path

# Two weeks at a report a minute, a day and a half at one every five seconds; about 20 MB.
MOST = 25_000
MOST_ASKS = 1_000


class Queue:
    """Guards the numbers given out and the reports not yet under a receipt.

    A number is durable before its report can leave, so it is never given twice, whatever is pulled out of the wall.
    """

    def __init__(self, path: Path, most: int = MOST) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._most = most
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE IF NOT EXISTS reports (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        self._db.execute("CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, value INTEGER NOT NULL)")
        self._db.execute("CREATE TABLE IF NOT EXISTS asks (id TEXT PRIMARY KEY, number INTEGER NOT NULL)")

    @property
    def last(self) -> int:
        """The highest number given out."""
        return self._count("last")

    @property
    def dropped(self) -> int:
        """Reports that were lost because the queue was full, since it was made."""
        return self._count("dropped")

    @property
    def length(self) -> int:
        """Reports that wait for a receipt."""
        return int(self._db.execute("SELECT count(*) FROM reports").fetchone()[0])

    def put(self, body: bytes) -> int:
        """Keep a report, a JSON object without its number; returns how many old ones had to go for it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            seq = self.last + 1
            self._db.execute("INSERT INTO reports VALUES (?, ?)", (seq, body))
            self._set("last", seq)
            gone = self._db.execute(
                "DELETE FROM reports WHERE seq <= (SELECT seq FROM reports ORDER BY seq DESC LIMIT 1 OFFSET ?)",
                (self._most,),
            ).rowcount
            if gone:
                self._set("dropped", self.dropped + gone)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return gone

    def after(self, seq: int, most: int) -> list[tuple[int, bytes]]:
        """Waiting reports above a number, in order, each with its number in it."""
        rows = self._db.execute("SELECT seq, body FROM reports WHERE seq > ? ORDER BY seq LIMIT ?", (seq, most))
        return [(number, b'{"seq":%d,%b' % (number, body[1:])) for number, body in rows]

    def forget(self, seq: int) -> None:
        """Everything up to `seq` is stored at the desk.

        A number above all of ours means that this file was lost and begun anew: our reports bear numbers that others
        had before, so they are numbered again, above it.
        """
        self._db.execute("BEGIN IMMEDIATE")
        if seq > self.last:
            # Through the negative numbers, since SQLite checks uniqueness row by row.
            self._db.execute("UPDATE reports SET seq = -seq - ?", (seq,))
            self._db.execute("UPDATE reports SET seq = -seq")
            self._set("last", seq + self.last)
        else:
            self._db.execute("DELETE FROM reports WHERE seq <= ?", (seq,))
        self._db.execute("COMMIT")

    def is_asked_again(self, ask: str) -> bool:
        """Whether an ask of this id was heard before; it is remembered before anything is answered."""
        known = self._db.execute("SELECT 1 FROM asks WHERE id = ?", (ask,)).fetchone()
        if known is None:
            number = self._db.execute("SELECT coalesce(max(number), 0) + 1 FROM asks").fetchone()[0]
            self._db.execute("INSERT INTO asks VALUES (?, ?)", (ask, number))
            # An ask ends within minutes: of those forgotten here none is still good.
            self._db.execute("DELETE FROM asks WHERE number <= ?", (number - MOST_ASKS,))
        return known is not None

    def close(self) -> None:
        """Close the file; everything in it is already durable."""
        self._db.close()

    def _count(self, name: str) -> int:
        row = self._db.execute("SELECT value FROM counts WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def _set(self, name: str, value: int) -> None:
        self._db.execute(
            "INSERT INTO counts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
        )
