"""How many values a second each wire format is understood at, beside our own (P9). In process, CPU time."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Final

from telemetry.formats import Decoder
from telemetry.reading import Reading

GOAL: Final = 0.5
_VALUES: Final = 4_000  # a turn
_TURNS: Final = 7
_NOW: Final = 1_790_000_000_000
Message = tuple[str, bytes]


def _numbers(rng: random.Random, count: int) -> list[float]:
    return [round(rng.uniform(1, 90), 2) for _ in range(count)]


def native(rng: random.Random, metrics: int, turn: int) -> list[Message]:
    metrics_of = {f"metric_{i}": value for i, value in enumerate(_numbers(rng, metrics))}
    return [("vigie/m/report", json.dumps({"seq": turn, "at": _NOW + turn * 1000, "metrics": metrics_of}).encode())]


def thingsboard(rng: random.Random, metrics: int, turn: int) -> list[Message]:
    told = {f"metric_{i}": value for i, value in enumerate(_numbers(rng, metrics))}
    return [("vigie/m/thingsboard/v1/devices/me/telemetry", json.dumps({"ts": _NOW + turn, "values": told}).encode())]


def telegraf_lines(rng: random.Random, metrics: int, turn: int) -> list[Message]:
    fields = ",".join(f"metric_{i}={value}" for i, value in enumerate(_numbers(rng, metrics)))
    return [("telegraf/m/system", f"system,host=m {fields} {(_NOW + turn * 1000) * 1_000_000}\n".encode())]


def prometheus(rng: random.Random, metrics: int, turn: int) -> list[Message]:
    lines = [f"# TYPE metric_{i} gauge\nmetric_{i} {value}" for i, value in enumerate(_numbers(rng, metrics))]
    return [("prometheus/m/node", ("\n".join(lines) + "\n").encode())]


def collectd(rng: random.Random, metrics: int, turn: int) -> list[Message]:
    at = _NOW / 1000 + turn * 10
    return [
        (f"collectd/m/plugin-{i}/gauge-value", f"{at:.3f}:{value}\0".encode())
        for i, value in enumerate(_numbers(rng, metrics))
    ]


def glances(rng: random.Random, metrics: int, turn: int) -> list[Message]:
    return [("glances/m/cpu", json.dumps({f"field_{i}": v for i, v in enumerate(_numbers(rng, metrics))}).encode())]


def glances_each(rng: random.Random, metrics: int, turn: int) -> list[Message]:
    return [(f"glances/m/cpu/field_{i}", str(value).encode()) for i, value in enumerate(_numbers(rng, metrics))]


def psmqtt(rng: random.Random, metrics: int, turn: int) -> list[Message]:
    return [(f"psmqtt/m/disk_usage/percent/p{i}", str(v).encode()) for i, v in enumerate(_numbers(rng, metrics))]


def nagios(rng: random.Random, metrics: int, turn: int) -> list[Message]:
    said = " ".join(f"label{i}={value}%;80;90;0;100" for i, value in enumerate(_numbers(rng, metrics)))
    return [("nagios/m/check_all/0", f"OK - fine | {said}".encode())]


FORMATS: Final[dict[str, Callable[[random.Random, int, int], list[Message]]]] = {
    "native": native, "thingsboard": thingsboard, "telegraf lines": telegraf_lines, "prometheus text": prometheus,
    "nagios perfdata": nagios, "glances, a plugin a topic": glances, "glances, a value a topic": glances_each,
    "collectd, a value a topic": collectd, "psmqtt, a value a topic": psmqtt,
}  # fmt: skip


def rates(metrics: int) -> dict[str, float]:
    """Values a second of CPU, the median of several turns that the formats take one after another.

    A format keeps its decoder, as a watcher does for weeks: what it learns of an agent serves it from then on.
    """
    rng = random.Random(1)
    found: dict[str, list[float]] = {name: [] for name in FORMATS}
    decoders = {name: Decoder() for name in FORMATS}
    turns = max(1, _VALUES // metrics)
    for round_ in range(_TURNS):
        for name, make in FORMATS.items():
            messages = [(i, m) for i in range(turns) for m in make(rng, metrics, round_ * turns + i)]
            decoder, values = decoders[name], 0
            began = time.process_time()
            for i, (topic, payload) in messages:
                for heard in decoder.decode(topic, payload, _NOW + (round_ * turns + i) * 10_000):
                    values += len(heard.metrics) if isinstance(heard, Reading) else 0
            values += sum(len(reading.metrics) for reading in decoder.flush())
            found[name].append(values / (time.process_time() - began))
    return {name: sorted(each)[len(each) // 2] for name, each in found.items()}
