"""The servers of a bench, up for the length of a block: PostgreSQL, Mosquitto, Kafka, in a folder that goes with it."""

from __future__ import annotations

import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app import embedded
from app.free_port import free_port
from bench import runs
from bench.processes import BenchError, Meter, until
from bench.runs import Stack
from deploy import kafka_server


@dataclass(frozen=True)
class Standing:
    """What a bench works on. `kafka` is None where no Kafka can be started."""

    stack: Stack
    meter: Meter
    kafka: str | None


@contextmanager
def standing(log: str, machines: int = runs.MACHINES) -> Iterator[Standing]:
    """Servers and broker, machines enrolled, nothing of ours started yet. Logs are told when a BenchError passes."""
    # The library reads its protocol tables in a way Python is about to retire.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="kafka")
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as folder, ExitStack() as ends:
        data = Path(folder)
        data.chmod(0o755)  # the servers may run as somebody else
        try:
            kafka = _kafka(data, ends, needed=log == "kafka")
            cluster = ends.enter_context(embedded.running(data))
            stack = runs.prepare(data, cluster, free_port(), kafka, log, machines)
            ends.callback(stack.end)
            meter = Meter(stack.named)
            ends.callback(meter.close)
            stack.vigie("broker")
            until(lambda: listens(stack.port), "the MQTT broker listens")
            yield Standing(stack, meter, kafka)
        except (BenchError, embedded.EmbeddedError):
            for said in sorted(data.glob("*.log")):
                print(f"--- {said.name}\n" + said.read_text(errors="replace")[-1500:], file=sys.stderr)
            raise


def listens(port: int) -> bool:
    """Whether somebody answers there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _kafka(data: Path, ends: ExitStack, *, needed: bool) -> str | None:
    folder = data / "kafka"
    folder.mkdir()
    try:
        kafka_server.fetch_jars()
    except kafka_server.KafkaMissing as missing:
        if needed:
            raise BenchError(str(missing)) from missing
        return None
    return ends.enter_context(kafka_server.running(folder))
