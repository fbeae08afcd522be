"""A trial: a little plant of real processes, machines that talk, faults that befall it, and the judge at the end."""

from __future__ import annotations

import json
import os
import random
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from models.agreements import Contract, ContractLine
from models.session import SYSTEM, work
from telemetry import enrol
from tests.cast import Cast
from tests.faults import ledgers, results
from tests.faults.history import History, Logged, Packet
from tests.faults.judge import judge
from tests.faults.ledgers import Lag, Speaker
from tests.faults.proxy import Proxy
from tests.rig import Child, Rig, until

FULL: Final = os.environ.get("VIGIE_FAULTS") == "full"


@dataclass
class Trial:
    """One fault, told in order. `faults` says what was done; `counts` what was seen; both end on the page."""

    name: str
    seed: int
    rig: Rig
    cast: Cast
    rng: random.Random
    faults: list[str] = field(default_factory=list)
    counts: dict[str, float | str] = field(default_factory=dict)
    speakers: list[Speaker] = field(default_factory=list)
    proxies: list[Proxy] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    kafka: str = ""
    broker: Child | None = None
    began: float = field(default_factory=time.monotonic)
    _lag: Lag | None = None

    @staticmethod
    def pace(short: float, full: float) -> float:
        """Seconds or numbers: `short` in the suite, `full` as docs/reliability.md states the fault."""
        return full if FULL else short

    # ---- the plant

    def on_kafka(self, servers: str, partitions: int = 4) -> None:
        self.kafka = servers
        topic = f"trial-{uuid.uuid4().hex}"
        self.rig.extra |= {
            "VIGIE_LOG": "kafka", "VIGIE_KAFKA_SERVERS": servers, "VIGIE_KAFKA_TOPIC": topic,
            "VIGIE_PARTITIONS": str(partitions),
        }  # fmt: skip

    def start(self, watchers: int = 1) -> tuple[Child, list[Child]]:
        """Broker, watchers and the bridge; back once the bridge is connected."""
        sitting = self.start_ends(watchers)
        return self.bridge(), sitting

    def start_behind_proxy(self, before_bridge: str = "") -> tuple[Child, Proxy]:
        """The same, with a proxy between bridge and broker."""
        self.start_ends(1)
        proxy = self.proxy()
        return self.bridge(before_bridge, VIGIE_MQTT_PORT=str(proxy.port)), proxy

    def start_ends(self, watchers: int) -> list[Child]:
        """Broker and watchers, and no bridge between them yet."""
        self.rig.extra = {"VIGIE_FLUSH_S": "0.3", "VIGIE_SNAPSHOT_S": "2", **self.rig.extra}
        self.broker = self.rig.broker()
        return [self.rig.watch(f"watch-{number + 1}") for number in range(watchers)]

    def bridge(self, before: str = "", **more: str) -> Child:
        child = self.rig.start(f"{before}from telemetry import bridge\nbridge.main(settings)", **more)
        until(lambda: "bridge.connected" in child.words or not child.alive, "the bridge is connected", 180)
        assert child.alive, child.words
        return child

    def proxy(self, upstream: int | None = None, *, mqtt: bool = True) -> Proxy:
        made = Proxy(upstream or self.rig.mqtt_port, mqtt=mqtt)
        made.whose = ledgers.whose
        self.proxies.append(made)
        return made

    def enrol(self, *names: str) -> dict[str, tuple[uuid.UUID, str]]:
        """Machines under Ada's platinum contract, which holds today: name to id and secret."""
        now = datetime.now(UTC)
        made = {}
        with work(self.rig.sessions, SYSTEM) as session:
            contract = session.get_one(Contract, self.cast.plant_contract)
            contract.starts_on, contract.ends_on = (now - timedelta(days=30)).date(), (now + timedelta(days=300)).date()
            for name in names:
                machine, secret = enrol.enrol(session, self.cast.plant, name, now)
                line = ContractLine(
                    customer_id=self.cast.plant, contract_id=self.cast.plant_contract, machine_id=machine.id
                )
                session.add(line)
                made[name] = (machine.id, secret)
        return made

    def connect(self, machines: dict[str, tuple[uuid.UUID, str]], port: int | None = None) -> list[Speaker]:
        """Their speakers, connected; the lag is written down from now on."""
        made = [
            Speaker(name, machine_id, self.rig.client(name, secret, port=port or self.rig.mqtt_port))
            for name, (machine_id, secret) in machines.items()
        ]
        self.speakers += made
        if self._lag is None:
            self._lag = Lag(self.rig.sessions, lambda: sum(each.acknowledged for each in self.speakers))
            self._lag.start()
        return made

    def event(self, speaker: Speaker) -> None:
        """A machine says what it knows is wrong. It counts as received, and is no report."""
        body = {"at": time.time_ns() // 1_000_000, "code": "ecc", "severity": 1, "text": "memory"}
        speaker.tell(f"vigie/{speaker.name}/event", json.dumps(body).encode())
        self.events[speaker.name] += 1

    # ---- the end of it

    @property
    def sent(self) -> int:
        return sum(each.count for each in self.speakers)

    def all_acknowledged(self, patience_s: float = 180) -> None:
        for each in self.speakers:
            each.hush()
        until(
            lambda: all(each.is_done for each in self.speakers),
            "every report is acknowledged to its machine", patience_s,
        )  # fmt: skip

    def settle(self, patience_s: float = 180) -> None:
        """Everybody is quiet, and everything has arrived or the bound (P10) is over; what is missing the judge says."""
        self.all_acknowledged(patience_s)
        end = time.monotonic() + patience_s
        began = time.monotonic()
        while ledgers.stored_count(self.rig.sessions) < self.sent and time.monotonic() < end:
            time.sleep(0.1)
        self.counts["healed_after_s"] = round(time.monotonic() - began, 1)
        time.sleep(0.5)  # a second storing of the same would come with the next flush

    def settle_log(self, patience_s: float = 180) -> None:
        """Everything is acknowledged and in the log; nobody may be there to read it."""
        self.all_acknowledged(patience_s)
        end = time.monotonic() + patience_s
        while len({(each.machine, each.seq) for each in self.log()}) < self.sent:
            assert time.monotonic() < end, "not everything came into the log"
            time.sleep(0.5)  # a dump of the log is no light thing to ask for

    def log(self) -> list[Logged]:
        if self.kafka:
            return ledgers.log_in_kafka(self.kafka, self.rig.extra["VIGIE_KAFKA_TOPIC"])
        return ledgers.log_in_postgres(self.rig.sessions)

    def history(self, *, stored: bool = True) -> History:
        """The ledgers as they are now."""
        machines = {each.name: each.machine_id for each in self.speakers}
        return History(
            sent=[line for each in self.speakers for line in each.ledger()],
            wire=[packet for proxy in self.proxies for packet in _numbered(proxy, self.proxies)],
            logged=self.log(),
            stored=ledgers.database(self.rig.sessions, machines.items()) if stored else None,
            counted=[
                replace(line, received=line.received - events, scored=line.scored - events)
                for line in (ledgers.delivery(self.rig.sessions, machines) if stored else [])
                for events in [self.events[line.machine]]
            ],
        )

    def verdict(self, history: History) -> None:
        """Judge, write the page's lines, and fail with every story that shows a violation."""
        found = judge(history)
        if self._lag is not None:
            self._lag.end()
        logged = history.logged or []
        self.counts |= {
            "sent": len(history.sent),
            "acknowledged": sum(each.outcome == "ok" for each in history.sent),
            "in the log": len({(each.machine, each.seq) for each in logged}),
            "twice in the log": len(logged) - len({(each.machine, each.seq) for each in logged}),
            "stored": len(history.stored) if history.stored is not None else "-",
            "violations": len(found),
        }
        lag = self._lag.curve if self._lag is not None else []
        took = time.monotonic() - self.began
        stories = list(map(str, found))
        results.write(results.Result(self.name, self.seed, FULL, took, self.faults, self.counts, lag, stories))
        assert not found, "\n".join([*map(str, found), *self.last_words()])

    def say_passed(self) -> None:
        """For a fault whose end is an alarm and not a complete history: nothing to judge, and a line on the page."""
        if self._lag is not None:
            self._lag.end()
        took = time.monotonic() - self.began
        results.write(results.Result(self.name, self.seed, FULL, took, self.faults, self.counts, [], []))

    def last_words(self) -> list[str]:
        """How every process was at the end: what one wants to read first when the judge is not content."""
        return [
            f"-- {child.said.name}: {'alive' if child.alive else child.process.returncode}\n{child.words[-600:]}"
            for child in self.rig.children
        ]

    def close(self) -> None:
        for each in self.speakers:
            each.hush()
        if self._lag is not None and self._lag.is_alive():
            self._lag.end()
        self.rig.end()
        for proxy in self.proxies:
            proxy.close()


def _numbered(proxy: Proxy, all_of: list[Proxy]) -> list[Packet]:
    """Lines of several proxies must not be taken for one another."""
    first = 1000 * all_of.index(proxy)
    return [replace(packet, line=packet.line + first) for packet in list(proxy.wire)]
