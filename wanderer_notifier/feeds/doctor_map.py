"""Whether the map lets us in: its key, its lists, its event stream (wanderer-map.md 1.8, 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

import trio

from wanderer_notifier.core.findings import Finding, fail, ok, warn
from wanderer_notifier.core.mapevents import BadMapEvent, parse_characters, parse_systems
from wanderer_notifier.feeds.map_refusals import NoStream, limit_reached, not_a_stream, refusal
from wanderer_notifier.feeds.map_request import HEADERS
from wanderer_notifier.net.client import NetError, Upstream
from wanderer_notifier.net.question import Reply, ask
from wanderer_notifier.wire.sse import SseError, SseParser

GREETING_S = 10.0
NETWORK = "check MAP_URL, and that the map server runs and can be reached from this machine"


async def examine(api: Upstream, slug: str, *, now: Callable[[], datetime]) -> tuple[list[Finding], float | None]:
    """Everything about the map *slug*, and how far its clock is ahead of ours."""
    path = f"/api/maps/{quote(slug, safe='')}"
    systems = await ask(api, "GET", f"{path}/systems", now=now)
    found = [listed("systems", slug, systems)]
    if found[0].level != "fail":
        found.append(listed("tracked pilots", slug, await ask(api, "GET", f"{path}/tracked-characters", now=now)))
        found.append(await stream(api, slug))
    else:
        found.append(warn(f"map {slug}", "its event stream was not checked", "mend the above first"))
    return found, systems.ahead_s


def listed(what: str, slug: str, reply: Reply) -> Finding:
    """One of the map's lists."""
    check = f"map {slug}: {what}"
    if not reply.status:
        return fail(check, f"the map server could not be asked: {reply.trouble}", NETWORK)
    if not 200 <= reply.status < 300:
        return refused(check, slug, reply.status, reply)
    try:
        rows, bad = parse_systems(reply.value) if what == "systems" else parse_characters(reply.value)
    except BadMapEvent as error:
        return fail(check, f"the answer is no list of {what}: {error}", "check MAP_URL; is a proxy in between?")
    if bad:
        return warn(check, f"{len(rows)} on the map, and {len(bad)} that cannot be read: {bad[0].reason}")
    if not rows:
        return warn(check, f"the map shows no {what}", "if it should, look at the map itself: nothing will be notified")
    return ok(check, f"{len(rows)} on the map")


def refused(check: str, slug: str, status: int, reply: Reply) -> Finding:
    """An answer that is no success; the words of `map_refusals` name the fix."""
    error = refusal(slug, status, reply.headers, reply.body[:500].decode("utf-8", "replace"))
    words, _, fix = str(error).partition("; ")
    if status == 401:
        fix = fix or (
            "renew the subscription of the map, or ask who runs the server"
            if "subscription" in words
            else "copy the key from the map's settings, Public API, into MAP_API_KEY"
        )
    if isinstance(error, NoStream):
        return warn(check, f"{words}: changes are only noticed by asking every minute", fix)
    return fail(check, words, fix or ("try again" if status >= 500 else ""))


async def stream(api: Upstream, slug: str) -> Finding:
    """Open the event stream and wait for its greeting; it takes one of the key's ten places for a moment."""
    check = f"map {slug}: event stream"
    path = f"/api/maps/{quote(slug, safe='')}/events/stream"
    accepted = heard = False
    try:
        with trio.move_on_after(GREETING_S):
            async with api.stream(path, params={"events": "add_system"}, headers=HEADERS, open_s=GREETING_S) as answer:
                kind = answer.headers.get("content-type", "")
                if answer.status != 200:
                    reply = Reply(status=answer.status, headers=answer.headers, body=await answer.read_body())
                    return refused(check, slug, answer.status, reply)
                if kind.partition(";")[0].strip().lower() != "text/event-stream":
                    return fail(check, str(not_a_stream(slug, kind)), "check MAP_URL; is a proxy in between?")
                parser, accepted = SseParser(), True
                async for chunk in answer.chunks:
                    heard = True
                    if any(event.type == "connected" for event in parser.feed(chunk)):
                        return ok(check, "open, and it greets us")
                return _full(check, slug)
    except (NetError, SseError) as error:
        if accepted and not heard:
            return _full(check, slug)
        return fail(check, f"it broke: {error}", "is a proxy in between that cuts long answers?")
    return warn(
        check,
        f"open, but no greeting came within {GREETING_S:g} s",
        "a proxy in between may hold answers back: switch its buffering off for /api/maps/*/events/stream",
    )


def _full(check: str, slug: str) -> Finding:
    """A stream that was accepted and ended at once (cases.md S11)."""
    words, _, fix = str(limit_reached(slug)).partition("; ")
    return fail(check, words, fix)
