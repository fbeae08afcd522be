"""`python -m bench escalation`: what 10,000 open incidents cost the desk, and the first page of the queue at a million.

PostgreSQL is a real server in a folder that is gone afterwards. Ladders climb, notices go to a web server on loopback,
and incidents open, each alone and then beside one another; the queue is read as the page and as the API read it.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.orm import Session

from app import embedded, migrate
from app.pages.queue import read_queue
from escalation.channels.webhook import webhook
from escalation.deliver import Deliverer
from escalation.intake import Signal, report
from escalation.tick import tick_all
from models.agreements import Contract, ContractLine
from models.base import new_id
from models.customers import Customer
from models.incidents import Incident
from models.machines import Machine
from models.notices import Notice
from models.people import Person, Shift
from models.session import STAFF, SYSTEM, Sessions, make_engine, make_sessions, work

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
CUSTOMERS, ENGINEERS = 100, 30
OPEN, ALL = 10_000, 1_000_000
CLIMBED = 400  # due at one instant
TOLD = 2_000
OPENED = 100
SECRET = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0"
_COPIED = "id, cause, number, next_rung_at, opened_at, changed_at"  # what tells one copy of an incident from another


def main(only: str = "") -> int:
    """Run it all and print the table; `only` the queue, where that is asked."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory(prefix="vg-") as folder:
        data = Path(folder) / "data"
        data.mkdir(mode=0o700)
        with embedded.running(data) as cluster:
            migrate.upgrade(cluster.url(embedded.OWNER))
            sessions = make_sessions(make_engine(cluster.url(embedded.WORKER), statement_timeout_ms=600_000))
            with receiver() as url:
                _settle(sessions, url)
                _multiply(sessions, OPEN)
                if not only:
                    _say("tick, nothing due, 10,000 open", *_timed(lambda: tick_all(sessions, NOW), 20), "ms")
                    _tick(sessions)
                    _deliver(sessions)
                    _open(sessions)
            pages = make_engine(cluster.url(embedded.WEB), statement_timeout_ms=600_000)
            _queue(sessions, make_sessions(pages))
            pages.dispose()
    return 0


@contextmanager
def receiver() -> Iterator[str]:
    """A web server that takes everything."""

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silent: the database is the record."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _settle(sessions: Sessions, url: str) -> None:
    """Customers under platinum with a machine each, engineers on duty with an address each, and one incident each."""
    with work(sessions, SYSTEM) as session:
        for number in range(ENGINEERS):
            ways = [{"channel": "webhook", "address": f"{url}/{number}"}]
            person = Person(name=f"Engineer {number}", email=f"e{number}@example.org", role="engineer", level="senior",
                            notify=ways, capacity={"written": 10**6}, created_at=NOW)  # fmt: skip
            session.add(person)
            session.flush()
            session.add(Shift(person_id=person.id, unit="europe", starts_at=NOW - timedelta(days=9),
                              ends_at=NOW + timedelta(days=9)))  # fmt: skip
        machines = [_machine(session, number) for number in range(CUSTOMERS)]
    for number, machine in enumerate(machines):
        with work(sessions, SYSTEM) as session:
            report(session, _signal(machine.id, f"bench-{number}"), NOW)


def _machine(session: Session, number: int) -> Machine:
    customer = Customer(slug=f"c{number}", name=f"Customer {number}", zone="Europe/Paris", created_at=NOW)
    session.add(customer)
    session.flush()
    machine = Machine(customer_id=customer.id, name=f"m{number}", created_at=NOW)
    contract = Contract(customer_id=customer.id, number=f"VC-{number}", tier="platinum", state="active",
                        starts_on=date(2026, 1, 1), ends_on=date(2026, 12, 31), zone="Europe/Paris",
                        created_at=NOW)  # fmt: skip
    session.add_all([machine, contract])
    session.flush()
    session.add(ContractLine(customer_id=customer.id, contract_id=contract.id, machine_id=machine.id))
    return machine


def _signal(machine: object, cause: str) -> Signal:
    return Signal(machine, cause, kind="anomaly", severity=3, title="Memory fills", summary="93 %", seen_at=NOW,  # type: ignore[arg-type]
                  evidence={"metrics": []})  # fmt: skip


def _multiply(sessions: Sessions, wanted: int, state: str = "") -> None:
    """Copies of the incidents there are, until there are `wanted`; closed ones when a state is given."""
    with work(sessions, SYSTEM) as session:
        there = session.scalar(select(func.count(Incident.id))) or 0
        kept = [column.name for column in Incident.__table__.columns if column.name not in _COPIED.split(", ")]
        over = (
            {"state": f"'{state}'", "resolved_at": "opened_at", "evidence": "'{}'", "ladder": "'{}'"} if state else {}
        )
        names = ", ".join([*kept, *_COPIED.replace("number, ", "").split(", ")])
        values = ", ".join([*(over.get(name, name) for name in kept), "gen_random_uuid()", "cause || '-' || n",
                            "NULL" if state else "next_rung_at + interval '1 day'",
                            "opened_at - n * interval '1 second'", "changed_at - n * interval '1 second'"])  # fmt: skip
        each = (wanted - there) // CUSTOMERS
        # Our own column names and numbers; nothing of it comes from outside.
        made = f"INSERT INTO incidents ({names}) SELECT {values} FROM incidents, generate_series(1, {each}) n"  # noqa: S608
        session.execute(text(made + " WHERE cause ~ '^bench-[0-9]+$'"))
    with work(sessions, SYSTEM) as session:
        session.execute(text("ANALYZE incidents"))


def _tick(sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        some = select(Incident.id).where(Incident.next_rung_at > NOW).limit(CLIMBED)
        session.execute(update(Incident).where(Incident.id.in_(some)).values(next_rung_at=NOW))
    began, cpu = time.perf_counter(), time.process_time()
    changed, _ = tick_all(sessions, NOW + timedelta(minutes=5), CLIMBED)
    lasted, burnt = time.perf_counter() - began, time.process_time() - cpu
    print(f"  {'tick, ' + str(changed) + ' rungs climbed, each':<58}{1e3 * lasted / changed:8.1f} ms  "
          f"{1e3 * burnt / changed:6.1f} ms CPU of the worker")  # fmt: skip


def _deliver(sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        session.execute(update(Notice).values(settled_at=NOW))
        customer = session.scalars(select(Customer.id).limit(1)).one()
        ways = [(person.id, person.notify[0]["address"]) for person in session.scalars(select(Person))]
        body = {"type": "vigie.incident.alert", "text": "t", "path": "/", "data": {"severity": 3}}
        rows = []
        for number in range(TOLD):
            person_id, address = ways[number % ENGINEERS]
            rows.append({"id": new_id(), "customer_id": customer, "rung": -1, "round": number, "person_id": person_id,
                         "channel": "webhook", "address": address, "subject": "s", "body": body, "why": "",
                         "created_at": NOW, "due_at": NOW, "next_try_at": NOW, "tries": 0, "leased_by": "",
                         "last_error": "", "receipt": {}})  # fmt: skip
        session.execute(insert(Notice), rows)
    more = threading.Event()
    channel = webhook([SECRET], "https://vigie.example", allow_private=True)
    deliverer = Deliverer(sessions, {"webhook": channel}, lambda: NOW, done=more.set)
    began, cpu = time.perf_counter(), time.process_time()
    try:
        while _waiting(sessions):
            more.clear()
            deliverer.once(NOW)
            more.wait(1)
    finally:
        deliverer.close()
    lasted, burnt = time.perf_counter() - began, time.process_time() - cpu
    print(f"  {'notices by webhook, four hands':<58}{TOLD / lasted:8.0f} /s  {1e3 * burnt / TOLD:6.1f} ms CPU each")


def _waiting(sessions: Sessions) -> bool:
    with work(sessions, SYSTEM) as session:
        return session.scalar(select(Notice.id).where(Notice.settled_at.is_(None)).limit(1)) is not None


def _open(sessions: Sessions) -> None:
    """Openings alone, and while ladders climb and notices go out."""
    with work(sessions, SYSTEM) as session:
        machines = session.scalars(select(Machine.id)).all()
    turns = iter(range(10**6))

    def one() -> None:
        number = next(turns)
        with work(sessions, SYSTEM) as session:
            report(session, _signal(machines[number % len(machines)], f"fresh-{number}"), NOW)

    _say("opening an incident, 10,000 open", *_timed(one, OPENED), "ms")
    over = threading.Event()

    def climbing() -> None:
        while not over.is_set():
            with work(sessions, SYSTEM) as session:
                some = select(Incident.id).where(Incident.next_rung_at > NOW + timedelta(hours=1)).limit(50)
                session.execute(update(Incident).where(Incident.id.in_(some)).values(next_rung_at=NOW))
            tick_all(sessions, NOW + timedelta(minutes=5), 50)

    beside = threading.Thread(target=climbing)
    beside.start()
    _say("opening while ladders climb beside it", *_timed(one, OPENED), "ms")
    over.set()
    beside.join()


def _queue(sessions: Sessions, pages: Sessions) -> None:
    """P13: the first page at ten thousand incidents in the table, and the same page at a million, as `pages` reads
    them: through the web's role, behind row-level security, which changes what the planner believes."""
    paris = ZoneInfo("Europe/Paris")

    def page() -> None:
        with work(pages, STAFF) as session:
            # On a machine that is busy with other work our process may rest longer than a session may.
            session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            read_queue(session, None, NOW, paris)

    def listed() -> None:
        newest = select(Incident.id).order_by(Incident.opened_at.desc(), Incident.id.desc()).limit(51)
        with work(pages, STAFF) as session:
            session.execute(newest).all()

    small = {"page": _timed(page, 30), "list": _timed(listed, 30)}
    _multiply(sessions, ALL, "closed")
    large = {"page": _timed(page, 30), "list": _timed(listed, 30)}
    for name, said in (("page", "first page of the queue"), ("list", "first page of the API's list")):
        _say(f"{said}, 10,000 incidents", *small[name], "ms")
        _say(f"{said}, 1,000,000 incidents", *large[name], "ms")
        print(f"  {said + ', rate at 1 M / rate at 10 K':<58}{small[name][0] / large[name][0]:8.2f}   goal 0.8")


def _timed(function: Callable[[], object], times: int) -> tuple[float, float]:
    """Milliseconds of the middle call, and of the slowest but one in twenty."""
    lasted = []
    for _ in range(times):
        began = time.perf_counter()
        function()
        lasted.append(1e3 * (time.perf_counter() - began))
    return statistics.median(lasted), statistics.quantiles(lasted, n=20)[-1]


def _say(what: str, middle: float, slow: float, unit: str) -> None:
    print(f"  {what:<58}{middle:8.1f} {unit}  p95 {slow:.1f}", flush=True)
