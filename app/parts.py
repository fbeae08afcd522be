"""Which processes make up Vigie on one machine, and in which order they stop."""

from __future__ import annotations

import os

from app.embedded import Cluster
from app.settings import Settings
from app.supervisor import Part

# Those who bring work in stop first, then those who carry it, then those who keep it; a stage waits for the one before.
STAGES = (("web",), ("lab", "agent"), ("bridge",), ("watch", "work"), ("broker",), ("postgres",))

# One thread for linear algebra: the arrays are small, and idle pools of threads cost memory in every process.
_CALM = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "PYTHONUNBUFFERED": "1",
}


def environment(settings: Settings, cluster: Cluster) -> dict[str, str]:
    """The environment of every part: ours, with the settings of this start written out."""
    chosen = {
        "VIGIE_DATA": str(settings.data),
        "VIGIE_DATABASE_URL": database_url(cluster),
        "VIGIE_HOST": settings.host,
        "VIGIE_PORT": str(settings.port),
        "VIGIE_MQTT_HOST": settings.mqtt_host,
        "VIGIE_MQTT_PORT": str(settings.mqtt_port),
        "VIGIE_DEMO": str(settings.demo).lower(),
    }
    return {**os.environ, **_CALM, **chosen}


def database_url(cluster: Cluster) -> str:
    """The address with `{role}` left open, as Settings wants it."""
    return cluster.url("{role}")


def ours(name: str, *arguments: str) -> Part:
    """A part that is one of our commands."""
    return Part(name, arguments=arguments or (name,))


def around_broker(settings: Settings) -> tuple[list[Part], list[Part]]:
    """The parts that need the database only, and those that also speak to the broker; each list starts together."""
    first = [ours("broker"), ours("web"), Part("watch", arguments=("watch",), beats_itself=True)]
    then = [ours("bridge"), ours("work")]
    if settings.demo:
        then += [ours("lab", "lab", "play"), ours("agent")]
    return first, then
