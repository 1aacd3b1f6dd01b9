"""Discord's markdown as HTML: what a reader of a message sees, with everything that is not markup escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from html import escape
from types import MappingProxyType

from wanderer_notifier.sim.page_emoji import with_pictures

DEPTH = 6
"""How deep formats may nest; deeper ones are shown as they were typed."""

NOBODY: Mapping[str, str] = MappingProxyType({})

_INLINE = re.compile(
    r"""
      \\(?P<escaped>[!-/:-@\[-`{-~])
    | (?P<fence>`{1,2})(?!`)(?P<code>.+?)(?<!`)(?P=fence)(?!`)
    | \[(?P<label>[^\[\]\n]+)\]\(<?(?P<href>https?://[^\s<>()]+(?:\([^\s<>()]*\)[^\s<>()]*)*)>?\)
    | <(?P<angled>https?://[^\s<>]+)>
    | (?P<bare>https?://[^\s<>|*~`]+)
    | <@!?(?P<user>\d{1,20})>
    | <@&(?P<role>\d{1,20})>
    | <\#(?P<channel>\d{1,20})>
    | </(?P<command>[\w -]{1,100}):\d{1,20}>
    | <a?:(?P<emoji>\w{1,32}):\d{1,20}>
    | <t:(?P<unix>-?\d{1,13})(?::(?P<style>[tTdDfFRsS]))?>
    | (?P<crowd>@everyone|@here)
    | \*\*\*(?P<both>(?:\\.|[^\\*])+?)\*\*\*
    | \*\*(?P<bold>(?:\\.|[^\\])+?)\*\*(?!\*)
    | __(?P<under>(?:\\.|[^\\])+?)__(?!_)
    | ~~(?P<struck>.+?)~~
    | \|\|(?P<spoiler>.+?)\|\|
    | \*(?=\S)(?P<star>(?:\*\*|\\.|[^\\*])+?)\*(?!\*)
    | (?<!\w)_(?P<bar>(?:__|\\.|[^\\_])+?)_(?!\w)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK = re.compile(r"```(?:[\w+-]+\n)?\n*(.+?)\n*```\n?", re.DOTALL)
_LOOKS_LIKE_A_LINK = re.compile(r"\s*https?://", re.IGNORECASE)
_STARTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"### +(.+)"), "h3"),
    (re.compile(r"## +(.+)"), "h2"),
    (re.compile(r"# +(.+)"), "h1"),
    (re.compile(r"-# +(.+)"), "sub"),
    (re.compile(r" *[-*] +(.+)"), "item"),
    (re.compile(r"> (.*)"), "quote"),
)
_TAGS = {
    "bold": ("<strong>", "</strong>"),
    "both": ("<strong><em>", "</em></strong>"),
    "under": ("<u>", "</u>"),
    "struck": ("<s>", "</s>"),
    "star": ("<em>", "</em>"),
    "bar": ("<em>", "</em>"),
    "spoiler": ('<span class="spoiler" tabindex="0"><span>', "</span></span>"),
}

_UNITS = (("year", 31_557_600), ("month", 2_629_800), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def to_html(text: str, now: datetime, names: Mapping[str, str] = NOBODY) -> str:
    """The HTML of one content, description or field value.

    Args:
        text: as Discord stores it.
        now: what relative times are relative to; aware.
        names: of users, roles and channels, by id.
    """
    parts: list[str] = []
    after = 0
    for block in _BLOCK.finditer(text):
        parts.append(_lines(text[after : block.start()], now, names))
        parts.append(f"<pre><code>{escape(block[1])}</code></pre>")
        after = block.end()
    parts.append(_lines(text[after:], now, names))
    return "".join(parts)


def inline(text: str, now: datetime, names: Mapping[str, str] = NOBODY) -> str:
    """The HTML of text in a single run, such as an embed's title: no headings, lists or quotes."""
    return _inline(text, now, names, depth=0, linked=False)


def relative(moment: datetime, now: datetime) -> str:
    """How Discord words the distance: `5 minutes ago`, `in an hour`."""
    seconds = (moment - now).total_seconds()
    size = abs(seconds)
    unit, length = next((unit, length) for unit, length in _UNITS if size >= length or unit == "second")
    count = int(size // length)
    amount = f"{count} {unit}s" if count != 1 else f"{'an' if unit == 'hour' else 'a'} {unit}"
    return f"in {amount}" if seconds > 0 else f"{amount} ago"


def _lines(text: str, now: datetime, names: Mapping[str, str]) -> str:
    shown: list[str] = []
    run: list[str] = []

    def flush() -> None:
        if run:
            shown.append(_inline("\n".join(run), now, names, depth=0, linked=False))
            run.clear()

    for line in text.split("\n"):
        kind, rest = next(((kind, match[1]) for start, kind in _STARTS if (match := start.fullmatch(line))), ("", ""))
        if kind:
            flush()
            shown.append(f'<div class="md-{kind}">{_inline(rest, now, names, depth=0, linked=False)}</div>')
        else:
            run.append(line)
    flush()
    return "".join(shown)


def _inline(text: str, now: datetime, names: Mapping[str, str], *, depth: int, linked: bool) -> str:
    if depth > DEPTH:
        return _plain(text)
    parts: list[str] = []
    after = 0
    for match in _INLINE.finditer(text):
        parts.append(_plain(text[after : match.start()]))
        parts.append(_piece(match, now, names, depth, linked))
        after = match.end()
    parts.append(_plain(text[after:]))
    return "".join(parts)


def _piece(match: re.Match[str], now: datetime, names: Mapping[str, str], depth: int, linked: bool) -> str:
    kind = match.lastgroup or ""
    whole = match[0]

    def inner(part: str, *, in_link: bool = linked) -> str:
        return _inline(part, now, names, depth=depth + 1, linked=in_link)

    if kind == "escaped":
        # Inside the text of a link a backslash is shown (discord.md 3.7).
        return escape(whole if linked else match["escaped"])
    if kind in _TAGS:
        opening, closing = _TAGS[kind]
        return f"{opening}{inner(match[kind])}{closing}"
    if kind == "href":
        if linked or _LOOKS_LIKE_A_LINK.match(match["label"]):
            return _plain(whole)
        return _link(match["href"], inner(match["label"], in_link=True))
    if kind in ("angled", "bare"):
        return _plain(whole) if linked else _link(match[kind], escape(match[kind]))
    if kind in ("unix", "style"):
        return _time(int(match["unix"]), match["style"] or "f", now) or escape(whole)
    return _MENTIONS[kind](match, names)


def _link(address: str, label: str) -> str:
    return f'<a href="{escape(address)}" rel="noopener noreferrer" target="_blank">{label}</a>'


def _pill(label: str, kind: str = "") -> str:
    return f'<span class="{f"pill {kind}".strip()}">{escape(label)}</span>'


_MENTIONS: dict[str, Callable[[re.Match[str], Mapping[str, str]], str]] = {
    "code": lambda match, names: f"<code>{escape(match['code'])}</code>",
    "user": lambda match, names: _pill(f"@{names.get(match['user'], 'pilot' + match['user'][-4:])}"),
    "role": lambda match, names: _pill(f"@{names.get(match['role'], 'unknown-role')}", "role"),
    "channel": lambda match, names: _pill(f"#{names.get(match['channel'], 'unknown')}"),
    "command": lambda match, names: _pill(f"/{match['command']}"),
    "emoji": lambda match, names: _pill(f":{match['emoji']}:", "emoji"),
    "crowd": lambda match, names: _pill(match["crowd"]),
}


def _time(unix: int, style: str, now: datetime) -> str | None:
    try:
        moment = datetime.fromtimestamp(unix, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    day, clock = f"{moment.day} {moment:%B %Y}", f"{moment:%H:%M}"
    shown = {
        "t": clock,
        "T": f"{moment:%H:%M:%S}",
        "d": f"{moment:%d/%m/%Y}",
        "D": day,
        "f": f"{day} {clock}",
        "F": f"{moment:%A}, {day} {clock}",
        "R": relative(moment, now),
        "s": f"{moment:%d/%m/%Y} {clock}",
        "S": f"{moment:%d/%m/%Y %H:%M:%S}",
    }[style]
    title = f"{moment:%A}, {day} {clock} UTC"
    return f'<time datetime="{moment:%Y-%m-%dT%H:%M:%SZ}" title="{title}">{shown}</time>'


def _plain(text: str) -> str:
    return with_pictures(escape(text).replace("\n", "<br>"))
