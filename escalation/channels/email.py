"""Mail by SMTP: the only door to a mail server."""

from __future__ import annotations

import smtplib
import ssl
from datetime import datetime
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from escalation.channels import DEADLINE_S, Channel, ChannelError, Letter, Receipt, bounded
from escalation.channels.letter import compose

_STEP_S = 8.0  # one answer of the server; RFC 5321 allows minutes, but the letter can be tried again


class _Punctual(smtplib.SMTP):
    """A connection whose greeting is bounded too: smtplib reads it inside the constructor, out of a caller's reach."""

    def connect(self, host: str = "localhost", port: int = 0, source_address: object = None) -> tuple[int, bytes]:
        with bounded(lambda: self.sock, DEADLINE_S):
            return super().connect(host, port)


class _PunctualTls(_Punctual, smtplib.SMTP_SSL):
    pass


def mail_server(
    url: str, sender: str, house: str = "", *, acknowledge: bytes = b"", deadline_s: float = DEADLINE_S
) -> Channel:
    """A channel to the server at `smtp://user:secret@host:port` or `smtps://…`.

    With `smtp` TLS is used when the server offers it; a secret is never sent without. ValueError for another scheme.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("the mail server's address must read smtp://host:port or smtps://host:port")
    host = parts.hostname
    port = parts.port or (465 if parts.scheme == "smtps" else 25)
    envelope_from = parseaddr(sender)[1]

    def connect() -> smtplib.SMTP:
        if parts.scheme == "smtps":
            return _PunctualTls(host, port, timeout=_STEP_S, context=ssl.create_default_context())
        return _Punctual(host, port, timeout=_STEP_S)

    def sign_in(server: smtplib.SMTP) -> None:
        server.ehlo_or_helo_if_needed()
        if parts.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            server.ehlo()
        if parts.username:
            if not isinstance(server.sock, ssl.SSLSocket):
                raise ChannelError("the mail server offers no TLS, so the secret is not sent", permanent=True)
            server.login(unquote(parts.username), unquote(parts.password or ""))

    def send(letter: Letter, now: datetime) -> Receipt:
        message = compose(letter, sender, house, acknowledge).as_bytes()
        try:
            with connect() as server, bounded(lambda: server.sock, deadline_s):
                sign_in(server)
                server.sendmail(envelope_from, [letter.address], message)
        except smtplib.SMTPException as error:
            raise _as_channel_error(error) from error
        except OSError as error:
            raise ChannelError(f"the mail server is not reached: {error}") from error
        return Receipt({"server": host})

    return send


def _as_channel_error(error: smtplib.SMTPException) -> ChannelError:
    """5xx is the server's last word; everything else may be tried again (RFC 5321, 4.2.1)."""
    said: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()))  # we name one recipient a letter
    elif isinstance(error, smtplib.SMTPResponseException):
        code, said = error.smtp_code, error.smtp_error
    else:
        return ChannelError(f"the mail server did not take it: {error}")
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return ChannelError(f"the mail server answered {code}: {words[:200]}", permanent=500 <= code <= 599)
