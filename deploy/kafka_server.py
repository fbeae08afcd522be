"""A real Kafka broker on this machine, without a container: jars by Maven, one KRaft process, loopback only.

`python deploy/kafka_server.py FOLDER PORT` runs one until it is stopped; tests use `running`.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.free_port import free_port

HERE = Path(__file__).resolve().parent
JARS = HERE.parent / ".cache" / "kafka"
POM = HERE / "kafka" / "pom.xml"

# Small enough for a desk, without the optimising compiler that only pays off in the second hour.
_JAVA = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
PATIENCE_S = 60.0


class KafkaMissing(Exception):
    """No broker can be started here; the message says what is missing."""


def fetch_jars() -> Path:
    """The folder of jars, brought by Maven on first use. Raises KafkaMissing."""
    if shutil.which("java") is None:
        raise KafkaMissing("a real Kafka needs Java 17 or newer (Debian: default-jre-headless)")
    if not any(JARS.glob("kafka_2.13-*.jar")):
        if shutil.which("mvn") is None:
            raise KafkaMissing("a real Kafka needs Maven once, to fetch its jars (Debian: maven)")
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={JARS}"]
        done = subprocess.run(["mvn", "-q", "-B", "-f", str(POM), *goal], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise KafkaMissing(f"Maven could not fetch Kafka: {done.stdout.strip()[-600:]}")
    return JARS


def command(folder: Path, port: int, controller_port: int) -> list[str]:
    """The command line of a broker on 127.0.0.1:`port` with its log in `folder`, formatted on first use."""
    jars = f"{fetch_jars()}/*"
    folder.mkdir(parents=True, exist_ok=True)
    properties = folder / "server.properties"
    properties.write_text(_properties(folder, port, controller_port))
    if not (folder / "log" / "meta.properties").exists():
        tool = ["java", "-cp", jars, "kafka.tools.StorageTool"]
        cluster = subprocess.run([*tool, "random-uuid"], capture_output=True, text=True, check=True).stdout.split()[-1]
        subprocess.run([*tool, "format", "-t", cluster, "-c", str(properties)], capture_output=True, check=True)
    quiet = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dlog4j2.level=WARN"]
    return ["java", *_JAVA, *quiet, "-cp", jars, "kafka.Kafka", str(properties)]


@contextmanager
def running(folder: Path, port: int | None = None) -> Iterator[str]:
    """A broker for the length of the block; gives its `host:port`. Raises KafkaMissing."""
    port = port or free_port()
    with (folder / "kafka.out").open("wb") as out:
        server = subprocess.Popen(command(folder, port, free_port()), stdout=out, stderr=subprocess.STDOUT)
    try:
        await_port(port, server)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def await_port(port: int, server: subprocess.Popen[bytes]) -> None:
    """Return once something listens on `port`. Raises KafkaMissing when the broker ended or took too long."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise KafkaMissing(f"the Kafka broker did not come up (status {server.poll()})") from error
            time.sleep(0.1)


def _properties(folder: Path, port: int, controller_port: int) -> str:
    return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/log
num.partitions=4
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=true
"""


def main() -> None:
    with running(Path(sys.argv[1]).absolute(), int(sys.argv[2])) as address:
        print(f"ready {address}", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
