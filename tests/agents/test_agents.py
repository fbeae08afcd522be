"""Agents people already have, the real programs, through broker, bridge and watcher: named machines, right values."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import select

from app.free_port import free_port
from models.agreements import ContractLine
from models.machines import Machine, MachineState
from models.mappings import GatewayMachine
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeadLetter
from telemetry import enrol
from tests.agents import programs
from tests.agents.conftest import Environment
from tests.cast import Cast
from tests.rig import Rig, until

ARRIVE_S = 90.0
Check = Callable[[dict[str, float], dict[str, str]], bool]


@dataclass
class Stage:
    """The little plant, and every agent that plays on it."""

    rig: Rig
    folder: Path
    web: int
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    wanted: dict[str, Check] = field(default_factory=dict)

    def play(self, machine: str, secret: str, command: list[str], check: Check, **settings: str) -> None:
        """Start an agent that speaks as `machine`."""
        said = (self.folder / f"{machine}.log").open("wb")
        with said:
            self.running.append(
                subprocess.Popen(
                    command, stdout=said, stderr=said, stdin=subprocess.DEVNULL, env={**os.environ, **settings}
                )
            )
        self.wanted[machine] = check

    def words(self, machine: str, secret: str, text: str, name: str) -> str:
        """An agent's file, filled in."""
        path = self.folder / name
        place = {"machine": machine, "secret": secret, "port": self.rig.mqtt_port, "web": self.web}
        path.write_text(text.format(**place, folder=self.folder))
        return str(path)

    def end(self) -> None:
        for process in self.running:
            process.kill()
            process.wait(10)


def enrolled(rig: Rig, cast: Cast, sessions: Sessions, machine: str) -> str:
    """A machine under contract; its secret."""
    secret = rig.enrol(cast, machine)
    with work(sessions, SYSTEM) as session:
        machine_id = session.scalars(select(Machine.id).where(Machine.name == machine)).one()
        session.add(ContractLine(customer_id=cast.plant, contract_id=cast.plant_contract, machine_id=machine_id))
    return secret


def near(value: float | None, wanted: float, share: float = 0.01) -> bool:
    return value is not None and abs(value - wanted) <= share * abs(wanted)


def cast_of_agents(stage: Stage, environment: Environment, secret_of: Callable[[str], str]) -> None:
    """Start every agent that can be had here."""
    memory = float(psutil.virtual_memory().total)
    many, sparkplug, linux = (environment(name) for name in ("many", "sparkplug", "linux2mqtt"))
    collectd = shutil.which("collectd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    publish = shutil.which("mosquitto_pub")
    stage.absent += [
        name for name, found in (("glances, psmqtt, ThingsBoard, OpenTelemetry", many), ("pysparkplug", sparkplug),
                                 ("linux2mqtt", linux), ("collectd", collectd), ("mosquitto_pub", publish))
        if found is None
    ]  # fmt: skip
    rig = stage.rig
    if many is not None:
        name, secret = "by-glances", secret_of("by-glances")
        conf = stage.words(name, secret, programs.GLANCES, "glances.conf")
        stage.play(
            name, secret, [str(many), "-m", "glances", "-C", conf, "--export", "mqtt", "-q", "--time", "2"],
            lambda m, f: near(m.get("mem.total"), memory) and not any("_careful" in n for n in m),
        )  # fmt: skip
        name, secret = "by-psmqtt", secret_of("by-psmqtt")
        conf = stage.words(name, secret, programs.PSMQTT, "psmqtt.yaml")
        run = "import sys; from psmqtt.main import main; sys.argv = ['psmqtt']; main()"
        percent = psutil.disk_usage("/").percent
        stage.play(
            name, secret, [str(many), "-c", run],
            lambda m, f: (
                near(m.get("virtual_memory.total"), memory) and near(m.get("disk_usage.percent./"), percent, 0.2)
            ),
            PSMQTTCONFIG=conf,
        )  # fmt: skip
        name, secret = "by-thingsboard", secret_of("by-thingsboard")
        program = stage.words(name, secret, programs.THINGSBOARD, "tb.py")
        stage.play(
            name, secret, [str(many), program],
            lambda m, f: m == {"temperature": 41.9, "enabled": 1.0} and f == {"firmware": "v1.2.2", "model": "DHT-22"},
        )  # fmt: skip
        secret = secret_of("by-tb-gateway")
        program = stage.words("by-tb-gateway", secret, programs.THINGSBOARD_GATEWAY, "tb_gateway.py")
        stage.play(
            "by-tb-device", secret, [str(many), program],
            lambda m, f: m == {"temperature": 21.5, "on": 0.0} and f == {"model": "DHT-11"},
        )  # fmt: skip
        name, secret = "by-otel", secret_of("by-otel")
        program = stage.words(name, secret, programs.OTEL, "otel.py")
        stage.play(
            name, secret, [str(many), program],
            lambda m, f: m == {'hits{route="/a"}': 3.0, 'system.memory.utilization{state="used"}': 0.25},
        )  # fmt: skip
    if sparkplug is not None:
        name, secret = "by-sparkplug", secret_of("by-sparkplug")
        program = stage.words(name, secret, programs.SPARKPLUG, "sparkplug.py")
        stage.play(
            name, secret, [str(sparkplug), program],
            lambda m, f: m == {"temp": 41.5, "small": -12.0, "raid0/realloc": 3.0} and f == {"fw": "2.71"},
        )  # fmt: skip
    if linux is not None:
        name, secret = "by-linux2mqtt", secret_of("by-linux2mqtt")
        told = ["--name", name, "--host", "127.0.0.1", "--port", str(rig.mqtt_port), "--username", name,
                "--password", secret, "--interval", "5", "--vm", "--du", "/"]  # fmt: skip
        stage.play(
            name, secret, [str(linux), "-m", "linux2mqtt", *told],
            lambda m, f: near((m.get("virtual_memory.total") or 0.0) * 1e6, memory) and "linux2mqtt.version" in f,
        )  # fmt: skip
    if collectd is not None:
        name, secret = "by-collectd", secret_of("by-collectd")
        conf = stage.words(name, secret, programs.COLLECTD, "collectd.conf")
        up = time.time() - psutil.boot_time()
        stage.play(
            name, secret, [collectd, "-f", "-C", conf],
            lambda m, f: (
                near(m.get("uptime.uptime"), up, 0.1) and {"load.load.shortterm", "memory.memory-used"} <= m.keys()
            ),
        )  # fmt: skip
    if publish is not None:
        name, secret = "by-hand", secret_of("by-hand")
        body = '{"seq":1,"metrics":{"cpu_util":12.5,"disk":{"/var":{"used":3}},"up":true},"facts":{"bios":"2.4.1"}}'
        command = [publish, "-p", str(rig.mqtt_port), "-u", name, "-P", secret, "-q", "1"]
        stage.play(
            name, secret, [*command, "-t", f"vigie/{name}/report", "-m", body],
            lambda m, f: m == {"cpu_util": 12.5, "disk./var.used": 3.0, "up": 1.0} and f == {"bios": "2.4.1"},
        )  # fmt: skip
        name, secret = "by-telegraf", secret_of("by-telegraf")
        line = f"cpu,cpu=cpu-total,host={name} usage_idle=97.5,n=3i,on=t {time.time_ns()}\n"
        command = [publish, "-p", str(rig.mqtt_port), "-u", name, "-P", secret, "-q", "1"]
        stage.play(
            name, secret, [*command, "-t", f"telegraf/{name}/cpu", "-m", line],
            lambda m, f: m == {"cpu.cpu-total.usage_idle": 97.5, "cpu.cpu-total.n": 3.0, "cpu.cpu-total.on": 1.0},
        )  # fmt: skip


def answers(web: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{web}/healthz", timeout=5) as said:
            return bool(said.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def test_every_agent_arrives_as_a_named_machine_with_the_right_values(
    rig: Rig, sessions: Sessions, cast: Cast, tmp_path: Path, environment: Environment
) -> None:
    stage = Stage(rig, tmp_path, free_port())
    names = ("glances", "psmqtt", "thingsboard", "otel", "sparkplug", "linux2mqtt", "collectd", "hand", "telegraf",
             "tb-gateway", "tb-device")  # fmt: skip
    secrets = {f"by-{name}": enrolled(rig, cast, sessions, f"by-{name}") for name in names}
    with work(sessions, SYSTEM) as session:
        gateway, device = (enrol.machine_named(session, f"by-tb-{what}") for what in ("gateway", "device"))
        assert gateway is not None
        assert device is not None
        declared = GatewayMachine(customer_id=cast.plant, gateway_id=gateway.id, machine_id=device.id)
        declared.created_at = datetime.now(UTC)
        session.add(declared)
    rig.broker()
    bridge = rig.bridge()
    rig.watch()
    rig.start(programs.WEB.format(web=stage.web))
    until(lambda: "bridge.connected" in bridge.words or not bridge.alive, "the bridge is connected", 90)
    assert bridge.alive, bridge.words
    until(lambda: answers(stage.web), "the web answers", 90)
    try:
        cast_of_agents(stage, environment, secrets.__getitem__)
        missing: dict[str, Any] = {}

        def all_here() -> bool:
            missing.clear()
            with work(sessions, SYSTEM) as session:
                rows = session.execute(
                    select(Machine.name, MachineState.latest, MachineState.facts)
                    .join(MachineState, MachineState.machine_id == Machine.id)
                    .where(Machine.name.in_(stage.wanted))
                ).all()
            told = {row.name: (row.latest, row.facts) for row in rows}
            for name, check in stage.wanted.items():
                if name not in told or not check(*told[name]):
                    missing[name] = told.get(name)
            return not missing

        end = time.monotonic() + ARRIVE_S
        while not all_here() and time.monotonic() < end:
            time.sleep(0.3)
        said = {name: (tmp_path / f"{name}.log").read_text(errors="replace")[-800:] for name in missing}
        assert missing == {}, said
        with work(sessions, SYSTEM) as session:
            letters = set(session.execute(select(DeadLetter.reason, DeadLetter.topic)))
    finally:
        stage.end()
    # psmqtt says of a place that is not there that it is not there: a refusal with its reason, and no value.
    allowed = {("no_value", "psmqtt/by-psmqtt/disk_usage/percent/|no-such-place/error")}
    # And the gateway spoke for one that nobody declared for it.
    allowed.add(("not_its_own", "vigie/by-tb-gateway/thingsboard/v1/gateway/telemetry"))
    assert {tuple(letter) for letter in letters} <= allowed
    if stage.absent:
        pytest.skip(f"all that are here arrived; not to be had here: {'; '.join(stage.absent)}")
