"""The files an MQTT broker of ours lives by: configuration, passwords, certificates, and who may use which topic.

Mosquitto reads them, and so does the embedded broker: one truth for both. They lie in DATA/mqtt.
"""

from __future__ import annotations

import os
import pwd
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from telemetry.broker_access import Access, OpenTopic, read_rules, rules
from telemetry.broker_access import bridge_topics as bridge_topics
from telemetry.enrol import fits, hashed

log = structlog.get_logger()

# Enough for a history of five thousand reports in one message; a larger packet ends its connection.
LARGEST_PACKET: Final = 1_310_720
# Mosquitto's own defaults (20 and 1000) lost 64 % of acknowledged messages behind a bridge that acknowledges in
# batches; zero, "no limit", is broken in some versions. The byte bound is the one that is meant to hold.
INFLIGHT: Final = 2000
QUEUED_MESSAGES: Final = 1_000_000
QUEUED_BYTES: Final = 1 << 30
# Nothing of ours is silent for longer, and a half-open connection is found after one and a half of it.
LONGEST_KEEPALIVE_S: Final = 300
_BOUND: Final = "use_username_as_clientid true"
_CLOSELY: Final = "log_type debug\n"
_OF_TLS: Final = ("ca.crt", "crl.pem", "server.crt", "server.key")


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
    def certificates(self) -> Path:
        """Serials of the machines' certificates that are good, for a broker that can look them up."""
        return self.folder / "certificates"

    @property
    def tls(self) -> Path:
        """The broker's own copies of `ca.crt`, `crl.pem`, `server.crt` and `server.key`."""
        return self.folder / "tls"

    @property
    def plugin(self) -> Path:
        """Built from deploy/mosquitto/vigie_topics.c, if at all: names who speaks under topics that do not say so."""
        return self.folder / "vigie_topics.so"

    @property
    def log(self) -> Path:
        return self.folder / "broker.log"

    @property
    def unheard(self) -> Path:
        """There while something was written that the broker has not shown to have read."""
        return self.folder / "unheard"

    @property
    def pid(self) -> Path:
        return self.folder / "broker.pid"


@dataclass(frozen=True)
class Listeners:
    """Where the broker listens. The plain door is for this machine; the others speak TLS 1.3. Port 0: not at all."""

    host: str
    port: int
    tls_host: str = ""
    tls_port: int = 0  # for those with a secret
    cert_port: int = 0  # for those with a certificate

    @property
    def speaks_tls(self) -> bool:
        return bool(self.tls_port or self.cert_port)


def files_in(folder: Path) -> Files:
    """The files of `folder`, which is made when absent."""
    folder.mkdir(parents=True, exist_ok=True)
    return Files(folder, _user_for(folder) if os.geteuid() == 0 else "")


def write_config(files: Files, listeners: Listeners) -> None:
    """Write Mosquitto's configuration and make its store."""
    files.store.mkdir(exist_ok=True)
    _set_aside_older_store(files)
    lines = [
        *([f"user {files.user}"] if files.user else []),
        *_listeners(files, listeners),
        "allow_anonymous false",
        f"password_file {files.passwords}",
        f"acl_file {files.acl}",
        *([f"plugin {files.plugin}"] if files.plugin.exists() else []),
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
        # Read by the watch over the broker (telemetry/broker_watch.py), which also keeps it short.
        f"log_dest file {files.log}",
        *(f"log_type {kind}" for kind in ("error", "warning", "notice", "subscribe")),
    ]
    _put(files, files.config, "\n".join(lines) + "\n")
    _owned(files, files.folder)
    _owned(files, files.store)


def _set_aside_older_store(files: Files) -> None:
    """Before sessions were bound to user names the bridge's had another name: nobody would ever read that one again,
    and it would grow until the broker is full. It is kept beside, and told of.
    """
    store = files.store / "mosquitto.db"
    if files.config.exists() and store.exists() and _BOUND not in files.config.read_text(encoding="utf-8"):
        store.replace(store.with_suffix(".db.before"))
        log.warning("broker.older_store_set_aside", file=str(store.with_suffix(".db.before")))


def _listeners(files: Files, where: Listeners) -> list[str]:
    # The client id is the user name, whatever a client says: else any machine could take another's place, and the
    # bridge's with everything that waits for it, by giving its client id.
    lines = [f"listener {where.port} {where.host}", _BOUND]
    safe = [
        _BOUND, "tls_version tlsv1.3", f"cafile {files.tls / 'ca.crt'}",
        f"certfile {files.tls / 'server.crt'}", f"keyfile {files.tls / 'server.key'}",
    ]  # fmt: skip
    if where.tls_port:
        lines += [f"listener {where.tls_port} {where.tls_host}", *safe]
    if where.cert_port:
        lines += [f"listener {where.cert_port} {where.tls_host}", *safe, f"crlfile {files.tls / 'crl.pem'}",
                  "require_certificate true", "use_identity_as_username true"]  # fmt: skip
    return lines


def listen_closely(files: Files, closely: bool) -> bool:
    """Whether the broker is to write down every packet; False when its configuration says so already."""
    text = files.config.read_text(encoding="utf-8").replace(_CLOSELY, "")
    return _replaced(files, files.config, text + _CLOSELY if closely else text)


def copy_certificates(files: Files, pki: Path) -> bool:
    """Bring what the TLS listeners need from the authority's folder; False when nothing of it has changed."""
    files.tls.mkdir(exist_ok=True, mode=0o700)
    _owned(files, files.tls)
    present = [pki / name for name in _OF_TLS if (pki / name).exists()]
    changed = [path for path in present if _replaced(files, files.tls / path.name, path.read_text(encoding="ascii"))]
    return bool(changed)


def write_acl(
    files: Files, bridge_user: str, others: Iterable[tuple[str, str]] = (), mapped: Sequence[OpenTopic] = ()
) -> bool:
    """Write who may use which topic (telemetry/broker_access.py); False when the file already says so."""
    return _replaced(files, files.acl, rules(bridge_user, others, nameless=files.plugin.exists(), mapped=mapped))


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


def password_lines(lines: Sequence[str], secrets_: Mapping[str, str]) -> str:
    """The password file: the house's own lines, then the machines'."""
    return "\n".join([*lines, *(f"{user}:{kept}" for user, kept in secrets_.items())]) + "\n"


def own_line(files: Files, our_user: str, secret: str) -> str:
    """A line of our own for the password file; the one already there when it fits, so that the file stays equal."""
    kept = read_passwords(files.passwords).get(our_user, "")
    return f"{our_user}:{kept if kept and fits(secret, kept) else hashed(secret)}"


def write_passwords(files: Files, text: str) -> bool:
    """Replace the password file; False when it already says so."""
    return _replaced(files, files.passwords, text)


def write_unheard(files: Files, token: str) -> None:
    """Note that the broker is to read its files. `token` shows that it has; empty where nothing shows it."""
    _put(files, files.unheard, token)


def write_certificates(files: Files, certificates: Mapping[str, str], uncut: Iterable[str] = ()) -> bool:
    """Write which certificates are good, a serial and a machine a line; False when the file already says so.

    `uncut`: machines that lost one and whose connection is still to be cut; they stand under no serial.
    """
    lines = [f"{serial} {machine}\n" for serial, machine in sorted(certificates.items())]
    lines += [f"-{machine} {machine}\n" for machine in sorted(uncut)]
    return _replaced(files, files.certificates, "".join(lines), is_read_by_broker=False)


def read_certificates(path: Path) -> dict[str, str]:
    """Serial to machine; empty when there is no file yet."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {serial: machine for serial, _, machine in (line.partition(" ") for line in lines)}


def read_passwords(path: Path) -> dict[str, str]:
    """User to kept hash; empty when there is no file yet."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def read_acl(path: Path) -> Access:
    """The rules as they stand in the file."""
    return read_rules(path.read_text(encoding="utf-8"))


def _replaced(files: Files, path: Path, text: str, *, is_read_by_broker: bool = True) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    if is_read_by_broker:
        write_unheard(files, "")  # first: who dies before the broker is told leaves it to the next turn
    _put(files, path, text)
    return True


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
