"""What the answers of a running service say about it: one value per check, no network in here (operations.md 9.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attrs import frozen

from wanderer_notifier.net.question import Reply

Level = Literal["pass", "warn", "fail", "skip"]
SLOW_S = 1.0
SUSPICIOUS = ("error", "Error", "failed")


@frozen(kw_only=True)
class Check:
    """One checked thing and how it is."""

    section: str
    name: str
    level: Level
    words: str = ""
    fix: str = ""


HEALTH, READY, LIVE = "Basic Health Check", "Readiness Check", "Liveness Check"
DETAILS, SMOKE, FEEDS = "Detailed Health Check", "Smoke Tests", "Feeds"


def health(reply: Reply) -> Check:
    """`GET /health`: alive, and says so in the expected words."""
    if trouble := _trouble(reply):
        return Check(section=HEALTH, name="health", level="fail", words=trouble, fix="is the service started?")
    told = _field(reply.value, "status")
    if told != "OK":
        return Check(section=HEALTH, name="health", level="fail", words=f"status is {told!r}, not 'OK'")
    words = f"version {_field(reply.value, 'version')}, up {span(_field(reply.value, 'uptime'))}"
    return Check(section=HEALTH, name="health", level="pass", words=words)


def ready(reply: Reply) -> Check:
    """`GET /health/ready`: every part that is needed works."""
    checks = _field(reply.value, "checks")
    shown = ", ".join(f"{name} {words}" for name, words in checks.items()) if isinstance(checks, Mapping) else ""
    if reply.status == 200 and _field(reply.value, "status") == "ready":
        return Check(section=READY, name="ready", level="pass", words=shown)
    words = str(_field(reply.value, "error") or _trouble(reply) or f"status is {_field(reply.value, 'status')!r}")
    fix = "see what failed in `checks`; `wanderer-notifier doctor` says how to mend it"
    return Check(section=READY, name="ready", level="fail", words=f"{words} ({shown})" if shown else words, fix=fix)


def live(reply: Reply) -> Check:
    """`GET /health/live`: the process turns."""
    if trouble := _trouble(reply):
        return Check(section=LIVE, name="live", level="fail", words=trouble)
    if (told := _field(reply.value, "status")) != "alive":
        return Check(section=LIVE, name="live", level="fail", words=f"status is {told!r}, not 'alive'")
    tasks, memory = _field(reply.value, "process_count"), _field(reply.value, "memory_bytes")
    words = f"{tasks} tasks" + (f", {memory / 2**20:.0f} MiB" if isinstance(memory, int) else "")
    return Check(section=LIVE, name="live", level="pass", words=words)


def details(reply: Reply) -> Check:
    """`GET /health/details`: nothing in it sounds like trouble; at worst a warning."""
    if trouble := _trouble(reply):
        fix = "set WEB_AUTH_TOKEN here to what the service has" if reply.status == 401 else ""
        return Check(section=DETAILS, name="details", level="warn", words=trouble, fix=fix)
    found = [f"{path}: {text}" for path, text in _texts(reply.value) if any(word in text for word in SUSPICIOUS)]
    if found:
        words = f"{len(found)} answers sound like trouble, first {found[0][:200]}"
        return Check(section=DETAILS, name="details", level="warn", words=words)
    flags = _field(reply.value, "feature_flags")
    cache = _field(_field(reply.value, "cache_status"), "enabled")
    words = f"{len(flags) if isinstance(flags, Mapping) else 0} features, cache enabled: {cache}"
    return Check(section=DETAILS, name="details", level="pass", words=words)


def head(reply: Reply) -> Check:
    """`HEAD /health` answers 200."""
    trouble = reply.trouble or ("" if reply.status == 200 else f"HTTP status {reply.status}")
    level: Level = "fail" if trouble else "pass"
    return Check(section=SMOKE, name="HEAD request", level=level, words=trouble or "200")


def speed(reply: Reply) -> Check:
    """`GET /health` is fast."""
    fast = reply.status != 0 and reply.took_s < SLOW_S
    words = f"{reply.took_s * 1000:.0f} ms" if reply.status else "no answer"
    return Check(section=SMOKE, name="response time", level="pass" if fast else "warn", words=words)


def feeds(reply: Reply) -> list[Check]:
    """`GET /api/status`: the kill feed is joined, every map stream connected, Discord takes messages."""
    if trouble := _trouble(reply):
        fix = "set WEB_AUTH_TOKEN here to what the service has" if reply.status == 401 else ""
        return [Check(section=FEEDS, name="status", level="fail", words=trouble, fix=fix)]
    sse = _field(reply.value, "sse")
    maps = _field(sse, "maps")
    streams = (
        {str(_field(one, "map_slug")): _field(one, "status") for one in maps}
        if isinstance(maps, list)
        else {str(_field(sse, "map_name")): _field(sse, "connection_status")}
    )
    kills = _field(_field(reply.value, "websocket"), "connection_status")
    found = [_connected("kill feed", kills), *(_connected(f"map {slug}", told) for slug, told in streams.items())]
    discord = _field(reply.value, "discord_health")
    healthy = _field(discord, "healthy") is True
    words = "messages go out" if healthy else str(_field(discord, "last_failure_reason") or "not healthy")
    return [*found, Check(section=FEEDS, name="Discord delivery", level="pass" if healthy else "fail", words=words)]


def _connected(name: str, told: object) -> Check:
    return Check(section=FEEDS, name=name, level="pass" if told == "connected" else "fail", words=str(told))


def span(seconds: object) -> str:
    """Seconds as `1d 2h 3m 4s`."""
    if not isinstance(seconds, int | float):
        return "for an unknown time"
    whole = int(seconds)
    parts = ((whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "m"), (whole % 60, "s"))
    shown = [f"{count}{unit}" for count, unit in parts if count]
    return " ".join(shown) or "0s"


def _trouble(reply: Reply) -> str:
    if reply.trouble:
        return f"no answer: {reply.trouble}"
    if reply.status != 200:
        why = _field(reply.value, "error")
        return f"HTTP status {reply.status}" + (f": {why}" if why else "")
    return "" if isinstance(reply.value, Mapping) else "the answer is no JSON object"


def _field(value: object, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _texts(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text inside *value*; keys do not count."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, path)
