"""Where files of incidents lie: in the data folder, by the digest of their bytes, outside anything that is served.

The door to that part of the disk. Nothing here is ever run, unpacked or looked into.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = "attachments"


class AtticFull(Exception):
    """The disk has no room for the file; nothing of it was kept."""


class Lost(Exception):
    """The bytes of a file are not where they should be, or are not what they were."""


def digest_of(content: bytes) -> str:
    """The SHA-256 in hex, by which bytes are kept."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class Attic:
    """The files below one data folder."""

    data: Path

    def put(self, content: bytes) -> str:
        """Keep bytes and answer with their SHA-256 in hex; the same bytes are kept once. Raises AtticFull."""
        digest = digest_of(content)
        place = self._place(digest)
        if place.exists():
            return digest
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(place, content)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise AtticFull(f"no room for {len(content)} bytes") from error
            raise
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of a file. Raises Lost when they are gone or were changed."""
        try:
            content = self._place(digest).read_bytes()
        except FileNotFoundError:
            raise Lost(f"{digest} is not in the folder") from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise Lost(f"{digest} is not what it was")
        return content

    def drop(self, digest: str) -> None:
        """Let go of bytes for good. Whoever asks holds everybody off who might keep the same ones now."""
        self._place(digest).unlink(missing_ok=True)

    def _place(self, digest: str) -> Path:
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise ValueError("a digest is 64 hex digits")
        return self.data / FOLDER / digest[:2] / digest

    def _write(self, place: Path, content: bytes) -> None:
        """Whole or not at all: a crash leaves a temporary file beside and never half of one under its digest."""
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".new-")  # made for its owner only, never executable
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            Path(name).replace(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
