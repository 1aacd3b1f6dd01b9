"""How often a map's stream may be asked for: a place on the server is freed only some time after its client left."""

from __future__ import annotations

from collections import deque

import trio

CONNECTIONS = 10
WINDOW_S = 300.0
"""The server has ten places for one key and frees one up to 90 s after its client left (wanderer-map.md 1.7), so that
ten quick connections could lock us out; a proxy that cuts once a minute stays far below this."""


class Pace:
    """Lets at most ten connections happen in five minutes; those that never reached the server take no place."""

    def __init__(self) -> None:
        self._taken: deque[float] = deque(maxlen=CONNECTIONS)

    async def turn(self) -> None:
        """Wait until one more connection is all right."""
        if len(self._taken) == CONNECTIONS:
            await trio.sleep_until(self._taken[0] + WINDOW_S)

    def taken(self) -> None:
        """Note that the server answered, so that the connection may hold a place there."""
        self._taken.append(trio.current_time())
