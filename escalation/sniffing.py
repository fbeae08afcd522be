"""What a file is, by its first bytes: which kinds an incident takes, and why others are refused. Plain.

What the sender says of a file counts for nothing; its name must only fit what it is. No claim is made that a file is
harmless: it is stored and handed out as it came, never opened here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

HEAD = 4096  # bytes that are looked at


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file that is taken: its media type, and the endings a name of it may have."""

    media_type: str
    endings: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unfit:
    """A file that is not taken: why, and what to send instead. `rule`: empty, program, page, kind or ending."""

    reason: str
    remedy: str
    rule: str = "kind"


def _kind(media_type: str, *endings: str) -> Kind:
    return Kind(media_type, frozenset(endings))


_TEXTS = "txt log csv tsv json ndjson xml yaml yml toml ini cfg conf md diff patch eml out err trace sql env"
TEXT = _kind("text/plain", *_TEXTS.split())
_ZIP = _kind("application/zip", "zip", "docx", "xlsx", "pptx", "odt", "ods", "odp", "jar", "kmz", "sdz")
# The first bytes of each kind, tried in this order.
_SIGNS: tuple[tuple[bytes, Kind], ...] = (
    (b"\x89PNG\r\n\x1a\n", _kind("image/png", "png")),
    (b"\xff\xd8\xff", _kind("image/jpeg", "jpg", "jpeg")),
    (b"GIF87a", _kind("image/gif", "gif")),
    (b"GIF89a", _kind("image/gif", "gif")),
    (b"%PDF-", _kind("application/pdf", "pdf")),
    (b"PK\x03\x04", _ZIP),
    (b"PK\x05\x06", _ZIP),
    (b"\x1f\x8b", _kind("application/gzip", "gz", "tgz")),
    (b"BZh", _kind("application/x-bzip2", "bz2")),
    (b"\xfd7zXZ\x00", _kind("application/x-xz", "xz")),
    (b"\x28\xb5\x2f\xfd", _kind("application/zstd", "zst")),
    (b"7z\xbc\xaf\x27\x1c", _kind("application/x-7z-compressed", "7z")),
    (b"\xd4\xc3\xb2\xa1", _kind("application/vnd.tcpdump.pcap", "pcap", "cap")),
    (b"\xa1\xb2\xc3\xd4", _kind("application/vnd.tcpdump.pcap", "pcap", "cap")),
    (b"\x0a\x0d\x0d\x0a", _kind("application/x-pcapng", "pcapng")),
)
_WEBP = _kind("image/webp", "webp")
_HEIC = _kind("image/heic", "heic", "heif", "avif")  # what telephones take pictures in
_MAIL = _kind("message/rfc822", "eml")
_TAR = _kind("application/x-tar", "tar")
_MP4 = _kind("video/mp4", "mp4", "m4v", "mov")
_STILL = (b"heic", b"heix", b"heif", b"mif1", b"msf1", b"avif")
_HEADS = re.compile(rb"([A-Za-z][A-Za-z0-9-]{0,76}:[^\r\n]*(\r?\n[ \t][^\r\n]*)*\r?\n){2}")  # how every mail begins
_PROGRAM = (b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe",
            b"\xcf\xfa\xed\xfe", b"#!", b"\x00asm", b"dex\n")  # fmt: skip
_PAGE = re.compile(rb"<\s*(!doctype\s+html|html|script|svg|iframe|body|head|\?php)", re.IGNORECASE)

TAKEN: Mapping[str, str] = {
    "pictures": "PNG, JPEG, GIF, WebP, HEIC",
    "documents": "PDF, Office and OpenDocument files",
    "texts": "logs, CSV, JSON, configuration, mails; UTF-8",
    "archives": "ZIP, gzip, bzip2, xz, zstd, 7z, tar",
    "captures": "pcap, pcapng; MP4 video",
}


def kind_of(head: bytes, name: str) -> Kind | Unfit:
    """What a file is by its first `HEAD` bytes, or why it is not taken. `name` is what its owner calls it."""
    if not head:
        return Unfit("The file is empty.", "Send one that holds something.", "empty")
    if head.startswith(_PROGRAM):
        return Unfit("The file is a program or a script.", "Send what it wrote, or put it into an archive.", "program")
    found = _by_sign(head) or _as_text(head, name)
    if isinstance(found, Unfit):
        return found
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    # A text may be called anything ("messages.1"); what has an ending of another kind pretends to be that.
    if ending and ending not in found.endings and (found is not TEXT or ending in _ENDINGS):
        said = f"The name ends in .{ending[:20]}, but the file is {found.media_type}."
        return Unfit(said, "Name it for what it is.", "ending")
    return found


def _by_sign(head: bytes) -> Kind | None:
    for sign, kind in _SIGNS:
        if head.startswith(sign):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _WEBP
    if head[257:262] == b"ustar":
        return _TAR
    if head[4:8] == b"ftyp":
        return _HEIC if head[8:12] in _STILL else _MP4
    return None


def _as_text(head: bytes, name: str) -> Kind | Unfit:
    text = head.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in text or not _is_utf8(text):
        return Unfit("The file is of a kind that is not taken.", f"Taken are {'; '.join(TAKEN.values())}.")
    if name.lower().endswith(".eml") and _HEADS.match(text):
        return _MAIL  # its markup is within it, and no browser takes it for a page
    if _PAGE.search(text[:1024]):
        return Unfit(
            "The file is a page that a browser would run.", "Send a picture or a PDF of it, or an archive.", "page"
        )
    return TEXT


def _is_utf8(text: bytes) -> bool:
    # The cut may go through a character: up to three bytes at the end may be the beginning of one.
    for cut in range(4):
        try:
            text[: len(text) - cut].decode()
        except UnicodeDecodeError:
            continue
        return True
    return False


_PROGRAMS = (
    "html htm xhtml svg js mjs exe dll com bat cmd ps1 sh py pl rb php jsp asp aspx vbs msi scr lnk hta app dmg pkg "
    "deb rpm apk so class wasm"
)
_ENDINGS = frozenset(ending for _, kind in _SIGNS for ending in kind.endings) | frozenset(
    (*_WEBP.endings, *_HEIC.endings, *_TAR.endings, *_MP4.endings, *_PROGRAMS.split())
)


def tidy_name(name: str) -> str:
    """A file's name without path, control characters and what systems stumble over; "file" when nothing is left."""
    bare = re.split(r"[/\\]", name)[-1]
    bare = re.sub(r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", bare).strip(" .")
    if len(bare.encode()) > 200:
        stem, dot, ending = bare.rpartition(".")
        keep = f"{dot}{ending}" if dot and len(ending) <= 10 else ""
        bare = (stem or bare).encode()[: 200 - len(keep.encode())].decode(errors="ignore") + keep
    return bare or "file"
