"""How a client of ours makes sure whom it speaks to, and what it shows of itself. Sockets only; knows no MQTT."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


class TlsError(ValueError):
    """The line cannot be made safe; the words say which file and what to do."""


@dataclass(frozen=True)
class Tls:
    """`ca`: who is believed when it says who the broker is. `certificate` and `key`: who we are, when not by secret."""

    ca: Path
    certificate: Path | None = None
    key: Path | None = None


def context(tls: Tls) -> ssl.SSLContext:
    """TLS 1.3 and nothing older; the broker's name is checked. Raises TlsError."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        made.load_verify_locations(tls.ca)
    except (OSError, ssl.SSLError) as problem:
        raise TlsError(
            f"{tls.ca} is not to be used as a CA certificate ({problem}): bring `ca.crt` of the desk"
        ) from None
    if tls.certificate is not None:
        try:
            made.load_cert_chain(tls.certificate, tls.key)
        except (OSError, ssl.SSLError) as problem:
            raise TlsError(f"{tls.certificate} and its key do not go together ({problem})") from None
    return made


def has_more(sock: object) -> bool:
    """Whether something waits in the TLS layer, of which the network will not tell again."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def said(problem: OSError) -> str:
    """Why a line could not be made, for a person: a certificate's own trouble rather than a code of OpenSSL."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"its certificate is not to be believed: {problem.verify_message}"
    if isinstance(problem, ssl.SSLError):
        return f"no TLS 1.3 with it: {problem.reason or problem}"
    return problem.strerror or str(problem)
