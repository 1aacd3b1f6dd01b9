"""One message of the demo's page: head, text, embeds, as Discord lays them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, TypeAlias

from attrs import Factory, define

from wanderer_notifier.sim import markdown
from wanderer_notifier.sim.discord_messages import Posted
from wanderer_notifier.sim.page_pictures import avatar, drawing

JsonObject: TypeAlias = dict[str, Any]


@define(kw_only=True)
class Reader:
    """What shapes the looks of all messages on a page, and the colours that they turned out to need."""

    now: datetime
    names: Mapping[str, str]
    colours: dict[int, None] = Factory(dict)

    def colour(self, colour: object) -> str:
        """The class of a colour bar; the page's policy forbids styles on elements."""
        if not isinstance(colour, int) or not 0 < colour <= 0xFFFFFF:
            return ""
        self.colours[colour] = None
        return f" c{colour:06x}"

    def css(self) -> str:
        """The rules for the colours used so far."""
        return "".join(f".c{one:06x}{{border-left-color:#{one:06x}}}" for one in self.colours)


def message_html(message: Posted, reader: Reader, *, channel: str | None, follows: bool) -> str:
    """One message.

    Args:
        message: what was posted.
        reader: collects the colours used.
        channel: name of its channel, where messages of several are mixed.
        follows: whether it stands under the head of the message before.
    """
    clock = f'<time datetime="{message.at:%Y-%m-%dT%H:%M:%SZ}">{message.at:%H:%M}</time>'
    left = f'<div class="gutter">{clock}</div>'
    head = ""
    if not follows:
        bot = bool(message.author.get("bot"))
        name = str(message.author.get("global_name") or message.author["username"])
        left = avatar(name, bot=bot)
        place = f'<a href="/?channel={escape(message.channel_id)}">#{escape(channel)}</a>' if channel else ""
        where = f'<span class="in">in {place}</span>' if place else ""
        tag = '<span class="tag">APP</span>' if bot else ""
        head = f'{_asked(message)}<div class="who"><b>{escape(name)}</b>{tag}{clock}{where}</div>'
    said = markdown.to_html(message.content, reader.now, reader.names)
    text = f'<div class="text">{said}</div>' if said else ""
    embeds = "".join(_embed(embed, reader) for embed in message.shown_embeds)
    notes = ["edited"] if message.edited else []
    notes += ["silent"] if message.silent else []
    notes += [f"👁 only {_asker(message)} can see this"] if message.ephemeral else []
    note = f'<div class="note">({", ".join(notes)})</div>' if notes else ""
    classes = " ".join([*(["more"] if follows else []), *(["pinged"] if message.pinged else [])])
    marked = f' class="{classes}"' if classes else ""
    return f'<article id="m{escape(message.id)}"{marked}>{left}<div>{head}{text}{embeds}{note}</div></article>'


def _asked(message: Posted) -> str:
    """Who gave the command that *message* answers."""
    origin = message.origin.get("interaction_metadata")
    if not origin:
        return ""
    return f'<div class="note">↱ <b>{_asker(message)}</b> used <code>/{escape(str(origin["name"]))}</code></div>'


def _asker(message: Posted) -> str:
    user = (message.origin.get("interaction_metadata") or {}).get("user") or {}
    return escape(str(user.get("global_name") or user.get("username") or "somebody"))


def _embed(embed: JsonObject, reader: Reader) -> str:
    parts: list[str] = []
    author = embed.get("author") or {}
    if author.get("name"):
        icon = drawing(author["icon_url"], label=author["name"]) if author.get("icon_url") else ""
        parts.append(f'<div class="author">{icon}{_linked(escape(author["name"]), author.get("url"))}</div>')
    if embed.get("title"):
        title = markdown.inline(embed["title"], reader.now, reader.names)
        parts.append(f'<div class="title">{_linked(title, embed.get("url"))}</div>')
    if embed.get("description"):
        parts.append(f'<div class="about">{markdown.to_html(embed["description"], reader.now, reader.names)}</div>')
    if embed.get("fields"):
        parts.append(_fields(embed["fields"], reader))
    beside = f'<div class="thumb">{drawing(embed["thumbnail"]["url"])}</div>' if embed.get("thumbnail") else ""
    below = f'<div class="image">{drawing(embed["image"]["url"])}</div>' if embed.get("image") else ""
    feet = [escape((embed.get("footer") or {}).get("text", "")), _moment(embed.get("timestamp"))]
    foot = " • ".join(filter(None, feet))
    footer = f'<div class="foot">{foot}</div>' if foot else ""
    bar = reader.colour(embed.get("color"))
    return f'<div class="embed{bar}"><div>{"".join(parts)}</div>{beside}{below}{footer}</div>'


def _fields(fields: Sequence[JsonObject], reader: Reader) -> str:
    """Inline fields stand in rows of up to three, each row dividing the width evenly."""
    rows: list[list[JsonObject]] = []
    for field in fields:
        row = rows[-1] if rows else None
        if field.get("inline") and row and row[0].get("inline") and len(row) < 3:
            row.append(field)
        else:
            rows.append([field])
    cells = []
    for row in rows:
        # A lone inline field keeps the width that it would have beside others.
        kind = "" if not row[0].get("inline") else " of2" if len(row) == 2 else " of3"
        for field in row:
            name = markdown.inline(field["name"], reader.now, reader.names)
            value = markdown.to_html(field["value"], reader.now, reader.names)
            cells.append(f'<div class="field{kind}"><b>{name}</b>{value}</div>')
    return f'<div class="fields">{"".join(cells)}</div>'


def _linked(html: str, url: object) -> str:
    if not isinstance(url, str) or not url.startswith(("https://", "http://")) or "<a " in html:
        return html
    return f'<a href="{escape(url)}" rel="noopener noreferrer" target="_blank">{html}</a>'


def _moment(stamp: object) -> str:
    if not isinstance(stamp, str):
        return ""
    moment = datetime.fromisoformat(stamp)
    return f"{moment.day} {moment:%B %Y %H:%M}"
