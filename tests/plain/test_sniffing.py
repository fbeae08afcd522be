"""Files are what their bytes say: kinds that are taken, what pretends, and names that lead nowhere."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.sniffing import HEAD, Kind, Unfit, kind_of, tidy_name


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("a.txt", "a")
    return out.getvalue()


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        file.addfile(tarfile.TarInfo("a.txt"), io.BytesIO())
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\n....", "image/png"),
        ("a.JPEG", b"\xff\xd8\xff\xe0....", "image/jpeg"),
        ("report.pdf", b"%PDF-1.7\n", "application/pdf"),
        ("table.xlsx", _zip(), "application/zip"),
        ("logs.tar", _tar(), "application/x-tar"),
        ("logs.tgz", gzip.compress(b"x", mtime=0), "application/gzip"),
        ("messages.1", b"12:00 kernel: oops\n", "text/plain"),
        ("no ending", "Größe".encode(), "text/plain"),
        ("facts.json", b'\xef\xbb\xbf{"a": 1}', "text/plain"),
        ("film.mp4", b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
    ],
)
def test_what_is_evidence_is_taken_for_what_it_is(name: str, content: bytes, media_type: str) -> None:
    found = kind_of(content[:HEAD], name)
    assert isinstance(found, Kind)
    assert found.media_type == media_type


def test_a_text_cut_within_a_letter_is_a_text() -> None:
    content = ("x" * (HEAD - 1) + "é").encode()
    assert isinstance(kind_of(content[:HEAD], "a.txt"), Kind)


@given(st.binary(max_size=200), st.text(max_size=40))
def test_any_bytes_under_any_name_have_an_answer_with_a_remedy(content: bytes, name: str) -> None:
    found = kind_of(content, name)
    if isinstance(found, Unfit):
        assert found.reason.endswith(".")
        assert found.remedy.endswith(".")


@pytest.mark.parametrize(
    "content", [b"MZ", b"\x7fELF", b"#!/bin/sh", b"<html>", b"<!DOCTYPE html>", b"<SvG>", b"<?php"]
)
def test_nothing_that_runs_is_taken_whatever_it_is_called(content: bytes) -> None:
    for name in ("a.txt", "a.png", "a", "a.html", "a.exe"):
        assert isinstance(kind_of(content, name), Unfit)


@given(st.text(max_size=400))
def test_a_tidy_name_is_one_name_in_one_folder(name: str) -> None:
    tidy = tidy_name(name)
    assert tidy
    assert not set(tidy) & set("/\\\0\n\r")
    assert tidy not in (".", "..")
    assert len(tidy.encode()) <= 200
