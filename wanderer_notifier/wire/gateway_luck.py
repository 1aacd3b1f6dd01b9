"""How the last attempts went, and what follows for the next one: how long to pause, how often to insist."""

from __future__ import annotations

from collections import deque
from typing import Literal

from attrs import Factory, define

SHORTEST_S, LONGEST_S, LONGEST_LATER_S, LATER = 0.5, 60.0, 120.0, 10
"""Pauses after failures: never shorter, doubling up to the one, after ten failures up to the other."""
FAULTS_S = 600.0
OBEDIENT, OBEDIENT_S = 50, 1.0
"""So many requests to reconnect are obeyed within a second, that a member notices nothing; more of them are a storm."""


@define
class Luck:
    """Counters that only a stable minute sets back; socket and HELLO prove nothing (P04)."""

    failures: int = 0
    """Ends of connections without a stable minute before."""
    resumes: int = 0
    """Attempts to resume that got nowhere."""
    garbled: int = 0
    """Unreadable payloads."""
    obeyed: int = 0
    """Live connections that Discord asked us to leave: each began well, so that none is a failure."""
    _faults: deque[float] = Factory(deque)

    @property
    def bad(self) -> bool:
        """Whether there is something to forget."""
        return bool(self.failures or self.resumes or self.garbled or self.obeyed)

    def forget(self) -> None:
        """A stable minute has passed."""
        self.failures = self.resumes = self.garbled = self.obeyed = 0

    def pause(self, roll: float) -> float:
        """Seconds until the next attempt, with full jitter: a crowd must not return as one."""
        if not self.failures:
            return roll
        longest = LONGEST_LATER_S if self.failures > LATER else LONGEST_S
        return max(SHORTEST_S, roll * min(longest, 2.0 ** min(self.failures - 1, 32)))

    def obey(self, roll: float) -> float:
        """Seconds until we come back as Discord asked: none the first time, then soon, in a storm ever more."""
        self.obeyed += 1
        if self.obeyed <= OBEDIENT:
            return OBEDIENT_S * roll if self.obeyed > 1 else 0.0
        return max(SHORTEST_S, roll * min(LONGEST_S, 2.0 ** (self.obeyed - OBEDIENT)))

    def own_fault(self, now: float, *, skip: bool) -> Literal["resume", "identify", "stop"]:
        """What follows a close that blames us, by how many there were in ten minutes.

        *skip* leaves out the resume, where it would bring the same trouble again.
        """
        while self._faults and self._faults[0] <= now - FAULTS_S:
            self._faults.popleft()
        self._faults.append(now)
        steps: tuple[Literal["resume", "identify", "stop"], ...] = ("resume", "identify", "stop")
        return steps[min(len(self._faults) - 1 + skip, 2)]
