"""What `why` prints: what arrived, each rule with its verdict, where it was sent or why not, and how that went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from wanderer_notifier.cli.terminal import clock, safe
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.why_words import ROUTES, SOURCES, answer, question, reason
from wanderer_notifier.state.decisions import Decided
from wanderer_notifier.state.outbox import Row
from wanderer_notifier.state.parked import Parked

WIDTH = max(len(question(rule)) for rule in ("priority_wanted", "after_first_start", "wormhole_wanted"))

EDITS = {
    "due": "it will be edited when they are",
    "done": "it was edited since",
    "given up": "it stays as it is",
}


def arrival_lines(decided: Decided) -> Iterator[str]:
    """When, how often and from where a kill came, and what it was."""
    copies = sum(decided.copies.values())
    first = next(iter(decided.copies))
    age = _age(decided.outcome)
    yield f"Arrived     {clock(decided.first_at)} UTC, {SOURCES.get(first, safe(first))} ({safe(first)}){age}"
    if copies > 1:
        each = ", ".join(f"{safe(source)} {count}" for source, count in decided.copies.items())
        yield f"            {copies} copies in all ({each}), the last {clock(decided.last_at)} UTC"
    yield from kill_lines(decided.outcome)


def kill_lines(outcome: JsonObject) -> Iterator[str]:
    """What the kill was."""
    kill = outcome["kill"]
    happened = "at an unknown time" if kill["time"] is None else f"{clock(datetime.fromisoformat(kill['time']))} UTC"
    place = f"{safe(kill['system_name'] or 'system')} [{kill['system_id']}]"
    yield f"Happened    {happened} in {place}"
    yield f"Victim      {_party(kill['victim'])}"
    if kill["final_blow"] is not None:
        yield f"Final blow  {_party(kill['final_blow'])}, of {_many(kill['attackers'], 'attacker')}"
    else:
        yield f"Attackers   {kill['attackers']}"
    yield "Value       " + ("unknown" if kill["value"] is None else f"{kill['value']:,.0f} ISK")


def decision_lines(outcome: JsonObject, *, would: bool = False) -> Iterator[str]:
    """Each rule with its verdict, in the order asked, then the outcome for each map."""
    asked: str | None = ""
    for check in outcome["checks"]:
        if check["map"] != asked:
            asked = check["map"]
            yield ""
            yield "For all maps" if asked is None else f"For the map {safe(asked)}"
        yield f"  {answer(check):<4}{question(check['rule']):<{WIDTH}}  {safe(check['seen'])}"
    yield ""
    yield "Outcome"
    for verdict in outcome["verdicts"]:
        yield f"  {_verdict(verdict, would=would)}"


def delivery_lines(row: Row, guild: str | None) -> Iterator[str]:
    """How the sending of one message went, or goes."""
    tries = _many(row.attempts, "attempt")
    match row.state:
        case "sent":
            took_s = ((row.done_at or row.received_at) - row.received_at).total_seconds()
            yield f"  channel {safe(row.channel)}: sent {clock(row.done_at)} UTC, {took_s:.1f} s after it came, {tries}"
            yield f"    {message_link(row, guild)}"
            if row.edit is not None:
                yield f"    it went out before all names were known: {EDITS[row.edit]}"
        case "dead":
            yield f"  channel {safe(row.channel)}: given up {clock(row.done_at)} UTC after {tries}: {safe(row.reason)}"
            yield f"    try again: wanderer-notifier outbox retry {row.id}"
        case "sending":
            yield f"  channel {safe(row.channel)}: being sent since {clock(row.begun_at)} UTC, {tries}"
        case "queued":
            yield f"  channel {safe(row.channel)}: waits, {tries}, until {clock(row.expires_at)} UTC at most"
            if row.attempts:
                yield f"    last tried {clock(row.begun_at)} UTC, next {clock(row.next_at)} UTC: {safe(row.reason)}"


def message_link(row: Row, guild: str | None) -> str | None:
    """Where the message of *row* can be read; None when it was not sent."""
    if row.message_id is None:
        return None
    return f"https://discord.com/channels/{guild or '@me'}/{safe(row.channel)}/{safe(row.message_id)}"


def parked_lines(events: Sequence[Parked]) -> Iterator[str]:
    """The killmails that could not be read and may be this kill."""
    for event in events:
        came = f"{clock(event.first_at)} UTC, {_many(event.count, 'time')}"
        yield f"Parked      event {event.id} of {came} could not be digested: {safe(event.error)}"
        if event.result:
            yield f"            second try: {safe(event.result)}"
        yield f"            look at it: wanderer-notifier parked show {event.id}"


def _verdict(verdict: JsonObject, *, would: bool) -> str:
    whose = "all maps" if verdict["map"] is None else safe(verdict["map"])
    if not verdict["sent"]:
        code = verdict["reason"]
        return f"{whose}: {'would NOT be' if would else 'NOT'} told, because {reason(code)} [{safe(code)}]"
    where, route = safe(verdict["channel"]), verdict["route"]
    how = f"{ROUTES.get(route, safe(route))} [{safe(route)}]"
    pinged = safe(", ".join(verdict["mention"])) or "nobody"
    return f"{whose}: {'would' if would else 'to'} be told in channel {where} {how}, pinging {pinged}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _age(outcome: JsonObject) -> str:
    if outcome["kill"]["time"] is None:
        return ""
    age = datetime.fromisoformat(outcome["received_at"]) - datetime.fromisoformat(outcome["kill"]["time"])
    return f", {age.total_seconds():.0f} s after it happened"


def _party(party: dict[str, Any]) -> str:
    pilot = safe(party["name"] or "pilot") + f" [{party['character_id']}]" if party["character_id"] else "no pilot"
    corporation = party["corporation"] or party["corporation_id"]
    ship = party["ship"] or (f"ship type {party['ship_type_id']}" if party["ship_type_id"] else None)
    return " · ".join([pilot, *(safe(each) for each in (corporation, ship) if each)])
