"""A bot's life with Discord's gateway as a machine: sessions, heartbeats, what follows an end (discord.md 1.11).

The shell connects, feeds in what arrives, carries out the actions and calls `tick` when `deadline` is reached. All
times are seconds of one monotonic clock, every *roll* is in [0, 1).
"""

from __future__ import annotations

import math
from collections import Counter

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.wire import gateway_frames as frames
from wanderer_notifier.wire.gateway_codes import GOODBYE, OURS
from wanderer_notifier.wire.gateway_course import STABLE_S, Course
from wanderer_notifier.wire.gateway_link import MOST_REQUESTED, Link, PresenceWish
from wanderer_notifier.wire.gateway_values import (
    Action,
    Bot,
    Dispatch,
    Drop,
    Identity,
    Next,
    Ready,
    Resumable,
    Resumed,
    SendFrame,
)

__all__ = [
    "Action",
    "Bot",
    "Dispatch",
    "Drop",
    "Identity",
    "Next",
    "Ready",
    "Resumable",
    "Resumed",
    "SendFrame",
    "Session",
]

GARBLED = 3


class Session:
    """The machine; *stored* is a session of an earlier process, *compress* asks for a zlib stream."""

    def __init__(self, identity: Identity, stored: Resumable | None = None, *, compress: bool = True) -> None:
        self._identity = identity
        self._course = Course.of(stored)
        self._link: Link | None = None
        self._url = ""
        self._wish = PresenceWish()
        self.compress = compress
        self.oddities: Counter[str] = Counter()
        """What was strange but did no harm, by kind."""

    # --- what the shell asks ---

    @property
    def resumable(self) -> Resumable | None:
        """The session to go on with, if there is one."""
        return self._course.resumable

    @property
    def live(self) -> bool:
        return self._link is not None and self._link.phase == "live" and self._link.left is None

    @property
    def latency_s(self) -> float | None:
        return self._link.latency_s if self._link is not None else None

    def first(self, now: float) -> Next:
        """What to do at the very start."""
        return self._course.first(now)

    def url(self, base: str | None) -> str | None:
        """Where to connect to now; None: the base address is needed and must be asked for first."""
        return self._course.url(base)

    @property
    def deadline(self) -> float:
        """When to call `tick` next."""
        link = self._link
        if link is None or link.left is not None:
            return math.inf
        stable = link.live_at + STABLE_S if self._course.luck.bad else math.inf
        return min(link.deadline, stable, self._presence_due(link))

    # --- what happens ---

    def connected(self, now: float, url: str = "") -> None:
        """The WebSocket to *url* is open; nothing of the connection before matters any more."""
        self._link = Link(opened_at=now, resuming=self._course.session is not None)
        self._url = url

    def wish(self, presence: JsonObject) -> None:
        """What the bot should be seen doing; Discord is told when it may be, the latest wish wins."""
        self._wish.wanted = presence

    def tick(self, now: float) -> list[Action]:
        """What time alone demands."""
        link = self._link
        if link is None or link.left is not None:
            return []
        if link.phase == "hello":
            return self._leave("hello_timeout", "no HELLO") if now >= link.deadline else []
        if link.live_at + STABLE_S <= now:
            self._course.luck.forget()
        actions: list[Action] = []
        patience = link.impatient(now)
        if patience == "leave":
            return self._leave("auth_timeout", "neither READY nor RESUMED")
        if link.beat_due(now):
            dead = link.dead(now)
            if dead is not None:
                return self._leave("zombie", dead)
            link.beaten(now, scheduled=True)
            actions.append(self._beat())
        elif patience == "probe":
            link.beaten(now, scheduled=False)
            link.sent(now)
            actions.append(self._beat())
        if self._presence_due(link) <= now and self._wish.wanted is not None:
            self._wish.tell(now)
            link.sent(now)
            actions.append(SendFrame({"op": frames.PRESENCE, "d": self._wish.wanted}))
        return actions

    def receive(self, payload: JsonObject, now: float, roll: float) -> list[Action]:
        """What a payload demands; whatever it holds, this does not raise."""
        link = self._link
        if link is None or link.left is not None:
            return []
        link.heard(now)
        if link.phase == "live":
            self._course.good_at = now
        match payload.get("op"):
            case frames.DISPATCH:
                return self._dispatched(link, payload, now)
            case frames.ACK:
                link.acked(now)
            case frames.HEARTBEAT:
                if not link.may_send(now, most=MOST_REQUESTED):
                    self.oddities["too_many_beats_asked"] += 1
                    return []
                link.beaten(now, scheduled=False)
                link.sent(now)
                return [self._beat()]
            case frames.RECONNECT:
                return self._leave("op7", "Discord asked us to reconnect")
            case frames.INVALID_SESSION:
                if payload.get("d") is True:
                    return self._leave("op9_true", "Discord asked us to resume")
                self._course.session = None
                return self._leave("op9_false", "the session is no longer valid", GOODBYE)
            case frames.HELLO:
                return self._hello(link, payload.get("d"), now, roll)
            case _:
                self.oddities["unknown_op"] += 1
        return []

    def garbled(self) -> list[Action]:
        """Something arrived that is no payload (P53): go on with the session, but do not insist on it."""
        self._course.luck.garbled += 1
        if self._course.luck.garbled >= GARBLED:
            self._course.session, self.compress, self._course.luck.garbled = None, False, 0
        return self._leave("garbled", "Discord sent something unreadable")

    def closed(self, code: int | None, now: float, roll: float, *, why: str = "", cause: str = "lost") -> Next:
        """The connection ended, or could not be opened; *code* is the peer's close code (None: there was none).

        *why* and *cause* are the shell's own words for an end without a code.
        """
        link, self._link = self._link, None
        if link is None:
            return self._course.not_reached(now, roll, why, cause)
        return self._course.ended(link, code, now, roll, why, cause)

    # --- how ---

    def _hello(self, link: Link, data: object, now: float, roll: float) -> list[Action]:
        interval = data.get("heartbeat_interval") if isinstance(data, dict) else None
        if link.phase != "hello":
            self.oddities["hello_again"] += 1
            return []
        if isinstance(interval, bool) or not isinstance(interval, int | float) or not 0 < interval < math.inf:
            return self.garbled()
        link.hello(interval / 1000.0, now, roll)
        link.sent(now)
        me = self._identity
        if self._course.session is not None:
            return [SendFrame(frames.resume(me.token, self._course.session.session_id, self._course.seq))]
        self._wish.tell(now)
        return [SendFrame(frames.identify(me.token, me.intents, me.properties, self._wish.wanted))]

    def _dispatched(self, link: Link, payload: JsonObject, now: float) -> list[Action]:
        course = self._course
        kind, data, seq = payload.get("t"), payload.get("d"), payload.get("s")
        seq = seq if type(seq) is int else None
        if not isinstance(kind, str) or link.phase == "hello":
            self.oddities["odd_dispatch"] += 1
            return []
        data = data if isinstance(data, dict) else {}
        if kind == "READY":
            return self._ready(link, data, seq, now)
        if course.session is None:
            self.oddities["early_dispatch"] += 1
            return []
        if seq is not None:
            skipped = course.count(seq, now)
            if skipped is None:
                self.oddities["repeated"] += 1
                return []
            if skipped:
                self.oddities["skipped"] += skipped
        if kind == "RESUMED":
            link.went_live(now)
            return [Resumed(course.session.bot)]
        if link.phase == "auth":
            link.phase = "replay"
        return [Dispatch(kind, data, seq)]

    def _ready(self, link: Link, data: JsonObject, seq: int | None, now: float) -> list[Action]:
        session_id, url = data.get("session_id"), data.get("resume_gateway_url")
        if not isinstance(session_id, str) or not session_id:
            return self.garbled()
        bot = Bot(user_id=_id_of(data.get("user")), application_id=_id_of(data.get("application")))
        session = Resumable(
            session_id=session_id,
            resume_url=self._trusted(url),
            seq=seq or 0,
            last_good=now,
            bot=bot,
        )
        self._course.begin(session)
        link.went_live(now)
        return [Dispatch("READY", data, seq), Ready(bot)]

    def _trusted(self, url: object) -> str | None:
        if not isinstance(url, str) or not frames.as_safe_as(url, self._url):
            return None
        try:
            frames.address(url, compress=False)
        except frames.BadAddress:
            return None
        return url

    def _beat(self) -> SendFrame:
        return SendFrame(frames.heartbeat(self._course.seq if self._course.session is not None else None))

    def _leave(self, cause: str, why: str, code: int = OURS) -> list[Action]:
        assert self._link is not None
        self._link.left = f"{cause}: {why}"
        return [Drop(code, why)]

    def _presence_due(self, link: Link) -> float:
        return self._wish.due if link.phase == "live" else math.inf


def _id_of(value: object) -> str:
    identity = value.get("id") if isinstance(value, dict) else None
    return identity if isinstance(identity, str) else ""
