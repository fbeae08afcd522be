"""The one guarded way to other people's web servers: every channel that posts goes through here.

The name is resolved once, every address it has is checked, and the connection goes to the checked address; nothing is
resolved a second time and no redirect is followed, so a name that changes its mind leads into no private network.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from queue import Empty, Queue
from threading import BoundedSemaphore, Thread
from time import monotonic

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from escalation.channels import DEADLINE_S, ChannelError, bounded

_RESOLVE_S = 5.0
_ASKING = BoundedSemaphore(16)  # names asked for at once
_LEAST_S = 1.0  # what is left of a deadline after a slow resolver is enough to be refused by
_CONNECT_S = 5.0
_READ_S = 10.0
_MOST_BODY = 64 * 1024  # of the answer; more is not read
_LONGEST_WAIT = timedelta(hours=1)  # a receiver may ask for patience, not for silence

# What is in use of the open Internet's IPv6 begins so; what carries an IPv4 address in front of it (compatible, NAT64)
# or is of a site alone lies outside. Within it, 6to4 and Teredo carry one too, and what they lead to cannot be checked.
_OPEN_6 = ipaddress.ip_network("2000::/3")
_NOT_OPEN = tuple(ipaddress.ip_network(net) for net in ("2002::/16", "2001::/23", "3fff::/20", "192.88.99.0/24"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver said; of its body no more than 64 KiB."""

    status: int
    body: bytes
    retry_after: str | None = None


def send(
    address: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    method: str = "POST",
    allow_private: bool = False,
    deadline_s: float = DEADLINE_S,
) -> Answer:
    """Send a body to an https address that is public. Raises ChannelError; permanent where the address is at fault.

    `allow_private` is for trials: plain http and private addresses are then allowed too.
    """
    url = _checked_url(address, allow_private)
    begun = monotonic()
    resolved = _resolve(url, allow_private)
    deadline_s = max(deadline_s - (monotonic() - begun), _LEAST_S)
    said = {"Host": url.netloc or "", "User-Agent": "Vigie-Webhooks/1", **headers}
    try:
        return _exchange(url, resolved, method, said, body, deadline_s)
    except (OSError, HTTPError, HTTPException) as error:
        raise ChannelError(f"the receiver is not reached: {type(error).__name__}") from error


def judge(answer: Answer, now: datetime, *, gone: tuple[int, ...] = (410,)) -> None:
    """Raise ChannelError for an answer that is no 2xx. `gone`: what the receiver says when it is so for good.

    Everything else may be a mistake that somebody is about to mend.
    """
    if 200 <= answer.status <= 299:
        return
    if 300 <= answer.status <= 399:
        raise ChannelError(f"the receiver answered {answer.status}; redirects are not followed")
    raise ChannelError(
        f"the receiver answered {answer.status}",
        permanent=answer.status in gone,
        retry_after_s=_patience(answer.retry_after, now),
    )


def _checked_url(address: str, allow_private: bool) -> Url:
    try:
        url = parse_url(address)
    except LocationParseError as error:
        raise ChannelError("not a web address", permanent=True) from error
    if not url.host or url.auth:
        raise ChannelError("a web address here needs a host and must not hold a user or secret", permanent=True)
    if url.scheme != "https" and not (allow_private and url.scheme == "http"):
        raise ChannelError("a web address here must begin with https://", permanent=True)
    return url


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the open Internet and nothing private hides inside it."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(str(address.ipv4_mapped))
        if address not in _OPEN_6:
            return False
    if any(address in net for net in _NOT_OPEN if net.version == address.version):
        return False
    return address.is_global and not address.is_multicast


def _resolve(url: Url, allow_private: bool) -> str:
    host = (url.host or "").strip("[]")
    addresses = _addresses(host, _port(url))
    # One private address among public ones is enough: which one is used must not be a matter of luck.
    if not allow_private and not all(is_public(address) for address in addresses):
        raise ChannelError(f"{host} leads to a private address", permanent=True)
    return addresses[0]


def _addresses(host: str, port: int) -> list[str]:
    """What a name leads to, asked for no longer than `_RESOLVE_S`. Raises ChannelError.

    The resolver itself knows no deadline, so it is asked beside, and whoever has waited long enough goes on without it.
    Those that are silent still hold a place each: where all are held, no more are asked and no threads pile up.
    """
    answered: Queue[list[str] | Exception] = Queue(1)

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answered.put([str(one[4][0]) for one in found])
        except (OSError, UnicodeError) as error:
            answered.put(error)
        finally:
            _ASKING.release()

    if not _ASKING.acquire(timeout=_RESOLVE_S):
        raise ChannelError("too many names are asked for that the resolver does not answer")
    try:
        Thread(target=ask, name="resolver", daemon=True).start()
    except RuntimeError as error:
        _ASKING.release()
        raise ChannelError("no thread is left to resolve a name") from error
    try:
        found = answered.get(timeout=_RESOLVE_S)
    except Empty:
        raise ChannelError(f"the name {host} is not resolved within {_RESOLVE_S:.0f} s") from None
    if isinstance(found, Exception):
        raise ChannelError(f"the name {host} is not resolved") from found
    return found


def _port(url: Url) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _exchange(
    url: Url, address: str, method: str, headers: Mapping[str, str], body: bytes, deadline_s: float
) -> Answer:
    """One request and its answer. The connection goes to `address`, the certificate must name the host."""
    connection: HTTPConnection
    if url.scheme == "https":
        host = (url.host or "").strip("[]")
        connection = HTTPSConnection(
            address,
            _port(url),
            timeout=_CONNECT_S,
            server_hostname=host,
            assert_hostname=host,
            ssl_context=ssl.create_default_context(),
        )
    else:
        connection = HTTPConnection(address, _port(url), timeout=_CONNECT_S)
    try:
        with bounded(lambda: connection.sock, deadline_s):
            connection.connect()
            if isinstance(connection.sock, socket.socket):
                connection.sock.settimeout(_READ_S)
            connection.request(method, url.request_uri, body=body, headers=headers, preload_content=False)
            response = connection.getresponse()
            said = response.read(_MOST_BODY, decode_content=False)
            return Answer(response.status, said, response.headers.get("Retry-After"))
    finally:
        connection.close()


def _patience(text: str | None, now: datetime) -> float | None:
    """Seconds asked for by a Retry-After header (a number or a date), never more than an hour."""
    if not text:
        return None
    if text.strip().isdecimal():
        seconds = float(text.strip()[:9])
    else:
        try:
            until = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_WAIT.total_seconds())
