"""The agent's side of remote diagnostics: four harmless readings of this host, and no for everything else.

An ask is taken only when it names this machine, a reading of the list, an end that has not come yet, and an id not
heard before. What is told holds no command lines, no environment and no file's content but the log lines of units the
host's owner has named to the agent.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Mapping
from time import time
from typing import Any, Final

import orjson
import psutil
import structlog

log = structlog.get_logger()

LARGEST_ASK: Final = 2_000  # bytes
LARGEST_ANSWER: Final = 60_000  # bytes; above it rows are left out, and the answer says so
LONGEST_MS: Final = 10 * 60_000  # between asking and expiring
CLOCKS_MS: Final = 5 * 60_000  # how far two clocks may be apart
MOST_LINES: Final = 200
_PATIENCE_S: Final = 8.0  # of a program we ask; well below the keep-alive
_MOST_PROCESSES: Final = 200
_LONGEST_LINE: Final = 1_000  # characters
_COMM: Final = 15  # characters of a name that Linux keeps; psutil completes it from the command line
_BEHIND: Final = re.compile(r"\s")
_ARGUMENTS: Final = re.compile(r"\s+(?=-|\S*=)")  # a switch or a setting: behind it nothing is a name
_UNIT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._-]{0,79}")
_ID: Final = re.compile(r"[0-9a-f-]{8,60}")
_KEYS: Final = frozenset({"id", "machine", "reading", "unit", "lines", "asked_at", "expires_at"})


class No(Exception):
    """Why an ask is refused: one of malformed, oversized, wrong_machine, unknown_ask, expired, replayed,
    unit_not_allowed."""


class Diagnoser:
    """Judges asks for one machine. `seen(id)` says whether an id was heard before, and keeps it, durably."""

    def __init__(self, machine: str, units: Collection[str], seen: Callable[[str], bool]) -> None:
        self._machine, self._units, self._seen = machine, frozenset(units), seen

    def answer(self, payload: bytes, *, retained: bool = False) -> bytes | None:
        """The answer to an ask; None when it has no id one could answer to, or was answered before."""
        now_ms = int(time() * 1000)
        asked: dict[str, Any] = {}
        try:
            asked = _shape(payload)
            self._judge(asked, now_ms, retained)
            if self._seen(asked["id"]):
                raise No("replayed")
            result = self._read(asked)
        except No as no:
            log.warning("agent_ask_refused", reason=str(no), ask=asked.get("id", ""))
            # A second answer to a repeated ask would only overwrite or confuse the first one.
            if "id" not in asked or str(no) == "replayed":
                return None
            return orjson.dumps({"id": asked["id"], "at": now_ms, "refused": str(no)})
        log.info("agent_ask_answered", reading=asked["reading"], ask=asked["id"])
        return _fitted({"id": asked["id"], "reading": asked["reading"], "at": now_ms, "result": result})

    def _judge(self, asked: Mapping[str, Any], now_ms: int, retained: bool) -> None:
        if retained:
            raise No("replayed")  # nobody of ours leaves an ask lying about
        if asked.get("machine") != self._machine:
            raise No("wrong_machine")
        if not isinstance(asked.get("reading"), str) or asked["reading"] not in (*_READ, "log_tail"):
            raise No("unknown_ask")
        begins, ends = asked.get("asked_at"), asked.get("expires_at")
        if not isinstance(begins, int) or not isinstance(ends, int) or not begins < ends <= begins + LONGEST_MS:
            raise No("malformed")
        if begins > now_ms + CLOCKS_MS:
            raise No("malformed")
        if ends < now_ms:
            raise No("expired")

    def _read(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        if asked["reading"] != "log_tail":
            if "unit" in asked or "lines" in asked:
                raise No("malformed")
            return _READ[asked["reading"]]()
        unit, lines = asked.get("unit"), asked.get("lines")
        if not isinstance(unit, str) or _UNIT.fullmatch(unit) is None:
            raise No("malformed")
        if isinstance(lines, bool) or not isinstance(lines, int) or not 1 <= lines <= MOST_LINES:
            raise No("malformed")
        if unit not in self._units:
            raise No("unit_not_allowed")
        return _log_tail(unit, lines)


def _shape(payload: bytes) -> dict[str, Any]:
    if len(payload) > LARGEST_ASK:
        raise No("oversized")
    try:
        asked = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise No("malformed") from None
    if not isinstance(asked, dict) or not asked.keys() <= _KEYS:
        raise No("malformed")
    if not isinstance(asked.get("id"), str) or _ID.fullmatch(asked["id"]) is None:
        raise No("malformed")
    return asked


def processes() -> dict[str, Any]:
    """Those that use most, by name: arguments may hold secrets."""
    found: list[dict[str, Any]] = []
    for one in psutil.process_iter(["pid", "name", "username", "cpu_times", "memory_info", "create_time", "status"]):
        info = one.info
        times, memory = info["cpu_times"], info["memory_info"]
        found.append(
            {
                "pid": info["pid"], "name": _bare(info["name"] or ""), "user": info["username"] or "",
                "state": info["status"],
                "cpu_s": round(times.user + times.system, 1) if times else 0.0,
                "rss_mb": round(memory.rss / (1 << 20), 1) if memory else 0.0,
                "since": int(info["create_time"] or 0),
            }
        )  # fmt: skip
    found.sort(key=lambda process: (-process["rss_mb"], process["pid"]))
    return {"processes": found[:_MOST_PROCESSES], "running": len(found)}


def _bare(name: str) -> str:
    """A program's name without its arguments: psutil hands out the title of a process that writes its own."""
    short, rest = name[:_COMM], name[_COMM:]
    kept = _ARGUMENTS.split(short, maxsplit=1)[0]
    return kept.rstrip() if kept != short else short + (_BEHIND.split(rest, maxsplit=1)[0] if rest else "")


def disk_usage() -> dict[str, Any]:
    """Every file system of a device: how large, how full."""
    disks: list[dict[str, Any]] = []
    for part in psutil.disk_partitions(all=False):
        try:
            usage = psutil.disk_usage(part.mountpoint)
        except OSError as problem:
            disks.append({"mount": part.mountpoint, "unreadable": problem.strerror or "unreadable"})
            continue
        disks.append(
            {
                "mount": part.mountpoint, "device": part.device, "type": part.fstype,
                "size_gb": round(usage.total / 1e9, 2), "free_gb": round(usage.free / 1e9, 2),
                "used_pct": usage.percent,
            }
        )  # fmt: skip
    return {"disks": disks}


def smart() -> dict[str, Any]:
    """What each drive says of itself, by smartctl."""
    program = shutil.which("smartctl", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")
    if program is None:
        return {"unavailable": "smartctl is not installed on this machine"}
    scanned = _json_of([program, "--scan", "-j"])
    drives: list[dict[str, Any]] = []
    for device in scanned.get("devices", [])[:50]:
        told = _json_of([program, "-j", "-H", "-A", "-i", str(device.get("name", ""))])
        attributes = told.get("ata_smart_attributes", {}).get("table", [])
        drives.append(
            {
                "device": device.get("name", ""),
                "model": told.get("model_name", ""),
                "passed": told.get("smart_status", {}).get("passed"),
                "temperature_c": told.get("temperature", {}).get("current"),
                "attributes": {one.get("name", ""): one.get("raw", {}).get("value") for one in attributes},
                "nvme": told.get("nvme_smart_health_information_log", {}),
            }
        )
    return {"drives": drives}


def _log_tail(unit: str, lines: int) -> dict[str, Any]:
    program = shutil.which("journalctl", path="/usr/bin:/bin:/usr/local/bin")
    if program is None:
        return {"unavailable": "journalctl is not installed on this machine"}
    said = _run([program, "-u", unit, "-n", str(lines), "--no-pager", "-q", "-o", "short-iso"])
    return {"unit": unit, "lines": [line[:_LONGEST_LINE] for line in said.splitlines()[-lines:]]}


def _json_of(command: list[str]) -> dict[str, Any]:
    try:
        value = json.loads(_run(command) or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _run(command: list[str]) -> str:
    """What a program says; it gets no input, no shell and little time."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_S, check=False, text=True,
            errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as problem:
        log.warning("agent_program_failed", program=command[0], why=str(problem))
        return ""
    return done.stdout


def _fitted(answer: dict[str, Any]) -> bytes:
    """The answer as bytes; the longest list is shortened until it fits, and the answer says by how much."""
    body = orjson.dumps(answer)
    result = dict(answer["result"])
    while len(body) > LARGEST_ANSWER:
        lists = {name: value for name, value in result.items() if isinstance(value, list) and len(value) > 1}
        if not lists:
            return orjson.dumps({**answer, "result": {"unavailable": "the answer is too long to be sent"}})
        name, rows = max(lists.items(), key=lambda each: len(each[1]))
        half = len(rows) // 2
        result[name] = rows[-half:] if name == "lines" else rows[:half]  # of a log the newest lines matter
        result["left_out"] = result.get("left_out", 0) + len(rows) - half
        body = orjson.dumps({**answer, "result": result})
    return body


_READ: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "processes": processes,
    "disk_usage": disk_usage,
    "smart": smart,
}
