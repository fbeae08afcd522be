"""Faults 3, 6 and 8: the bridge is frozen, its line is cut, goes deaf, breaks inside a packet, or loses its acks."""

from __future__ import annotations

import signal
import time

import pytest

from tests.faults.proxy import CALM, Proxy, Weather
from tests.faults.trial import FULL, Trial
from tests.faults.wire import Seen
from tests.rig import until

# The product asks for a sign of life every 30 s; scaled, a dead line is found as much sooner.
QUICK = (
    ""
    if FULL
    else """
import telemetry.bridge
telemetry.bridge.KEEPALIVE_S = 2
telemetry.bridge._PAUSES_S = (0.2, 0.5, 1.0)
"""
)


def connects(proxy: Proxy) -> int:
    return len([packet for packet in proxy.kinds("CONNACK") if not packet.inward])


def test_03_a_bridge_frozen_past_its_keep_alive_acknowledges_nothing_on_the_dead_connection(trial: Trial) -> None:
    machines = trial.enrol("plant-a")
    bridge, proxy = trial.start_behind_proxy(QUICK)
    (speaker,) = trial.connect(machines)
    speaker.speak(trial.pace(500, 200))
    until(lambda: speaker.acknowledged > 500, "messages flow")
    bridge.process.send_signal(signal.SIGSTOP)
    time.sleep(trial.pace(6, 180))
    # Mosquitto looks through the keep-alives now and then only; awake before that, the bridge would be forgiven.
    until(lambda: proxy.left[False] > 0, "the broker gives the silent one up", 60)
    bridge.process.send_signal(signal.SIGCONT)
    until(lambda: connects(proxy) >= 2, "it connects again", 180)
    time.sleep(1)
    trial.settle()
    trial.faults = [f"SIGSTOP {trial.pace(6, 180):.0f} s with a keep-alive of {trial.pace(2, 30):.0f} s, SIGCONT"]
    trial.counts["sent again by the broker"] = sum(packet.dup for packet in proxy.kinds("PUBLISH"))
    trial.verdict(trial.history())


@pytest.mark.timeout(600)
def test_06_a_line_cut_half_open_or_cut_inside_a_packet_heals(trial: Trial) -> None:
    machines = trial.enrol("plant-a")
    bridge, proxy = trial.start_behind_proxy(QUICK)
    (speaker,) = trial.connect(machines)
    speaker.speak(trial.pace(500, 200))

    def inside(inward: bool, seen: Seen) -> bool:
        return not inward and seen.kind == "PUBLISH"

    def inside_ack(inward: bool, seen: Seen) -> bool:
        return inward and seen.kind == "PUBACK"

    bound = trial.pace(20, 120)
    for weather, what in (
        (None, "RST"),
        (Weather(cut_inside=inside), "cut inside a PUBLISH"),
        (Weather(cut_inside=inside_ack), "cut inside a PUBACK"),
        (Weather(silent=True), "half-open"),
    ):
        before, flowed = connects(proxy), speaker.acknowledged
        until(lambda: speaker.acknowledged > flowed + 200, "messages flow")  # noqa: B023  called at once
        lines, at = proxy.lines, time.monotonic()
        if weather is None:
            proxy.cut()
        else:
            proxy.weather = weather
            until(lambda: proxy.lines > lines, f"the bridge finds its line dead: {what}", bound)  # noqa: B023
            proxy.weather = CALM
        until(lambda: connects(proxy) > before, f"it connects again after: {what}", bound)  # noqa: B023
        trial.counts[f"back after {what}, s"] = round(time.monotonic() - at, 1)
        trial.faults.append(what)
    trial.settle()
    assert bridge.alive
    trial.verdict(trial.history())


def test_08_swallowed_acknowledgements_make_the_broker_send_again_and_nothing_counts_twice(trial: Trial) -> None:
    machines = trial.enrol("plant-a")
    _, proxy = trial.start_behind_proxy()
    (speaker,) = trial.connect(machines)
    speaker.speak(300)
    until(lambda: speaker.acknowledged > 200, "messages flow")
    proxy.weather = Weather(drop=lambda inward, seen: inward and seen.kind == "PUBACK")
    time.sleep(trial.pace(3, 10))
    proxy.weather = CALM
    proxy.cut()
    until(lambda: connects(proxy) >= 2, "it connects again")
    trial.settle()
    again = sum(packet.dup for packet in proxy.kinds("PUBLISH"))
    trial.faults = [f"PUBACKs swallowed for {trial.pace(3, 10):.0f} s, then RST"]
    trial.counts["sent again by the broker"] = again
    assert again > 0
    history = trial.history()
    assert history.counted[0].duplicate >= 1
    trial.verdict(history)
