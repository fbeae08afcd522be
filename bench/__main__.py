"""`python -m bench`: CPU a report for each process of the full stack, beside a naive pipeline, and the latency."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import warnings
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from app import embedded
from app.free_port import free_port
from bench import decisions, plant, runs
from bench.processes import BenchError, Meter, until
from bench.runs import Cost, Stack
from deploy import kafka_server

GROUPS = ("Mosquitto", "bridge", "Kafka", "PostgreSQL", "watch", "naive bridge", "naive watch")


def main() -> int:
    if sys.argv[1:2] == ["escalation"]:
        from bench import escalation  # reads the pages, which the other benches do without

        _say_machine()
        return escalation.main(*sys.argv[2:3])
    if sys.argv[1:2] == ["first-to-know"]:
        from bench import first_to_know

        return first_to_know.main(sys.argv[2:])
    if sys.argv[1:] == ["decisions"]:
        _say_machine()
        return decisions.main()
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument("--seconds", type=float, default=25.0, help="of full load for each pipeline (default 25)")
    options.add_argument("--metrics", type=int, choices=(12, 38), default=12, help="metrics a report")
    options.add_argument("--log", choices=("kafka", "postgres"), default="kafka", help="where our log is kept")
    options.add_argument("--watchers", type=int, default=1)
    options.add_argument("--ahead", type=int, default=runs.AHEAD, help="most reports published and not yet stored")
    given = options.parse_args()
    # The library reads its protocol tables in a way Python is about to retire.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="kafka")
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as folder:
        try:
            _run(Path(folder), given)
        except (BenchError, embedded.EmbeddedError, kafka_server.KafkaMissing) as problem:
            print(f"bench: {problem}", file=sys.stderr)
            for log in sorted(Path(folder).glob("*.log")):
                print(f"--- {log.name}\n" + log.read_text(errors="replace")[-1500:], file=sys.stderr)
            return 1
    return 0


def _run(data: Path, given: argparse.Namespace) -> None:
    data.chmod(0o755)  # the servers may run as somebody else
    with ExitStack() as ends:
        kafka = _kafka(data, ends, given.log)
        cluster = ends.enter_context(embedded.running(data))
        stack = runs.prepare(data, cluster, free_port(), kafka, given.log)
        ends.callback(stack.end)
        meter = Meter(stack.named)
        ends.callback(meter.close)
        stack.vigie("broker")
        until(lambda: _listens(stack.port), "the MQTT broker listens")
        _say(given)
        load = runs.ours(stack, given.watchers, given.metrics)
        ours = runs.full_load(meter, load, lambda: plant.received(stack.sessions), given.seconds, given.ahead)
        if given.log == "postgres":
            ours.cpu.pop("Kafka", None)  # it stands by for the naive pipeline
        _table(f"Vigie, log in {given.log}", ours)
        _latency(stack, runs.latencies(stack, load))
        stack.end("bridge", "watch")
        if kafka is not None:
            naive = runs.naive(stack, meter, kafka, given.metrics, given.seconds)
            _table("naive: stock paho, a record a message, json, Python averages; keeps nothing", naive)
            print(f"naive / Vigie, all processes   {_sum(naive) / _sum(ours):.2f}")
            print(f"naive / Vigie, bridge          {naive.each('naive bridge') / ours.each('bridge'):.2f}")
        print(f"bridge / Mosquitto             {ours.each('bridge') / ours.each('Mosquitto'):.2f}")


def _kafka(data: Path, ends: ExitStack, log: str) -> str | None:
    folder = data / "kafka"
    folder.mkdir()
    try:
        kafka_server.fetch_jars()
    except kafka_server.KafkaMissing as missing:
        if log == "kafka":
            raise
        print(f"no naive pipeline beside it: {missing}")
        return None
    return ends.enter_context(kafka_server.running(folder))


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _say_machine() -> None:
    cores, load = os.cpu_count(), os.getloadavg()[0]
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {cores} cores ({_processor()}), Python {platform.python_version()}")
    print(f"load average before we began {load:.1f}: figures of CPU hold on a busy machine, rates do not\n", flush=True)


def _say(given: argparse.Namespace) -> None:
    _say_machine()
    print(
        f"{runs.MACHINES} machines, {given.metrics} metrics a report, QoS 1, watchers: {given.watchers}\n", flush=True
    )


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _sum(cost: Cost) -> float:
    return sum(cost.each(group) for group in GROUPS)


def _table(title: str, cost: Cost) -> None:
    print(title)
    for group in GROUPS:
        if cost.cpu.get(group, 0.0) and ((naive := group.startswith("naive")) or cost.each(group) >= 0.05):
            print(f"  {group.removeprefix('naive ') if naive else group:<12}{cost.each(group):8.1f} µs of CPU a report")
    print(f"  {'sum':<12}{_sum(cost):8.1f} µs")
    rate = cost.reports / cost.seconds
    print(f"  {cost.reports} reports in {cost.seconds:.1f} s ({rate:.0f}/s, the load generator's share included)\n")


def _latency(stack: Stack, seconds: list[float]) -> None:
    def at(share: float) -> float:
        return 1000 * seconds[min(len(seconds) - 1, round(share * (len(seconds) - 1)))]

    kinds = set(plant.incidents(stack.sessions).values())
    print(f"PUBLISH to incident row at {runs.CALM} reports/s, {len(seconds)} faults ({', '.join(sorted(kinds))}):")
    print(f"  p50 {at(0.5):.0f} ms   p90 {at(0.9):.0f} ms   p99 {at(0.99):.0f} ms   most {at(1):.0f} ms\n", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["detection"]:
        from bench import detection

        sys.exit(detection.main(sys.argv[2:]))
    if sys.argv[1:2] == ["soak"]:
        from bench import soak

        _say_machine()
        sys.exit(soak.main(sys.argv[2:]))
    if sys.argv[1:2] == ["flood"]:
        from bench import flood

        _say_machine()
        sys.exit(flood.main(sys.argv[2:]))
    if sys.argv[1:2] == ["telemetry"]:
        from bench import telemetry

        _say_machine()
        sys.exit(telemetry.main(sys.argv[2:]))
    sys.exit(main())
