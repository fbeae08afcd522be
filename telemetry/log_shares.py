"""Sharing the partitions of the embedded log among the readers that are alive, by leases in the database."""

from __future__ import annotations

from typing import Any, Final

import psycopg

LEASE_S: Final = 15.0  # a reader that died is missed for so long
_RENEW_S: Final = LEASE_S / 3

_JOIN = """
INSERT INTO log_members (reader, owner, lease_until) VALUES (%(reader)s, %(owner)s, now() + %(lease)s)
ON CONFLICT (reader, owner) DO UPDATE SET lease_until = excluded.lease_until
"""
_PARTITIONS = """
INSERT INTO log_positions (reader, partition, position, snapshot_position, owner)
SELECT %(reader)s, partition, 0, 0, '' FROM generate_series(0, %(partitions)s - 1) AS partition
ON CONFLICT DO NOTHING
"""
# A seat is the part of the name before the slash: whoever sits on it now has taken over from whoever died there.
_SUCCEED = """
DELETE FROM log_members WHERE reader = %(reader)s AND (lease_until < now()
    OR (owner <> %(owner)s AND split_part(owner, '/', 1) = split_part(%(owner)s, '/', 1)))
"""
_ABANDONED = """
UPDATE log_positions SET lease_until = NULL WHERE reader = %(reader)s AND lease_until IS NOT NULL
    AND NOT EXISTS (SELECT FROM log_members m WHERE m.reader = log_positions.reader AND m.owner = log_positions.owner)
"""
_KEEP = """
UPDATE log_positions SET lease_until = now() + %(lease)s
WHERE reader = %(reader)s AND owner = %(owner)s AND lease_until IS NOT NULL AND NOT partition = ANY(%(giving)s)
RETURNING partition
"""
_CLAIM = """
UPDATE log_positions SET owner = %(owner)s, lease_until = now() + %(lease)s
WHERE (reader, partition) IN (
    SELECT reader, partition FROM log_positions
    WHERE reader = %(reader)s AND (lease_until IS NULL OR lease_until < now())
    ORDER BY partition LIMIT %(room)s FOR UPDATE SKIP LOCKED)
RETURNING partition
"""
_COUNTS = """
SELECT (SELECT count(*) FROM log_members WHERE reader = %(reader)s),
       (SELECT count(*) FROM log_positions WHERE reader = %(reader)s)
"""


class Shares:
    """Which partitions are ours. `renew` must be called at least every few seconds; the connection is the reader's."""

    def __init__(self, connection: psycopg.Connection[Any], partitions: int, reader: str, owner: str) -> None:
        self._connection = connection
        self._words: dict[str, Any] = {"reader": reader, "owner": owner, "partitions": partitions,
                                       "lease": f"{LEASE_S} seconds"}  # fmt: skip
        self._held: frozenset[int] = frozenset()
        self._giving: set[int] = set()  # no longer held, but its state is not yet let go of
        self._due = 0.0

    @property
    def held(self) -> frozenset[int]:
        return self._held

    def due_in(self, now: float) -> float:
        """Seconds until the leases want renewing; `now` is a monotonic clock."""
        return max(0.0, self._due - now)

    def renew(self, now: float) -> bool:
        """Renew when due: keep our fair share, give what is above it, claim what is free. True when `held` changed."""
        if now < self._due:
            return False
        self._due = now + _RENEW_S
        with self._connection.transaction(), self._connection.cursor() as cursor:
            # One reader at a time looks at who has what.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%(reader)s || '-shares'))", self._words)
            cursor.execute(_PARTITIONS, self._words)
            cursor.execute(_SUCCEED, self._words)
            cursor.execute(_JOIN, self._words)
            cursor.execute(_ABANDONED, self._words)
            cursor.execute(_KEEP, {**self._words, "giving": list(self._giving)})
            mine = {row[0] for row in cursor.fetchall()}
            members, partitions = cursor.execute(_COUNTS, self._words).fetchone() or (1, 0)
            fair = -(-partitions // max(1, members))
            if len(mine) > fair:
                above = sorted(mine)[fair:]
                self._giving.update(above)
                mine.difference_update(above)
            elif len(mine) < fair:
                cursor.execute(_CLAIM, {**self._words, "room": fair - len(mine)})
                mine.update(row[0] for row in cursor.fetchall())
        self._giving -= mine
        changed = mine != self._held
        self._held = frozenset(mine)
        return changed

    def release(self, partition: int) -> None:
        """Nothing of this partition is in our hands any more."""
        self._giving.discard(partition)
        self._held = self._held - {partition}
        self._connection.execute(
            "UPDATE log_positions SET lease_until = NULL"
            " WHERE reader = %(reader)s AND owner = %(owner)s AND partition = %(partition)s",
            {**self._words, "partition": partition},
        )

    def leave(self) -> None:
        """Give back everything and be no member any more."""
        self._connection.execute(
            "UPDATE log_positions SET lease_until = NULL WHERE reader = %(reader)s AND owner = %(owner)s", self._words
        )
        self._connection.execute("DELETE FROM log_members WHERE reader = %(reader)s AND owner = %(owner)s", self._words)
