"""Fault 13: somebody pretends to be a machine, or listens for others. The broker says no, and nothing is on record."""

from __future__ import annotations

from datetime import UTC, datetime

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from models.machines import Machine
from models.session import SYSTEM, work
from models.telemetry import DeadLetter
from telemetry import enrol
from tests.faults.history import Shown
from tests.faults.ledgers import report
from tests.faults.trial import Trial
from tests.rig import BROKERS, until

CANARY = "canary-of-the-plant"


@pytest.mark.parametrize("rig", BROKERS, indirect=True)
def test_13_a_forged_machine_is_refused_and_hears_nothing(trial: Trial) -> None:
    machines = trial.enrol("plant-a")
    with work(trial.rig.sessions, SYSTEM) as session:
        foreign, secret = enrol.enrol(session, trial.cast.joinery, "joinery-b", datetime.now(UTC))
    trial.start()
    (victim,) = trial.connect(machines)
    heard: list[str] = []

    def listen(client: mqtt.Client, *topics: str) -> None:
        client.on_message = lambda _client, _data, message: heard.append(f"{message.topic} {message.payload!r}")
        client.subscribe([(topic, 1) for topic in topics])

    forger = trial.rig.client("joinery-b", secret)
    listen(
        forger,
        "#", "vigie/#", "vigie/plant-a/#", "vigie/+/receipt", "+/+/+", "$share/g/vigie/#", "$SYS/#", "spBv1.0/#",
        "vigie/plant-a/ask", "v1/devices/me/#",
    )  # fmt: skip
    for topic in ("vigie/plant-a/report", "vigie/plant-a/status", "collectd/plant-a/load/load", "vigie/plant-a/receipt",
                  "vigie/plant-b/report", "$SYS/broker/x", "$share/g/vigie/plant-a/report"):  # fmt: skip
        forger.publish(topic, report(999_999, 1_700_000_000_000), qos=1)
    victim.say(20, **{CANARY: 1.0})
    forger.publish("vigie/joinery-b/report", report(0, int(datetime.now(UTC).timestamp() * 1000)), qos=1)
    answers = [_knock(trial, *words) for words in (
        ("plant-a", secret), ("plant-a", ""), ("plant-a", "x" * 40), ("", ""), ("#", secret), ("+", secret),
        ("plant-a/#", secret), ("vigie-bridge", secret),
    )]  # fmt: skip
    assert not any(answer == "Success" for answer in answers), answers
    trial.settle()

    def own_report_came() -> bool:
        return any(each.machine == "joinery-b" for each in trial.log())

    until(own_report_came, "what the forger may say is heard")
    history = trial.history()
    history.logged = [each for each in history.logged or () if each.machine != "joinery-b"]
    history.canaries = {"plant": CANARY, "plant's topics": "plant-a"}
    history.shown = [Shown("joinery", line) for line in heard]
    with work(trial.rig.sessions, SYSTEM) as session:
        history.shown += [
            Shown("joinery", f"{letter.topic} {letter.payload!r}")
            for letter in session.scalars(select(DeadLetter).where(DeadLetter.customer_id == foreign.customer_id))
        ]
    trial.faults = ["foreign topics written and read, wildcards, shared subscription, eight forged connects"]
    trial.counts["heard by the forger"] = len(heard)
    trial.verdict(history)


def test_13_no_machine_can_be_named_like_a_wildcard(trial: Trial) -> None:
    for name in ("#", "+", "a/b", "plant-#", "+plant", "$SYS", "a b", "", "é", "x" * 64):
        with pytest.raises(IntegrityError), work(trial.rig.sessions, SYSTEM) as session:
            enrol.enrol(session, trial.cast.plant, name, datetime.now(UTC))
    with work(trial.rig.sessions, SYSTEM) as session:
        assert len(session.scalars(select(Machine)).all()) == 2  # the cast's own


def _knock(trial: Trial, name: str, secret: str) -> str:
    """What the broker answers to this name and secret."""
    answers: list[str] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, f"{name}-forged", reconnect_on_failure=False)
    client.username_pw_set(name, secret)
    client.on_connect = lambda _client, _data, _flags, reason, _properties: answers.append(str(reason))
    client.on_disconnect = lambda *_: answers.append("ended")
    client.connect("127.0.0.1", trial.rig.mqtt_port)
    client.loop_start()
    until(lambda: answers, f"an answer for {name}")
    client.disconnect()
    client.loop_stop()
    return answers[0]
