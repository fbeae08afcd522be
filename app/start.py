"""From nothing to a Vigie that answers, part by part; then watching over it until somebody asks for the end."""

from __future__ import annotations

import errno
import http.client
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from app import demo_secrets, embedded, folder, offspring, orphans, parts, revisions
from app.beats import Beats
from app.embedded import Cluster
from app.free_port import free_port
from app.offspring import Process
from app.parts import Layout
from app.settings import Settings
from app.supervisor import Part, Run, Supervisor

# Long enough for a slow disk to recover a database after a crash, short enough that a person still looks.
PATIENCE_S = 90.0
BEAT_S = 10.0
# What a command typed beside us needs to know of this start (app/folder.py).
_NOTED = {"host", "port", "mqtt_host", "mqtt_port", "demo", "log", "kafka_servers"}


class StartError(Exception):
    """Vigie cannot start; the message is for a person: one sentence, and a part's last words where they help."""


class StoppedEarly(Exception):
    """Somebody asked for the end before the start was over."""


def say(line: str) -> None:
    """One line to the person at the desk."""
    print(line, flush=True)


def settle_ports(settings: Settings) -> Settings:
    """Settings with free ports in place of 0. Raises StartError when a wanted port is taken."""
    chosen = {}
    for name, host, port, option in (
        ("port", settings.host, settings.port, "--port"),
        ("mqtt_port", settings.mqtt_host, settings.mqtt_port, "--mqtt-port"),
    ):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                chosen[name] = port or free_port(host)
                probe.bind((host, chosen[name]))
            except OSError as error:
                raise StartError(_port_trouble(host, port, option, error)) from error
    return settings.model_copy(update=chosen)


def _port_trouble(host: str, port: int, option: str, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"port {port} needs more rights than we have: choose one above 1023 with {option}"
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use by another program: stop it, or choose another port with {option}"
    return f"{host}:{port} cannot be listened on ({error.strerror}): choose another port with {option}"


@dataclass(frozen=True)
class Errand:
    """One of our commands that does something once and ends; its words go to files, so that it never waits for us."""

    arguments: tuple[str, ...]
    process: Process
    output: int
    error: int

    def words(self) -> tuple[str, str]:
        """What it said and what it complained of; to be asked once, after its end."""
        said = []
        for handle in (self.output, self.error):
            os.lseek(handle, 0, os.SEEK_SET)
            with os.fdopen(handle, "r", errors="replace") as file:
                said.append(file.read())
        return said[0], said[1]


class Start:
    """One start of everything on this machine, holding the data folder."""

    def __init__(
        self, settings: Settings, layout: Layout, held: folder.Claim, tell: Callable[[str], None] = say
    ) -> None:
        self.settings = settings
        self._layout = layout
        self._held = held
        self._tell = tell
        self._began = time.monotonic()
        self.cluster: Cluster = embedded.prepare(settings.data)
        self._environment = parts.environment(settings, self.cluster)
        self.supervisor = Supervisor(settings.data / "logs", tell, self._environment, [held.let_go])
        self.supervisor.listen()
        self._beats = Beats(self.cluster.dsn(embedded.WORKER), datetime.now(UTC))
        self._noted: dict[str, int] = {}

    def bring_up(self) -> str:
        """Start every part; returns the sign-in link. Raises StartError or StoppedEarly."""
        with self._step("PostgreSQL"):
            database = self._launch(Part("postgres", self.cluster.command(), stop=signal.SIGINT))
            offspring.preload()
            embedded.wait_until_ready(self.cluster, lambda: database.process.poll() is None, seconds=PATIENCE_S)
            embedded.ensure_database(self.cluster)
        self._held.note(
            **self.settings.model_dump(include=_NOTED),
            database_url=parts.database_url(self.cluster),
        )
        if revisions.current(self.cluster.dsn(embedded.OWNER)) != revisions.head():
            with self._step("database schema"):
                self._errand("migrate")
        if self.settings.demo and demo_secrets.is_sent_away(self.settings.data):
            self._tell("the demo was removed and stays away; `vigie demo install` brings it back")
        elif self.settings.demo:
            with self._step("demo fleet and this machine"):
                self._errand("demo", "install")
        link = self._begin_errand("signin", "--bare")
        for part, port in self._layout.outside:
            with self._step(part.name):
                self._launch(part)
                self._await_port(part.name, "127.0.0.1", port)
        with self._step(_names(self._layout.first)):
            for part in self._layout.first:
                self._launch(part)
            self._await_port("broker", self.settings.mqtt_host, self.settings.mqtt_port)
        with self._step(_names(self._layout.then)):
            for part in self._layout.then:
                self._launch(part)
            self._await_web()
        return self._finish_errand(link)

    def watch_over(self) -> None:
        """Keep the parts running until somebody asks for the end."""
        self._beats.forget_others(self.supervisor.runs)
        due = time.monotonic()
        while not self.supervisor.asked_to_stop:
            changed = self.supervisor.look()
            if changed or time.monotonic() >= due:
                self._note_parts()
                self._beats.write(self.supervisor.runs.values(), datetime.now(UTC))
                self.supervisor.tidy_logs()
                due = time.monotonic() + BEAT_S
            self.supervisor.rest(min(due - time.monotonic(), self.supervisor.next_due()))

    def bring_down(self) -> None:
        """Stop every part in order, and leave the folder to others."""
        self.supervisor.stop(self._layout.stages())
        self.supervisor.close()
        orphans.forget(self._held.data)

    def seconds(self) -> float:
        """Seconds since this start began."""
        return time.monotonic() - self._began

    def _launch(self, part: Part) -> Run:
        run = self.supervisor.start(part)
        self._note_parts()
        return run

    def _note_parts(self) -> None:
        pids = {name: run.process.pid for name, run in self.supervisor.runs.items() if run.state == "running"}
        if pids != self._noted:
            orphans.note(self._held.data, pids)
            self._noted = pids

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        self._tell(f"starting {what} …")
        try:
            yield
        except embedded.EmbeddedError as error:
            self._give_way()
            raise StartError(f"{error}\n{self.supervisor.last_words('postgres')}") from error
        self._give_way()
        self._tell(f"  {what}: {time.monotonic() - began:.1f} s")

    def _give_way(self) -> None:
        if self.supervisor.asked_to_stop:
            raise StoppedEarly

    def _begin_errand(self, *arguments: str) -> Errand:
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as error:
            process = self.supervisor.launch(Part(arguments[0], arguments=arguments), output.fileno(), error.fileno())
            return Errand(arguments, process, os.dup(output.fileno()), os.dup(error.fileno()))

    def _finish_errand(self, errand: Errand) -> str:
        while errand.process.poll() is None:
            self.supervisor.look()
            if self.supervisor.asked_to_stop:
                errand.process.send_signal(signal.SIGTERM)
            self.supervisor.rest(0.1)
        said, complaint = errand.words()
        self._give_way()
        if errand.process.returncode != 0:
            name, words = " ".join(errand.arguments), "\n".join("    " + line for line in complaint.splitlines()[-8:])
            raise StartError(f"`vigie {name}` failed with status {errand.process.returncode}:\n{words}")
        return said.strip()

    def _errand(self, *arguments: str) -> None:
        self._finish_errand(self._begin_errand(*arguments))

    def _await_port(self, name: str, host: str, port: int) -> None:
        def answers() -> bool:
            with socket.create_connection((host, port), timeout=2):
                return True

        self._await(name, answers)

    def _await_web(self) -> None:
        def answers() -> bool:
            connection = http.client.HTTPConnection(self.settings.host, self.settings.port, timeout=10)
            try:
                connection.request("GET", "/readyz")
                return connection.getresponse().status < 500
            finally:
                connection.close()

        self._await("web", answers)

    def _await(self, name: str, answers: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self._give_way()
            self.supervisor.look()
            try:
                if answers():
                    return
            except (OSError, http.client.HTTPException):
                pass  # not yet; the deadline below bounds it
            if self.supervisor.runs[name].failures >= 3 or time.monotonic() > deadline:
                words = self.supervisor.last_words(name)
                raise StartError(f"{name} does not come up; the end of {self.settings.data}/logs/{name}.log:\n{words}")
            self.supervisor.rest(0.05)


def run(
    settings: Settings, *, fresh: bool, then: Callable[[str], None], layout: Callable[[Settings], Layout] = parts.desk
) -> int:
    """Everything from start to end; returns the exit status. `then` is called with the sign-in link once it is up.

    Raises FolderError, EmbeddedError or StartError, with everything stopped again.
    """
    held = folder.claim(settings.data)
    try:
        for name in orphans.clear(settings.data):
            say(f"ended {name}, left over from an earlier start that was killed")
        folder.furnish(held, now=datetime.now(UTC), fresh=fresh)
        settled = settle_ports(settings)
        start = Start(settled, layout(settled), held)
        try:
            then(_introduce(start, start.bring_up()))
            say(f"ready {start.settings.address}/")
            start.watch_over()
        except StoppedEarly:
            pass
        finally:
            began = time.monotonic()
            start.bring_down()
            say(f"stopped in {time.monotonic() - began:.1f} s; nothing is left running")
        return 0
    finally:
        held.release()


def _names(some: Sequence[Part]) -> str:
    return ", ".join(part.name for part in some)


def _introduce(start: Start, link: str) -> str:
    say(f"Vigie is up after {start.seconds():.1f} s.")
    say(f"  address   {start.settings.address}/")
    say(f"  sign in   {link}   (works once)")
    say(f"  state     {start.settings.data}")
    say("  Ctrl-C stops everything.")
    return link


def complain(error: Exception) -> int:
    """Say why it does not start; returns the exit status."""
    print(f"vigie: {error}", file=sys.stderr, flush=True)
    return 1
