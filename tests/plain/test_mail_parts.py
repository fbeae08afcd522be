"""What is read of a mail: words without markup and quotes, and the files an Outlook wrapped."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.inbound import mail, tnef
from escalation.inbound.body import BadBody
from escalation.inbound.mail_text import of_markup, without_quotes


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("<p>One</p><p>Two &amp; three&nbsp;é</p>", "One\n\nTwo & three é"),
        ("<head><title>no</title><style>p{}</style></head><body>yes", "yes"),
        ("a<!-- no <b> -->b", "ab"),
        ("<script>x<y</script>after", "after"),
        ("before<script>never closed", "before"),
        ("4 < 5", "4 < 5"),
        (
            "<div>It runs.</div><blockquote>We look<br>at it</blockquote>Thanks",
            "It runs.\n\n> We look\n> at it\nThanks",
        ),
        ("İ<script>x()</SCRIPT>ok", "İ"),
    ],
)
def test_markup_becomes_words(markup: str, words: str) -> None:
    assert of_markup(markup) == words


@pytest.mark.parametrize(
    "quoted",
    [
        "On Tue, 10 Mar 2026 at 08:00, Vigie <v@x> wrote:\n> We look",
        "On Tue, 10 Mar 2026 at 08:00, Vigie\n<v@x> wrote:\n> We look",
        "Le mar. 10 mars 2026 à 08:00, Vigie <v@x> a écrit :\n> Nous regardons",
        "-----Original Message-----\nFrom: Vigie",
        "________________________________\nFrom: Vigie <v@x>\nSent: Tuesday",
        "De : Vigie <v@x>\nEnvoyé : mardi",
        "-- \nAda",
        "> We look",
    ],
)
def test_what_is_quoted_is_cut_off(quoted: str) -> None:
    assert without_quotes(f"It runs again.\n\n{quoted}").rstrip("_ \n") == "It runs again."


def test_a_sentence_that_begins_like_a_quote_is_kept() -> None:
    said = "On Tuesday the press stopped.\nFrom: the left side.\nIt leaks."
    assert without_quotes(said) == said


def test_what_is_forwarded_is_read() -> None:
    raw = "From: a@b\nSubject: Fwd: leak\n\nSee.\n\n-----Original Message-----\nIt leaks."
    assert mail.parse(raw.encode()).text.endswith("It leaks.")


def _attribute(id: int, value: bytes) -> bytes:
    return struct.pack("<BI", 2, id) + struct.pack("<I", len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def _wrapped() -> bytes:
    long = "Pression été.txt\0".encode("utf-16-le")
    entry = struct.pack("<IHHI", 1, 0x001F, 0x3707, 1) + struct.pack("<I", len(long)) + long
    return tnef.SIGNATURE + b"\x01\x00" + b"".join(
        [
            _attribute(0x00069002, b"\0" * 14), _attribute(0x00018010, b"PRESSI~1.TXT\0"),
            _attribute(0x0006800F, b"4 bar\n"), _attribute(0x00069005, entry),
            _attribute(0x00069002, b"\0" * 14), _attribute(0x00018010, b"b.png\0"), _attribute(0x0006800F, b"\x89PNG"),
        ]
    )  # fmt: skip


def test_an_outlook_s_envelope_is_opened() -> None:
    assert tnef.files(_wrapped()) == [("Pression été.txt", b"4 bar\n"), ("b.png", b"\x89PNG")]


@given(st.integers(0, 300), st.integers(0, 255))
def test_an_envelope_that_was_changed_is_refused_or_read_and_never_breaks(at: int, byte: int) -> None:
    raw = bytearray(_wrapped())
    raw[at % len(raw)] = byte
    for cut in (bytes(raw), bytes(raw[:at])):
        try:
            tnef.files(cut)
        except tnef.NotReadable:
            continue


BOXED = b"From: a@b.example\nContent-Type: multipart/mixed; boundary=q\n\n"
LONG = b"x" * 5000 + b"\n"


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (BOXED + b"--q\n\nx\n" * 1000, "more than 250 parts"),
        (BOXED + b"--q\nContent-Type: message/rfc822\n\n" * 300, "more than 250 parts"),
        (b"From: a@b.example\n" + b"X-Long: " + b"y" * 300_000 + b"\n\nx", "heads of more than 256 KiB"),
        (BOXED + (b"--q\nX-Long: " + LONG + b"\nx\n") * 60, "heads of more than 256 KiB"),
    ],
    ids=["parts", "forwarded", "one head", "heads of parts"],
)
def test_a_mail_of_more_parts_and_heads_than_any_is_refused_before_they_are_read(raw: bytes, problem: str) -> None:
    with pytest.raises(BadBody) as refused:
        mail.parse(raw)
    assert problem in str(refused.value)


def test_a_mail_with_long_and_odd_heads_is_read_all_the_same() -> None:
    heads = b"References: " + b"<old@x> " * 5000 + b"\nMessage-ID: " + b"(" * 5000 + b"\nContent-Type: text/plain; "
    read = mail.parse(b"From: a@b.example\n" + heads + b"a*0=b; " * 5000 + b"\n\nIt leaks.")
    assert (read.text, read.answers, len(read.id)) == ("It leaks.", ("old@x",), 64)


def test_of_alternatives_within_alternatives_one_is_read() -> None:
    inner = b"--r\n\nplain\n--r\nContent-Type: text/html\n\n<p>rich</p>\n--r--\n"
    outer = b"--q\nContent-Type: multipart/alternative; boundary=r\n\n" + inner + b"--q--\n"
    head = b"From: a@b.example\nContent-Type: multipart/alternative; boundary=q\n\n"
    assert mail.parse(head + outer).text == "plain"


@given(st.binary(max_size=400), st.sampled_from(["", "base64", "quoted-printable", "x-uuencode", "8bit"]))
def test_any_mail_is_read_or_refused(junk: bytes, coding: str) -> None:
    head = (
        b"From: a@b.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=q\n\n--q\n"
        b"Content-Type: image/png\nContent-Transfer-Encoding: "
        + coding.encode()
        + b"\nContent-Disposition: attachment; filename="
    )
    for raw in (junk, b"From: a@b.example\nSubject: " + junk, head + junk + b"\n\n" + junk + b"\n--q--\n"):
        try:
            mail.parse(raw)
        except BadBody:
            continue
