"""`python -m bench decisions`: what an answer of a contract costs in process and over HTTP, and what a clock costs.

Plain functions are timed in batches, in CPU time, and the best and the middle batch are told: the best is what the code
costs, the distance to the middle is the noise of the machine. Over HTTP the two routes take turns on one connection, so
that both meet the same noise.
"""

from __future__ import annotations

import http.client
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from app import embedded, keys, migrate
from app.free_port import free_port
from bench import plant
from bench.processes import Child, until
from contracts import clock, decision, hours
from contracts.clock import Pause
from contracts.decision import Ask, ContractFacts, Usage
from contracts.terms import Tier
from contracts.tiers import DEFAULTS
from models.session import SYSTEM, Sessions, make_engine, make_sessions, work

BATCHES = 25
TURNS = 20  # of each route over HTTP
EACH = 50  # requests a turn
CLOCKS = 100_000
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
OFFICE = {
    "tz": "Europe/Paris",
    "weekly": {day: [["08:00", "12:00"], ["13:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
    "holidays": "FR",
}


def main() -> int:
    """Run it all and print the table."""
    _decisions()
    _due()
    _recomputed()
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as folder, ExitStack() as ends:
        _over_http(Path(folder), ends)
    return 0


def _timed(what: str, function: Callable[[], object], goal: str) -> None:
    """Microseconds a call: of the best batch, and of the middle one."""
    size = 1
    while _lasting(function, size) < 0.01:
        size *= 2
    batches = sorted(_lasting(function, size) / size * 1e6 for _ in range(BATCHES))
    print(f"  {what:<58}{batches[0]:8.1f}{statistics.median(batches):8.1f} µs   {goal}")


def _lasting(function: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        function()
    return time.process_time() - began


def _loop() -> int:
    """What a fixed piece of Python costs here and now: read the rest beside it on a busy machine."""
    total = 0
    for number in range(200):
        total += number * number
    return total


def _decisions() -> None:
    print("a decision, in process                                         best  middle   goal")
    _timed("a loop of 200 multiplications, to compare with", _loop, "")
    facts = ContractFacts("active", "VC-1", "Europe/Paris", "Europe/Paris", "FR", START.date(), None)
    cases = (
        ("granted, service time, open (gold, severity 2)", Tier.GOLD, Ask("open_incident", START, 2), START),
        ("granted, service time, closed (silver, severity 2, a Sunday)", Tier.SILVER,
         Ask("open_incident", START - 20 * HOUR, 2), START - 20 * HOUR),
        ("granted, business days (bronze, severity 4)", Tier.BRONZE, Ask("open_incident", START, 4), START),
        ("granted, a visit (platinum)", Tier.PLATINUM, Ask("site_visit", START, 2), START),
        ("refused by scope (bronze, remote administration)", Tier.BRONZE, Ask("remote_administration", START), START),
        ("shadow (gold, detection)", Tier.GOLD, Ask("detection", START), START),
    )  # fmt: skip
    for said, tier, ask, now in cases:
        terms = DEFAULTS[tier]
        _timed(said, lambda t=terms, a=ask, n=now: decision.decide(a, t, Usage(), n, facts), "20 µs")  # type: ignore[misc]


def _due() -> None:
    print("\na clock                                                        best  middle   goal")
    calendar = hours.parse(OFFICE)
    pauses = [
        Pause(START + timedelta(days=30 * n + 3), START + timedelta(days=30 * n + 7, hours=3), "customer")
        for n in range(10)
    ]
    whole = clock.elapsed(calendar, START, START + timedelta(days=365), pauses)
    _timed(
        "due: a year, holidays, 10 pauses, cached calendar", lambda: clock.due(calendar, START, whole, pauses), "50 µs"
    )
    _timed("due: 4 h, no pause", lambda: clock.due(calendar, START, 4 * HOUR), "")
    _timed(
        "elapsed: a year, 10 pauses", lambda: clock.elapsed(calendar, START, START + timedelta(days=365), pauses), ""
    )
    sun = hours.parse({"union": [{**OFFICE, "tz": zone} for zone in ("Europe/Paris", "Asia/Tokyo", "America/Denver")]})
    _timed("due: a year of three zones' union, 10 pauses", lambda: clock.due(sun, START, 2 * whole, pauses), "")
    began = time.process_time()
    fresh = hours.parse({**OFFICE, "closed_dates": ["2026-03-10"]})
    clock.due(fresh, START, 4 * HOUR)
    took = (time.process_time() - began) * 1e6
    print(f"  {'the first due of a calendar nobody has asked before':<58}{took:8.0f}         µs")


def _recomputed() -> None:
    calendars = [hours.parse({**OFFICE, "tz": zone}) for zone in ("Europe/Paris", "Asia/Tokyo", "America/New_York")]
    work_of = [
        (calendars[n % 3], START + timedelta(minutes=n), timedelta(minutes=15 + n % 2000),
         (Pause(START + timedelta(minutes=n + 5), START + timedelta(minutes=n + 65)),) if n % 4 == 0 else ())
        for n in range(CLOCKS)
    ]  # fmt: skip
    began = time.process_time()
    for calendar, start, budget, pauses in work_of:
        clock.due(calendar, start, budget, pauses)
    took = time.process_time() - began
    print(f"\n{CLOCKS} clocks recomputed in {took:.2f} s of CPU: {CLOCKS / took:,.0f} a second, one process\n")


def _over_http(data: Path, ends: ExitStack) -> None:
    data.chmod(0o755)  # the server may run as somebody else
    cluster = ends.enter_context(embedded.running(data))
    migrate.upgrade(cluster.url("vigie_owner"))
    sessions = make_sessions(make_engine(cluster.url("vigie_worker"), name="bench"))
    plant.settle(sessions, ["bench-000"])
    port = free_port()
    environment = {
        "VIGIE_DATA": str(data), "VIGIE_DATABASE_URL": cluster.url("{role}"), "VIGIE_PORT": str(port),
        "VIGIE_HOST": "127.0.0.1",
    }  # fmt: skip
    web = Child("web", ["-m", "app.cli", "web", "--threads", "4"], environment, data)
    ends.callback(web.end)
    until(lambda: web.ended or _answers(port), "the web process answers")
    _turns(port, {"Authorization": f"Bearer {_key(sessions)}"})


def _turns(port: int, headers: dict[str, str]) -> None:
    """Ask both routes turn by turn; time and CPU (server and PostgreSQL together) of each, and the ratio."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    routes = {
        "a bare read of one row (GET a customer)": "/api/v1/customers/bench",
        "a decision (GET decisions/preview)":
            "/api/v1/decisions/preview?ask=open_incident&customer=bench&machine=bench-000&severity=2",
    }  # fmt: skip
    times: dict[str, list[float]] = {said: [] for said in routes}
    used = dict.fromkeys(routes, 0.0)
    for path in routes.values():
        _ask(connection, path, headers, EACH)  # what is loaded on first use is loaded
    for _ in range(TURNS):
        for said, path in routes.items():
            before = _cpu()
            times[said].append(_ask(connection, path, headers, EACH) / EACH * 1e3)
            used[said] += (_cpu() - before) / EACH / TURNS * 1e3
    connection.close()
    print("over HTTP, one connection, turn by turn                        best  middle     CPU")
    for said, found in times.items():
        print(f"  {said:<58}{min(found):8.2f}{statistics.median(found):8.2f}{used[said]:8.2f} ms")
    read, asked = times.values()
    cheap, dear = used.values()
    pairs = statistics.median(r / a for r, a in zip(read, asked, strict=True))
    print(
        f"  decisions a second beside reads a second: {pairs:.2f} x by time, {cheap / dear:.2f} x by CPU (goal 0.8 x)"
    )


def _cpu() -> float:
    """Seconds of CPU of everything this bench has started."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            found = process.cpu_times()
        except psutil.Error:
            continue  # it ended just now
        total += found.user + found.system
    return total


def _key(sessions: Sessions) -> str:
    with work(sessions, SYSTEM) as session:
        made = keys.make(
            session, label="bench", scopes=["customers:read", "decisions:read"], customer_id=None, made_by=None,
            actor="bench", now=datetime.now(UTC),
        )  # fmt: skip
        return made.text


def _ask(connection: http.client.HTTPConnection, path: str, headers: dict[str, str], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {json.loads(body)}")
    return time.perf_counter() - began


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/api/v1/me")
        return connection.getresponse().status == 401
    except OSError:
        return False  # not yet
    finally:
        connection.close()
