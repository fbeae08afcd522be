"""The files within a `winmail.dat`: the envelope some Outlooks put around them (TNEF, [MS-OXTNEF]). Plain.

Only what is needed to hand the files on: names and bytes. Nothing in it is run or believed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

SIGNATURE = b"\x78\x9f\x3e\x22"
_BEGINS = 0x9002  # attAttachRenddata: another file begins
_TITLE = 0x8010
_DATA = 0x800F
_PROPERTIES = 0x9005
_LONG_NAME = 0x3707  # PidTagAttachLongFilename; the title is often the short one of MS-DOS
_MOST = 50


class NotReadable(ValueError):
    """The envelope is cut short or is none."""


def files(raw: bytes) -> list[tuple[str, bytes]]:
    """(name, bytes) of each file within. Raises NotReadable."""
    found: list[tuple[str, bytes]] = []
    for id, value in _attributes(raw):
        if id == _BEGINS:
            if len(found) == _MOST:
                break
            found.append(("", b""))
        elif found and id == _TITLE and not found[-1][0]:
            found[-1] = (_text(value, "cp1252"), found[-1][1])
        elif found and id == _DATA:
            found[-1] = (found[-1][0], value)
        elif found and id == _PROPERTIES:
            found[-1] = (_long_name(value) or found[-1][0], found[-1][1])
    return [(name, content) for name, content in found if content]


def _attributes(raw: bytes) -> Iterator[tuple[int, bytes]]:
    if not raw.startswith(SIGNATURE) or len(raw) < 6:
        raise NotReadable("no TNEF")
    at = 6
    while at < len(raw):
        if at + 9 > len(raw):
            raise NotReadable("cut short")
        _, id, _, length = struct.unpack_from("<BHHI", raw, at)
        at += 9
        if at + length + 2 > len(raw):
            raise NotReadable("cut short")
        value = raw[at : at + length]
        if sum(value) & 0xFFFF != struct.unpack_from("<H", raw, at + length)[0]:
            raise NotReadable("changed on the way")
        at += length + 2
        yield id, value


def _long_name(value: bytes) -> str:
    """The file's long name among its MAPI properties, by the pattern of its entry: type, id, one value, length."""
    for kind, charset in ((0x001F, "utf-16-le"), (0x001E, "cp1252")):
        head = struct.pack("<HHI", kind, _LONG_NAME, 1)
        at = value.find(head)
        if at < 0 or at + len(head) + 4 > len(value):
            continue
        (length,) = struct.unpack_from("<I", value, at + len(head))
        start = at + len(head) + 4
        return _text(value[start : start + min(length, 1024)], charset)
    return ""


def _text(value: bytes, charset: str) -> str:
    return value.decode(charset, "replace").partition("\0")[0]
