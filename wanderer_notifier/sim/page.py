"""The demo's page: the Discord channels as their readers see them, and a running log; HTML without a script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from html import escape

import trio
from attrs import Factory, frozen

from wanderer_notifier.sim.discord_messages import Posted
from wanderer_notifier.sim.http import Exchange, serve_tcp
from wanderer_notifier.sim.page_messages import Reader, message_html
from wanderer_notifier.sim.page_style import CSS
from wanderer_notifier.sim.world import World

SHOWN = 60
"""Messages on one page; older ones are counted only."""

LOG_LINES = 200
REFRESH_S = 2

TOGETHER = timedelta(minutes=7)
"""Messages of one author that follow within this time share one head, as Discord has it."""


@frozen(kw_only=True)
class ChannelView:
    """One channel and what stands in it, oldest first."""

    id: str
    name: str
    messages: Sequence[Posted] = ()


@frozen(kw_only=True)
class PageState:
    """Everything the page shows."""

    guild: str
    channels: Sequence[ChannelView]
    now: datetime
    """Aware; ages are told relative to it."""
    selected: str | None = None
    """The channel to show; None: all of them in one stream."""
    log: Sequence[str] = ()
    """The last lines of the log, oldest first."""
    facts: Sequence[tuple[str, str]] = ()
    """Numbers for the corner, such as `("sent", "12")`."""
    refresh_s: int | None = REFRESH_S
    """How often the browser asks again; None: it does not."""
    names: Mapping[str, str] = Factory(dict)
    """Of roles, users and channels by id, for mentions."""


def render_page(state: PageState) -> str:
    """The whole page as HTML; loads nothing from anywhere."""
    reader = Reader(now=state.now, names=state.names)
    body = _nav(state) + _stream(state, reader) + _log(state.log)
    refresh = f'<meta http-equiv="refresh" content="{state.refresh_s}">' if state.refresh_s else ""
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"{refresh}<title>{escape(state.guild)} · demo</title><style>{CSS}{reader.css()}</style></head>"
        f"<body>{body}</body></html>"
    )
    # A lone surrogate cannot be sent; a reader of Discord would see this sign as well.
    return html.encode("utf-8", "replace").decode()


def content_security_policy(html: str) -> str:
    """The strictest policy that leaves *html*, made by `render_page`, its looks: its own style and nothing else."""
    style = html.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


# --- the three columns ------------------------------------------------------------------------------------------


def _nav(state: PageState) -> str:
    def entry(link: str, sign: str, name: str, count: int, here: bool) -> str:
        mark = ' class="here" aria-current="page"' if here else ""
        label = f'<span class="hash">{sign}</span>{escape(name)}<span class="count">{count or ""}</span>'
        return f'<li><a href="{link}"{mark}>{label}</a></li>'

    pause = "" if state.refresh_s else "&amp;pause=1"
    total = sum(len(channel.messages) for channel in state.channels)
    entries = [entry(f"/?{pause[5:]}", "✦", "everything", total, state.selected is None)]
    for channel in state.channels:
        link = f"/?channel={escape(channel.id)}{pause}"
        entries.append(entry(link, "#", channel.name, len(channel.messages), channel.id == state.selected))
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in state.facts)
    return (
        f"<nav><h1>{escape(state.guild)}</h1><h2>Text channels</h2><ul>{''.join(entries)}</ul>"
        f"{f'<dl>{facts}</dl>' if facts else ''}</nav>"
    )


def _stream(state: PageState, reader: Reader) -> str:
    chosen = [channel for channel in state.channels if state.selected in (None, channel.id)]
    name = {channel.id: channel.name for channel in state.channels}
    everything = sorted(
        (message for channel in chosen for message in channel.messages), key=lambda one: (one.at, int(one.id))
    )
    shown = everything[-SHOWN:]
    parts: list[str] = []
    if len(everything) > len(shown):
        parts.append(f'<div class="day">{len(everything) - len(shown)} earlier messages</div>')
    before: Posted | None = None
    head: Posted | None = None
    for message in shown:
        if before is None or before.at.date() != message.at.date():
            parts.append(f'<div class="day">{message.at.day} {message.at:%B %Y}</div>')
            head = None
        follows = head is not None and _continues(head, message)
        channel = name[message.channel_id] if state.selected is None else None
        parts.append(message_html(message, reader, channel=channel, follows=follows))
        head = head if follows else message
        before = message
    if not shown:
        parts.append('<p class="empty">Nothing has happened yet.<br>Messages appear here as they are posted.</p>')
    here = chosen[0].name if state.selected is not None and chosen else "everything"
    sign = "#" if state.selected is not None else "✦"
    at = f"{state.now.astimezone(UTC):%H:%M:%S} UTC"
    channel_query = f"channel={escape(state.selected)}" if state.selected is not None else ""
    toggle = (
        f'<a class="pause" href="/?{channel_query}&amp;pause=1">pause</a>'
        if state.refresh_s
        else f'<a class="pause" href="/?{channel_query}">go on</a>'
    )
    header = f"<header><strong>{sign} {escape(here)}</strong><span>as readers see it at {at}</span>{toggle}</header>"
    return f'{header}<main><div class="stream">{"".join(parts)}</div></main>'


def _continues(head: Posted, message: Posted) -> bool:
    same = (head.channel_id, head.author["id"]) == (message.channel_id, message.author["id"])
    return same and message.at - head.at < TOGETHER and not message.ephemeral  # each answer names its command


def _log(lines: Iterable[str]) -> str:
    def entry(line: str) -> str:
        low = line.lower()
        kind = ' class="worse"' if "error" in low else ' class="bad"' if "warn" in low else ""
        return f"<li{kind}>{escape(line)}</li>"

    return f'<aside><h2>Log</h2><div class="log"><ol>{"".join(map(entry, lines))}</ol></div></aside>'


def _secret(world: World, channel_id: str) -> list[Posted]:
    """What only those saw who typed commands there; the page looks over everybody's shoulder."""
    asked = [one for one in world.discord.interactions.log if one.channel.id == channel_id]
    return [said for one in asked for said in one.shown if said.ephemeral]


# --- serving ----------------------------------------------------------------------------------------------------


async def serve_page(
    world: World,
    log_lines: Collection[str],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    facts: Callable[[], Sequence[tuple[str, str]]] = tuple,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the page of *world* until cancelled; `started()` gets its address.

    Args:
        world: whose Discord is shown.
        log_lines: what the log panel shows, read anew for each request, oldest first.
        host: address to listen on.
        port: 0 for any free one.
        facts: numbers for the corner, asked for each request.
    """

    async def handle(exchange: Exchange) -> None:
        request = exchange.request
        if request.method not in ("GET", "HEAD") or request.path != "/":
            await exchange.respond(404, [("Content-Type", "text/plain; charset=utf-8")], b"Nothing here.\n")
            return
        state = PageState(
            guild=world.discord.guild.name,
            channels=[
                ChannelView(id=channel.id, name=channel.name, messages=[*channel.messages, *_secret(world, channel.id)])
                for channel in world.discord.guild.channels.values()
                if not channel.is_voice
            ],
            now=world.now(),
            selected=request.query.get("channel"),
            log=list(log_lines)[-LOG_LINES:],
            facts=facts(),
            refresh_s=None if "pause" in request.query else REFRESH_S,
            names=world.names(),
        )
        html = render_page(state)
        headers = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Security-Policy", content_security_policy(html)),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
        ]
        await exchange.respond(200, headers, html.encode())

    async with trio.open_nursery() as nursery:
        bound = await nursery.start(partial(serve_tcp, handle, host=host, port=port))
        task_status.started(f"http://{host}:{bound}/")
