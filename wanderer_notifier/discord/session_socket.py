"""One connection to the gateway: read, beat, send, and leave with the right code."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import structlog
import trio
from attrs import frozen
from trio_websocket import ConnectionClosed, WebSocketConnection

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.net.socket import say_goodbye
from wanderer_notifier.runtime.supervise import describe, leaves
from wanderer_notifier.wire.gateway import Action, Drop, SendFrame, Session
from wanderer_notifier.wire.gateway_codes import GOODBYE, OURS
from wanderer_notifier.wire.gateway_frames import IDENTIFY, Decoder, Garbled

log = structlog.get_logger("gateway")

SEND_S = 10.0
GOODBYE_S = 1.5
"""For the peer's answer to our close; a half-open one never gives it (P59)."""
PRESENCE_S = 20.0
"""How often the presence is looked at."""


@frozen(kw_only=True)
class End:
    """How a connection ended: the peer's close code if there was one, else what happened."""

    code: int | None = None
    why: str = ""
    cause: str = "lost"


class _Left(Exception):
    """We decided to leave, with this close code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _Stalled(Exception):
    """The peer takes no bytes."""


class GatewaySocket:
    """The life of one open socket; nothing of it touches the next one.

    *identifying* is awaited before an IDENTIFY is sent, *happened* is called with every action that is no frame,
    *heard* after every payload, *presence* says what the bot should be seen doing. *roll* is in [0, 1).
    """

    def __init__(
        self,
        ws: WebSocketConnection,
        session: Session,
        *,
        identifying: Callable[[], Awaitable[None]],
        happened: Callable[[Action], None],
        heard: Callable[[], None],
        presence: Callable[[], JsonObject],
        roll: Callable[[], float],
    ) -> None:
        self._ws, self._session = ws, session
        self._identifying, self._happened, self._heard = identifying, happened, heard
        self._presence, self._roll = presence, roll
        self._decoder = Decoder(compress=session.compress)
        self._end = End()
        self._woken = trio.Event()
        self._sleeps_until = 0.0

    async def run(self) -> End:
        """Serve the socket until either side leaves.

        Being cancelled means leaving for good: only then Discord hears a goodbye that ends the session (P16, P61).
        """
        code = GOODBYE
        try:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._watch_time, name="gateway: heartbeat")
                    nursery.start_soon(self._watch_presence, name="gateway: presence")
                    await self._read()
                    nursery.cancel_scope.cancel(reason="the peer is gone")
            except* _Left as group:
                first = next(leaves(group))
                assert isinstance(first, _Left)
                code = first.code
            except* _Stalled:
                code, self._end = OURS, End(why=f"Discord takes no bytes for {SEND_S:g} s", cause="stalled")
            except* ConnectionClosed:
                code = OURS  # while sending; the reader knows the reason, or there is none
            except* Exception as group:
                code, self._end = OURS, End(why=describe(group), cause="our_fault")
                log.exception("gateway_fault", reason=describe(group))
            else:
                code = OURS
        finally:
            with trio.move_on_after(GOODBYE_S, shield=True):
                await say_goodbye(self._ws, code)
        return self._end

    async def _read(self) -> None:
        while True:
            try:
                message = await self._ws.get_message()
            except ConnectionClosed as closed:
                self._end = End(code=closed.reason.code if closed.reason is not None else None)
                return
            try:
                payload = self._decoder.feed(message)
            except Garbled as error:
                log.warning("gateway_garbled", reason=str(error))
                await self._carry_out(self._session.garbled())
                continue
            if payload is None:
                continue
            actions = self._session.receive(payload, trio.current_time(), self._roll())
            if actions:
                await self._carry_out(actions)
            self._heard()
            self._look_at_clock()

    async def _watch_time(self) -> None:
        while True:
            self._sleeps_until = self._session.deadline
            with trio.move_on_at(self._sleeps_until):
                await self._woken.wait()
            self._woken = trio.Event()
            await self._carry_out(self._session.tick(trio.current_time()))

    async def _watch_presence(self) -> None:
        while True:
            self._session.wish(self._presence())
            self._look_at_clock()
            await trio.sleep(PRESENCE_S)

    def _look_at_clock(self) -> None:
        """Something may be due earlier than the heartbeat task believes."""
        if self._session.deadline < self._sleeps_until:
            self._woken.set()

    async def _carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, SendFrame):
                await self._send(action.payload)
            elif isinstance(action, Drop):
                log.info("gateway_left", code=action.code, reason=action.why)
                raise _Left(action.code)
            else:
                self._happened(action)

    async def _send(self, payload: JsonObject) -> None:
        if payload["op"] == IDENTIFY:
            await self._identifying()
        try:
            with trio.fail_after(SEND_S):
                await self._ws.send_message(as_text(payload))
        except trio.TooSlowError:
            raise _Stalled from None


def as_text(payload: JsonObject) -> str:
    """The payload as it goes on the wire."""
    return json.dumps(payload, separators=(",", ":"))
