"""Heat in a simulated server: power makes it, air carries it away, two fans follow a control loop. Plain.

A lumped model, one node for the processor and one for the board: `T' = (T_target - T) / tau`, where the target is
inlet + power x resistance and the resistance falls with airflow to the power 0.8 (turbulent convection, the
Dittus-Boelter exponent). Solved exactly over each small step, so any step length is stable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from telemetry.lab.hardware import Floats

CPU_TAU_S = 40.0  # a copper sink of half a kilogram
BOARD_TAU_S = 280.0
FAN_TAU_S = 8.0  # a fan controller is deliberately slow, or it would hunt
LONGEST_STEP_S = 12.0  # the loop temperature -> fan -> temperature must not be stepped over
FULL_RPM = 12_000.0
FAN_MIN_DUTY = 0.25
FAN_KNEE_C = 45.0
FAN_DUTY_PER_C = 0.022
RECIRCULATION = 0.25  # a stopped fan is a hole: most of its neighbour's air turns round and leaves through it
STILL_AIR = 0.05  # convection that remains without any fan
THROTTLE_FROM_C = 88.0
THROTTLE_PER_C = 0.05
SLOWEST = 0.35  # processors protect themselves down to about a third of their clock


@dataclass
class Heat:
    """Temperatures in °C, fan duty 0..1; one entry a machine. Changed in place by `warm`."""

    cpu_c: Floats
    board_c: Floats
    duty: Floats


def settled(inlet_c: Floats) -> Heat:
    """A machine that has idled for an hour."""
    return Heat(inlet_c + 22.0, inlet_c + 9.0, np.full_like(inlet_c, 0.3))


def throttle(cpu_c: Floats) -> Floats:
    """Share of the full clock a processor allows itself at this temperature."""
    return np.clip(1.0 - (cpu_c - THROTTLE_FROM_C) * THROTTLE_PER_C, SLOWEST, 1.0)


def airflow(duty: Floats, fan_1: Floats, fan_2: Floats) -> Floats:
    """Air through the case, 1.0 with both fans at full speed; `fan_n` is the health of a fan, 0..1."""
    flow = duty * (fan_1 + fan_2) / 2.0
    leak_back = 1.0 - (1.0 - RECIRCULATION) * np.abs(fan_1 - fan_2)
    return np.maximum(flow * leak_back, STILL_AIR)


def warm(heat: Heat, dt_s: float, inlet_c: Floats, cpu_w: Floats, board_w: Floats, fans: tuple[Floats, Floats]) -> None:
    """Let `dt_s` seconds pass at these powers (W), inlet temperatures (°C) and healths of the two fans (0..1)."""
    steps = max(1, int(np.ceil(dt_s / LONGEST_STEP_S)))
    h = dt_s / steps
    k_cpu, k_board, k_fan = (1.0 - np.exp(-h / tau) for tau in (CPU_TAU_S, BOARD_TAU_S, FAN_TAU_S))
    for _ in range(steps):
        wanted = np.clip(0.28 + FAN_DUTY_PER_C * (heat.cpu_c - FAN_KNEE_C), FAN_MIN_DUTY, 1.0)
        heat.duty += k_fan * (wanted - heat.duty)
        flow = airflow(heat.duty, *fans)
        resistance = 0.04 + 0.112 * flow**-0.8  # °C/W: 0.15 at full air, 0.28 at a quiet 39 % duty
        heat.cpu_c += k_cpu * (inlet_c + cpu_w * throttle(heat.cpu_c) * resistance - heat.cpu_c)
        board_to = inlet_c + 4.0 + board_w * 0.06 * flow**-0.5 + 0.1 * (heat.cpu_c - inlet_c)
        heat.board_c += k_board * (board_to - heat.board_c)
