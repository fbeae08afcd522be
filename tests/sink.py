"""A receiver on loopback that keeps what it is sent, and behaves as it is told to: an HTTP sink for the channels."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any


@dataclass(frozen=True)
class Heard:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Sink:
    """What was heard, and how the next requests are answered: a status, a header, a body, or worse."""

    heard: list[Heard] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b"ok"
    hang: threading.Event | None = None  # answers nothing until it is set
    url: str = ""


def _handler(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            names = {name.lower(): value for name, value in self.headers.items()}
            sink.heard.append(Heard(self.path, names, body))
            if sink.hang is not None:
                sink.hang.wait(60)
                return
            with suppress(OSError):  # the sender has gone away, which is what some tests want
                self.send_response(sink.status)
                for name, value in sink.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(sink.answer)))
                self.end_headers()
                self.wfile.write(sink.answer)

        def log_message(self, *_: object) -> None:
            """Silent: what was heard is the record."""

    return Handler


@contextmanager
def sink(**how: Any) -> Iterator[Sink]:
    """A sink that listens for the length of the block."""
    made = Sink(**how)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _handler(made)) as server:
        server.daemon_threads = True
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        serve: Callable[..., None] = server.serve_forever
        thread = threading.Thread(target=serve, args=(0.05,))
        thread.start()
        try:
            yield made
        finally:
            if made.hang is not None:
                made.hang.set()
            server.shutdown()
            thread.join()
