"""What a person wrote in a mail: markup taken off, quotes of earlier letters cut. Plain, and linear in what comes."""

from __future__ import annotations

import re
from html import unescape

LONGEST_READ = 400_000  # characters of one part that are looked at
_QUOTE_HEAD = re.compile(
    r"^\s*(On\b.{0,300}\bwrote|Le\b.{0,300}\ba écrit|Am\b.{0,300}\bschrieb.{0,80}"
    r"|[-_]{2,}\s*(Original Message|Message d.origine|Ursprüngliche Nachricht)\b.*)\s*:?\s*[-_]*$",
    re.IGNORECASE,
)
# Outlook puts no mark before what it quotes, but the letter's own head: the first two lines of it tell.
_OUTLOOK_FROM = re.compile(r"^\s*\**(From|De|Von)\s*:\**\s+\S")
_OUTLOOK_SENT = re.compile(r"^\s*\**(Sent|Date|Envoyé|Gesendet)\s*:\**\s+\S")
_BREAKS = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "ul", "ol", "table", "blockquote", "hr"})
_UNREAD = frozenset({"script", "style", "head", "title", "template"})  # what a reader of the mail does not see
_TAG = re.compile(r"<[a-zA-Z/!?]")  # any other < is one that a person wrote
_NAME = re.compile(r"/?\s*([a-zA-Z][a-zA-Z0-9]*)")
_SPACES = re.compile(r"[ \t\xa0]+")
_GAPS = re.compile(r"\n\s*\n\s*\n+")


def decoded(raw: bytes, charset: str) -> str:
    """Text as its sender meant it: by the charset it claims, else UTF-8, else Windows-1252."""
    for name in (charset or "utf-8", "utf-8"):
        try:
            return raw.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode("cp1252", "replace")


def of_markup(markup: str) -> str:
    """The words of an HTML part, a line a block; what stands in a quote begins with `>`, as in a plain mail."""
    markup = markup[:LONGEST_READ].replace("\r", " ").replace("\n", " ")
    lowered = markup.lower()
    if len(lowered) != len(markup):  # a few letters grow when lowered, and places would no longer agree
        lowered = markup
    found: list[str] = []
    at = depth = 0
    while at < len(markup):
        opens = markup.find("<", at)
        _say(found, markup[at : opens if opens >= 0 else len(markup)], depth)
        if opens < 0:
            break
        if not _TAG.match(markup, opens):
            found.append("<")
            at = opens + 1
            continue
        comment = markup.startswith("<!--", opens)
        ends = markup.find("-->" if comment else ">", opens)
        if ends < 0:
            break
        at = ends + (3 if comment else 1)
        name = _NAME.match(markup, opens + 1)
        word = name[1].lower() if name and not comment else ""
        closes = markup.startswith("/", opens + 1)
        if word in _UNREAD and not closes:
            over = lowered.find(f"</{word}", at)
            if over < 0:
                break
            at = over
        if word == "blockquote":
            depth = max(0, depth - 1) if closes else depth + 1
        if word in _BREAKS:
            found.append("\n")
    return _GAPS.sub("\n\n", "\n".join(line.strip() for line in "".join(found).split("\n"))).strip()


def _say(found: list[str], text: str, depth: int) -> None:
    words = _SPACES.sub(" ", unescape(text))
    if not words.strip():
        found.append(" " if words else "")
    elif depth and (not found or found[-1].endswith("\n")):
        found.append("> " + words.lstrip())
    else:
        found.append(words)


def without_quotes(text: str) -> str:
    """What was written above and between what is quoted; empty when all of it is a quote."""
    lines = text.split("\n")
    kept: list[str] = []
    for at, line in enumerate(lines):
        if line.rstrip() == "--" or _quotes(lines, at):
            break
        if not line.startswith(">"):
            kept.append(line)
    return "\n".join(kept).strip()


def _quotes(lines: list[str], at: int) -> bool:
    """Whether the letter that is answered begins here; its heading is often broken over two lines."""
    line = lines[at][:400]
    follows = lines[at + 1][:400] if at + 1 < len(lines) else ""
    if _QUOTE_HEAD.match(line):
        return True
    if re.match(r"\s*(On|Le|Am)\b", line) and _QUOTE_HEAD.match(f"{line} {follows}") and follows.rstrip().endswith(":"):
        return True
    return bool(_OUTLOOK_FROM.match(line) and _OUTLOOK_SENT.match(follows))
