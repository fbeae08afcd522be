"""What the bridge does beside carrying: it tells how it fares, and learns which receipts to publish.

A thread of its own with its own database connection, so that a database that is away never holds up the network.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson
import psycopg
import structlog
from psycopg.types.json import Jsonb

from escalation import diagnosis
from telemetry import part
from telemetry.bridge_ears import topics_of
from telemetry.broker_access import OpenTopic
from telemetry.log_postgres import connect

log = structlog.get_logger()

EVERY_S: Final = 5.0
_FIRST_S: Final = 5.0  # the network waits at most so long for the first word of the database
_LOCK_TRIES, _LOCK_PAUSE_S = 6, 0.5  # a predecessor that was killed lets go as soon as its connection is missed
REBIRTH: Final = "vigie_rebirth"  # notified by watchers (effects.py) with GROUP/NODE

_BEAT = """
INSERT INTO process_beats (name, pid, host, state, started_at, beat_at, restarts, why, facts)
VALUES (%(name)s, %(pid)s, %(host)s, 'running', now(), now(), 0, '', %(facts)s)
ON CONFLICT (name) DO UPDATE SET pid = excluded.pid, host = excluded.host, beat_at = excluded.beat_at,
    facts = excluded.facts,
    started_at = CASE WHEN process_beats.pid = excluded.pid THEN process_beats.started_at ELSE excluded.started_at END
"""
# One bridge of a name: two would take the broker's session from each other for ever. Whoever holds the lock stays; who
# does not, leaves, but only while the other one gives signs of life: a lock may outlive its host.
_ALONE = "SELECT pg_try_advisory_lock(hashtext('vigie-bridge'), hashtext(%(name)s))"
_RIVAL = """
SELECT pid, host FROM process_beats
WHERE name = %(name)s AND (pid <> %(pid)s OR host <> %(host)s) AND beat_at > now() - interval '15 seconds'
"""
# After the first time only machines heard of lately can have a new receipt; the margin covers a slow flush.
_RECEIPTS = """
SELECT m.name, s.last_seq FROM machine_states s JOIN machines m ON m.id = s.machine_id
WHERE s.last_seq IS NOT NULL AND m.retired_at IS NULL
    AND (%(all)s OR s.last_received_at > now() - interval '60 seconds')
"""
# What the broker retains of a machine outlives its rows: a namesake would take the old receipt for its own, and throw
# away what it has yet to send.
_GONE = """
SELECT unnest(%(names)s::text[]) EXCEPT SELECT name FROM machines WHERE retired_at IS NULL AND name = ANY(%(names)s)
"""
# Sent while the broker hears us; what is not answered in time the duty desk gives up (escalation/diagnostics.py).
_ASKS = """
UPDATE diagnostic_asks a SET state = 'sent', sent_at = now() FROM machines m
WHERE m.id = a.machine_id AND a.state = 'waiting' AND a.expires_at > now()
RETURNING m.name, a.id, a.reading, a.unit, a.lines, a.asked_at, a.expires_at
"""
_MAPPINGS = "SELECT name, spec FROM source_mappings ORDER BY created_at, id"
_GONE_EVERY: Final = 3  # turns


class Rival(RuntimeError):
    """Another bridge of our name is at work; the words say which."""


class Desk:
    """Every few seconds: beats with `facts()`, hands changed receipts to `publish(machine, seq)`, the names of machines
    that are gone to `forget(machine)`, Sparkplug nodes that should be born again to `ask_birth(group, node)`, and what
    the duty desk wants to read of a machine to `ask(machine, question)`. The topics of declared mappings go to `listen`
    when they change.

    `retained` gives the machines the broker was seen to retain something of.
    """

    def __init__(
        self,
        url: str,
        name: str,
        facts: Callable[[], Mapping[str, Any]],
        publish: Callable[[str, int], None],
        forget: Callable[[str], None] = lambda machine: None,
        retained: Callable[[], set[str]] = set,
        ask_birth: Callable[[str, str], None] = lambda group, node: None,
        ask: Callable[[str, bytes], None] = lambda machine, question: None,
        listen: Callable[[Sequence[OpenTopic]], None] = lambda topics: None,
    ) -> None:
        self._url, self._name, self._facts, self._publish = url, name, facts, publish
        self._forget, self._retained, self._ask_birth, self._ask = forget, retained, ask_birth, ask
        self._listen = listen
        self._mapped: bytes | None = None  # what was declared at the turn before
        self._changes = False  # and was not yet listened to
        self.on_rival: Callable[[], None] = lambda: None
        self.rival: Rival | None = None
        self._known: dict[str, int] = {}
        self._turns = 0
        self._is_alone = False
        self._asked = threading.Event()
        self._connection: psycopg.Connection[Any] | None = None
        self._ended = threading.Event()
        self._again = False
        self._thread = threading.Thread(target=self._run, name="bridge-desk", daemon=True)
        self._thread.start()

    def publish_all_again(self) -> None:
        """A broker that may have forgotten what it retained is told everything once more."""
        self._again = True

    def ask_first(self) -> None:
        """Wait, not for long, for the database's first word. Raises `Rival`; a database that is away stops nobody."""
        self._asked.wait(_FIRST_S)
        if self.rival is not None:
            raise self.rival

    def close(self) -> None:
        self._ended.set()
        self._thread.join(EVERY_S)

    def _run(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause) and self.rival is None:
            try:
                self._once()
            except psycopg.Error as problem:
                log.warning("bridge.database_away", why=str(problem).strip())
                self._drop()
            self._asked.set()
            pause = EVERY_S if self._connection else 1.0
        self._drop()

    def _once(self) -> None:
        if self._connection is None:
            self._connection = connect(self._url, "vigie-bridge-desk")
            self._connection.add_notify_handler(self._unborn)
            self._connection.execute(f"LISTEN {REBIRTH}")
            self._is_alone = False
        if not self._is_alone and not self._stay(self._connection):
            return
        everything = self._again or not self._known
        self._again = False
        if everything:
            self._known.clear()
        with self._connection.transaction(), self._connection.cursor() as cursor:
            facts = dict(self._facts())
            words = {"name": self._name, "pid": part.pid(), "host": platform.node(), "facts": Jsonb(facts)}
            cursor.execute(_BEAT, words)
            rows = cursor.execute(_RECEIPTS, {"all": everything}).fetchall()
            gone = self._gone(cursor)
            asks = cursor.execute(_ASKS).fetchall() if facts.get("connected") else []
            mapped = cursor.execute(_MAPPINGS).fetchall()
        self._hear_of(mapped)
        for name, ask_id, reading, unit, lines, asked_at, expires_at in asks:
            question = diagnosis.question(str(ask_id), name, reading, unit, lines, asked_at, expires_at)
            self._ask(name, orjson.dumps(question))
        for machine in gone:
            self._known.pop(machine, None)
            self._forget(machine)
        for machine, seq in rows:
            if self._known.get(machine) != seq:
                self._known[machine] = seq
                self._publish(machine, seq)

    def _hear_of(self, mapped: Sequence[tuple[str, Any]]) -> None:
        """Listen to what is declared; a change one turn later, when the broker's rules have it as well."""
        said = orjson.dumps(mapped)
        if self._mapped in (None, said):
            if self._mapped is None or self._changes:
                self._listen(topics_of(mapped))
            self._changes = False
        else:
            self._changes = True
        self._mapped = said

    def _stay(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether this name is ours, or nobody else's who gives signs of life."""
        words = {"name": self._name, "pid": part.pid(), "host": platform.node()}
        for _ in range(_LOCK_TRIES):
            row = connection.execute(_ALONE, words).fetchone()
            self._is_alone = bool(row and row[0])
            if self._is_alone or self._ended.wait(_LOCK_PAUSE_S):
                return True
        other = connection.execute(_RIVAL, words).fetchone()
        if other is None:
            return True
        self.rival = Rival(
            f"another bridge named {self._name} is at work, process {other[0]} on {other[1]}: stop it, or give this one"
            " a broker and a VIGIE_BRIDGE_NAME of its own"
        )
        log.critical("bridge.rival", why=str(self.rival))
        self.on_rival()
        return False

    def _unborn(self, note: psycopg.Notify) -> None:
        """A watcher met words of a Sparkplug node that do not fit together. Heard with the next statement."""
        group, _, node = note.payload.rpartition("/")
        self._ask_birth(group, node)

    def _gone(self, cursor: psycopg.Cursor[Any]) -> list[str]:
        """Machines the broker retains something of, and the database has no more."""
        self._turns += 1
        names = sorted(self._known.keys() | self._retained()) if self._turns % _GONE_EVERY == 1 else []
        return [name for (name,) in cursor.execute(_GONE, {"names": names})] if names else []

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def watch_over(turns: Callable[[], int], limit_s: float) -> None:
    """End the process when its loop stands still: it looks at progress, not at what a library says about itself.

    It counts its own looks and not a clock, so that a process that was stopped and goes on is not taken for a dead one.
    """

    def look() -> None:
        before, still = -1, 0
        while still < limit_s / EVERY_S:
            time.sleep(EVERY_S)
            still = still + 1 if turns() == before else 0
            before = turns()
        log.critical("bridge.stands_still", seconds=limit_s)
        os._exit(70)  # the loop does not answer, so nothing gentler would reach it; the broker sends all again

    threading.Thread(target=look, name="watchdog", daemon=True).start()
