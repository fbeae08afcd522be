"""The doors of the sender against receivers that behave and receivers that do not."""

from __future__ import annotations

import base64
import json
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as SmtpServer
from aiosmtpd.smtp import Envelope, Session
from standardwebhooks import Webhook

from escalation.channels import ChannelError, Letter, guarded
from escalation.channels.email import mail_server
from escalation.channels.letter import compose
from escalation.channels.maildir import mail_folder
from escalation.channels.signing import signature
from escalation.channels.webhook import is_public, webhook

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"s" * 24).decode()
SENDER = "Vigie <vigie@house.example>"


def letter(address: str = "dee@example.org", subject: str = "VG-1001: /var fills", **more: Any) -> Letter:
    id = uuid.UUID(int=7)
    body = {"text": "Bonjour é\n.\nline", "data": {"incident": "VG-1001"}}
    return Letter(id, uuid.UUID(int=8), address, subject, body, NOW, **more)


# mail


@pytest.mark.parametrize("subject", ["a\r\nBcc: all@example.org", "a\nX: y", "a\u2028b", "a\x00b"])
def test_a_machine_cannot_write_headers_through_a_subject(subject: str) -> None:
    message = message_from_bytes(compose(letter(subject=subject), SENDER).as_bytes(), policy=default)
    assert message["Bcc"] is None
    assert message["X"] is None
    assert str(message["Subject"]).startswith("a ")


@pytest.mark.parametrize("address", ["a@b\r\nBcc: c@d", "a@b, c@d", "", "nobody", "a b@c", "<a@b>", "@", "a@b@c"])
def test_an_address_that_is_none_is_refused_for_good(address: str) -> None:
    with pytest.raises(ChannelError) as refused:
        compose(letter(address), SENDER)
    assert refused.value.permanent


def test_a_letter_keeps_its_message_id_and_its_thread() -> None:
    message = compose(letter(), SENDER)
    assert message["Message-ID"] == f"<{uuid.UUID(int=7)}@house.example>"
    assert message["References"] == f"<{uuid.UUID(int=8)}@house.example>"
    assert message["Auto-Submitted"] == "auto-generated"


def test_the_mail_folder_holds_one_whole_file_a_letter(tmp_path: Path) -> None:
    send = mail_folder(tmp_path / "mail", SENDER)
    assert send(letter(), NOW) == send(letter(), NOW)
    (file,) = (tmp_path / "mail").iterdir()
    assert file.suffix == ".eml"
    read = message_from_bytes(file.read_bytes(), policy=default)
    assert "Bonjour é" in read.get_content()


def test_a_mail_folder_that_cannot_be_written_is_said_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("in the way")
    with pytest.raises(ChannelError, match="mail folder") as refused:
        mail_folder(tmp_path / "mail", SENDER)(letter(), NOW)
    assert not refused.value.permanent


class Inbox:
    """A mail server of ours: keeps what it takes, answers `says` to a recipient."""

    def __init__(self, says: str = "250 OK") -> None:
        self.says = says
        self.taken: list[Envelope] = []

    async def handle_RCPT(self, server: SmtpServer, session: Session, envelope: Envelope, address: str, _: Any) -> str:
        if self.says.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.says

    async def handle_DATA(self, server: SmtpServer, session: Session, envelope: Envelope) -> str:
        self.taken.append(envelope)
        return "250 OK"


@contextmanager
def inbox(says: str = "250 OK") -> Iterator[tuple[Inbox, str]]:
    box = Inbox(says)
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box, f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


def test_a_mail_server_takes_the_letter_as_written() -> None:
    with inbox() as (box, url):
        mail_server(url, SENDER)(letter(), NOW)
    (envelope,) = box.taken
    assert envelope.mail_from == "vigie@house.example"
    assert envelope.rcpt_tos == ["dee@example.org"]
    assert isinstance(envelope.content, bytes)
    read = message_from_bytes(envelope.content, policy=default)
    assert read["X-Vigie-Notice"] == str(uuid.UUID(int=7))
    assert "\n.\n" in read.get_content().replace("\r\n", "\n")


@pytest.mark.parametrize(("says", "permanent"), [("450 busy", False), ("550 nobody here", True)])
def test_a_mail_server_that_refuses_is_believed(says: str, permanent: bool) -> None:
    with inbox(says) as (_, url), pytest.raises(ChannelError, match=says[:3]) as refused:
        mail_server(url, SENDER)(letter(), NOW)
    assert refused.value.permanent is permanent


def test_a_secret_is_not_sent_to_a_mail_server_without_tls() -> None:
    with inbox() as (box, url), pytest.raises(ChannelError, match="no TLS"):
        mail_server(url.replace("//", "//me:secret@"), SENDER)(letter(), NOW)
    assert box.taken == []


def test_only_mail_addresses_of_servers_are_accepted() -> None:
    with pytest.raises(ValueError, match="smtp://"):
        mail_server("http://localhost", SENDER)


# raw receivers


@contextmanager
def receiver(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server that treats each connection as told; yields its port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with closing(peer):
                    peer.settimeout(10)
                    try:
                        behave(peer)
                    except OSError:
                        continue  # the sender hung up, as it may

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=15)


def read_request(peer: socket.socket) -> tuple[dict[str, str], bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        data += peer.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in head.decode().split("\r\n")[1:])
    }
    while len(body) < int(headers.get("content-length", "0")):
        body += peer.recv(65536)
    return headers, body


def answering(text: str) -> Callable[[socket.socket], None]:
    def behave(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(text.replace("\n", "\r\n").encode())

    return behave


OK = "HTTP/1.1 204 No Content\n\n"


def test_the_reference_library_accepts_our_webhook() -> None:
    got: list[tuple[dict[str, str], bytes]] = []

    def behave(peer: socket.socket) -> None:
        got.append(read_request(peer))
        peer.sendall(OK.replace("\n", "\r\n").encode())

    other = "whsec_" + base64.b64encode(b"t" * 32).decode()
    with receiver(behave) as port:
        url = f"http://127.0.0.1:{port}/hook?x=1"
        now = datetime.now(UTC)  # the referee refuses old timestamps
        receipt = webhook([SECRET, other], "https://vigie.example", allow_private=True)(letter(url), now)
    assert receipt.facts == {"status": 204}
    ((headers, body),) = got
    for secret in (SECRET, other):
        said = Webhook(secret).verify(body, headers)
        assert said == json.loads(body)
    assert headers["webhook-id"] == str(uuid.UUID(int=7))
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["host"] == f"127.0.0.1:{port}"
    event = json.loads(body)
    assert {
        "specversion": "1.0",
        "id": str(uuid.UUID(int=7)),
        "source": "https://vigie.example",
    }.items() <= event.items()
    assert event["data"]["incident"] == "VG-1001"


def test_our_signature_is_the_reference_one() -> None:
    said = Webhook(SECRET).sign("msg", NOW, "{}")
    assert signature([SECRET], "msg", int(NOW.timestamp()), b"{}") == said


@pytest.mark.parametrize(
    ("answer", "words", "permanent", "wait"),
    [
        ("HTTP/1.1 500 Oops\n\n", "500", False, None),
        ("HTTP/1.1 410 Gone\n\n", "410", True, None),
        ("HTTP/1.1 429 Slow\nRetry-After: 17\n\n", "429", False, 17.0),
        ("HTTP/1.1 429 Slow\nRetry-After: 99999999\n\n", "429", False, 3600.0),
        ("HTTP/1.1 503 No\nRetry-After: soon\n\n", "503", False, None),
        ("HTTP/1.1 503 No\nRetry-After: Thu, 01 Jan 1970 00:00:00 GMT\n\n", "503", False, 0.0),
        ("nonsense\n\n", "not reached", False, None),
    ],
)
def test_a_receiver_that_refuses_is_understood(answer: str, words: str, permanent: bool, wait: float | None) -> None:
    with receiver(answering(answer)) as port, pytest.raises(ChannelError, match=words) as refused:
        webhook([SECRET], "x", allow_private=True)(letter(f"http://127.0.0.1:{port}/"), NOW)
    assert refused.value.permanent is permanent
    assert refused.value.retry_after_s == wait


def test_a_redirect_into_the_house_is_not_followed() -> None:
    visits: list[str] = []

    def inside(peer: socket.socket) -> None:
        visits.append("inside")

    with receiver(inside) as secret_port:
        answer = f"HTTP/1.1 302 Found\nLocation: http://127.0.0.1:{secret_port}/\n\n"
        with receiver(answering(answer)) as port, pytest.raises(ChannelError, match="redirects are not followed"):
            webhook([SECRET], "x", allow_private=True)(letter(f"http://127.0.0.1:{port}/"), NOW)
    assert visits == []


def test_a_huge_answer_is_not_read_to_its_end() -> None:
    sent = 0

    def behave(peer: socket.socket) -> None:
        nonlocal sent
        read_request(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1600):
            peer.sendall(b"x" * 65536)
            sent += 65536

    with receiver(behave) as port:
        webhook([SECRET], "x", allow_private=True)(letter(f"http://127.0.0.1:{port}/"), NOW)
    assert sent < 50_000_000


@pytest.mark.parametrize("drip", [b"H", b""])
def test_a_receiver_that_drips_or_hangs_is_left_at_the_deadline(drip: bytes) -> None:
    left = threading.Event()

    def behave(peer: socket.socket) -> None:
        read_request(peer)
        while not left.wait(0.05):
            peer.sendall(drip)

    with receiver(behave) as port:
        try:
            with pytest.raises(ChannelError, match="not reached"):
                webhook([SECRET], "x", allow_private=True, deadline_s=0.4)(letter(f"http://127.0.0.1:{port}/"), NOW)
        finally:
            left.set()


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://0.0.0.0/",
        "https://2130706433/",
        "https://0x7f.1/",
        "http://example.org/",
        "https://user:secret@example.org/",
        "file:///etc/passwd",
        "gopher://example.org",
        "https://",
        "not an address",
    ],
)
def test_private_places_and_odd_addresses_are_refused_for_good(url: str) -> None:
    with pytest.raises(ChannelError) as refused:
        webhook([SECRET], "x")(letter(url), NOW)
    assert refused.value.permanent


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("100.64.0.1", False),
        ("192.168.0.1", False),
        ("224.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("2002:7f00:1::", False),
        ("::ffff:8.8.8.8", True),
        ("::ffff:127.0.0.1", False),
        ("::127.0.0.1", False),  # IPv4-compatible
        ("::ffff:0:7f00:1", False),  # IPv4-translated
        ("64:ff9b::7f00:1", False),
        ("fec0::1", False),
        ("3fff::1", False),
        ("5f00::1", False),
        ("192.88.99.1", False),
        ("2001:4860:4860::8888", True),
    ],
)
def test_only_the_open_internet_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("93.184.216.34", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with pytest.raises(ChannelError, match="private"):
        webhook([SECRET], "x")(letter("https://two-faced.example/"), NOW)


def test_a_resolver_that_is_silent_holds_no_sender_and_no_more_than_its_places(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()

    def silent(*_: object, **__: object) -> list[Any]:
        assert answers.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    monkeypatch.setattr(guarded, "_RESOLVE_S", 0.05)
    monkeypatch.setattr(guarded, "_ASKING", threading.BoundedSemaphore(2))
    send = webhook([SECRET], "x")
    try:
        for said in ("is not resolved within", "is not resolved within", "the resolver does not answer"):
            with pytest.raises(ChannelError, match=said) as refused:
                send(letter("https://slow.example/"), NOW)
            assert not refused.value.permanent, "it is tried again"
    finally:
        answers.set()
        for thread in threading.enumerate():
            if thread.name == "resolver":
                thread.join()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 6, "", ("10.0.0.1", 443))])
    with pytest.raises(ChannelError, match="private"):
        send(letter("https://slow.example/"), NOW)
