"""Which processes make up Vigie on one machine, and in which order they stop."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from app.embedded import Cluster
from app.settings import Settings
from app.supervisor import Part

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
        "VIGIE_CANARY": str(settings.canary).lower(),
        "VIGIE_LOG": settings.log,
        "VIGIE_KAFKA_SERVERS": settings.kafka_servers,
    }
    return {**os.environ, **_CALM, **chosen}


def database_url(cluster: Cluster) -> str:
    """The address with `{role}` left open, as Settings wants it."""
    return cluster.url("{role}")


# Those who tell of their own progress; of the others the supervisor only knows that they are there.
_BEATING = ("bridge", "lab", "canary")


@dataclass(frozen=True)
class Layout:
    """Which parts run, beside the database, in the order they start; they stop the other way round.

    `outside` are programs that are not ours, each with the port it is ready on; `first` need the database and those
    only, `then` speak to the broker as well.
    """

    first: Sequence[Part]
    then: Sequence[Part]
    outside: Sequence[tuple[Part, int]] = ()

    def stages(self) -> list[list[str]]:
        """Who stops with whom: those who bring work in, then those who carry it, then those who keep it."""
        names = [part.name for part in (*self.first, *self.then)]

        def those(*kinds: str) -> list[str]:
            return [name for name in names if name.split("-")[0] in kinds]

        rest = [part.name for part, _ in self.outside]
        played = those("lab", "agent", "canary")
        return [those("web"), played, those("bridge"), those("watch", "work"), those("broker"), rest, ["postgres"]]


def desk(settings: Settings) -> Layout:
    """One of each: for a desk, where memory counts."""
    first = [_ours("broker"), _ours("web"), _watcher("watch")]
    return Layout(first, [_ours("bridge"), _ours("work"), *_demo(settings)])


def full(settings: Settings, outside: Sequence[tuple[Part, int]], *, watchers: int, workers: int, web: int) -> Layout:
    """Several of each, on a log and beside programs that are not ours."""
    watching = [_watcher(f"watch-{number}") for number in range(1, watchers + 1)]
    working = [_ours(f"work-{number}", "work") for number in range(1, workers + 1)]
    pages = _ours("web", "web", "--processes", str(web))
    return Layout([_ours("broker"), pages, *watching], [_ours("bridge"), *working, *_demo(settings)], outside)


def _demo(settings: Settings) -> list[Part]:
    demo = [_ours("lab", "lab", "play"), _ours("agent")] if settings.demo else []
    return [*demo, _ours("canary", "canary", "run", "--install")] if settings.canary else demo


def _watcher(name: str) -> Part:
    return Part(name, arguments=("watch", "--name", name), beats_itself=True)


def _ours(name: str, *arguments: str) -> Part:
    return Part(name, arguments=arguments or (name,), beats_itself=name in _BEATING)
