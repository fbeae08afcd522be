"""Files that come with a mail: kept with the incident, or named with the reason in the story and to the sender."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app.settings import Settings
from escalation import attaching, attic
from escalation.inbound import mail
from models.attachments import Attachment
from models.customers import Customer
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Visitor
from tests.http.senders import Make, bearer, incidents
from tests.http.senders import make as make
from tests.http.test_doors_mail import lines, post

Visit = Callable[[str], Visitor]
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
ADA = "Ada <Ada@Example.org>"


@pytest.fixture(autouse=True)
def data(app: Flask, tmp_path: Path) -> Iterator[Path]:
    """The files of these tests lie in a folder of their own."""
    house = app.extensions["vigie"]
    there: Settings = house.settings
    object.__setattr__(house, "settings", there.model_copy(update={"data": tmp_path}))
    yield tmp_path
    object.__setattr__(house, "settings", there)


def letter(*files: tuple[bytes, str, str], sender: str = ADA, id: str = "<one@plant.example>") -> EmailMessage:
    """A mail with files: (bytes, media type, name)."""
    message = EmailMessage()
    message["From"], message["Subject"], message["Message-ID"] = sender, "Press 4 is down", id
    message.set_content("Here is what it says.")
    for content, kind, name in files:
        main, _, sub = kind.partition("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return message


def names(sessions: Sessions) -> list[str]:
    with work(sessions, SYSTEM) as session:
        return list(session.scalars(select(Attachment.name).order_by(Attachment.at, Attachment.name)))


def test_a_file_of_a_mail_is_kept_and_handed_out_as_a_download(
    stranger: Visitor, make: Make, sessions: Sessions, visit: Visit, data: Path
) -> None:
    told = post(stranger, make("hook"), letter((PNG, "image/png", "cave.png")).as_bytes())
    (file,) = told["files"]
    assert file["name"] == "cave.png"
    for who in ("dee", "ada"):
        got = visit(who).get(f"/api/v1/attachments/{file['kept']}")
        assert (got.status_code, got.data) == (200, PNG)
        assert got.headers["Content-Disposition"].startswith("attachment;")
    (place,) = (found for found in (data / attic.FOLDER).rglob("*") if found.is_file())
    assert place.stat().st_mode & 0o111 == 0, "never executable"
    assert visit("cy").get(f"/api/v1/attachments/{file['kept']}").status_code == 404
    assert lines(sessions, "file") == [("Ada", "Ada added the file cave.png (48 B).")]


def test_the_same_mail_again_keeps_nothing_twice_and_neither_does_the_same_logo(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    token = make("hook")
    raw = letter((PNG, "image/png", "logo.png"), (PNG, "image/png", "again.png")).as_bytes()
    first = post(stranger, token, raw)
    assert post(stranger, token, raw)["outcome"] == "known"
    answer = letter((PNG, "image/png", "logo.png"), (b"pressure 4 bar\n", "text/plain", "log.txt"), id="<two@x>")
    answer["In-Reply-To"] = "<one@plant.example>"
    second = post(stranger, token, answer.as_bytes())
    assert second["files"][0] == first["files"][0]
    assert names(sessions) == ["log.txt", "logo.png"]


@pytest.mark.parametrize(
    ("content", "kind", "name", "because"),
    [
        (b"MZ\x90\0" + b"\0" * 60, "image/png", "photo.png", "a program or a script"),
        (b"#!/bin/sh\nrm -rf /\n", "text/plain", "help.txt", "a program or a script"),
        (b"<html><script>x()</script></html>", "text/plain", "note.txt", "a browser would run"),
        (b"\x00\x01\x02\x03" * 20, "application/octet-stream", "core.bin", "a kind that we do not take"),
        (PNG, "image/jpeg", "photo.jpg", "not what the end of its name says"),
        (b"", "text/plain", "nothing.txt", "it is empty"),
    ],
)
def test_what_is_not_taken_is_named_with_the_reason_in_the_story_and_to_the_sender(
    content: bytes, kind: str, name: str, because: str, stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    main, _, sub = kind.partition("/")
    message = letter()
    message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    told = post(stranger, make("hook"), message.as_bytes())
    (file,) = told["files"]
    assert (file["name"], file["kept"]) == (name, None)
    assert because in file["reason"]
    assert lines(sessions, "file") == [("Ada", file["reason"])]
    with work(sessions, SYSTEM) as session:
        letters = session.scalars(select(Notice).where(Notice.address == "ada@example.org", Notice.channel == "email"))
        assert any(file["reason"] in str(one.body["text"]) for one in letters)
        assert session.scalars(select(Attachment)).all() == []


def test_a_french_customer_reads_the_reason_in_french_and_the_rest_is_kept(
    stranger: Visitor, make: Make, sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.plant).language = "fr"
    raw = letter((b"MZ" + b"\0" * 9, "application/x-dosexec", "outil.exe"), (PNG, "image/png", "cave.png")).as_bytes()
    told = post(stranger, make("hook"), raw)
    assert [bool(one["kept"]) for one in told["files"]] == [False, True]
    assert "c'est un programme ou un script" in told["files"][0]["reason"]


def test_a_stranger_s_files_stay_among_us_and_they_hear_what_was_not_kept(
    stranger: Visitor, make: Make, sessions: Sessions, visit: Visit
) -> None:
    files = ((PNG, "image/png", "cave.png"), (b"MZ" + b"\0" * 9, "application/x-dosexec", "tool.exe"))
    told = post(stranger, make("hook"), letter(*files, sender="joe@elsewhere.example").as_bytes())
    assert visit("dee").get(f"/api/v1/attachments/{told['files'][0]['kept']}").status_code == 200
    assert visit("ada").get(f"/api/v1/attachments/{told['files'][0]['kept']}").status_code == 404
    with work(sessions, SYSTEM) as session:
        (answer,) = session.scalars(select(Notice).where(Notice.address == "joe@elsewhere.example"))
        assert "tool.exe" in answer.body["text"]


def test_a_stranger_who_names_a_case_never_reads_what_it_is_called(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    token = make("hook")
    label = post(stranger, token, letter().as_bytes())["incident"]
    probing = letter(
        (b"MZ" + b"\0" * 9, "application/x-dosexec", "tool.exe"), sender="joe@elsewhere.example", id="<p@x>"
    )
    probing.replace_header("Subject", label)
    assert post(stranger, token, probing.as_bytes())["outcome"] == "noted"
    with work(sessions, SYSTEM) as session:
        (answer,) = session.scalars(select(Notice).where(Notice.address == "joe@elsewhere.example"))
        told = f"{answer.subject} {answer.body}"
    assert "tool.exe" in told
    assert "Press 4" not in told
    assert "Plant" not in told


def test_the_word_after_a_letter_about_files_reaches_its_sender_too(
    stranger: Visitor, make: Make, sessions: Sessions, cast: Cast, visit: Visit
) -> None:
    raw = letter((b"MZ" + b"\0" * 9, "application/x-dosexec", "tool.exe")).as_bytes()
    label = post(stranger, make("hook"), raw)["incident"]
    assert visit("dee").post(f"/api/v1/incidents/{label}/reply", {"text": "We look at it."}).status_code == 200
    with work(sessions, SYSTEM) as session:
        mine = select(Notice).where(Notice.person_id == cast.ada, Notice.channel == "email")
        told = [str(one.body["text"]) for one in session.scalars(mine)]
    assert sum("tool.exe" in one for one in told) == 1
    assert sum("We look at it." in one for one in told) == 1


def test_pictures_in_the_markup_forwarded_mails_and_invitations_are_files(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    inner = EmailMessage()
    inner["From"], inner["Subject"] = "bo@example.org", "Was: pressure/loss"
    inner.set_content("<html><body>It leaks é</body></html>", subtype="html")
    message = letter()
    message.add_alternative("<p>Here it is <img src='cid:p1'></p>", subtype="html")
    html = message.get_payload(1)
    assert isinstance(html, EmailMessage)
    html.add_related(PNG, maintype="image", subtype="png", cid="<p1>")
    message.add_attachment(inner)
    message.add_attachment("BEGIN:VCALENDAR\nEND:VCALENDAR\n", subtype="calendar", filename="visit.ics")
    told = post(stranger, make("hook"), message.as_bytes())
    assert [(one["name"], bool(one["kept"])) for one in told["files"]] == [
        ("image-1.png", True), ("loss.eml", True), ("visit.ics", True)]  # fmt: skip
    (one,) = incidents(sessions)
    assert one.summary == "Here is what it says."


ODD = {
    b"attachment; filename*=utf-8''r%C3%A9sum%C3%A9.txt": "résumé.txt",
    b"attachment; filename*0*=utf-8''r%C3%A9; filename*1=sum.txt": "résum.txt",
    b'attachment; filename="=?utf-8?B?csOpc3Vtw6kudHh0?="': "résumé.txt",
    'attachment; filename="résumé.log"'.encode(): "résumé.log",
    b'attachment; filename="..\\\\..\\\\windows\\\\win.txt"': "win.txt",
    b'attachment; filename="../../etc/passwd.txt"': "passwd.txt",
    b'attachment; filename="a\xe2\x80\xaetxt.log"': "atxt.log",
    b"attachment": "file-8.txt",
    b'attachment; filename="=?utf-8?B?!!!?="': "file-9.txt",
}


def test_odd_names_are_read_and_made_tidy(stranger: Visitor, make: Make) -> None:
    raw = b"From: ada@example.org\r\nSubject: Log\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nLook."
    for at, heading in enumerate(ODD):
        raw += b"\r\n--b\r\nContent-Type: text/plain\r\nContent-Disposition: " + heading + b"\r\n\r\nwell %d" % at
    told = post(stranger, make("hook"), raw + b"\r\n--b--\r\n")["files"]
    assert [one["name"] for one in told] == list(ODD.values())
    assert all(one["kept"] for one in told), told


def test_texts_of_other_encodings_are_kept_as_utf_8(stranger: Visitor, make: Make, visit: Visit) -> None:
    message = letter()
    message.add_attachment("à l'arrêt".encode("latin-1"), maintype="text", subtype="plain", filename="a.txt",
                           params={"charset": "iso-8859-1"})  # fmt: skip
    message.add_attachment("à l'arrêt".encode("utf-16"), maintype="text", subtype="plain", filename="b.log")
    for file in post(stranger, make("hook"), message.as_bytes())["files"]:
        assert visit("dee").get(f"/api/v1/attachments/{file['kept']}").data == "à l'arrêt".encode()


def test_a_signature_is_no_file_and_an_archive_is_not_opened(stranger: Visitor, make: Make, visit: Visit) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../tool.exe", b"MZ")
    files = ((b"0\x80", "application/pkcs7-signature", "smime.p7s"), (packed.getvalue(), "application/zip", "all.zip"))
    (file,) = post(stranger, make("hook"), letter(*files).as_bytes())["files"]
    assert visit("dee").get(f"/api/v1/attachments/{file['kept']}").data == packed.getvalue()


def test_more_than_an_incident_holds_is_told_once_each(
    stranger: Visitor, make: Make, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attaching, "MOST", 1)
    files = [(f"line {at}\n".encode(), "text/plain", f"{at}.log") for at in range(3)]
    told = post(stranger, make("hook"), letter(*files).as_bytes())
    assert [bool(one["kept"]) for one in told["files"]] == [True, False, False]
    assert "holds 50 files" in told["files"][1]["reason"]


def test_a_full_disk_takes_nothing_and_the_mail_may_come_again(
    stranger: Visitor, make: Make, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, raw = make("hook"), letter((PNG, "image/png", "cave.png")).as_bytes()

    def full(self: attic.Attic, content: bytes) -> str:
        raise attic.AtticFull("no room")

    with monkeypatch.context() as patched:
        patched.setattr(attic.Attic, "put", full)
        said = stranger.client.post("/in/mail", data=raw, headers=bearer(token))
        assert said.status_code == 507
        assert incidents(sessions) == []
    assert post(stranger, token, raw)["outcome"] == "opened"
    assert names(sessions) == ["cave.png"]


def test_a_mail_of_many_megabytes_is_taken_and_one_beyond_the_limit_is_refused(stranger: Visitor, make: Make) -> None:
    token = make("hook")
    big = PNG + b"\0" * (12 * 1024 * 1024)
    (file,) = post(stranger, token, letter((big, "image/png", "big.png")).as_bytes())["files"]
    assert file["kept"]
    said = stranger.client.post("/in/mail", data=b"x" * (mail.LARGEST + 1), headers=bearer(token))
    assert said.status_code == 413


@pytest.mark.parametrize("depth", [50, 5000])
def test_boxes_within_boxes_are_taken_or_refused_and_never_break(depth: int, stranger: Visitor, make: Make) -> None:
    raw = b"From: ada@example.org\r\nMessage-ID: <d@x>\r\n"
    for at in range(depth):
        raw += b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (at, at)
    said = stranger.client.post("/in/mail", data=raw + b"\r\nHello\r\n", headers=bearer(make("hook")))
    assert said.status_code == (200 if depth == 50 else 422)
