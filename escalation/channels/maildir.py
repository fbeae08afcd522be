"""Mail into a folder, one `.eml` file a letter: the default at the desk and for trials. Any mail program opens them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from escalation.channels import Channel, ChannelError, Letter, Receipt
from escalation.channels.letter import compose


def mail_folder(folder: Path, sender: str, house: str = "", *, acknowledge: bytes = b"") -> Channel:
    """A channel that writes into `folder`. A letter sent twice is the same file."""

    def send(letter: Letter, now: datetime) -> Receipt:
        message = compose(letter, sender, house, acknowledge)
        name = f"{letter.created_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{letter.id}.eml"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            part = folder / f".{name}.{os.getpid()}.part"
            with part.open("wb") as file:
                file.write(message.as_bytes())
                file.flush()
                os.fsync(file.fileno())
            # Whoever looks into the folder sees a whole letter or none.
            part.replace(folder / name)
        except OSError as error:
            raise ChannelError(f"the mail folder did not take it: {error.strerror or error}") from error
        return Receipt({"file": name})

    return send
