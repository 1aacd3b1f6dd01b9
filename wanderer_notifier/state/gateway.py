"""What the gateway must remember across restarts: when it identified, and the session it may go on with.

Discord counts identifications per token and day; a crash loop that forgot its own would lose the token (P03, P80).
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.state.memory import get_meta, set_meta
from wanderer_notifier.state.store import Store

DAY_S = 86_400.0
IDENTIFIES, SESSION = "gateway_identifies", "gateway_session"


class GatewayMemory:
    """The memory of one bot; another token has another one, so that it starts with a budget of its own."""

    def __init__(self, store: Store, token: str) -> None:
        self._store = store
        self._bot = hashlib.sha256(token.encode()).hexdigest()[:16]

    async def identifies(self, now: float) -> tuple[float, ...]:
        """When this bot identified in the last 24 hours (unix seconds, oldest first). Raises `StoreError`."""
        return await self._store.read(lambda conn: tuple(_recent(_read(conn, IDENTIFIES, self._bot), now)))

    async def note_identify(self, now: float) -> None:
        """Note one more, before it is sent. Raises `StoreError`."""

        def note(conn: sqlite3.Connection) -> None:
            _write(conn, IDENTIFIES, self._bot, [*_recent(_read(conn, IDENTIFIES, self._bot), now), now])

        await self._store.write(note)

    async def session(self) -> JsonObject | None:
        """What was last kept, None after a goodbye. Raises `StoreError`."""
        kept = await self._store.read(lambda conn: _read(conn, SESSION, self._bot))
        return kept if isinstance(kept, dict) else None

    async def keep(self, session: JsonObject | None) -> None:
        """Keep what is needed to go on with the session; None: there is none. Raises `StoreError`."""
        await self._store.write(lambda conn: _write(conn, SESSION, self._bot, session))


def _recent(times: object, now: float) -> Sequence[float]:
    return [one for one in times if one > now - DAY_S] if isinstance(times, list) else []


def _read(conn: sqlite3.Connection, name: str, bot: str) -> object:
    text = get_meta(conn, name)
    kept = json.loads(text) if text is not None else {}
    return kept.get("what") if kept.get("bot") == bot else None


def _write(conn: sqlite3.Connection, name: str, bot: str, what: object) -> None:
    set_meta(conn, name, json.dumps({"bot": bot, "what": what}, separators=(",", ":")))
