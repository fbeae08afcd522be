"""Signed webhooks: the only door to other people's web servers, and a guarded one.

The name is resolved once, every address it has is checked, and the connection goes to the checked address; nothing is
resolved a second time and no redirect is followed, so a name that changes its mind leads into no private network.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from escalation.channels import DEADLINE_S, Channel, ChannelError, Letter, Receipt, bounded
from escalation.channels.signing import event, signature

_CONNECT_S = 5.0
_READ_S = 10.0
_MOST_BODY = 64 * 1024  # of the answer; more is not read
_LONGEST_WAIT = timedelta(hours=1)  # a receiver may ask for patience, not for silence

# IPv6 ranges that carry an IPv4 address inside: NAT64, 6to4, Teredo. What they lead to cannot be checked here.
_WRAPPING = tuple(ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))


def webhook(
    secrets: Sequence[str], source: str, *, allow_private: bool = False, deadline_s: float = DEADLINE_S
) -> Channel:
    """A channel that posts signed events. `source` names this house in each event (its public address).

    `allow_private` is for trials: plain http and private addresses are then allowed too.
    """

    def send(letter: Letter, now: datetime) -> Receipt:
        url = _checked_url(letter.address, allow_private)
        body = event(letter, source)
        stamp = int(now.timestamp())
        headers = {
            "Host": url.netloc or "",
            "Content-Type": "application/cloudevents+json",
            "User-Agent": "Vigie-Webhooks/1",
            "webhook-id": str(letter.id),
            "webhook-timestamp": str(stamp),
            "webhook-signature": signature(secrets, str(letter.id), stamp, body),
        }
        address = _resolve(url, allow_private)
        try:
            status, retry_after = _post(url, address, headers, body, deadline_s)
        except (OSError, HTTPError, HTTPException) as error:
            raise ChannelError(f"the receiver is not reached: {type(error).__name__}") from error
        return _judge(status, retry_after, now)

    return send


def _checked_url(address: str, allow_private: bool) -> Url:
    try:
        url = parse_url(address)
    except LocationParseError as error:
        raise ChannelError("not a web address", permanent=True) from error
    if not url.host or url.auth:
        raise ChannelError("a webhook's address needs a host and must not hold a user or secret", permanent=True)
    if url.scheme != "https" and not (allow_private and url.scheme == "http"):
        raise ChannelError("a webhook's address must begin with https://", permanent=True)
    return url


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the open Internet and nothing private hides inside it."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(str(address.ipv4_mapped))
        if any(address in net for net in _WRAPPING):
            return False
    return address.is_global and not address.is_multicast


def _resolve(url: Url, allow_private: bool) -> str:
    host = (url.host or "").strip("[]")
    try:
        answers = socket.getaddrinfo(host, _port(url), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ChannelError(f"the name {host} is not resolved") from error
    addresses = [str(answer[4][0]) for answer in answers]
    # One private address among public ones is enough: which one is used must not be a matter of luck.
    if not allow_private and not all(is_public(address) for address in addresses):
        raise ChannelError(f"{host} leads to a private address", permanent=True)
    return addresses[0]


def _port(url: Url) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _post(url: Url, address: str, headers: dict[str, str], body: bytes, deadline_s: float) -> tuple[int, str | None]:
    """Status and Retry-After of the answer. The connection goes to `address`, the certificate must name the host."""
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
            connection.request("POST", url.request_uri, body=body, headers=headers, preload_content=False)
            response = connection.getresponse()
            response.read(_MOST_BODY, decode_content=False)
            return response.status, response.headers.get("Retry-After")
    finally:
        connection.close()


def _judge(status: int, retry_after: str | None, now: datetime) -> Receipt:
    if 200 <= status <= 299:
        return Receipt({"status": status})
    if 300 <= status <= 399:
        raise ChannelError(f"the receiver answered {status}; redirects are not followed")
    # 410: the receiver says it is gone for good; everything else may be a mistake that somebody is about to mend.
    raise ChannelError(
        f"the receiver answered {status}", permanent=status == 410, retry_after_s=_patience(retry_after, now)
    )


def _patience(text: str | None, now: datetime) -> float | None:
    """Seconds asked for by a Retry-After header (a number or a date), never more than an hour."""
    if not text:
        return None
    if text.strip().isdigit():
        seconds = float(text.strip()[:9])
    else:
        try:
            until = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_WAIT.total_seconds())
