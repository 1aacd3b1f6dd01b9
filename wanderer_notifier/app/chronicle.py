"""Remembers what the parts went through in this run: changes of state, deliveries, how long each connection held."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

import trio
from attrs import evolve

from wanderer_notifier.core.claims import killmail_of
from wanderer_notifier.delivery.outbox import Delivered
from wanderer_notifier.runtime.health import ComponentView, State
from wanderer_notifier.web.activity import Deliveries, FailedKill, Happened, Level, Link

KEPT = 100
FAILED_KILLS = 5
FRESH_S = 90.0
"""A heartbeat older than this does not count for a connection's quality (operations.md 3.3)."""

_KINDS: Mapping[str, Literal["websocket", "sse", "gateway"]] = {
    "killmail_stream": "websocket",
    "map_stream": "sse",
    "discord_gateway": "gateway",
}
_LEVELS: Mapping[State, Level] = {"ok": "good", "starting": "off", "disabled": "off", "degraded": "fair"}
_CONNECTED: Mapping[State, float] = {"ok": 1.0, "starting": 0.7, "degraded": 0.5}
_TIMED_OUT = ("timed out", "time-out", "timeout", "no answer")


class _Span:
    """How long a component was up and down so far."""

    def __init__(self) -> None:
        self.state: State | None = None
        self.at_s = trio.current_time()
        self.up_s = self.down_s = 0.0

    def to(self, state: State) -> None:
        at_s = trio.current_time()
        if self.state == "ok":
            self.up_s += at_s - self.at_s
        elif self.state in ("degraded", "failed"):
            self.down_s += at_s - self.at_s
        self.state, self.at_s = state, at_s


class Chronicle:
    """Told of every change and every attempt; read by whoever makes a snapshot."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._recent: deque[Happened] = deque(maxlen=KEPT)
        self._spans: dict[str, _Span] = {}
        self._failed_kills: deque[FailedKill] = deque(maxlen=FAILED_KILLS)
        self._deliveries = Deliveries()

    def component_changed(self, view: ComponentView) -> None:
        """Note a change of state; a change of the reason alone is no news."""
        span = self._spans.setdefault(view.name, _Span())
        before = span.state
        if view.state == before:
            return
        span.to(view.state)
        if before is None and view.state in ("starting", "ok", "disabled"):
            return  # how things begin is not worth a line
        text = f"{view.state}: {view.reason}" if view.reason else view.state
        if view.state == "ok":
            text = "working" if before in ("starting", "disabled") else "working again"
        self._note(view.name, text, _LEVELS.get(view.state, "bad"))

    def delivered(self, result: Delivered) -> None:
        """Note one attempt or the end of a message."""
        seen = self._deliveries
        if result.result in ("sent", "found"):
            self._deliveries = evolve(
                seen,
                in_a_row_failed=0,
                in_a_row_timed_out=0,
                successes=seen.successes + 1,
                last_success_at=self._now(),
            )
            return
        if result.result == "limited":
            self._deliveries = evolve(seen, limited=seen.limited + 1)
            return
        reason = result.reason or result.result
        if result.final:
            self._note("discord_rest", f"a {result.kind} message was given up: {reason}", "bad")
            if (number := killmail_of(result.claim)) is not None:
                self._failed_kills.appendleft(FailedKill(killmail_id=number, reason=reason, at=self._now()))
        late = result.result == "unknown" and any(words in reason.lower() for words in _TIMED_OUT)
        self._deliveries = evolve(
            seen,
            in_a_row_failed=seen.in_a_row_failed + 1,
            in_a_row_timed_out=seen.in_a_row_timed_out + 1 if late else 0,
            failures=seen.failures + 1,
            timeouts=seen.timeouts + late,
            last_failure_at=self._now(),
            last_failure=reason[:200],
        )

    def deliveries(self) -> Deliveries:
        """How talking to Discord went."""
        return evolve(self._deliveries, failed_kills=tuple(self._failed_kills))

    def recent(self) -> tuple[Happened, ...]:
        """What happened, newest first."""
        return tuple(self._recent)

    def links(self, parts: tuple[ComponentView, ...], pings: Mapping[str, float]) -> tuple[Link, ...]:
        """The connections among *parts*; *pings* are seconds there and back, by component."""
        found = []
        for part in parts:
            kind = _KINDS.get(part.name.partition(":")[0])
            if kind is None or part.state == "disabled":
                continue
            up = self._uptime(part.name)
            ping = pings.get(part.name)
            score = _score(kind, part, up, ping, self._now())
            quality = next((name for name, least in _QUALITIES if score >= least), "critical")
            found.append(
                Link(
                    id=part.name,
                    kind=kind,
                    state=part.state,
                    uptime_percent=up,
                    ping_s=ping,
                    quality=quality,  # type: ignore[arg-type]  # one of the four words
                )
            )
        return tuple(found)

    def _uptime(self, name: str) -> float:
        span = self._spans.get(name)
        if span is None:
            return 0.0
        if span.state is not None:
            span.to(span.state)
        whole = span.up_s + span.down_s
        return round(100.0 * span.up_s / whole, 1) if whole else (100.0 if span.state == "ok" else 0.0)

    def _note(self, subject: str, text: str, level: Level) -> None:
        self._recent.appendleft(Happened(at=self._now(), subject=subject, text=text, level=level))


_PINGS = ((0.1, 1.0), (0.5, 0.8), (2.0, 0.5))
_QUALITIES = (("excellent", 0.9), ("good", 0.7), ("poor", 0.5))


def _score(kind: str, part: ComponentView, uptime: float, ping: float | None, now: datetime) -> float:
    """The formula that readers know (operations.md 3.3): weights of ping, uptime, heartbeat and state."""
    pinged = 0.5 if ping is None else next((score for most, score in _PINGS if ping <= most), 0.2)
    upped = 1.0 if uptime >= 99 else 0.8 if uptime >= 95 else 0.5 if uptime >= 85 else 0.2
    stated = _CONNECTED.get(part.state, 0.0)
    if kind == "sse":
        return 0.3 * pinged + 0.5 * upped + 0.2 * stated
    beats = part.seen_at is not None and (now - part.seen_at).total_seconds() <= FRESH_S
    return 0.3 * pinged + 0.4 * upped + 0.2 * beats + 0.1 * stated
