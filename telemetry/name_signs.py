"""What the name of a metric or a fact says by itself: a version, harm, somebody's waiting, work that is done. Plain."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_WORDS: Final = frozenset({
    "version", "ver", "release", "build", "firmware", "fw", "image", "revision", "commit", "tag", "software", "sw",
    "kernel", "os", "bios",
})  # fmt: skip
_COUNTED: Final = frozenset({"version", "release", "build", "revision"})  # as numbers
_LABELS: Final = tuple(
    re.compile(rf"[{{,]\s*\"?{label}\"?\s*=\s*\"([^\"]+)\"") for label in ("version", "release", "tag", "revision")
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_APART: Final = re.compile(r"[^a-z0-9]+")
_DAMAGE: Final = re.compile(
    r"(?:^|[^a-z])(?:err|error|drop|dropp?ed|retrans|fail|failure|failed|discard|loss|lost|timeout|reject|rejected|oom|"
    r"crash|restart|5xx|exception|refused|aborted)s?(?:$|[^a-z])|errors?$|errs$"
)
_FELT: Final = re.compile(
    r"(?:^|[^a-z])(?:latency|duration|rtt|ttfb|delay|elapsed|(?:response|request|query|processing|wait)_?time)(?:$|[^a-z])"
)
_DONE: Final = frozenset({
    "request", "requests", "req", "reqs", "rps", "qps", "tps", "throughput", "transactions", "queries", "orders",
})  # fmt: skip
# Of these less is no loss, or it is not how much is done: what waits, how long, how big, what devices carry.
_NOT_DONE: Final = frozenset({
    "queue", "queued", "pending", "waiting", "backlog", "slow", "active", "open", "inflight", "flight", "retry",
    "retries", "retried", "time", "ms", "us", "ns", "size", "bytes", "byte", "mb", "kb", "max", "limit", "pct",
    "percent", "ratio", "disk", "net", "network", "nic", "cpu", "mem", "memory", "swap", "cached", "duplicate",
})  # fmt: skip
_OF_FAILURE: Final = re.compile(r"(?:code|status)[a-z_]*\"?\s*=\s*\"?[45]")  # as a label


@lru_cache(maxsize=20_000)
def is_version(fact: str) -> bool:
    """Whether a fact of this name says which version of something runs."""
    return _last_word(fact) in _WORDS


@lru_cache(maxsize=20_000)
def is_version_metric(metric: str) -> bool:
    """Whether a number of this name says which version of something runs."""
    return "{" not in metric and _last_word(metric) in _COUNTED


@lru_cache(maxsize=20_000)
def is_damage(metric: str) -> bool:
    """Whether more of this is harm, whoever brought it."""
    return _DAMAGE.search(_CAMEL.sub("_", metric).lower()) is not None


@lru_cache(maxsize=20_000)
def is_felt(metric: str) -> bool:
    """Whether somebody waits for as long as this says."""
    return _FELT.search(_CAMEL.sub("_", metric).lower()) is not None


@lru_cache(maxsize=20_000)
def is_work(metric: str) -> bool:
    """Whether this says how much is done for those who ask: a rate of requests, queries, transactions."""
    family, _, labels = metric.partition("{")
    words = set(_words(family))
    return (
        not words.isdisjoint(_DONE)
        and words.isdisjoint(_NOT_DONE)
        and not (is_damage(metric) or is_felt(metric) or _OF_FAILURE.search(labels.lower()))
    )


def labelled(metrics: Iterable[str]) -> dict[str, str]:
    """Versions told in labels, as Prometheus' exporters do: family → versions."""
    found: dict[str, set[str]] = {}
    for name in metrics:
        family, brace, _ = name.partition("{")
        if not brace or not (family.endswith("_info") or _last_word(family) in _COUNTED):
            continue
        told = next((match[1] for label in _LABELS if (match := label.search(name))), None)
        if told is not None:
            found.setdefault(family, set()).add(told)
    return {family: ", ".join(sorted(versions)) for family, versions in found.items()}


def _words(name: str) -> list[str]:
    return [word for word in _APART.split(_CAMEL.sub("_", name).lower()) if word]


def _last_word(name: str) -> str:
    words = _words(name)
    while len(words) > 1 and words[-1] in ("id", "number", "no", "name", "string"):
        words.pop()
    return words[-1] if words else ""
