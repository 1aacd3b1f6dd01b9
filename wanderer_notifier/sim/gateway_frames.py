"""What a client may say to the fake gateway, and what each of its frames leads to (discord.md 5.2)."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

import trio

from wanderer_notifier.sim.gateway_login import presence_is_wrong

if TYPE_CHECKING:
    from wanderer_notifier.sim.gateway import FakeGateway
    from wanderer_notifier.sim.gateway_connection import Connection

JsonObject: TypeAlias = dict[str, Any]

MAX_FRAME = 4096
"""Bytes of a client's frame (discord.md 1.2)."""

FRAMES, FRAMES_PER_S = 120, 60.0
"""Frames of a client in so many seconds (discord.md 1.10)."""

RECORDED_OPS = (4, 8, 31, 43)
"""Accepted and remembered, with no effect."""

ACK: JsonObject = {"op": 11, "d": None, "s": None, "t": None}


class Frames:
    """Takes in the frames of one socket.

    Args:
        connection: the socket.
        gateway: the gateway it came to.
    """

    def __init__(self, connection: Connection, gateway: FakeGateway) -> None:
        self._connection = connection
        self._gateway = gateway
        self._journal = gateway.journal
        self._came_at: deque[float] = deque()

    def receive(self, message: str | bytes) -> None:
        """Take in one message; text or bytes, both hold JSON."""
        if self._connection.closing is not None:
            return
        if self._too_many():
            self._connection.close(4008)
            return
        raw = message.encode() if isinstance(message, str) else bytes(message)
        if len(raw) > MAX_FRAME:
            self._journal.counts["oversized"] += 1
            self._refuse_unread()
            return
        try:
            payload = json.loads(raw)
            op, data = payload["op"], payload.get("d")
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            self._refuse_unread()
            return
        shown = {k: v for k, v in data.items() if k != "token"} if isinstance(data, dict) else data
        self._connection.note("in", op=op if type(op) is int else None, data=shown)
        self._act(op if type(op) is int else None, data)

    def _too_many(self) -> bool:
        at = trio.current_time()
        while self._came_at and self._came_at[0] <= at - FRAMES_PER_S:
            self._came_at.popleft()
        self._came_at.append(at)
        return len(self._came_at) > FRAMES

    def _refuse_unread(self) -> None:
        self._connection.note("in")
        self._connection.close(4002)

    def _act(self, op: int | None, data: Any) -> None:
        if op == 1:
            self._beat(data)
        elif op == 2:
            self._identify(data)
        elif op == 6:
            self._resume(data)
        elif op == 3 or op in RECORDED_OPS:
            if self._connection.session is None:
                self._journal.counts["early_frames"] += 1
                self._connection.close(4003)
            elif op == 3:
                self._presence(data)
        else:
            self._connection.close(4001)

    def _beat(self, data: Any) -> None:
        connection = self._connection
        self._journal.counts["beats"] += 1
        self._journal.beats.append(connection.pulse.beat(connection.number, data))
        if not self._gateway.acks_stalled:
            connection.meet("beat", lambda: connection.send(ACK))

    def _identify(self, data: Any) -> None:
        connection = self._connection
        self._journal.counts["identify"] += 1
        if connection.session is not None:
            connection.close(4005)
            return
        verdict = self._gateway.judge_identify(data)
        if verdict == "too fast":
            connection.send({"op": 9, "d": False, "s": None, "t": None})
        elif isinstance(verdict, int):
            connection.close(verdict)
        else:
            connection.meet("identify", lambda: self._gateway.start_session(connection, data), data)

    def _resume(self, data: Any) -> None:
        connection = self._connection
        self._journal.counts["resume"] += 1
        if connection.session is not None:
            connection.close(4005)
            return
        connection.meet("resume", lambda: self._gateway.resume_session(connection, data), data)

    def _presence(self, data: Any) -> None:
        session = self._connection.session
        if session is None or presence_is_wrong(data):
            self._connection.close(4002)
            return
        session.presence = data
        self._journal.presences.append(data)
