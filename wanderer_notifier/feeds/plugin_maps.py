"""Which maps are followed, when the server says so itself (operations.md 1.8, wanderer-map.md 3.5).

The list is asked for at the start and every five minutes. What cannot be had changes nothing: the last good list, kept
in the database, stays in force, and before there ever was one the map of the environment.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable

import structlog
import trio
from attrs import frozen

from wanderer_notifier.core.plugin import (
    BadList,
    Difference,
    ListedMap,
    MapList,
    difference,
    other_bots,
    read_list,
    without_tokens,
)
from wanderer_notifier.net.client import NetError, Upstream, retry_after
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state.plugin import keep_list, kept_list
from wanderer_notifier.state.store import Store, StoreError

log = structlog.get_logger("config")

PATH = "/api/plugins/notifier/config"
EVERY_S = 300.0
CALL_S = 10.0
"""The start waits no longer for the first answer."""
LONGEST_S = 3600.0
EMPTY_BELIEVED = 3
"""So many empty lists in a row are believed: the server's own failure looks the same (wanderer-map.md 3.5)."""
SAY_AGAIN_S = 3600.0
"""The same trouble is logged once an hour (operations.md OPS-16)."""

_REFUSALS = {
    401: "the server refuses PLUGIN_NOTIFIER_API_KEY (HTTP 401)",
    403: "plugins are disabled on the server (HTTP 403)",
    404: "the server has no notifier plugin (HTTP 404)",
    503: "the notifier plugin is not configured on the server (HTTP 503)",
}


@frozen
class Listed:
    """A list, *raw* as it came; *etag* is for asking whether it is still the same."""

    raw: object
    found: MapList
    etag: str | None = None


@frozen
class Unchanged:
    """The list is the one we have."""


@frozen
class Unavailable:
    """No list, for a reason that concerns a credential or does not; *wait_s* is when to ask again, if told."""

    reason: str
    credential: bool = False
    wait_s: float = 0.0


async def ask(api: Upstream, etag: str | None, *, here_fallback: bool) -> Listed | Unchanged | Unavailable:
    """One question; ends within 10 s, and whatever goes wrong on the way is `Unavailable`."""
    headers = {"accept": "application/json"} | ({"if-none-match": etag} if etag else {})
    try:
        answer = await api.request("GET", PATH, headers=headers, total_s=CALL_S)
    except NetError as error:
        return Unavailable(str(error))
    if answer.status == 304:
        return Unchanged()
    if answer.status != 200:
        words = _REFUSALS.get(answer.status, f"the server answered HTTP {answer.status}")
        return Unavailable(words, credential=answer.status == 401, wait_s=retry_after(answer.headers) or 0.0)
    try:
        raw = answer.json()
        return Listed(raw, read_list(raw, here_fallback=here_fallback), answer.headers.get("etag"))
    except BadList as error:
        return Unavailable(f"the answer is not understood: {error}")
    except (ValueError, RecursionError):
        return Unavailable("the answer is not JSON")


class PluginMaps:
    """Keeps `maps` in step with the server's list.

    *own* are the maps to follow before there ever was a list (the environment's); *keep_tokens* whether bot tokens are
    kept in the database; *bot_token* that of the bot that posts; *learned* gets the list's bot tokens before anything
    can show them, *changed* what a new list brought.
    """

    def __init__(
        self,
        api: Upstream,
        store: Store,
        *,
        own: tuple[ListedMap, ...],
        here_fallback: bool,
        keep_tokens: bool,
        bot_token: str,
        part: Component,
        roll: Callable[[], float],
        learned: Callable[[Iterable[str]], None],
        changed: Callable[[Difference], None],
    ) -> None:
        self._api, self._store, self._own, self._part, self._roll = api, store, own, part, roll
        self._here_fallback, self._keep_tokens, self._bot_token = here_fallback, keep_tokens, bot_token
        self._learned, self._changed = learned, changed
        self._listed: MapList | None = None
        self._etag: str | None = None
        self._kept = ""
        self._empty = 0
        self._said: tuple[str, float] = ("", 0.0)
        self._warned: frozenset[str] = frozenset()
        self.maps: Watch[tuple[ListedMap, ...]] = Watch(own)
        self.settled = trio.Event()
        """Set when the first question has been answered or has failed: from then on `maps` is what to follow."""

    def recall(self, conn: sqlite3.Connection) -> None:
        """Take up the last good list of an earlier process."""
        raw = kept_list(conn)
        try:
            found = read_list(raw, here_fallback=self._here_fallback) if raw is not None else None
        except BadList as error:
            log.warning("plugin_maps_not_recalled", reason=str(error))
            return
        if found is not None:
            self._kept = _text(raw)
            self._learned(found.tokens())
            self._use(found)

    async def run(self) -> None:
        """Ask again and again, until cancelled."""
        while True:
            heard = await ask(self._api, self._etag, here_fallback=self._here_fallback)
            await self._hear(heard)
            if not self.settled.is_set():
                slugs = [one.slug for one in self.maps.value]
                log.info("map_list_in_force", source=self.source, maps=slugs)
                self.settled.set()
            wait_s = heard.wait_s if isinstance(heard, Unavailable) else 0.0
            await trio.sleep(min(max(EVERY_S, wait_s), LONGEST_S) * (1.0 - 0.05 * self._roll()))

    @property
    def source(self) -> str:
        """Where the maps in force come from."""
        return "environment" if self._listed is None else "plugin API" if self._part.state == "ok" else "last good list"

    async def _hear(self, heard: Listed | Unchanged | Unavailable) -> None:
        match heard:
            case Listed() if not heard.found.maps and self.maps.value and not self._empty_confirmed():
                self._trouble("the server lists no map; not believed until it says so again and again")
            case Listed():
                await self._take(heard)
            case Unchanged():
                self._empty = 0
                self._well()
            case Unavailable():
                self._trouble(heard.reason, credential=heard.credential)

    def _empty_confirmed(self) -> bool:
        """Count an empty list; what no list ever named, the map of the environment, no empty one takes away."""
        self._empty += 1
        return self._listed is not None and self._empty >= EMPTY_BELIEVED

    async def _take(self, heard: Listed) -> None:
        self._learned(heard.found.tokens())
        self._empty, self._etag = 0, heard.etag
        first, brought = self._listed is None, difference(self.maps.value, heard.found.maps)
        problems = (*heard.found.warnings, *self._other_bots(heard.found))
        for words in problems:
            if words not in self._warned:
                log.warning("plugin_map_odd", problem=words)
        self._warned = frozenset(problems)
        self._use(heard.found)
        if brought:
            log.info(
                "plugin_maps_changed",
                version=heard.found.version,
                added=brought.added,
                removed=brought.removed,
                changed=brought.changed,
            )
            if not first:
                self._changed(brought)
        self._well()
        await self._keep(heard.raw if self._keep_tokens else without_tokens(heard.raw))

    def _other_bots(self, found: MapList) -> Iterable[str]:
        """One gateway and one set of limits belong to one bot; a second one would need all of that again."""
        for slug in other_bots(found.maps, self._bot_token):
            yield f"map {slug}: a bot of its own is not used, the configured bot posts for every map"

    def _use(self, found: MapList) -> None:
        self._listed = found
        self.maps.set(found.maps)

    def _well(self) -> None:
        self._part.seen()
        self._part.to("ok")
        self._said = ("", 0.0)

    def _trouble(self, reason: str, *, credential: bool = False) -> None:
        """Show and log it; as long as there are maps to follow, their work is done all the same."""
        instead = "the last good list" if self._listed is not None else "the map of the environment"
        words = f"{reason}; {instead} stays in force" if self.maps.value else f"{reason}; no map is followed"
        if credential:
            self._part.to("failed", words)
        else:
            self._part.to("degraded", words, covered=bool(self.maps.value))
        said, at = self._said
        if said != reason or trio.current_time() - at >= SAY_AGAIN_S:
            self._said = (reason, trio.current_time())
            (log.error if credential else log.warning)("plugin_maps_unavailable", reason=words)

    async def _keep(self, raw: object) -> None:
        if (text := _text(raw)) == self._kept:
            return
        try:
            await self._store.write(lambda conn: keep_list(conn, raw))
            self._kept = text
        except StoreError as error:
            log.warning("plugin_maps_not_kept", reason=str(error))


def _text(raw: object) -> str:
    return json.dumps(raw, sort_keys=True)
