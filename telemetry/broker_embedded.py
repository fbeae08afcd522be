"""The MQTT broker of a trial on one machine, where Mosquitto is not installed. MQTT 3.1.1 over TCP, or TLS 1.3.

It lives by the same files as Mosquitto and looks at them every second (telemetry/broker_gate.py). It is our own and
not amqtt, because amqtt 0.12 hands every retained message to every newcomer, lets a client without a password push out
one that has, checks no will against the rules, and forgets a message that was not acknowledged within five seconds or
before its reader went away; a bridge behind it would lose what was promised. What it keeps, it keeps for the life of
its process: after a restart the machines send again what is above their receipts.
"""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

import structlog

from telemetry import broker_files, mqtt_wire
from telemetry.broker_access import as_own
from telemetry.broker_files import Files, Listeners
from telemetry.broker_gate import Gate, came_in, shown
from telemetry.broker_porch import Porch
from telemetry.broker_sessions import Full, Session
from telemetry.mqtt_wire import Connect, Malformed, Oversize, Publish

log = structlog.get_logger()

_LOOK_S: Final = 1.0
_INTRODUCE_S: Final = 10.0  # who says nothing for so long is shown out
_LARGEST_INTRODUCTION: Final = 1 << 16
_BUFFERED: Final = 4 << 20  # bytes a slow reader may have waiting in its socket


def serve(files: Files, where: Listeners) -> None:
    """Until SIGTERM or SIGINT. Raises `OSError` when an address is taken or a certificate is not to be used."""
    asyncio.run(_serve(files, where))


async def _serve(files: Files, where: Listeners) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    gate = Gate(files)
    gate.look(time.monotonic())  # before anybody comes
    servers = []
    for port, by_certificate in ((where.tls_port, False), (where.cert_port, True)):
        if port:
            context = gate.tls(by_certificate=by_certificate)
            make = partial(Connection, gate, by_certificate=by_certificate)
            servers.append(await loop.create_server(partial(Porch, gate, context, make), where.tls_host, port))
    servers.append(await loop.create_server(lambda: Connection(gate), where.host, where.port))
    log.info("broker.listening", kind="embedded", host=where.host, port=where.port)
    while not stopped.is_set():
        gate.look(time.monotonic())
        with suppress(TimeoutError):  # the wait is for the signal; running out of time is the ordinary case
            await asyncio.wait_for(stopped.wait(), _LOOK_S)
    for server in servers:
        server.close()
    for connection in list(gate.connections):
        connection.close("the broker stops")


class Connection(asyncio.Protocol):
    """One client's connection, from its CONNECT to its end."""

    def __init__(self, gate: Gate, *, by_certificate: bool = False) -> None:
        self.session: Session | None = None
        self.proof = ""  # what the files kept of it when it came in
        self.deadline = time.monotonic() + _INTRODUCE_S
        self._gate, self._exchange = gate, gate.exchange
        self._by_certificate, self._certificate = by_certificate, ("", "")  # serial and name
        self._address = ""
        self._patience_s = _INTRODUCE_S
        self._will: Publish | None = None
        self._allowed: set[str] = set()  # topics it was found to be allowed to write
        self._rules: object = None
        self._in = bytearray()
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    # ---- the network

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(_BUFFERED)
        self._address = str((transport.get_extra_info("peername") or ("",))[0])
        if self._by_certificate:
            self._certificate = shown(transport.get_extra_info("peercert"))
        self._gate.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._in += data
        try:
            while self._transport is not None and self._next():
                self.deadline = time.monotonic() + self._patience_s
        except Malformed as problem:
            user = self.session.user if self.session is not None else ""
            kind = "oversize" if isinstance(problem, Oversize) else "malformed"
            self._gate.tried(kind, user, self._address, detail=str(problem))
            self.close(str(problem))
        except Full as problem:
            # Not acknowledged: the sender keeps it, and tries again when it comes back.
            log.error("broker.queue_full", topic=str(problem))
            self.close("a reader's queue is full")

    def connection_lost(self, problem: Exception | None) -> None:
        self._end()

    def pause_writing(self) -> None:
        if self.session is not None:
            self.session.slow = True

    def resume_writing(self) -> None:
        if self.session is not None:
            self.session.slow = False
            self.session.pump()

    def close(self, why: str) -> None:
        """End the connection from our side; a will is published."""
        if self._transport is not None:
            user = self.session.user if self.session is not None else ""
            log.info("broker.connection_ended", user=user, why=why)
            self._flush()
            self._transport.close()
            self._end()

    def _end(self) -> None:
        if self._transport is None:
            return
        self._transport = None
        self._gate.connections.discard(self)
        if self.session is not None and self.session.send == self._send:
            self._exchange.leave(self.session)
        will, self._will = self._will, None
        if will is not None:
            try:
                self._exchange.publish(will)
            except Full:
                log.error("broker.queue_full", topic=will.topic)

    def _next(self) -> bool:
        if self.session is None and self._in and self._in[0] >> 4 != mqtt_wire.CONNECT:
            raise Malformed("something before CONNECT")
        largest = broker_files.LARGEST_PACKET if self.session is not None else _LARGEST_INTRODUCTION
        found = mqtt_wire.split(self._in, largest)
        if found is None:
            return False
        first, start, end = found
        body = bytes(self._in[start:end])
        del self._in[:end]
        if self.session is None:
            self._introduced(mqtt_wire.read_connect(body))
        else:
            self._understood(self.session, first, body)
        return True

    def _send(self, packet: bytes) -> None:
        """Many packets of one turn of the loop leave together."""
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(packet)

    def _flush(self) -> None:
        if self._transport is not None and self._out:
            self._transport.write(b"".join(self._out))
        self._out.clear()

    # ---- coming in

    def _introduced(self, said: Connect) -> None:
        if said.level != 4:
            self._refused(mqtt_wire.NO_VERSION_5 if said.level == 5 else mqtt_wire.connack(mqtt_wire.BAD_VERSION))
            return
        user, proof = self._who(said)
        if proof is None:
            log.warning("broker.refused", user=user[:64], client=said.client_id[:64])
            kind = "bad_certificate" if self._by_certificate else "wrong_credential"
            self._gate.tried(kind, user, self._address, said.client_id)
            self._refused(mqtt_wire.connack(mqtt_wire.NOT_AUTHORISED))
            return
        if said.will is not None:
            topic, payload, qos, retain = said.will
            if not self._exchange.may_write(user, topic):
                self._gate.tried("foreign_topic", user, self._address, said.client_id, f"as its will: {topic}")
                self._refused(mqtt_wire.connack(mqtt_wire.NOT_AUTHORISED))
                return
            self._will = Publish(topic, payload, min(qos, 1), retain)
        if not self._sit(said, user, proof):
            self._will = None
            self._refused(mqtt_wire.connack(mqtt_wire.BAD_CLIENT_ID))

    def _who(self, said: Connect) -> tuple[str, str | None]:
        """The user it comes as, and the proof; a certificate speaks for itself, whatever is said beside it."""
        if not self._by_certificate:
            return said.username, self._gate.lets_in(said)
        serial, name = self._certificate
        return name, serial if name and self._gate.certificates.get(serial) == name else None

    def _sit(self, said: Connect, user: str, proof: str) -> bool:
        """Take the client's place. False when its keep-alive will not do."""
        if not 0 < said.keepalive_s <= broker_files.LONGEST_KEEPALIVE_S:
            return False
        # The client id is the user name, as at Mosquitto (broker_files.py): nobody takes another's place.
        session, was_there = self._exchange.enter(user, clean=said.clean)
        for other in list(self._gate.connections):
            if other is not self and other.session is not None and other.session.user == user:
                self._gate.tried("pushed_out", user, self._address, said.client_id,
                                 "a second connection took the place of the first")  # fmt: skip
                other.close("the same client came again")
        self._patience_s = 1.5 * said.keepalive_s
        self.proof = proof
        self.session, session.send = session, self._send
        came_in(self._gate, user, self._address)
        self._send(mqtt_wire.connack(mqtt_wire.ACCEPTED, session_present=was_there))
        session.resume()
        return True

    def _refused(self, packet: bytes) -> None:
        self._send(packet)
        self.close("refused")

    # ---- being in

    def _understood(self, session: Session, first: int, body: bytes) -> None:
        kind = first >> 4
        if kind == mqtt_wire.PUBLISH:
            self._published(session, mqtt_wire.read_publish(first, body))
        elif kind == mqtt_wire.PUBACK:
            session.acknowledged(mqtt_wire.Body(body).word())
        elif kind == mqtt_wire.PUBREL:
            packet_id = mqtt_wire.Body(body).word()
            session.half_taken.discard(packet_id)
            self._send(mqtt_wire.answer(0x70, packet_id))
        elif kind == mqtt_wire.SUBSCRIBE:
            packet_id, filters = mqtt_wire.read_filters(body, with_qos=True)
            granted = [self._exchange.subscribe(session, filter_, qos) for filter_, qos in filters]
            for filter_, _ in filters:
                if not self._exchange.rules.foresees(session.user, filter_):
                    self._gate.tried("foreign_listening", session.user, self._address, detail=filter_)
            self._send(mqtt_wire.answer(0x90, packet_id, bytes(granted)))
            for (filter_, _), code in zip(filters, granted, strict=True):
                if code != mqtt_wire.REFUSED_FILTER:
                    self._exchange.give_retained(session, filter_)
        elif kind == mqtt_wire.UNSUBSCRIBE:
            packet_id, filters = mqtt_wire.read_filters(body, with_qos=False)
            for filter_, _ in filters:
                self._exchange.unsubscribe(session, filter_)
            self._send(mqtt_wire.answer(0xB0, packet_id))
        elif kind == mqtt_wire.PINGREQ:
            self._send(mqtt_wire.PINGRESP)
        elif kind == mqtt_wire.DISCONNECT:
            self._will = None
            self.close("it took its leave")
        else:
            raise Malformed(f"a packet of kind {kind}")

    def _published(self, session: Session, message: Publish) -> None:
        if (topic := as_own(session.user, message.topic)) != message.topic:
            message = replace(message, topic=topic)
        again = message.qos == 2 and message.packet_id in session.half_taken
        # As Mosquitto does: what is not allowed is acknowledged and goes nowhere, since 3.1.1 has no word for it.
        if not again and self._may_write(session.user, message.topic):
            self._exchange.publish(message)
        if message.qos == 1:
            self._send(mqtt_wire.answer(0x40, message.packet_id))
        elif message.qos == 2:
            session.half_taken.add(message.packet_id)
            self._send(mqtt_wire.answer(0x50, message.packet_id))

    def _may_write(self, user: str, topic: str) -> bool:
        if self._rules is not self._exchange.rules:
            self._allowed, self._rules = set(), self._exchange.rules
        if topic in self._allowed:
            return True
        if not self._exchange.may_write(user, topic):
            self._gate.tried("foreign_topic", user, self._address, detail=topic)
            return False
        if len(self._allowed) < 10_000:
            self._allowed.add(topic)
        return True
