"""What an answer of the map that is no success means, in plain words with the fix (wanderer-map.md 1.8)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from wanderer_notifier.net.errors import Interrupted, NotReached, Silent, TooLarge
from wanderer_notifier.runtime.supervise import Permanent
from wanderer_notifier.wire.sse import SseError

OPERATOR_S = 300.0
"""An operator must change something; asking every five minutes is enough to notice that they did."""
LIMIT_S = (70.0, 140.0, 280.0, 300.0)
"""At least a minute, jitter included: a place is freed only after up to 90 s on a quiet map (1.7); then longer."""
UNKNOWN_MAP_S = (60.0, 120.0, 300.0)
"""A map that is not there may be restarting (cases.md S13), so that the first pauses are shorter."""


class MapLost(Exception):
    """The stream or the snapshot failed for now; trying again soon can help."""


class StreamMissed(MapLost):
    """The stream is up and did not tell what it should have told."""


class NoStream(Permanent):
    """The map offers no stream now; its lists can be read all the same (wanderer-map.md 3.1)."""


class LimitReached(Permanent):
    """The server has no place left for one more stream."""


def limit_reached(slug: str, *, repeated: int = 0) -> LimitReached:
    """For a stream that was accepted and ended before its greeting: how the server says that it is full.

    *repeated* counts such answers before this one.
    """
    return LimitReached(
        f"the map server accepted the stream of {slug} and closed it before its greeting: most likely a connection"
        " limit (10 for one key, 50 for one map); stop other listeners or wait about a minute",
        again_s=LIMIT_S[min(repeated, len(LIMIT_S) - 1)],
    )


def not_a_stream(slug: str, content_type: str) -> Permanent:
    """For a success that is no event stream, typically the page of a proxy or of the map's own web site."""
    kind = content_type.partition(";")[0].strip()[:60] or "no content type"
    return Permanent(f"the stream of {slug} answers with {kind}, not events; check MAP_URL", again_s=LIMIT_S[0])


def refusal(slug: str, status: int, headers: Mapping[str, str], body: str, *, repeated: int = 0) -> Permanent | MapLost:
    """The error to raise for *status*; *repeated* counts answers of its kind before this one (unknown map, limit)."""
    code, is_json = _code(body)
    said = body.lower()
    if 300 <= status < 400:
        to = urlsplit(headers.get("location", ""))
        where = f"{to.scheme}://{to.netloc.rpartition('@')[2]}" if to.netloc else "another path"
        return Permanent(
            f"the map server redirects to {where}; set MAP_URL to the final address (a redirect is not followed,"
            " since it could carry the key elsewhere)",
            again_s=OPERATOR_S,
        )
    if status == 401 and not is_json and "subscription" in said:
        return Permanent(f"the subscription of map {slug} is not active on the map server", again_s=OPERATOR_S)
    if status == 401:
        return Permanent(f"MAP_API_KEY is not the key of map {slug}", again_s=OPERATOR_S)
    if status == 402:
        return NoStream(f"map {slug} needs an active subscription for event streams", again_s=OPERATOR_S)
    if status == 403 and code == "SSE_DISABLED_FOR_MAP":
        return NoStream(
            f"event streams are switched off for map {slug}; switch them on in the map's settings", again_s=OPERATOR_S
        )
    if status == 403 and "public api is disabled" in said:
        return Permanent("the public API is switched off on the map server", again_s=OPERATOR_S)
    if status == 403 and code == "SSE_NOT_AVAILABLE":
        return NoStream(
            f"the map server does not allow event streams for map {slug}; ask who runs it", again_s=OPERATOR_S
        )
    if status == 403:
        return Permanent(f"the map server does not allow this for map {slug} (HTTP 403)", again_s=OPERATOR_S)
    if status == 404:
        pause = UNKNOWN_MAP_S[min(repeated, len(UNKNOWN_MAP_S) - 1)]
        return Permanent(f"the map server knows no map {slug}; check MAP_NAME and MAP_URL", again_s=pause)
    if status == 429 and code in ("MAP_CONNECTION_LIMIT", "API_KEY_CONNECTION_LIMIT"):
        return limit_reached(slug, repeated=repeated)
    if status == 429:
        return Permanent("the map server asks for fewer requests (HTTP 429)", again_s=OPERATOR_S)
    if status == 503 and (code == "SSE_GLOBALLY_DISABLED" or "server-sent events are disabled" in said):
        return NoStream(
            "event streams are switched off on the map server; whoever runs it can set WANDERER_SSE_ENABLED=true",
            again_s=OPERATOR_S,
        )
    if status == 204:
        return NoStream(f"the map server says there is nothing to stream for {slug} (HTTP 204)", again_s=OPERATOR_S)
    return MapLost(f"the map server answered HTTP {status}")


def kind_of(error: Exception) -> str:
    """The short name of what ended a stream, for counting."""
    match error:
        case NoStream():
            return "switched_off"
        case LimitReached():
            return "limit"
        case Permanent():
            return "refused"
        case StreamMissed():
            return "missed_events"
        case Silent():
            return "silent"
        case NotReached():
            return "not_reached"
        case SseError() | TooLarge():
            return "too_large"
        case MapLost() | Interrupted():
            return "cut"
        case _:
            return "error"


def _code(body: str) -> tuple[str, bool]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return "", False
    code = answer.get("code") if isinstance(answer, dict) else None
    return code if isinstance(code, str) else "", isinstance(answer, dict)
