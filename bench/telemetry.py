"""`python -m bench telemetry`: P1 to P7 and P9 to P11 of the pipe, each beside its yardstick in the same run.

P8, five thousand machines that fail in a minute, is a bench of its own: `python -m bench flood`.
On a machine that others use the ratios hold and the rates do not.
"""

from __future__ import annotations

import argparse
import sys
from typing import Final

from bench import detection, foreign, forwarding, losses, plant, replaying, runs, states
from bench.processes import BenchError
from bench.runs import Cost
from bench.standing import Standing, standing

OURS: Final = ("Mosquitto", "bridge", "Kafka", "PostgreSQL", "watch")
NAIVE: Final = ("Mosquitto", "naive bridge", "Kafka", "PostgreSQL", "naive watch")
PROMETHEUS: Final = 307_000  # scored samples a second and core, as published
PARTS: Final = ("pipe", "losses", "forwarding", "score", "foreign", "states", "replay")


def main(arguments: list[str]) -> int:
    """Run what is asked for; the exit code is 1 when the bench could not go on."""
    options = argparse.ArgumentParser(prog="python -m bench telemetry", description=__doc__)
    options.add_argument("--metrics", type=int, nargs="+", choices=(12, 38), default=[12, 38], help="metrics a report")
    options.add_argument("--seconds", type=float, default=15.0, help="of full load for each pipeline")
    options.add_argument("--away", type=float, default=losses.AWAY_S, help="seconds without Kafka")
    options.add_argument("--machines", type=int, nargs="+", default=states.SIZES, help="machines of state")
    options.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    given = options.parse_args(arguments)
    try:
        for metrics in given.metrics:
            print(f"== {metrics} metrics a report\n", flush=True)
            _all(metrics, given)
    except BenchError as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    return 0


def _all(metrics: int, given: argparse.Namespace) -> None:
    if {"pipe", "losses", "forwarding"} & set(given.only):
        with standing("kafka") as up:
            _served(up, metrics, given)
    if "score" in given.only:
        for cost in detection.cost(metrics, related=True):
            words = f"decode and score a report, waves of {cost.wave}"
            _row("P4", words, cost.ours, "orjson.loads of the same bytes", cost.orjson, "15")
    if "foreign" in given.only:
        _foreign(metrics)
    if "states" in given.only:
        states.table(metrics, tuple(given.machines))
    if "replay" in given.only:
        told = replaying.twice(metrics)
        print(
            f"P11  replay of {told.reports} reports of {replaying.MACHINES} machines: {told.rate:.0f}/s of CPU, "
            f"{told.faster:.0f} x recorded time (goal 10); {told.incidents} incidents, "
            f"{'the same bytes twice' if told.same else 'DIFFERENT the second time'}\n",
            flush=True,
        )


def _served(up: Standing, metrics: int, given: argparse.Namespace) -> None:
    stack = up.stack
    assert up.kafka is not None
    if "forwarding" in given.only:
        found = forwarding.compared(up.kafka, metrics)
        if len(found) == 2:
            _row("P3", "bridge to Kafka", found["ours"], "confluent-kafka", found["confluent"], "2")
    if not {"pipe", "losses"} & set(given.only):
        return
    load = runs.ours(stack, 1, metrics)
    cost = runs.full_load(up.meter, load, lambda: plant.received(stack.sessions), given.seconds)
    if "pipe" in given.only:
        rate = cost.reports / cost.seconds
        seconds = runs.latencies(stack, load, rate / 2)
        p50, p99 = (1000 * seconds[round(share * (len(seconds) - 1))] for share in (0.5, 0.99))
    if "losses" in given.only:
        fell = losses.falling(stack, load, away_s=given.away)
        print(
            f"P7   kill -9 bridge, {given.away:.0f} s without Kafka, kill -9 watch: {fell.acknowledged} acknowledged, "
            f"{fell.lost} lost, {fell.stored - fell.acknowledged} counted twice ({fell.again} told again and known)",
            flush=True,
        )
    if "pipe" not in given.only:
        return
    stack.end("bridge", "watch-1")
    beside = runs.naive(stack, up.meter, up.kafka, metrics, given.seconds)
    _costs(cost, beside)
    ours, theirs = _sum(cost, OURS), _sum(beside, NAIVE)
    _row("P1", "CPU a report, all processes", ours, "the naive pipeline, which keeps nothing", theirs, "")
    both = cost.each("bridge") + cost.each("watch")
    print(f"       bridge and watch together {both:.1f} µs (Telegraf, which only forwards, as published: 52 µs)")
    _row("P2", "bridge", cost.each("bridge"), "Mosquitto", cost.each("Mosquitto"), "1.0, then 0.75")
    scored = 1e6 * metrics / ours
    print(
        f"P5   {scored:,.0f} samples/s/core, whole path: {scored / PROMETHEUS:.2f} x Prometheus' published (goal 1.5)"
    )
    print(
        f"P6   PUBLISH to incident row at {rate / 2:.0f}/s: p50 {p50:.0f} ms, p99 {p99:.0f} ms (goal 1000)\n",
        flush=True,
    )


def _costs(cost: Cost, beside: Cost) -> None:
    print("     CPU a report, µs        ours    naive")
    for group, other in zip(OURS, NAIVE, strict=True):
        print(f"       {group:<14}{cost.each(group):14.1f}{beside.each(other):9.1f}")
    print(f"       reports                {cost.reports:>6d}{beside.reports:9d}")


def _sum(cost: Cost, groups: tuple[str, ...]) -> float:
    return sum(cost.each(group) for group in groups)


def _row(what: str, words: str, ours: float, yardstick: str, theirs: float, goal: str) -> None:
    told = f" (goal {goal})" if goal else ""
    print(f"{what:<5}{words} {ours:.1f} µs; {yardstick} {theirs:.1f} µs: {ours / theirs:.2f} x{told}", flush=True)


def _foreign(metrics: int) -> None:
    found = foreign.rates(metrics)
    print("P9   values understood a second of CPU, and beside our own wire (goal 0.5)")
    for name, rate in found.items():
        print(f"       {name:<28}{rate:12,.0f}{rate / found['native']:8.2f}", flush=True)
