"""What can go wrong with a request, as values, and the rules that decide which request it goes wrong with."""

from __future__ import annotations

from random import Random
from typing import Literal, TypeAlias

from attrs import define, field, frozen

LimitScope: TypeAlias = Literal["user", "global", "shared", "edge"]


@frozen(kw_only=True)
class Status:
    """Answer with this status; `body` None means the upstream's usual error body, empty means none at all."""

    status: int
    body: bytes | None = None
    content_type: str = "application/json"


@frozen(kw_only=True)
class TooMany:
    """Answer 429: from Discord itself (user, global, shared), or from the edge in front of it (HTML, no JSON)."""

    retry_after: float = 1.0
    scope: LimitScope = "user"


@frozen
class Cut:
    """Reset the connection instead of answering."""


@frozen
class Stall:
    """Never answer and keep the connection open."""


@frozen
class Truncated:
    """Send half of the answer's body with the length of the whole, then close."""


@frozen
class Broken:
    """Answer as usual, but the JSON ends in the middle although the length is right."""


Ending: TypeAlias = Status | TooMany | Cut | Stall | Truncated | Broken


@frozen(kw_only=True)
class Fault:
    """One misfortune: a pause, then the request takes effect or not, a pause, then how it ends."""

    before_s: float = 0.0
    """Pause before the effect."""
    effect: bool = True
    """Whether the request is carried out; only sensible with an `ending` when False."""
    after_s: float = 0.0
    """Pause between the effect and the end."""
    ending: Ending | None = None
    """None: the true answer."""
    revoke: bool = False
    """Whether the bot's token dies just before this request."""

    def __attrs_post_init__(self) -> None:
        if not self.effect and (self.ending is None or isinstance(self.ending, Truncated | Broken)):
            raise ValueError("a request without effect has no true answer: say how it ends")


def slow(*, before_s: float = 0.0, after_s: float = 0.0) -> Fault:
    """The true answer, late."""
    return Fault(before_s=before_s, after_s=after_s)


def status(code: int, *, body: bytes | None = None, effect: bool = False) -> Fault:
    """An error answer, by default without the effect."""
    return Fault(effect=effect, ending=Status(status=code, body=body))


def limited(retry_after: float = 1.0, *, scope: LimitScope = "user") -> Fault:
    """A 429 out of turn."""
    return Fault(effect=False, ending=TooMany(retry_after=retry_after, scope=scope))


def cut(*, effect: bool) -> Fault:
    """A connection cut before the effect, or the nasty one: after it."""
    return Fault(effect=effect, ending=Cut())


def stall(*, effect: bool = False) -> Fault:
    """No answer, ever."""
    return Fault(effect=effect, ending=Stall())


def truncated(*, complete: bool = False) -> Fault:
    """Half an answer after the effect: cut short on the wire, or (*complete*) a whole answer of half a JSON."""
    return Fault(ending=Broken() if complete else Truncated())


def revoked() -> Fault:
    """The token stops working with this request."""
    return Fault(revoke=True)


@define(kw_only=True)
class Rule:
    """Which requests a fault meets."""

    fault: Fault
    route: str | None = None
    """Such as `POST /channels/{c}/messages`; None: any."""
    channel: str | None = None
    nth: int | None = None
    """Only the nth request (1, 2, ...) that matches otherwise, counted from when the rule was set."""
    probability: float = 1.0
    times: int | None = 1
    """How often it strikes before it is used up; None: for ever."""
    met: int = field(default=0, init=False)
    struck: int = field(default=0, init=False)

    def meets(self, route: str, channel: str | None, roll: float) -> bool:
        """Count this request, and say whether the fault strikes; *roll* is in [0, 1)."""
        if self.used_up or self.route not in (None, route) or self.channel not in (None, channel):
            return False
        self.met += 1
        if self.nth not in (None, self.met) or roll >= self.probability:
            return False
        self.struck += 1
        return True

    @property
    def used_up(self) -> bool:
        return self.times is not None and self.struck >= self.times


class Faults:
    """The rules that are set, asked in the order in which they were set; the first that strikes wins.

    Args:
        rng: decides the rules with a probability; the same seed gives the same misfortunes.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.rules: list[Rule] = []

    def add(self, rule: Rule) -> Rule:
        """Set one more rule."""
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Let everything go well again."""
        self.rules.clear()

    def strike(self, route: str, channel: str | None) -> Fault | None:
        """The fault that meets this request, if any."""
        for rule in self.rules:
            roll = self._rng.random() if rule.probability < 1.0 else 0.0
            if rule.meets(route, channel, roll):
                if rule.used_up:
                    self.rules.remove(rule)
                return rule.fault
        return None
