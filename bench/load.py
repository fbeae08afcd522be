"""The machines of the bench, as one process: `python -m bench.load PORT MACHINES.json METRICS`.

It writes MQTT packets itself, so that two cores have something left for what is measured. First it sends back-dated
history of each machine and says `history`; then each line on its input is a total: it publishes reports in turn until
so many were sent and acknowledged, and answers with that total.
"""

from __future__ import annotations

import json
import math
import random
import socket
import sys
import time
from pathlib import Path
from typing import Final

from telemetry import mqtt_wire

_HISTORY_MINUTES: Final = 90
_VARIANTS: Final = 64


class Machine:
    """One machine's connection: QoS 1, a session that is clean, nothing else."""

    def __init__(self, port: int, name: str, secret: str) -> None:
        self.seq = 0
        self.topic = f"vigie/{name}/report"
        self._unacknowledged = 0
        self._in = bytearray()
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(connect(name, secret))
        if self._socket.recv(4)[3:] != b"\0":
            raise RuntimeError(f"the broker refuses {name}")

    def publish(self, payloads: list[bytes]) -> None:
        packets = []
        for payload in payloads:
            self._unacknowledged += 1
            packets.append(mqtt_wire.publish(mqtt_wire.Publish(self.topic, payload, 1, False, self._unacknowledged)))
        self._socket.sendall(b"".join(packets))

    def settle(self) -> None:
        """Wait until the broker has acknowledged everything."""
        while self._unacknowledged:
            data = self._socket.recv(1 << 16)
            if not data:
                raise RuntimeError("the broker ended the connection")
            self._in += data
            whole = len(self._in) // 4  # a PUBACK has four bytes
            del self._in[: 4 * whole]
            self._unacknowledged -= whole


def connect(name: str, secret: str) -> bytes:
    """A CONNECT with user and password, clean, keep-alive 300 s."""

    def text(words: str) -> bytes:
        return len(words).to_bytes(2, "big") + words.encode()

    body = b"\0\x04MQTT\x04\xc2" + (300).to_bytes(2, "big") + text(f"bench-{name}") + text(name) + text(secret)
    return (
        b"\x10"
        + bytes([len(body) & 127 | (128 if len(body) > 127 else 0)])
        + (bytes([len(body) >> 7]) if len(body) > 127 else b"")
        + body
    )


def values(count: int, rng: random.Random, phase: float) -> dict[str, float]:
    """A healthy machine's metrics, moving together."""
    load = 0.5 + 0.3 * math.sin(phase) + rng.gauss(0, 0.03)
    twelve = {
        "cpu_util": 90 * load, "load_1": 8 * load, "mem_used_pct": 40 + 10 * load, "disk_used_pct./": 61.0,
        "disk_read_mb_s": 5 + 30 * load, "disk_write_mb_s": 3 + 20 * load, "net_rx_mb_s": 2 + 9 * load,
        "net_tx_mb_s": 1 + 8 * load, "temp_c.cpu": 38 + 30 * load, "fan_rpm.1": 3000 + 2500 * load,
        "procs": 220 + 30 * load, "tcp_established": 80 + 90 * load,
    }  # fmt: skip
    more = {f"queue_depth.{i}": 10 + i * load for i in range(count - len(twelve))}
    return {name: round(value * (1 + rng.gauss(0, 0.01)), 2) for name, value in {**twelve, **more}.items()}


def history(count: int, rng: random.Random, now_ms: int) -> bytes:
    """Ninety minutes at a minute's cadence, ended long enough ago to be taken for history."""
    first = now_ms - (_HISTORY_MINUTES + 20) * 60_000
    reports = [{"at": first + i * 60_000, "metrics": values(count, rng, i / 20)} for i in range(_HISTORY_MINUTES)]
    return json.dumps(reports).encode()


def main(port: int, machines: dict[str, str], count: int) -> None:
    rng = random.Random(1)
    fleet = [Machine(port, name, secret) for name, secret in machines.items()]
    now_ms = time.time_ns() // 1_000_000
    for machine in fleet:
        machine.publish([history(count, rng, now_ms)])
        machine.settle()
    print("history", flush=True)
    texts = [json.dumps(values(count, rng, 4.5)).encode() for _ in range(_VARIANTS)]
    told = turn = 0
    for line in sys.stdin:
        total = int(line)
        while told < total:
            # In turn, as the machines of a plant do: no machine sends twice before all others have.
            spoke = [fleet[(turn + i) % len(fleet)] for i in range(min(len(fleet), total - told))]
            turn += len(spoke)
            for machine in spoke:
                machine.seq += 1
                at = time.time_ns() // 1_000_000
                text = texts[(turn + machine.seq) % _VARIANTS]
                machine.publish([b'{"seq": %d, "at": %d, "metrics": %b}' % (machine.seq, at, text)])
            for machine in spoke:
                machine.settle()
            told += len(spoke)
        print(told, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")), int(sys.argv[3]))
