"""Ports for servers that start a moment later, and perhaps stop and start again."""

from __future__ import annotations

import errno
import os
import random
import socket
from itertools import count

# Below every range from which systems hand out the near ends of connections (from 32768 on Linux, 49152 elsewhere). A
# port got by binding to 0 lies within it: between the asking and the server's start, or while the server is away, any
# other program's connection may take it.
_FIRST, _END = 20_000, 32_000
_steps = count(random.Random(os.getpid()).randrange(_END - _FIRST))  # processes begin apart, so they seldom meet


def free_port(host: str = "127.0.0.1") -> int:
    """A port of `host` where nobody listens, and which this process was not given lately.

    Raises OSError when `host` cannot be listened on, or every port we look at is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(_FIRST, _END):
        port = _FIRST + next(_steps) % (_END - _FIRST)
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
        return port
    raise OSError(errno.EADDRINUSE, f"something listens on every port from {_FIRST} to {_END - 1}")
