"""The three files an MQTT broker of ours lives by: configuration, passwords, and who may use which topic.

Mosquitto reads them, and so does the embedded broker: one truth for both. They lie in DATA/mqtt.
"""

from __future__ import annotations

import os
import pwd
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.machines import Machine, MachineCredential
from telemetry.enrol import fits, hashed
from telemetry.formats.sources import SOURCES

# Enough for a history of five thousand reports in one message; a larger packet ends its connection.
LARGEST_PACKET: Final = 1_310_720
# Mosquitto's own defaults (20 and 1000) lost 64 % of acknowledged messages behind a bridge that acknowledges in
# batches; zero, "no limit", is broken in some versions. The byte bound is the one that is meant to hold.
INFLIGHT: Final = 2000
QUEUED_MESSAGES: Final = 1_000_000
QUEUED_BYTES: Final = 1 << 30
# Nothing of ours is silent for longer, and a half-open connection is found after one and a half of it.
LONGEST_KEEPALIVE_S: Final = 300


@dataclass(frozen=True)
class Files:
    """Where each file lies. `user` is whom Mosquitto becomes when it is started by root; empty when we are not root."""

    folder: Path
    user: str = ""

    @property
    def config(self) -> Path:
        return self.folder / "mosquitto.conf"

    @property
    def passwords(self) -> Path:
        return self.folder / "passwords"

    @property
    def acl(self) -> Path:
        return self.folder / "acl"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def pid(self) -> Path:
        return self.folder / "broker.pid"


def files_in(folder: Path) -> Files:
    """The files of `folder`, which is made when absent."""
    folder.mkdir(parents=True, exist_ok=True)
    return Files(folder, _user_for(folder) if os.geteuid() == 0 else "")


def write_config(files: Files, host: str, port: int) -> None:
    """Write Mosquitto's configuration and make its store."""
    files.store.mkdir(exist_ok=True)
    lines = [
        *([f"user {files.user}"] if files.user else []),
        f"listener {port} {host}",
        "allow_anonymous false",
        f"password_file {files.passwords}",
        f"acl_file {files.acl}",
        "persistence true",
        f"persistence_location {files.store}/",
        # Mosquitto acknowledges before it saves, and each save writes the whole store. Saving on every change loses the
        # least when it crashes, but costs 2,800 µs a message while 10,000 wait for the bridge; once a second, 11 µs.
        # What a crash of the broker loses in that second the machine sends again, above its receipt.
        "autosave_on_changes false",
        "autosave_interval 1",
        "persistent_client_expiration 14d",
        f"max_queued_messages {QUEUED_MESSAGES}",
        f"max_queued_bytes {QUEUED_BYTES}",
        f"max_inflight_messages {INFLIGHT}",
        f"max_packet_size {LARGEST_PACKET}",
        f"max_keepalive {LONGEST_KEEPALIVE_S}",
        "set_tcp_nodelay true",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "log_timestamp_format %Y-%m-%dT%H:%M:%S",
    ]
    _put(files, files.config, "\n".join(lines) + "\n")
    _owned(files, files.folder)
    _owned(files, files.store)


def write_acl(files: Files, bridge_user: str) -> None:
    """Who may use which topic: a machine writes under its own name only, and reads what is addressed to it.

    `%u` is the user name, and machine names cannot hold a wildcard (models.machines.MACHINE_NAME).
    """
    lines = [
        "pattern write vigie/%u/#",
        "pattern read vigie/%u/receipt",
        "pattern read vigie/%u/ask",
        "pattern read spBv1.0/+/NCMD/%u",
        *(f"pattern write {_own_level(source.filter, source.machine)}" for source in SOURCES),
        "",
        f"user {bridge_user}",
        *(f"topic read {topic}" for topic in bridge_topics()),
        "topic write vigie/+/receipt",
        "topic write vigie/+/status",  # to take back what it retains of a machine that is gone
        "topic write vigie/+/ask",
        "topic write spBv1.0/+/NCMD/+",
    ]
    _put(files, files.acl, "\n".join(lines) + "\n")


def bridge_topics() -> list[str]:
    """What the bridge subscribes to: everything a machine may write, and the broker's count of dropped messages."""
    return ["vigie/#", *(source.filter for source in SOURCES), DROPPED]


DROPPED: Final = "$SYS/broker/publish/messages/dropped"


def bridge_secret(path: Path) -> str:
    """The bridge's own secret; made at the first call, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(secrets.token_urlsafe(32))
    return path.read_text(encoding="utf-8").strip()


def passwords_now(session: Session, bridge_user: str, bridge_line: str) -> str:
    """The password file as the database has it: live credentials of machines in service, and the bridge's."""
    rows = session.execute(
        select(Machine.name, MachineCredential.password_hash)
        .join(MachineCredential, MachineCredential.machine_id == Machine.id)
        .where(MachineCredential.revoked_at.is_(None), Machine.retired_at.is_(None), Machine.name != bridge_user)
        .order_by(Machine.name)
    ).all()
    return "\n".join([bridge_line, *(f"{name}:{kept}" for name, kept in rows)]) + "\n"


def bridge_line(files: Files, bridge_user: str, secret: str) -> str:
    """The bridge's line of the password file; the one already there when it fits, so that the file stays equal."""
    for user, kept in read_passwords(files.passwords).items():
        if user == bridge_user and fits(secret, kept):
            return f"{user}:{kept}"
    return f"{bridge_user}:{hashed(secret)}"


def write_passwords(files: Files, text: str) -> bool:
    """Replace the password file; False when it already says so."""
    if files.passwords.exists() and files.passwords.read_text(encoding="utf-8") == text:
        return False
    _put(files, files.passwords, text)
    return True


def read_passwords(path: Path) -> dict[str, str]:
    """User to kept hash; empty when there is no file yet."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


@dataclass(frozen=True)
class Access:
    """What the ACL file says, for a broker that cannot read it itself."""

    patterns: Sequence[tuple[str, str]]  # (read or write, filter with %u)
    topics: dict[str, list[tuple[str, str]]]  # user → (read or write, filter)

    def allows(self, user: str, deed: str, topic: str) -> bool:
        """Whether `user` may `deed` (read, write) on this topic, which holds no wildcard."""
        own = [(what, filter_.replace("%u", user)) for what, filter_ in self.patterns]
        granted = [filter_ for what, filter_ in (*own, *self.topics.get(user, [])) if what == deed]
        return any(topic_matches(filter_, topic) for filter_ in granted)


def read_acl(path: Path) -> Access:
    """Read the subset of Mosquitto's ACL language that `write_acl` writes."""
    patterns: list[tuple[str, str]] = []
    topics: dict[str, list[tuple[str, str]]] = {}
    user = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        word, _, rest = line.partition(" ")
        if word == "user":
            user = rest
        elif word in ("pattern", "topic"):
            what, _, filter_ = rest.partition(" ")
            (patterns if word == "pattern" else topics.setdefault(user, [])).append((what, filter_))
    return Access(patterns, topics)


def topic_matches(filter_: str, topic: str) -> bool:
    """As MQTT 3.1.1 section 4.7 matches a topic: a wildcard at the front does not reach topics that begin with $."""
    wanted, levels = filter_.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("#", "+"):
        return False
    for i, word in enumerate(wanted):
        if word == "#":
            return True
        if i >= len(levels) or word not in ("+", levels[i]):
            return False
    return len(levels) == len(wanted)


def _own_level(filter_: str, level: int) -> str:
    words = filter_.split("/")
    words[level] = "%u"
    return "/".join(words)


def _put(files: Files, path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _owned(files, fresh)
    fresh.replace(path)


def _owned(files: Files, path: Path) -> None:
    if files.user and files.user != "root":
        entry = pwd.getpwnam(files.user)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def _user_for(folder: Path) -> str:
    """Mosquitto's own user when it can reach the folder; else root, because the broker could not read its files."""
    try:
        pwd.getpwnam("mosquitto")
    except KeyError:
        return "root"
    reachable = all(parent.stat().st_mode & 0o001 for parent in folder.resolve().parents)
    return "mosquitto" if reachable else "root"
