"""The answer to `/notifier why`: what was decided about a kill and how its messages stand, in one Discord message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from attrs import frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.limits import CONTENT
from wanderer_notifier.core.why_words import ROUTES, SOURCES, reason
from wanderer_notifier.core.wording import cut, escape, isk, one_line, relative

DECISIONS, MESSAGES = 3, 10


@frozen(kw_only=True)
class DecidedKill:
    """One decision about the kill."""

    at: datetime
    source: str
    copies: int
    outcome: JsonObject
    """As `core.record` makes it."""


@frozen(kw_only=True)
class SentKill:
    """One message about the kill."""

    channel: str
    state: str
    attempts: int
    at: datetime | None = None
    link: str | None = None
    reason: str | None = None


def why(number: int, decided: Sequence[DecidedKill], messages: Sequence[SentKill], days: int) -> str:
    """Everything known of the kill *number*, decisions being kept for so many *days*; at most 2,000 characters."""
    address = f"<https://zkillboard.com/kill/{number}/>"
    if not decided and not messages:
        return (
            f"📍 Kill {number} never arrived here, or more than {days} days ago. {address}\n"
            "Only kills of tracked systems and pilots are asked for; `/notifier status` shows how the feeds are."
        )
    lines = [f"**Kill {number}** {address}"]
    for one in decided[-DECISIONS:]:
        lines += _decision(one)
    lines += [_message(one) for one in messages[:MESSAGES]]
    return cut("\n".join(lines), CONTENT)


def _decision(one: DecidedKill) -> Iterator[str]:
    kill = one.outcome["kill"]
    how = SOURCES.get(one.source, one.source)
    copies = f", {one.copies} copies" if one.copies > 1 else ""
    yield f"Arrived {relative(one.at)}, {how}{copies}"
    value = "" if kill["value"] is None else f", {isk(kill['value'])}"
    happened = "" if kill["time"] is None else f" {relative(datetime.fromisoformat(kill['time']))}"
    ship = _text(kill["victim"]["ship"]) if kill["victim"]["ship"] else "a ship"
    place = _text(kill["system_name"] or f"system {kill['system_id']}")
    yield f"{_text(kill['victim']['name'] or 'Somebody')} lost {ship} in {place}{happened}{value}"
    for verdict in one.outcome["verdicts"]:
        whose = "" if verdict["map"] is None else f"{_text(verdict['map'])}: "
        if verdict["sent"]:
            route = ROUTES.get(verdict["route"], verdict["route"])
            yield f"✅ {whose}told in <#{verdict['channel']}> {route}"
        else:
            yield f"❌ {whose}not told, because {reason(verdict['reason'])}"


def _message(one: SentKill) -> str:
    tries = f"{one.attempts} attempt{'' if one.attempts == 1 else 's'}"
    at = f" {relative(one.at)}" if one.at is not None else ""
    why_so = f": {_text(one.reason)}" if one.reason and one.state != "sent" else ""
    words = {"sent": f"sent{at}", "dead": f"given up{at}", "sending": "being sent", "queued": "waits"}
    link = f" {one.link}" if one.link else ""
    return f"📨 <#{one.channel}> {words.get(one.state, one.state)}, {tries}{why_so}{link}"


def _text(text: str) -> str:
    return escape(one_line(text, 150) or "?")
