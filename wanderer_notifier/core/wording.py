"""Amounts, times and untrusted names as a Discord reader should see them (discord.md 3.7, notifications.md 3.2.5)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import quote

NAME_LIMIT = 256
"""Longest name shown; a title is no longer either (Discord's limit)."""

ZERO_WIDTH_SPACE = "\u200b"

_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and symbols by category, yet nothing is drawn
_INVISIBLE = re.compile(f"[{_BLANK_LETTERS}]")
_SPACES = re.compile(r"\s+")
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_MANY_BREAKS = re.compile(r"\n\s*\n(?:\s*\n)+")
_MARKS = re.compile(r"([\\*_~`|<\[\]])")
_ROUND = re.compile(r"([()])")
_BLOCK_START = re.compile(r"^(\s*)([>#-])", re.MULTILINE)
_LIST_START = re.compile(r"^(\s*\d+)([.)])(?=\s|$)", re.MULTILINE)
_LINK_MARKS = re.compile(r"[\\*_~`|<>\[\]]")


# --- cleaning: what a text may consist of -------------------------------------------------------------------------


def one_line(text: str, limit: int = NAME_LIMIT) -> str | None:
    """*text* as one visible line of at most *limit* characters; None when nothing of it can be seen.

    Control, direction, zero-width and surrogate characters go; runs of white space become one space.
    """
    if not (text.isascii() and text.isprintable()):
        text = _visible(text)
    text = _SPACES.sub(" ", text).strip()
    return cut(text, limit) if _has_ink(text) else None


def paragraph(text: str, limit: int) -> str | None:
    """Like `one_line`, but line ends stay; at most one blank line in a row."""
    lines = _BREAKS.sub("\n", text).split("\n")
    kept = "\n".join(_visible(line).rstrip() for line in lines)
    kept = _MANY_BREAKS.sub("\n\n", kept).strip()
    return cut(kept, limit) if _has_ink(kept) else None


def cut(text: str, limit: int) -> str:
    """At most *limit* code points (Discord counts these, discord.md 3.6), ending in `…` when something is missing."""
    if len(text) <= limit:
        return text
    kept = text[: max(limit - 1, 0)].rstrip()
    if (len(kept) - len(kept.rstrip("\\"))) % 2:  # half an escape would swallow what follows
        kept = kept[:-1]
    return (kept + "…")[:limit]


def _visible(text: str) -> str:
    kept = []
    for char in _INVISIBLE.sub("", text):
        category = unicodedata.category(char)
        if category in {"Cc", "Zl", "Zp"}:
            kept.append(" ")
        elif category not in {"Cf", "Cs", "Cn"}:
            kept.append(char)
    return "".join(kept)


def _has_ink(text: str) -> bool:
    return (text.isascii() and text != "") or any(unicodedata.category(char)[0] not in "ZMC" for char in text)


# --- escaping: text that must be read as it was written ------------------------------------------------------------


def escape(text: str) -> str:
    """*text* so that Markdown shows it literally and nothing in it can ping."""
    text = _MARKS.sub(r"\\\1", text)
    if "\\](" in text:  # round brackets alone stay as they are: only after square ones do they make a link
        text = _ROUND.sub(r"\\\1", text)
    text = _LIST_START.sub(r"\1\\\2", _BLOCK_START.sub(r"\1\\\2", text))
    return unping(text)


def unping(text: str) -> str:
    """*text* for a place without Markdown (a footer), its `@` no longer the start of a mention."""
    return text.replace("@", "@" + ZERO_WIDTH_SPACE)


def link(text: str, url: str, *, tag: str | None = None) -> str:
    """A masked link, with *tag* in square brackets behind its *text*.

    Markdown characters leave both, since no escape works there (discord.md 3.7); text of which nothing remains
    becomes `?`.
    """
    shown = _bare(text) if tag is None else f"{_bare(text)} [{_bare(tag)}]"
    return f"[{shown}]({url})"


def _bare(text: str) -> str:
    bare = unping(_LINK_MARKS.sub("", text))
    bare = bare.replace("://", ":" + ZERO_WIDTH_SPACE + "//")  # a text that looks like an address is not made a link
    return bare if _has_ink(bare.strip()) else "?"


def path_part(name: str) -> str:
    """*name* as one segment of a dotlan address: spaces as underscores, everything else percent-encoded."""
    return quote(name.replace(" ", "_"), safe="")


# --- amounts and times ---------------------------------------------------------------------------------------------


def isk(amount: float, digits: int = 2) -> str:
    """`1.23B ISK`: rounded first, then given its unit, so that 999,999 reads `1.00M ISK`; whole ISK below 1,000."""
    amount = abs(amount)
    if round(amount) < 1000:
        return f"{round(amount)} ISK"
    scaled = amount
    for unit in ("K", "M", "B"):
        scaled /= 1000.0
        if round(scaled, digits) < 1000:
            return f"{scaled:.{digits}f}{unit} ISK"
    return f"{scaled / 1000.0:.{digits}f}T ISK"


def relative(moment: datetime) -> str:
    """Discord's own "5 minutes ago", right in every reader's time zone."""
    return f"<t:{int(moment.timestamp())}:R>"


def duration(seconds: float) -> str:
    """`1d 2h 3m 4s`, without leading zero units."""
    left = max(int(seconds), 0)
    parts: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count}{unit}")
    return " ".join([*parts, f"{left}s"])


def fitting(lines: Sequence[str], room: int, more: str = "… and {} more") -> Iterator[str]:
    """As many of *lines* as *room* characters take, each with its line break; *more* stands for the others, and needs
    room of its own."""
    for number, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            yield more.format(len(lines) - number)
            return
        yield line
