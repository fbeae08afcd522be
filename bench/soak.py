"""`python -m bench soak --minutes 20`: half of what it can sustain, for long, with the console open.

The load, then a fault about once a minute: a disk is full, and the clock stops when the row of its incident can be read
and when the console's event stream tells of it. Memory of each process is read as it goes. At the end the delivery
ledger must add up, and hold every report that the broker has acknowledged.
"""

from __future__ import annotations

import argparse
import http.client
import secrets
import statistics
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Final

import psutil

from app import identity
from app.free_port import free_port
from bench import plant, runs
from bench.load import Machine
from bench.processes import BenchError, Child, until
from bench.runs import Stack
from bench.standing import Standing, listens, standing
from models.people import WebSession
from models.session import SYSTEM, work

LOOK_S: Final = 30.0
PATIENCE_OF_A_PERSON_S: Final = 5.0
SHOWN: Final = ("bridge", "watch", "web", "Mosquitto", "Kafka")


def main(arguments: list[str]) -> int:
    """Run it; the exit code is 1 when a report is missing or the ledger does not add up."""
    options = argparse.ArgumentParser(prog="python -m bench soak", description=__doc__)
    options.add_argument("--minutes", type=float, default=20.0)
    options.add_argument("--metrics", type=int, choices=(12, 38), default=12)
    options.add_argument("--log", choices=("kafka", "postgres"), default="kafka")
    options.add_argument("--machines", type=int, default=runs.MACHINES)
    given = options.parse_args(arguments)
    try:
        with standing(given.log, given.machines) as up:
            return _soak(up, given.metrics, 60 * given.minutes)
    except BenchError as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1


def _soak(up: Standing, metrics: int, seconds: float) -> int:
    stack = up.stack
    port = free_port()
    stack.environment |= {"VIGIE_PORT": str(port), "VIGIE_HOST": "127.0.0.1"}
    web = stack.vigie("web", "web", "--threads", "8")
    until(lambda: web.ended or listens(port), "the web process answers")
    console = Console(stack, port)
    load = runs.ours(stack, 1, metrics)
    full = runs.full_load(up.meter, load, lambda: plant.received(stack.sessions), 15.0)
    rate = full.reports / full.seconds / 2
    print(
        f"sustained {2 * rate:.0f} reports/s here and now; the soak runs at {rate:.0f}/s for {seconds / 60:.0f} min\n"
    )
    print("   min  " + "".join(f"{name + ' MB':>14}" for name in SHOWN) + "   behind   row ms   console ms", flush=True)
    sent, taken, rows, told = _run(stack, load, console, rate, seconds)
    return _judged(stack, sent, taken, rows, told)


def _run(
    stack: Stack, load: Child, console: Console, rate: float, seconds: float
) -> tuple[int, int, list[float], list[float]]:
    """Reports sent and acknowledged, reports received, and the two latencies of each fault, in milliseconds."""
    waiting = sorted(name for name in stack.secrets if name.startswith("faulty"))
    every = max(20.0, (seconds - 30) / len(waiting))
    granted = start = int(load.said)
    stored = plant.received(stack.sessions) - granted
    began = time.monotonic()
    next_look, next_fault = began, began + 10.0
    rows: list[float] = []
    told: list[float] = []
    while (now := time.monotonic()) - began < seconds:
        assert not load.ended
        if (due := start + round((now - began) * rate)) - granted >= max(1.0, rate / 20):
            granted = due
            load.tell(str(granted))
        if waiting and now >= next_fault:
            next_fault = now + every
            row, heard = _fault(stack, waiting.pop(), console)
            rows.append(row)
            if heard is not None:
                told.append(heard)
        if now >= next_look:
            next_look = now + LOOK_S
            behind = granted - (plant.received(stack.sessions) - stored) + len(rows)
            shown = "".join(f"{size / 2**20:14.0f}" for size in _memory(stack))
            last = "".join(f"{found[-1]:{width}.0f}" for found, width in ((rows, 9), (told, 13)) if found)
            print(f"{(now - began) / 60:6.1f}  {shown}{behind:9d}{last}", flush=True)
        time.sleep(0.02)
    until(lambda: load.said == str(granted), "the broker has acknowledged all")
    sent = granted - start + len(rows)
    until(lambda: plant.received(stack.sessions) - stored - start >= sent, "all of it is stored")
    return sent, plant.received(stack.sessions) - stored - start, rows, told


def _fault(stack: Stack, name: str, console: Console) -> tuple[float, float | None]:
    """Milliseconds from PUBLISH to the finding's row, and to the console's event where there was one."""
    machine = Machine(stack.port, name, stack.secrets[name])
    heard = console.events
    began = time.monotonic()
    at = time.time_ns() // 1_000_000
    machine.publish([b'{"seq": 1, "at": %d, "metrics": {"cpu_util": 20, "disk_used_pct./": 99}}' % at])
    until(lambda: name in plant.incidents(stack.sessions), f"the incident of {name}")
    row = time.monotonic() - began
    end = time.monotonic() + PATIENCE_OF_A_PERSON_S
    while console.events == heard and time.monotonic() < end:
        time.sleep(0.02)
    if console.events == heard:
        return 1000 * row, None  # gathered into an incident that did not change by it: there was nothing to tell
    return 1000 * row, 1000 * (max(console.last, began + row) - began)


class Console:
    """A signed-in person's open page: its event stream, read by a thread."""

    def __init__(self, stack: Stack, port: int) -> None:
        self.events, self.last = 0, 0.0
        now = datetime.now(UTC)
        with work(stack.sessions, SYSTEM) as session:
            person = identity.ensure_first_administrator(session, now)
            session.flush()
            token = secrets.token_urlsafe(32)
            session.add(
                WebSession(
                    token_hash=identity.digest(token), person_id=person.id, csrf=secrets.token_urlsafe(24),
                    created_at=now, seen_at=now, expires_at=now + timedelta(hours=12), agent="bench", address="",
                )
            )  # fmt: skip
        self._answer = until(lambda: _stream(port, token), "the event stream opens")
        threading.Thread(target=self._read, name="console", daemon=True).start()

    def _read(self) -> None:
        for line in self._answer:
            if line.startswith(b"event: incident"):
                self.last = time.monotonic()
                self.events += 1


def _stream(port: int, token: str) -> http.client.HTTPResponse | None:
    """The event stream, once the web process answers. Raises BenchError when it refuses."""
    line = http.client.HTTPConnection("127.0.0.1", port)
    try:
        line.request("GET", "/live", headers={"Cookie": f"vigie={token}", "Accept": "text/event-stream"})
        answer = line.getresponse()
    except (OSError, http.client.HTTPException):
        line.close()
        return None  # it is still starting
    if answer.status != 200:
        raise BenchError(f"the event stream answers {answer.status}")
    return answer


def _memory(stack: Stack) -> list[int]:
    """Proportional set size of each group of processes, bytes: what is shared counts once."""
    named = stack.named()
    sums = dict.fromkeys(SHOWN, 0)
    for process in psutil.Process().children(recursive=True):
        try:
            parents = [process, *process.parents()]
            group = next((named[p.pid] for p in parents if p.pid in named), "")
            if process.name() in ("java", "mosquitto"):
                group = {"java": "Kafka", "mosquitto": "Mosquitto"}[process.name()]
            if group in sums:
                sums[group] += process.memory_full_info().pss
        except psutil.Error:
            continue  # it ended between two looks
    return list(sums.values())


def _judged(stack: Stack, sent: int, taken: int, rows: list[float], told: list[float]) -> int:
    ledger = plant.ledger(stack.sessions)
    parts = ledger["scored"] + ledger["refused"] + ledger["duplicate"] + ledger["late"]
    print(f"\nsent and acknowledged {sent}, received {taken}; ledger since the start: {ledger}")
    print(f"received {ledger['received']} = scored + refused + duplicate + late {parts}")
    for what, found in (("incident row", rows), ("console event", told)):
        half = len(found) // 2
        if half:
            early, late = statistics.median(found[:half]), statistics.median(found[half:])
            print(f"PUBLISH to {what}: median {early:.0f} ms in the first half, {late:.0f} ms in the second")
    return 0 if ledger["received"] == parts and taken >= sent and ledger["refused"] == 0 else 1
