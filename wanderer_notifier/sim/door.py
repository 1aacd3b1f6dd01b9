"""The entrance of one upstream: whoever comes in is counted, and can be thrown out."""

from __future__ import annotations

import trio

from wanderer_notifier.sim.http import Handler, reset, serve_stream


class Door:
    """Serves one upstream's handler to whatever streams a listener or a network brings.

    Args:
        name: of the upstream, such as `discord`.
        handler: answers its exchanges.
    """

    def __init__(self, name: str, handler: Handler) -> None:
        self.name = name
        self.shut = False
        """While true new connections are reset at once; open ones stay."""
        self._handler = handler
        self._open: set[trio.abc.Stream] = set()
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def cut(self) -> int:
        """Reset every open connection; gives how many there were."""
        streams = list(self._open)
        for stream in streams:
            reset(stream)
        return len(streams)

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection until it ends."""
        if self.shut:
            reset(stream)
            await trio.lowlevel.checkpoint()
            return
        self._open.add(stream)
        self._changed.unpark_all()
        try:
            await serve_stream(stream, self._handler)
        finally:
            self._open.discard(stream)
            self._changed.unpark_all()

    async def until(self, open_connections: int) -> None:
        """Return when at least so many connections are open."""
        while len(self._open) < open_connections:
            await self._changed.park()
        await trio.lowlevel.checkpoint()
