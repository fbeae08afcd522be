"""Where the embedded broker's TLS connections are met: only who gets through the handshake comes to the door."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

from telemetry.broker_gate import Gate

_HANDSHAKE_S: Final = 10.0


class Porch(asyncio.Protocol):
    """One connection until its handshake is done; then `make` makes what speaks with it."""

    def __init__(self, gate: Gate, context: ssl.SSLContext, make: Callable[[], asyncio.Protocol]) -> None:
        self._gate, self._context, self._make = gate, context, make
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()  # the first bytes are the handshake's
        self._task = asyncio.get_running_loop().create_task(self._open(transport))

    async def _open(self, transport: asyncio.Transport) -> None:
        address = str((transport.get_extra_info("peername") or ("",))[0])
        visitor = self._make()
        try:
            safe = await asyncio.get_running_loop().start_tls(
                transport, visitor, self._context, server_side=True, ssl_handshake_timeout=_HANDSHAKE_S
            )
        except OSError as problem:  # also what the ssl module says, and who went away
            said = problem.reason if isinstance(problem, ssl.SSLError) else str(problem)
            kind = "bad_certificate" if "CERTIFICATE" in str(said).upper() else "malformed"
            self._gate.tried(kind, "", address, detail=f"TLS: {str(said).replace('_', ' ').lower()}")
            transport.abort()
            return
        if safe is None:
            return  # it went away
        visitor.connection_made(safe)
