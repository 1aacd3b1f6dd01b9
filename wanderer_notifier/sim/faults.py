"""What can go wrong with a request, as values, and the rules that decide which request it goes wrong with."""

from __future__ import annotations

from random import Random
from typing import Literal, TypeAlias, get_args

from attrs import define, field, frozen
from attrs.validators import and_, ge, in_, le, optional

from wanderer_notifier.sim.discord_routes import ROUTES

LimitScope: TypeAlias = Literal["user", "global", "shared", "edge", "edge_json"]
HeaderChanges: TypeAlias = tuple[tuple[str, str | None], ...]

_SECONDS = ge(0.0)
_TEMPLATES = frozenset(f"{method} {path}" for method, path in ROUTES)


@frozen(kw_only=True)
class Status:
    """Answer with this status; `body` None means the upstream's usual error body, empty means none at all."""

    status: int = field(validator=and_(ge(200), le(599)))
    body: bytes | None = None
    content_type: str = "application/json"
    limits: bool = False
    """Whether the headers of the rate limit stand on it, as they do on errors of Discord itself."""


@frozen(kw_only=True)
class TooMany:
    """Answer 429: from Discord itself (user, global, shared), or from the edge in front of it.

    The edge tells a page with `Retry-After` (edge), or a JSON without any hint how long (edge_json; discord.md 3.2).
    """

    retry_after: float = field(default=1.0, validator=_SECONDS)
    scope: LimitScope = field(default="user", validator=in_(get_args(LimitScope)))
    remaining: int = field(default=0, validator=ge(0))
    """Places that the bucket's headers tell; more than none is the mark of a hidden limit."""
    code: int | None = None
    """Of the JSON body, such as 20028 for the write limit of a channel."""


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

    before_s: float = field(default=0.0, validator=_SECONDS)
    """Pause before the effect."""
    effect: bool = True
    """Whether the request is carried out; only sensible with an `ending` when False."""
    after_s: float = field(default=0.0, validator=_SECONDS)
    """Pause between the effect and the end."""
    late_s: float | None = field(default=None, validator=optional(_SECONDS))
    """The effect comes only so long after the end, when the client has already gone to look."""
    ending: Ending | None = None
    """None: the true answer."""
    revoke: bool = False
    """Whether the bot's token dies just before this request."""
    headers: HeaderChanges = ()
    """Headers of the answer that read otherwise, or (None) are missing."""
    hang_up_s: float | None = field(default=None, validator=optional(_SECONDS))
    """After the answer the connection, which was promised to be kept, is closed so much later without a word."""

    def __attrs_post_init__(self) -> None:
        if self.late_s is not None and not (self.effect and isinstance(self.ending, Cut | Status | TooMany)):
            raise ValueError("only a request that was cut or refused can take effect later")
        if not self.effect and (self.ending is None or isinstance(self.ending, Truncated | Broken)):
            raise ValueError("a request without effect has no true answer: say how it ends")


def slow(*, before_s: float = 0.0, after_s: float = 0.0) -> Fault:
    """The true answer, late."""
    return Fault(before_s=before_s, after_s=after_s)


def status(
    code: int,
    *,
    body: bytes | None = None,
    content_type: str = "application/json",
    limits: bool = False,
    effect: bool = False,
) -> Fault:
    """An error answer, by default without the effect; or with *body* any other answer."""
    ending = Status(status=code, body=body, content_type=content_type, limits=limits)
    return Fault(effect=effect, ending=ending)


def limited(
    retry_after: float = 1.0, *, scope: LimitScope = "user", remaining: int = 0, code: int | None = None
) -> Fault:
    """A 429 out of turn; with places *remaining* that of a hidden limit."""
    ending = TooMany(retry_after=retry_after, scope=scope, remaining=remaining, code=code)
    return Fault(effect=False, ending=ending)


def cut(*, effect: bool, late_s: float | None = None) -> Fault:
    """A connection cut before the effect, or the nasty ones: after it, or *late_s* seconds before it comes after all.

    Args:
        effect: whether the request is carried out.
        late_s: seconds from the cut to the effect; None: the effect comes first.
    """
    return Fault(effect=effect, ending=Cut(), late_s=late_s)


def stall(*, effect: bool = False) -> Fault:
    """No answer, ever."""
    return Fault(effect=effect, ending=Stall())


def truncated(*, complete: bool = False) -> Fault:
    """Half an answer after the effect: cut short on the wire, or (*complete*) a whole answer of half a JSON."""
    return Fault(ending=Broken() if complete else Truncated())


def no_json(body: bytes = b"<!DOCTYPE html><html></html>", *, content_type: str = "text/html") -> Fault:
    """After the effect a 200 that says something else altogether."""
    return status(200, body=body, content_type=content_type, effect=True)


def mistyped(content_type: str | None = "text/plain") -> Fault:
    """The true answer under a wrong content type, or under none."""
    return Fault(headers=(("Content-Type", content_type),))


def misread(
    *, remaining: int | None = None, reset: float | None = None, reset_after: float | None = None, bucket: str = ""
) -> Fault:
    """The true answer with rate-limit headers that are wrong: out of order, of another epoch, of another bucket.

    Args:
        remaining: `X-RateLimit-Remaining`.
        reset: `X-RateLimit-Reset`, seconds of an epoch.
        reset_after: `X-RateLimit-Reset-After` in seconds.
        bucket: `X-RateLimit-Bucket` of this one answer; for good see `RateLimits.rename`.
    """
    told = {"Remaining": remaining, "Reset": reset, "Reset-After": reset_after, "Bucket": bucket or None}
    return Fault(headers=tuple((f"X-RateLimit-{name}", str(one)) for name, one in told.items() if one is not None))


def unlimited() -> Fault:
    """The true answer without a word about rate limits, as some routes give it."""
    names = ("Limit", "Remaining", "Reset", "Reset-After", "Bucket")
    return Fault(headers=tuple((f"X-RateLimit-{name}", None) for name in names))


def hung_up(after_s: float = 0.0) -> Fault:
    """The true answer; then the connection, promised to be kept alive, is closed after *after_s* idle seconds.

    A request that arrives on it meanwhile is lost without an answer and without effect.
    """
    return Fault(hang_up_s=after_s)


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
    nth: int | None = field(default=None, validator=optional(ge(1)))
    """Only the nth request (1, 2, ...) that matches otherwise, counted from when the rule was set."""
    probability: float = field(default=1.0, validator=and_(ge(0.0), le(1.0)))
    times: int | None = 1
    """How often it strikes before it is used up; None: for ever."""
    met: int = field(default=0, init=False)
    struck: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        if self.route is not None and self.route not in _TEMPLATES:
            raise ValueError(f"no such route: {self.route}")
        if self.times is not None and self.times < 1:
            raise ValueError("a rule strikes once at least")

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
