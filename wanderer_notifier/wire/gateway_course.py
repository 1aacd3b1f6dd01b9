"""What outlives a connection to the gateway: the session, and where and when to connect next (discord.md 1.11)."""

from __future__ import annotations

import math

from attrs import Factory, define, evolve

from wanderer_notifier.wire.gateway_codes import consequence, words
from wanderer_notifier.wire.gateway_link import Link
from wanderer_notifier.wire.gateway_luck import Luck
from wanderer_notifier.wire.gateway_values import Next, Resumable

STABLE_S = 60.0
"""READY or RESUMED and then this long without a loss: only that is success, and starts the pauses anew (P04)."""
MOST_RESUMES = 3
SESSION_S = 300.0
"""After so long without a good frame, or so many failed attempts, a session is given up (P01)."""
REMEMBERED = 100


@define
class Course:
    """A session, its sequence numbers, and how it goes; all times are seconds of one monotonic clock."""

    session: Resumable | None = None
    good_at: float = -math.inf
    """When the session last brought something."""
    seq: int = 0
    luck: Luck = Factory(Luck)
    _missing: set[int] = Factory(set)
    """Numbers skipped lately: should they come late, they are no repetition."""
    _at_base: bool = False
    """The resume address could not be reached: try the other one."""

    @classmethod
    def of(cls, stored: Resumable | None) -> Course:
        """With the session of an earlier process, if there is one."""
        return cls() if stored is None else cls(session=stored, good_at=stored.last_good, seq=stored.seq)

    @property
    def resumable(self) -> Resumable | None:
        """The session to go on with, as far as it came."""
        return evolve(self.session, seq=self.seq, last_good=self.good_at) if self.session is not None else None

    def begin(self, session: Resumable) -> None:
        """A new session, in the place of any other."""
        self.session, self.seq, self.good_at, self._missing = session, session.seq, session.last_good, set()

    def count(self, seq: int, now: float) -> int | None:
        """Take in a dispatch of this number: how many were skipped before it; None for one that came before."""
        if seq <= self.seq and seq not in self._missing:
            return None
        self._missing.discard(seq)
        skipped = max(0, seq - self.seq - 1)
        if skipped:
            self._missing = set(range(max(self.seq + 1, seq - REMEMBERED), seq))
        self.seq, self.good_at = max(seq, self.seq), now
        return skipped

    # --- where and when to connect next -------------------------------------------------------------------------------

    def first(self, now: float) -> Next:
        """What to do at the very start."""
        if now - self.good_at > SESSION_S:
            self.session = None
        return Next(kind="reconnect" if self.session else "identify", wait_s=0.0, reason="start", cause="start")

    def url(self, base: str | None) -> str | None:
        """Where to connect to now; None: the base address is needed and must be asked for first."""
        if self.session is None or self._at_base:
            return base
        return self.session.resume_url or base

    def not_reached(self, now: float, roll: float, why: str, cause: str) -> Next:
        """After an attempt that came to no connection."""
        self.luck.failures += 1
        # A resume address that is gone must not hold us (P15); a network that is gone is no reason to lose a session.
        self._at_base = self._other_address()
        return self._next(now, self.luck.pause(roll), why or "no connection", cause)

    def ended(self, link: Link, code: int | None, now: float, roll: float, why: str, cause: str) -> Next:
        """After the end of a connection: left by us, or closed by the peer with *code*, or lost for *why*."""
        if link.left is not None:
            code, (cause, _, why) = None, link.left.partition(": ")
        elif code is not None:
            cause, why = f"close_{code}", words(code)
        stable = now - link.live_at >= STABLE_S
        if stable:
            self.luck.forget()
        elif link.resuming and link.phase == "auth" and cause != "op7":
            self.luck.resumes += 1  # it got nowhere; bringing a part of what was missed is not nothing
        obedient = cause == "op7" and math.isfinite(link.live_at)
        self.luck.failures += not (stable or obedient)
        self._at_base = link.phase == "hello" and cause != "op7" and self._other_address()
        what = consequence(code)
        if what in ("our fault", "too large"):
            what = self.luck.own_fault(now, skip=what == "too large")
        if what == "stop":
            return Next(kind="stop", wait_s=math.inf, reason=why, cause=cause)
        if what == "identify":
            self.session = None
        pause = self.luck.obey(roll) if obedient else self.luck.pause(roll)
        if cause in ("op9_true", "op9_false"):
            pause = max(pause, 1.0 + 4.0 * roll)
        elif what == "slow down":
            pause = max(pause, 5.0 + 5.0 * roll)
        return self._next(now, pause, why or "the connection was lost", cause)

    def _other_address(self) -> bool:
        return not self._at_base and self.session is not None

    def _next(self, now: float, wait_s: float, reason: str, cause: str) -> Next:
        if self.luck.resumes >= MOST_RESUMES or now - self.good_at > SESSION_S:
            self.session = None
        if self.session is None:
            self.luck.resumes, self._at_base = 0, False
        return Next(kind="identify" if self.session is None else "reconnect", wait_s=wait_s, reason=reason, cause=cause)
