"""One connection to the kill service: join, stay joined, prove that the peer lives, hand on its kills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

import structlog
import trio
from trio_websocket import CloseReason, ConnectionClosed, WebSocketConnection

from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.core.events import Arrival, KillArrived
from wanderer_notifier.feeds.kill_audience import Audience
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.runtime.supervise import Permanent
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.wire.phoenix import (
    ChannelClosed,
    ChannelCrashed,
    Joined,
    JoinRefused,
    Phoenix,
    PhoenixError,
    Push,
    Unmatched,
)

log = structlog.get_logger("kills")

TOPIC = "killmails:lobby"
HEARTBEAT_S = 25.0
"""The server closes after 45 (old) or 60 seconds without a frame of ours (wanderer-kills.md 1.4)."""
REPLY_S = 10.0
"""For every request: a crashing channel answers some of them never (WK-02)."""
SEND_S = 10.0
DEBOUNCE_S = 2.0
"""Changes of what is wanted are gathered this long; each join repeats the preload."""
REJOIN = Backoff(first_s=0.5, cap_s=60.0)
MOST_REFUSED = 100
"""So many single ids refused by the service are no bad ids, but other limits than ours."""
REFUSED_AGAIN_S = 60.0

Answer: TypeAlias = Joined | JoinRefused | ChannelCrashed


CLOSE_WORDS: Mapping[int, str] = {
    1000: "it found us idle, or was told to let us go",
    1005: "without a reason",
    1006: "the connection was lost",
    1009: "our frame was too large for it",
    1011: "it could not read our frame",
    1012: "the service restarts",
}


class FeedLost(Exception):
    """The connection is of no more use; another one may be."""


class KillSession:
    """The life of one open socket; *wanted* is what should be subscribed on it, never more than fits one join.

    *refused* collects ids that the server alone finds bad; it outlives the connection.
    """

    def __init__(
        self,
        ws: WebSocketConnection,
        audience: Audience,
        wanted: Watch[tuple[int, ...]],
        refused: set[int],
        out: trio.MemorySendChannel[Arrival],
        part: Component,
        *,
        now: Callable[[], datetime],
        roll: Callable[[], float],
        count: Callable[[str], None],
    ) -> None:
        self._ws, self._audience, self._wanted, self._refused = ws, audience, wanted, refused
        self._out, self._part, self._now, self._roll, self._count = out, part, now, roll, count
        self._machine = Phoenix(TOPIC)
        self._answer: Answer | None = None
        self._answered = trio.Event()
        self._loss: str | None = None
        self._lost = trio.Event()
        self._life = trio.Event()
        self._waiting = False  # for the pipeline: the peer is not to blame for silence meanwhile
        self._waited_until = 0.0

    async def run(self) -> None:
        """Serve the connection; returns when nothing is wanted any more.

        Raises `FeedLost` when it is of no more use, and `Permanent` when the service refuses the join for good.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read, name=f"{self._part.name}: reader")
            nursery.start_soon(self._beat, name=f"{self._part.name}: heartbeat")
            await self._stay_joined()
            nursery.cancel_scope.cancel(reason="nothing is wanted any more")
        with trio.move_on_after(2.0):
            await self._ws.aclose()

    # --- what comes in ---

    async def _read(self) -> None:
        while True:
            try:
                message = await self._ws.get_message()
            except ConnectionClosed as closed:
                raise FeedLost(close_words(closed.reason)) from None
            self._life.set()
            self._part.seen()
            try:
                event = self._machine.receive(message)
            except PhoenixError as error:
                self._count("undecodable")
                raise FeedLost(f"the service sent {error}") from error
            if isinstance(event, Push):
                if event.event == "killmail_update":
                    await self._hand_on(event.payload)
            elif isinstance(event, Joined | JoinRefused):
                self._settle(event)
            elif isinstance(event, ChannelCrashed):
                self._lose("the channel crashed")
            elif isinstance(event, ChannelClosed):
                self._lose("the service closed the channel")
            elif isinstance(event, Unmatched):
                self._lose("the service does not know our subscription any more")

    async def _hand_on(self, payload: object) -> None:
        kills = payload.get("killmails") if isinstance(payload, dict) else None
        if not isinstance(payload, dict) or not isinstance(kills, list):
            self._count("odd_push")
            log.warning("odd_kill_push", audience=self._audience.name, shape=type(payload).__name__)
            return
        system_id = payload.get("system_id")
        received_at = self._now()
        for raw in kills:
            arrival = KillArrived(
                raw=raw,
                system_id=system_id if type(system_id) is int else None,
                source="preload" if payload.get("preload") is True else "live",
                received_at=received_at,
            )
            self._waiting = True
            try:
                await self._out.send(arrival)
            finally:
                self._waiting, self._waited_until = False, trio.current_time()

    def _settle(self, answer: Answer) -> None:
        self._answer = answer
        self._answered.set()

    def _lose(self, why: str) -> None:
        self._loss = why
        self._lost.set()
        self._settle(ChannelCrashed())  # a join under way will get no other answer

    # --- what goes out ---

    async def _beat(self) -> None:
        while True:
            sent = trio.current_time()
            self._life = trio.Event()
            await self._send(self._machine.heartbeat()[1])
            # Any frame proves as much as the reply, which may stand in line behind kills; and while the reader waits
            # for the pipeline nothing can be heard at all, yet the beats must go on.
            with trio.move_on_after(REPLY_S):
                await self._life.wait()
            if not (self._life.is_set() or self._waiting or self._waited_until > sent):
                raise FeedLost(f"no answer to a heartbeat within {REPLY_S:g} s")
            await trio.sleep_until(sent + HEARTBEAT_S)

    async def _stay_joined(self) -> None:
        failures = 0
        while ids := self._wanted.value:
            trouble = await self._subscribe(ids)
            if trouble is None:
                began = trio.current_time()
                self._part.to("ok", f"{len(self._refused)} ids refused by the service" if self._refused else "")
                trouble = await self._until_change(ids)
                if trio.current_time() - began >= REJOIN.healthy_after_s:
                    failures = 0
            if trouble is not None:
                failures += 1
                self._count("rejoin")
                self._part.to("degraded", f"{trouble}; joining again")
                log.warning("kill_subscription_lost", audience=self._audience.name, reason=trouble, failures=failures)
                await trio.sleep(REJOIN.pause(failures, self._roll()))

    async def _subscribe(self, ids: tuple[int, ...]) -> str | None:
        """Join for *ids*; None when the answer says that all of them are subscribed, else what is wrong."""
        asked = tuple(one for one in ids if one not in self._refused)
        if not asked:
            return "the service refuses all ids"
        answer = await self._ask(asked)
        if isinstance(answer, Joined):
            echo = answer.response.get(self._audience.echo)
            got = {one for one in echo if type(one) is int} if isinstance(echo, list) else set[int]()
            missing = len(set(asked) - got)
            return f"the service subscribed {len(asked) - missing} of {len(asked)} ids" if missing else None
        if isinstance(answer, ChannelCrashed):
            return self._loss or "the channel crashed while joining"
        before = len(self._refused)
        if "[validation:" in answer.reason:
            await self._isolate(asked)
        if len(self._refused) == before:
            raise Permanent(f"the kill service refuses to join: {answer.reason[:100]}", again_s=REFUSED_AGAIN_S)
        log.warning("ids_refused", audience=self._audience.name, ids=sorted(self._refused)[:20], reason=answer.reason)
        return await self._subscribe(ids)

    async def _isolate(self, ids: tuple[int, ...]) -> None:
        """Find by halving which of *ids* the service refuses; the others stay subscribable (acceptance 10)."""
        middle = len(ids) // 2
        for half in filter(None, (ids[:middle], ids[middle:])):
            answer = await self._ask(half)
            if isinstance(answer, ChannelCrashed):
                raise FeedLost(self._loss or "the channel crashed while joining")
            if isinstance(answer, Joined):
                continue
            if len(half) > 1:
                await self._isolate(half)
                continue
            self._refused.add(half[0])
            self._count("refused_id")
            if len(self._refused) > MOST_REFUSED:
                raise Permanent(f"the kill service refuses to join: {answer.reason[:100]}", again_s=REFUSED_AGAIN_S)

    async def _until_change(self, ids: tuple[int, ...]) -> str | None:
        """Wait until *ids* are no more what is wanted (None), or the subscription is lost (why)."""
        while self._wanted.value == ids:
            async with trio.open_nursery() as nursery:

                async def changed(scope: trio.CancelScope) -> None:
                    await self._wanted.wait_change(ids)
                    await trio.sleep(DEBOUNCE_S)
                    scope.cancel(reason="other ids are wanted")

                nursery.start_soon(changed, nursery.cancel_scope)
                await self._lost.wait()
                nursery.cancel_scope.cancel(reason="subscription lost")
            if self._lost.is_set():
                return self._loss
        return None

    async def _ask(self, ids: tuple[int, ...]) -> Answer:
        self._answer, self._answered = None, trio.Event()
        self._loss, self._lost = None, trio.Event()
        await self._send(self._machine.join({self._audience.key: list(ids)}))
        if not await self._within_reply_time(self._answered):
            raise FeedLost(f"no answer to the join within {REPLY_S:g} s")
        assert self._answer is not None
        return self._answer

    async def _within_reply_time(self, answered: trio.Event) -> bool:
        """Wait for *answered*; time in which the reader waits for the pipeline does not count against the peer."""
        began = trio.current_time()
        while not answered.is_set():
            since = trio.current_time() if self._waiting else max(began, self._waited_until)
            if since + REPLY_S <= trio.current_time():
                return False
            with trio.move_on_at(since + REPLY_S):
                await answered.wait()
        return True

    async def _send(self, text: str) -> None:
        try:
            with trio.fail_after(SEND_S):
                await self._ws.send_message(text)
        except trio.TooSlowError:
            raise FeedLost(f"the service takes no bytes for {SEND_S:g} s") from None
        except ConnectionClosed as closed:
            raise FeedLost(close_words(closed.reason)) from None


def close_words(reason: CloseReason | None) -> str:
    """What an operator should read about the end of the connection."""
    if reason is None:
        return "the connection was closed"
    said = f": {reason.reason[:100]}" if reason.reason else ""
    return f"closed with {reason.code} ({CLOSE_WORDS.get(reason.code, 'no reason known')}){said}"
