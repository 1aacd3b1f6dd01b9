"""Where a misfortune of the fake gateway strikes: rules by place, event, channel, number and chance."""

from __future__ import annotations

from random import Random
from typing import Literal, TypeAlias

from attrs import define, field

from wanderer_notifier.sim.gateway_faults import (
    Bare,
    Close,
    Corrupt,
    Deaf,
    Drip,
    Hold,
    Http,
    Late,
    Partly,
    Repeat,
    Reset,
    Say,
    Silence,
    Skip,
    Swap,
    Wire,
)

Action: TypeAlias = (
    Http
    | Reset
    | Hold
    | Deaf
    | Silence
    | Late
    | Close
    | Say
    | Wire
    | Drip
    | Repeat
    | Skip
    | Swap
    | Corrupt
    | Bare
    | Partly
)

Point: TypeAlias = Literal["connect", "hello", "beat", "identify", "resume", "dispatch"]
"""Where a fault may strike: when a socket asks in, when HELLO is due, when a frame was accepted, at each dispatch."""

ONLY: dict[Point, tuple[type, ...]] = {
    "connect": (Http,),
    "identify": (Bare,),
    "resume": (Partly,),
    "dispatch": (Repeat, Skip, Swap, Corrupt),
}
"""What has a meaning at one point only."""

AT_CONNECT = (Http, Reset, Hold, Silence, Late)


@define(kw_only=True)
class Rule:
    """Where a fault strikes; raises `ValueError` for one that has no meaning there."""

    point: Point
    action: Action
    event: str | None = None
    """Of dispatches: only this event."""
    channel: str | None = None
    """Of dispatches: only those about this channel."""
    nth: int | None = None
    """Only the nth time (1, 2, ...) that it would strike otherwise, counted from when the rule was set."""
    probability: float = 1.0
    times: int | None = 1
    """How often it strikes before it is used up; None: for ever."""
    met: int = field(default=0, init=False)
    struck: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        if not fits(self.point, self.action):
            raise ValueError(f"{self.action} has no place at {self.point}")

    @property
    def used_up(self) -> bool:
        return self.times is not None and self.struck >= self.times


class GatewayFaults:
    """The rules that are set, asked in their order; the first that strikes wins.

    Args:
        rng: decides the rules with a probability.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.rules: list[Rule] = []

    def strike(self, point: Point, event: str | None = None, channel: object = None) -> Action | None:
        """The misfortune that is due here, if any."""
        for rule in self.rules:
            if rule.point != point or rule.event not in (None, event) or rule.used_up:
                continue
            if rule.channel not in (None, channel):
                continue
            rule.met += 1
            if rule.nth not in (None, rule.met):
                continue
            if rule.probability < 1.0 and self._rng.random() >= rule.probability:
                continue
            rule.struck += 1
            if rule.used_up:
                self.rules.remove(rule)
            return rule.action
        return None


def fits(point: Point, action: Action) -> bool:
    """Whether *action* has a meaning at *point*."""
    if point == "connect":
        return isinstance(action, AT_CONNECT)
    elsewhere = tuple(kind for place, kinds in ONLY.items() if place != point for kind in kinds)
    return not isinstance(action, elsewhere)
