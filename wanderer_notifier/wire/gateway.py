"""A bot's life with Discord's gateway as a machine: sessions, heartbeats, what follows an end (discord.md 1.11).

The shell connects, feeds in what arrives, carries out the actions and calls `tick` when `deadline` is reached. All
times are seconds of one monotonic clock, every *roll* is in [0, 1).
"""

from __future__ import annotations

import math
from collections import Counter

from attrs import evolve

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.wire import gateway_frames as frames
from wanderer_notifier.wire.gateway_codes import GOODBYE, OURS, consequence, words
from wanderer_notifier.wire.gateway_link import MOST_REQUESTED, Link, PresenceWish
from wanderer_notifier.wire.gateway_luck import Luck
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

STABLE_S = 60.0
"""READY or RESUMED and then this long without a loss: only that is success, and starts the pauses anew (P04)."""
MOST_RESUMES = 3
SESSION_S = 300.0
"""After so long without a good frame, or so many failed attempts, a session is given up (P01)."""
PRESENCE_S = 20.0
GARBLED = 3
REMEMBERED = 100


class Session:
    """The machine; *stored* is a session of an earlier process, *compress* asks for a zlib stream."""

    def __init__(self, identity: Identity, stored: Resumable | None = None, *, compress: bool = True) -> None:
        self._identity = identity
        self._session = stored
        self._seq = stored.seq if stored is not None else 0
        self._missing = set[int]()  # numbers skipped lately: should they come late, they are no repetition
        self._good_at = stored.last_good if stored is not None else -math.inf
        self._link: Link | None = None
        self._url = ""
        self._wish = PresenceWish()
        self._luck = Luck()
        self._at_base = False  # the resume address could not be reached: try the other one
        self.compress = compress
        self.oddities: Counter[str] = Counter()
        """What was strange but did no harm, by kind."""

    # --- what the shell asks ---

    @property
    def resumable(self) -> Resumable | None:
        """The session to go on with, if there is one."""
        if self._session is None:
            return None
        return evolve(self._session, seq=self._seq, last_good=self._good_at)

    @property
    def live(self) -> bool:
        return self._link is not None and self._link.phase == "live" and self._link.left is None

    @property
    def latency_s(self) -> float | None:
        return self._link.latency_s if self._link is not None else None

    def first(self, now: float) -> Next:
        """What to do at the very start."""
        if now - self._good_at > SESSION_S:
            self._session = None
        return Next(kind="reconnect" if self._session else "identify", wait_s=0.0, reason="start", cause="start")

    def url(self, base: str | None) -> str | None:
        """Where to connect to now; None: the base address is needed and must be asked for first."""
        if self._session is None or self._at_base:
            return base
        return self._session.resume_url or base

    @property
    def deadline(self) -> float:
        """When to call `tick` next."""
        link = self._link
        if link is None or link.left is not None:
            return math.inf
        stable = link.live_at + STABLE_S if self._luck.bad else math.inf
        return min(link.deadline, stable, self._presence_due(link))

    # --- what happens ---

    def connected(self, now: float, url: str = "") -> None:
        """The WebSocket to *url* is open; nothing of the connection before matters any more."""
        self._link = Link(opened_at=now, resuming=self._session is not None)
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
            self._luck.forget()
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
            self._tell(now)
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
            self._good_at = now
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
                self._session = None
                return self._leave("op9_false", "the session is no longer valid", GOODBYE)
            case frames.HELLO:
                return self._hello(link, payload.get("d"), now, roll)
            case _:
                self.oddities["unknown_op"] += 1
        return []

    def garbled(self) -> list[Action]:
        """Something arrived that is no payload (P53): go on with the session, but do not insist on it."""
        self._luck.garbled += 1
        if self._luck.garbled >= GARBLED:
            self._session, self.compress, self._luck.garbled = None, False, 0
        return self._leave("garbled", "Discord sent something unreadable")

    def closed(self, code: int | None, now: float, roll: float, *, why: str = "", cause: str = "lost") -> Next:
        """The connection ended, or could not be opened; *code* is the peer's close code (None: there was none).

        *why* and *cause* are the shell's own words for an end without a code.
        """
        link, self._link = self._link, None
        if link is None:
            return self._not_reached(now, roll, why or "no connection", cause)
        if link.left is not None:
            code, (cause, _, why) = None, link.left.partition(": ")
        elif code is not None:
            cause, why = f"close_{code}", words(code)
        stable = now - link.live_at >= STABLE_S
        if stable:
            self._luck.forget()
        elif link.resuming and link.phase == "auth" and cause != "op7":
            self._luck.resumes += 1  # it got nowhere; bringing a part of what was missed is not nothing
        obedient = cause == "op7" and math.isfinite(link.live_at)
        self._luck.failures += not (stable or obedient)
        self._at_base = link.phase == "hello" and cause != "op7" and self._other_address()
        what = consequence(code)
        if what in ("our fault", "too large"):
            what = self._luck.own_fault(now, skip=what == "too large")
        if what == "stop":
            return Next(kind="stop", wait_s=math.inf, reason=why, cause=cause)
        if what == "identify":
            self._session = None
        pause = self._luck.obey(roll) if obedient else self._luck.pause(roll)
        if cause in ("op9_true", "op9_false"):
            pause = max(pause, 1.0 + 4.0 * roll)
        elif what == "slow down":
            pause = max(pause, 5.0 + 5.0 * roll)
        return self._next(now, pause, why or "the connection was lost", cause)

    # --- how ---

    def _not_reached(self, now: float, roll: float, why: str, cause: str) -> Next:
        self._luck.failures += 1
        # A resume address that is gone must not hold us (P15); a network that is gone is no reason to lose a session.
        self._at_base = self._other_address()
        return self._next(now, self._luck.pause(roll), why, cause)

    def _other_address(self) -> bool:
        return not self._at_base and self._session is not None

    def _next(self, now: float, wait_s: float, reason: str, cause: str) -> Next:
        if self._luck.resumes >= MOST_RESUMES or now - self._good_at > SESSION_S:
            self._session = None
        if self._session is None:
            self._luck.resumes, self._at_base = 0, False
        return Next(
            kind="identify" if self._session is None else "reconnect", wait_s=wait_s, reason=reason, cause=cause
        )

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
        if self._session is not None:
            return [SendFrame(frames.resume(me.token, self._session.session_id, self._seq))]
        self._tell(now)
        return [SendFrame(frames.identify(me.token, me.intents, me.properties, self._wish.wanted))]

    def _dispatched(self, link: Link, payload: JsonObject, now: float) -> list[Action]:
        kind, data, seq = payload.get("t"), payload.get("d"), payload.get("s")
        seq = seq if type(seq) is int else None
        if not isinstance(kind, str) or link.phase == "hello":
            self.oddities["odd_dispatch"] += 1
            return []
        data = data if isinstance(data, dict) else {}
        if kind == "READY":
            return self._ready(link, data, seq, now)
        if self._session is None:
            self.oddities["early_dispatch"] += 1
            return []
        if seq is not None:
            if seq <= self._seq and seq not in self._missing:
                self.oddities["repeated"] += 1
                return []
            self._missing.discard(seq)
            if seq > self._seq + 1:
                self.oddities["skipped"] += seq - self._seq - 1
                self._missing = set(range(max(self._seq + 1, seq - REMEMBERED), seq))
            self._seq, self._good_at = max(seq, self._seq), now
        if kind == "RESUMED":
            link.went_live(now)
            return [Resumed(self._session.bot)]
        if link.phase == "auth":
            link.phase = "replay"
        return [Dispatch(kind, data, seq)]

    def _ready(self, link: Link, data: JsonObject, seq: int | None, now: float) -> list[Action]:
        session_id, url = data.get("session_id"), data.get("resume_gateway_url")
        if not isinstance(session_id, str) or not session_id:
            return self.garbled()
        self._session = Resumable(
            session_id=session_id,
            resume_url=self._trusted(url),
            seq=seq or 0,
            last_good=now,
            bot=Bot(user_id=_id_of(data.get("user")), application_id=_id_of(data.get("application"))),
        )
        self._seq, self._missing, self._good_at = seq or 0, set(), now
        link.went_live(now)
        return [Dispatch("READY", data, seq), Ready(self._session.bot)]

    def _trusted(self, url: object) -> str | None:
        if not isinstance(url, str) or not frames.as_safe_as(url, self._url):
            return None
        try:
            frames.address(url, compress=False)
        except frames.BadAddress:
            return None
        return url

    def _beat(self) -> SendFrame:
        return SendFrame(frames.heartbeat(self._seq if self._session is not None else None))

    def _leave(self, cause: str, why: str, code: int = OURS) -> list[Action]:
        assert self._link is not None
        self._link.left = f"{cause}: {why}"
        return [Drop(code, why)]

    def _tell(self, now: float) -> None:
        self._wish.told, self._wish.told_at = self._wish.wanted, now

    def _presence_due(self, link: Link) -> float:
        wish = self._wish
        if link.phase != "live" or wish.wanted == wish.told:
            return math.inf
        return wish.told_at + PRESENCE_S


def _id_of(value: object) -> str:
    identity = value.get("id") if isinstance(value, dict) else None
    return identity if isinstance(identity, str) else ""
