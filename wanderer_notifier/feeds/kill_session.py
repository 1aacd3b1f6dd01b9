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
from wanderer_notifier.feeds.kill_line import Line
from wanderer_notifier.runtime.supervise import Permanent
from wanderer_notifier.wire.phoenix import (
    ChannelClosed,
    ChannelCrashed,
    HeartbeatAcked,
    Joined,
    JoinRefused,
    Phoenix,
    PhoenixError,
    Push,
    Serializer,
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

FRAME_TOO_LARGE = 1009

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
    """The connection is of no more use; another one may be. *kind* is the reason in one word, for counting."""

    def __init__(self, text: str, kind: str) -> None:
        super().__init__(text)
        self.kind = kind


class KillSession:
    """The life of one open socket, for what *line* wants, which is never more than fits one join."""

    def __init__(
        self,
        ws: WebSocketConnection,
        line: Line,
        out: trio.MemorySendChannel[Arrival],
        *,
        serializer: Serializer,
        now: Callable[[], datetime],
        roll: Callable[[], float],
    ) -> None:
        self._ws, self._line, self._audience, self._wanted = ws, line, line.audience, line.wanted
        self._refused, self._part, self._count = line.refused, line.part, line.count
        self._out, self._now, self._roll = out, now, roll
        self._machine = Phoenix(TOPIC, serializer)
        self._answer: Answer | None = None
        self._answered = trio.Event()
        self._beat_ref, self._beat_sent = "", 0.0
        self._loss: tuple[str, str] | None = None
        self._lost = trio.Event()
        self._life = trio.Event()
        self._waiting = False  # for the pipeline: the peer is not to blame for silence meanwhile
        self._waited_until = 0.0

    async def run(self) -> None:
        """Serve the connection; returns when nothing is wanted any more.

        Raises `FeedLost` when it is of no more use, and `Permanent` when the service refuses the join for good.
        """
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read, name=f"{self._part.name}: reader")
                nursery.start_soon(self._beat, name=f"{self._part.name}: heartbeat")
                nursery.start_soon(self._watch_remedy, name=f"{self._part.name}: remedy")
                await self._stay_joined()
                nursery.cancel_scope.cancel(reason="nothing is wanted any more")
        finally:
            self._line.lost()
        with trio.move_on_after(2.0):
            await self._ws.aclose()

    # --- what comes in ---

    async def _read(self) -> None:
        while True:
            try:
                message = await self._ws.get_message()
            except ConnectionClosed as closed:
                raise self._closed(closed.reason) from None
            received_at = self._now()
            self._life.set()
            self._part.seen()
            try:
                event = self._machine.receive(message)
            except PhoenixError as error:
                self._count("undecodable")
                raise FeedLost(f"the service sent {error}", "undecodable") from error
            if isinstance(event, Push):
                if event.event == "killmail_update":
                    await self._hand_on(event.payload, received_at)
            elif isinstance(event, HeartbeatAcked):
                if event.ref == self._beat_ref:
                    self._line.round_trip(trio.current_time() - self._beat_sent)
            elif isinstance(event, Joined | JoinRefused):
                self._settle(event)
            elif isinstance(event, ChannelCrashed):
                self._lose("the channel crashed", "crashed")
            elif isinstance(event, ChannelClosed):
                self._lose("the service closed the channel", "closed")
            elif isinstance(event, Unmatched):
                self._lose("the service does not know our subscription any more", "unknown")
            self._line.heard(received_at)  # only now: what it brought has been handed on

    async def _hand_on(self, payload: object, received_at: datetime) -> None:
        kills = payload.get("killmails") if isinstance(payload, dict) else None
        if not isinstance(payload, dict) or not isinstance(kills, list):
            self._count("odd_push")
            log.warning("odd_kill_push", audience=self._audience.name, shape=type(payload).__name__)
            return
        system_id, preload = payload.get("system_id"), payload.get("preload") is True
        self._line.pushed(system_id, kills, preload=preload)
        feed = self._line.name if self._line.whole and not preload else None
        for number, raw in enumerate(kills, start=1):
            arrival = KillArrived(
                raw=raw,
                system_id=system_id if type(system_id) is int else None,
                source="preload" if preload else "live",
                received_at=received_at,
                feed=feed if number == len(kills) else None,
            )
            self._waiting = True
            try:
                await self._out.send(arrival)
            finally:
                self._waiting, self._waited_until = False, trio.current_time()

    def _settle(self, answer: Answer) -> None:
        self._answer = answer
        self._answered.set()

    def _lose(self, why: str, kind: str) -> None:
        self._loss = why, kind
        self._lost.set()
        self._settle(ChannelCrashed())  # a join under way will get no other answer

    # --- what goes out ---

    async def _beat(self) -> None:
        while True:
            sent = trio.current_time()
            self._life = trio.Event()
            ref, frame = self._machine.heartbeat()
            self._beat_ref, self._beat_sent = ref, sent
            await self._send(frame)
            # Any frame proves as much as the reply, which may stand in line behind kills; and while the reader waits
            # for the pipeline nothing can be heard at all, yet the beats must go on.
            with trio.move_on_after(REPLY_S):
                await self._life.wait()
            if not (self._life.is_set() or self._waiting or self._waited_until > sent):
                raise FeedLost(f"no answer to a heartbeat within {REPLY_S:g} s", "silent")
            await trio.sleep_until(sent + HEARTBEAT_S)

    async def _watch_remedy(self) -> None:
        await self._line.until(lambda: self._line.remedy is not None)
        why, self._line.remedy = self._line.remedy, None
        raise FeedLost(why or "", "remedy")

    async def _stay_joined(self) -> None:
        failures, seamless = 0, False
        while ids := self._wanted.value:
            trouble = await self._subscribe(ids)
            if trouble is None:
                began = trio.current_time()
                self._line.join_accepted(seamless=seamless)
                trouble = await self._until_change(ids)
                if trio.current_time() - began >= REJOIN.healthy_after_s:
                    failures = 0
            seamless = trouble is None
            if trouble is None:
                self._line.note("rejoin_changed")
            else:
                why, kind = trouble
                failures += 1
                self._line.lost()
                self._count(f"rejoin_{kind}")
                self._part.to("degraded", f"{why}; joining again")
                log.warning("kill_subscription_lost", audience=self._audience.name, reason=why, failures=failures)
                await trio.sleep(REJOIN.pause(failures, self._roll()))

    async def _subscribe(self, ids: tuple[int, ...]) -> tuple[str, str] | None:
        """Join for *ids*; None when the answer says that all of them are subscribed, else what is wrong."""
        asked = tuple(one for one in ids if one not in self._refused)
        if not asked:
            return "the service refuses all ids", "refused"
        answer = await self._ask(asked)
        if isinstance(answer, Joined):
            echo = answer.response.get(self._audience.echo)
            got = {one for one in echo if type(one) is int} if isinstance(echo, list) else set[int]()
            missing = len(set(asked) - got)
            if missing:
                return f"the service subscribed {len(asked) - missing} of {len(asked)} ids", "incomplete"
            return None
        if isinstance(answer, ChannelCrashed):
            return self._loss or ("the channel crashed while joining", "crashed")
        before = len(self._refused)
        if "[validation:too_many" in answer.reason:
            self._line.oversized = answer.reason
            raise FeedLost(f"the service refuses so many ids at once: {answer.reason[:100]}", "too_many")
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
                raise FeedLost((self._loss or ("the channel crashed while joining", ""))[0], "crashed")
            if isinstance(answer, Joined):
                continue
            if len(half) > 1:
                await self._isolate(half)
                continue
            self._refused.add(half[0])
            self._count("refused_id")
            if len(self._refused) > MOST_REFUSED:
                raise Permanent(f"the kill service refuses to join: {answer.reason[:100]}", again_s=REFUSED_AGAIN_S)

    async def _until_change(self, ids: tuple[int, ...]) -> tuple[str, str] | None:
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
        self._line.joining()
        await self._send(self._machine.join({self._audience.key: list(ids)}))
        if not await self._within_reply_time(self._answered):
            raise FeedLost(f"no answer to the join within {REPLY_S:g} s", "no_reply")
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
            raise FeedLost(f"the service takes no bytes for {SEND_S:g} s", "stalled") from None
        except ConnectionClosed as closed:
            raise self._closed(closed.reason) from None

    def _closed(self, reason: CloseReason | None) -> FeedLost:
        if reason is not None and reason.code == FRAME_TOO_LARGE:
            self._line.oversized = close_words(reason)
        return FeedLost(close_words(reason), f"closed_{reason.code}" if reason is not None else "closed")


def close_words(reason: CloseReason | None) -> str:
    """What an operator should read about the end of the connection."""
    if reason is None:
        return "the connection was closed"
    said = f": {reason.reason[:100]}" if reason.reason else ""
    return f"closed with {reason.code} ({CLOSE_WORDS.get(reason.code, 'no reason known')}){said}"
