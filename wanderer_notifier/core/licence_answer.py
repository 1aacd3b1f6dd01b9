"""What an answer of the licence manager says, and for how long it is believed (wanderer-map.md 6, design.md 5.6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from attrs import frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.licence import LicenceState

GRACE = timedelta(hours=24)
"""So long the last answer holds while nobody answers."""

PAUSES_S = (60.0, 120.0, 300.0, 900.0)
HOURLY_S = 3600.0
LONGEST_S = 86_400.0
"""The most that a `Retry-After` can make us wait."""

WORDS = 200

_VERDICTS = ("license_valid", "valid")
_ASSIGNED = ("bot_associated", "bot_assigned")
_TELLTALE = (*_VERDICTS, *_ASSIGNED, "bots", "bot_id", "license_id", "message")
"""At least one of these is in every answer of a licence manager."""


@frozen(kw_only=True)
class Verdict:
    """The manager knows: the licence holds, or it does not."""

    valid: bool
    message: str = ""
    bot_assigned: bool = False
    name: str = ""
    valid_to: str = ""


@frozen(kw_only=True)
class Unavailable:
    """Nobody said anything about the licence; *credential*: because our own token is refused."""

    reason: str
    credential: bool = False
    retry_after_s: float | None = None


Heard: TypeAlias = Verdict | Unavailable


def read_answer(status: int, body: bytes, *, retry_after_s: float | None = None, with_token: bool = True) -> Heard:
    """What one HTTP answer of `validate_bot` says; only the manager's own words can be a verdict.

    *with_token*: whether we sent a token, for the words about a refusal.
    """
    value = _object(body)
    if status in (200, 201):
        if value is None:
            return Unavailable(reason="the licence manager's answer is not JSON")
        return _verdict(value)
    words = _message(value)
    match status:
        case 401:
            fix = "is refused" if with_token else "is not set"
            return Unavailable(reason=f"NOTIFIER_API_TOKEN {fix} (HTTP 401)", credential=True)
        case 403 if value is not None:  # "bot inactive or not associated with the licence", in whatever words
            return Verdict(valid=False, message=words)
        case 404 if value is not None and _speaks_of_us(words):
            return Verdict(valid=False, message=words)
        case 404:
            return Unavailable(reason="nothing answers at this address (HTTP 404): check LICENSE_MANAGER_URL")
        case 429:
            return Unavailable(reason="asked too often (HTTP 429)", retry_after_s=retry_after_s)
        case _:
            after = f": {words}" if words else ""
            return Unavailable(reason=f"HTTP {status}{after}"[:WORDS], retry_after_s=retry_after_s)


def pause_s(failures: int, refresh_s: float) -> float:
    """Seconds until the next question, after *failures* questions in a row without a valid licence; a refresh more
    often than once a minute, for a demonstration, is kept to."""
    if failures == 0 or refresh_s < PAUSES_S[0]:
        return refresh_s
    return PAUSES_S[failures - 1] if failures <= len(PAUSES_S) else HOURLY_S


@frozen(kw_only=True)
class Standing:
    """What is known of the licence: the last verdict and when it came; *trouble* is why there is no newer one."""

    has_key: bool
    verdict: Verdict | None = None
    answered_at: datetime | None = None
    trouble: str = ""

    def state(self, now: datetime) -> LicenceState:
        """What that means now; without a key it is the free tier, and old news are none."""
        if not self.has_key:
            return "invalid"
        if self.verdict is None or self.answered_at is None or abs(now - self.answered_at) > GRACE:
            return "unknown"
        return "valid" if self.verdict.valid else "invalid"

    def words(self, now: datetime) -> str:
        """The same for people, without the key."""
        state, verdict = self.state(now), self.verdict
        if not self.has_key:
            return "no LICENSE_KEY: free tier"
        if verdict is None or state == "unknown":
            return f"not known: {self.trouble or 'not asked yet'}"
        parts = [verdict.name or "valid" if verdict.valid else f"not valid: {verdict.message or 'no reason given'}"]
        if verdict.valid and verdict.valid_to:
            parts.append(f"until {verdict.valid_to}")
        if verdict.valid and not verdict.bot_assigned:
            parts.append("not yet assigned to this bot, which changes nothing")
        if self.trouble:
            parts.append(f"last answer {self.answered_at:%Y-%m-%d %H:%M} UTC, since then: {self.trouble}")
        return ", ".join(parts)


def kept(standing: Standing) -> JsonObject | None:
    """The verdict in a form that can be stored; None when there is none."""
    verdict, at = standing.verdict, standing.answered_at
    if verdict is None or at is None:
        return None
    return {
        "at": at.timestamp(),
        "valid": verdict.valid,
        "message": verdict.message,
        "bot_assigned": verdict.bot_assigned,
        "name": verdict.name,
        "valid_to": verdict.valid_to,
    }


def restored(value: object) -> tuple[Verdict, float] | None:
    """The verdict that `kept` made storable, and when it came (unix seconds); None for anything else."""
    if not isinstance(value, dict) or not isinstance(value.get("at"), int | float):
        return None
    if not isinstance(value.get("valid"), bool):
        return None
    verdict = Verdict(
        valid=value["valid"],
        message=_text(value.get("message")),
        bot_assigned=value.get("bot_assigned") is True,
        name=_text(value.get("name")),
        valid_to=_text(value.get("valid_to")),
    )
    return verdict, float(value["at"])


# --- reading -------------------------------------------------------------------------------------------------------


def _verdict(value: JsonObject) -> Heard:
    if not any(name in value for name in _TELLTALE):
        return Unavailable(reason="the answer says nothing about a licence: check LICENSE_MANAGER_URL")
    valid, assigned = _first(value, _VERDICTS), _first(value, _ASSIGNED)
    if not isinstance(valid, bool) and valid is not None:
        return Unavailable(reason="the answer does not say yes or no")
    return Verdict(
        valid=valid is True,
        message=_message(value),
        bot_assigned=assigned is True,
        name=_text(value.get("license_name")),
        valid_to=_text(value.get("valid_to")),
    )


def _first(value: Mapping[str, Any], names: tuple[str, ...]) -> object:
    """The first of *names* that is there decides, even when it is false; none is false."""
    return next((value[name] for name in names if name in value), False)


def _speaks_of_us(words: str) -> bool:
    """Whether a 404 is about the licence or the bot, and not about an address that does not exist."""
    lower = words.lower()
    return any(word in lower for word in ("licen", "bot"))


def _message(value: JsonObject | None) -> str:
    return next((text for name in ("message", "error") if (text := _text((value or {}).get(name)))), "")


def _text(value: object) -> str:
    return " ".join(value.split())[:WORDS] if isinstance(value, str) else ""


def _object(body: bytes) -> JsonObject | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
