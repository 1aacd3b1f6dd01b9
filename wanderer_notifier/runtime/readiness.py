"""Alive or ready? Pure summaries of component states for the probes (operations.md 5.3, design.md 5.12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from wanderer_notifier.runtime.health import ComponentView

SETTLING_S = 60.0
"""For this long after the start, what is not ready yet is called `starting` (operations.md 5.3)."""

CHECKS: Mapping[str, str] = {
    "configuration": "configuration",
    "data_dir": "data_dir",
    "cache": "cache",
    "map_data": "map_data",
    "map_stream": "map_stream",
    "killmail_stream": "killmail_stream",
    "discord_rest": "discord_rest",
    "discord_gateway": "discord_gateway",
}
"""Check name -> component name; a component `name:part` belongs to the check of `name`."""

_NEEDED: Mapping[str, float] = {"map_data": 0.0, "map_stream": 0.5}
"""Of several maps so large a share must work, and one at least (operations.md 5.3); other checks need all members."""

_CREDENTIALS = ("DISCORD_BOT_TOKEN", "MAP_API_KEY")
"""A part that failed and names one of these in its reason had it refused: that is a matter of configuration."""

_EXTERNAL = ("map_data", "map_stream", "killmail_stream", "discord_rest", "discord_gateway")

_FEEDS = ("map_data", "map_stream", "killmail_stream", "discord_gateway")


@frozen(kw_only=True)
class Readiness:
    """The answer of `/ready`: each check with its words, and whether all of them hold."""

    checks: Mapping[str, str]
    failing: tuple[str, ...]
    settling: bool

    @property
    def ready(self) -> bool:
        return not self.failing


def readiness(
    parts: Sequence[ComponentView], *, grace_s: float, uptime_s: float, stopping: bool, queue_full: bool = False
) -> Readiness:
    """Judge all checks.

    *grace_s* is how many seconds a feed that once worked may be down before it counts; *uptime_s* is the age of the
    process; *queue_full*: messages have to be dropped. A check without any component is `disabled` and never fails.
    """
    if uptime_s < SETTLING_S:
        parts = [_still_starting(part) for part in parts]
    checks = {
        name: _check(_members(parts, component), grace_s, _NEEDED.get(name, 1.0)) for name, component in CHECKS.items()
    }
    if checks["killmail_stream"] != "ok" and _polling(parts):
        checks["killmail_stream"] = "ok (fallback)"
    refused = [part.reason for part in parts if part.state == "failed" and any(n in part.reason for n in _CREDENTIALS)]
    if refused:
        checks["configuration"] = f"failed: {refused[0]}"
    if queue_full:
        checks["discord_rest"] = f"failed: the queue is full; {checks['discord_rest']}"
    failing = [name for name, words in checks.items() if words.startswith(("failed", "starting"))]
    external = [name for name in failing if name in _EXTERNAL]
    checks["external_services"] = f"failed: {', '.join(external)}" if external else "ok"
    if external and all(checks[name].startswith("starting") for name in external):
        checks["external_services"] = "starting"
    checks["license"] = next((_unfailing(part) for part in parts if part.name == "license"), "disabled")
    if external:
        failing.append("external_services")
    if stopping:
        failing.append("stopping")
    settling = uptime_s < SETTLING_S and any(words.startswith("starting") for words in checks.values())
    return Readiness(checks=checks, failing=tuple(failing), settling=settling)


def degraded(parts: Sequence[ComponentView]) -> tuple[str, ...]:
    """Names of the components that do not work as they should right now."""
    return tuple(part.name for part in parts if part.state in ("degraded", "failed"))


def _polling(parts: Sequence[ComponentView]) -> bool:
    """Whether the kill service is asked for kills while its socket is down, and answers (operations.md 5.3)."""
    return any(part.name == "killmail_fallback" and part.state == "ok" for part in parts)


def _still_starting(part: ComponentView) -> ComponentView:
    """A feed that never worked is not down in the first minute, it has not come up yet."""
    waits = part.state == "degraded" and not part.covered and part.last_ok_at is None
    return evolve(part, state="starting") if waits and part.name.partition(":")[0] in _FEEDS else part


def _unfailing(part: ComponentView) -> str:
    """The words for a part that is listed and never makes the service unready."""
    return f"degraded: {part.reason}" if part.state in ("degraded", "failed") else part.state


def _members(parts: Sequence[ComponentView], name: str) -> list[ComponentView]:
    return [part for part in parts if part.name == name or part.name.startswith(f"{name}:")]


def _check(parts: Sequence[ComponentView], grace_s: float, needed: float = 1.0) -> str:
    """The worst of *parts* decides, unless a share of *needed* suffices and works; names are given only where a check
    has several parts."""
    worst = _worst(parts, grace_s)
    if not worst.startswith(("failed", "starting")) or needed >= 1.0:
        return worst
    counted = [part for part in parts if part.state != "disabled"]
    working = sum(not _words(part, grace_s).startswith(("failed", "starting")) for part in counted)
    if not working or working < needed * len(counted):
        return worst
    return f"degraded: {working} of {len(counted)} work; {worst.removeprefix('failed: ')}"


def _worst(parts: Sequence[ComponentView], grace_s: float) -> str:
    worst = "disabled"
    for part in parts:
        words = _words(part, grace_s)
        of_several = part.name.partition(":")[2]  # the check itself may be a part, too
        if len(parts) > 1 and of_several and words not in ("ok", "disabled", "starting"):
            head, colon, rest = words.partition(": ")
            words = f"{head}: {of_several}{colon}{rest}"
        worst = max(worst, words, key=_severity)
    return worst


def _words(part: ComponentView, grace_s: float) -> str:
    if part.state == "starting":
        # Not yet tried, or, in the first minute, tried in vain: the reason stands there as well.
        return f"starting: {part.reason}" if part.last_error_at is not None and part.reason else "starting"
    if part.state in ("ok", "disabled"):
        return part.state
    if part.covered and part.state == "degraded":
        return f"degraded: {part.reason}"
    reason = f"{part.reason or part.state}, down {part.for_s:.0f}s"
    if part.state == "degraded" and part.last_ok_at is not None and part.for_s <= grace_s:
        return f"degraded: {reason}"
    return f"failed: {reason}"


def _severity(words: str) -> int:
    return ("disabled", "ok", "degraded", "starting", "failed").index(words.partition(":")[0])
