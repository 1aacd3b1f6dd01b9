"""The last answer about the licence, kept over restarts, so that a manager that is down at the start does no harm."""

from __future__ import annotations

import hashlib
import json

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.state.memory import get_meta, set_meta
from wanderer_notifier.state.store import Store

NAME = "licence"


class LicenceMemory:
    """The memory of one licence key; another key knows nothing of its answers. Only a digest of the key is stored."""

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._digest = hashlib.sha256(key.encode()).hexdigest()[:16]

    async def load(self) -> JsonObject | None:
        """What was kept last, None for nothing that can be used. Raises `StoreError`."""
        text = await self._store.read(lambda conn: get_meta(conn, NAME))
        try:
            found = json.loads(text) if text is not None else {}
        except ValueError:
            return None
        if not isinstance(found, dict) or found.get("key") != self._digest:
            return None
        what = found.get("what")
        return what if isinstance(what, dict) else None

    async def keep(self, what: JsonObject) -> None:
        """Keep an answer. Raises `StoreError`."""
        text = json.dumps({"key": self._digest, "what": what}, separators=(",", ":"))
        await self._store.write(lambda conn: set_meta(conn, NAME, text))
