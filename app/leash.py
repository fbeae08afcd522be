"""Start one command so that it can neither outlive its parent nor, for PostgreSQL, run as root.

Run as a script (`python -I leash.py PARENT SIGNAL LOWER -- COMMAND…`), with the standard library only: it stands
between the supervisor and each of its parts; a fork hook inside a program with threads would be unsafe.

On Linux the kernel sends SIGNAL when the parent dies, and this program becomes the command. Elsewhere it stays, watches
its parent and passes signals on.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

KEEP = "keep"  # run as whoever we are
NAMESPACE = "namespace"  # look like an ordinary user to the command, without being another one to the file system

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000


def command(argv: list[str], *, stop: signal.Signals = signal.SIGTERM, lower: str = KEEP) -> list[str]:
    """`argv` on a leash held by this very process. `lower` is KEEP, NAMESPACE or "UID:GID"."""
    return [sys.executable, "-I", __file__, str(os.getpid()), str(int(stop)), lower, "--", *argv]


def namespace_works() -> bool:
    """Whether this machine lets us put a command into a user namespace; many containers do not."""
    if not sys.platform.startswith("linux"):
        return False
    return subprocess.run(command(["/bin/true"], lower=NAMESPACE), capture_output=True, check=False).returncode == 0


def main(argv: list[str]) -> None:
    parent, stop, lower = int(argv[0]), int(argv[1]), argv[2]
    wanted = argv[4:]
    if lower == NAMESPACE:
        _enter_namespace()
    elif lower != KEEP:
        uid, gid = (int(part) for part in lower.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform.startswith("linux"):
        # After any change of identity, which would clear it again; it survives the exec below.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, stop)
        if os.getppid() != parent:
            sys.exit(0)  # the parent died before we could ask to be told
        os.execvp(wanted[0], wanted)
    sys.exit(_watch(parent, stop, wanted))


def _enter_namespace() -> None:
    """Map root outside to an ordinary, existing user inside: files stay root's, `geteuid()` no longer says 0."""
    seen_as = next(entry for entry in pwd.getpwall() if entry.pw_uid not in (0, 65534))
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are not allowed here")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{seen_as.pw_uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{seen_as.pw_gid} {gid} 1")


def _watch(parent: int, stop: int, wanted: list[str]) -> int:
    # The part tells the platform page this number: it is the one the supervisor knows (telemetry/part.py).
    child = subprocess.Popen(wanted, env={**os.environ, "VIGIE_LEASH": str(os.getpid())})

    def pass_on(number: int, frame: FrameType | None) -> None:
        child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, pass_on)
    told = False
    while child.poll() is None:
        if os.getppid() != parent and not told:
            child.send_signal(stop)
            told = True
        time.sleep(0.5)
    return child.returncode


if __name__ == "__main__":
    main(sys.argv[1:])
