"""What a problem is about, so that somebody trained in it is called: a cause's words → a subject. Plain."""

from __future__ import annotations

import re
from collections.abc import Mapping

# The subjects people are trained in, each with the words in a cause or a metric's name that speak of it. The first
# subject that finds one of its words wins: a full disk is storage although the database stands on it.
SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "storage": ("disk", "raid", "smart", "filesystem", "fs", "inode", "reallocated", "sector", "io"),
    "network": ("net", "network", "nic", "packet", "packets", "link", "dns"),
    "hardware": ("fan", "temperature", "psu", "power", "ecc", "voltage", "hardware", "battery"),
    "database": ("postgres", "mysql", "oracle", "database", "replication", "query"),
    "system": ("cpu", "memory", "swap", "load", "process", "processes", "oom", "clock", "silence", "kernel"),
}


def subject_of(cause: str) -> str:
    """The subject a cause such as "fan:1" or "disk-full:/var" belongs to; empty where its words name none."""
    words = set(re.split(r"[^a-z0-9]+", cause.lower()))
    return next((subject for subject, known in SUBJECTS.items() if not words.isdisjoint(known)), "")
