"""`why`: what was decided about a kill and why, where it was sent, and how that went; or what would be decided now."""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from wanderer_notifier.cli.outbox import described
from wanderer_notifier.cli.terminal import as_json
from wanderer_notifier.cli.why_report import (
    arrival_lines,
    decision_lines,
    delivery_lines,
    kill_lines,
    message_link,
    parked_lines,
)
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.claims import kill_claim
from wanderer_notifier.core.events import JsonObject, Kill
from wanderer_notifier.core.killmail import BadKillmail, parse_kill
from wanderer_notifier.core.plugin import BadList, read_list, with_maps
from wanderer_notifier.core.record import decision_record
from wanderer_notifier.core.rules import Rules, Send, judge_kill
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.state import decisions, memory, outbox, parked, priorities
from wanderer_notifier.state.decisions import Decided
from wanderer_notifier.state.outbox import Row
from wanderer_notifier.state.parked import Parked
from wanderer_notifier.state.plugin import kept_list
from wanderer_notifier.state.visit import looking

FRESH = timedelta(minutes=1)
BIGGEST = 64 * 2**20


def main(arguments: argparse.Namespace, settings: Settings) -> int:
    """Explain one kill, or simulate a file; 0, or 1 with the reason on standard error. Raises `StoreError`."""
    if arguments.simulate is not None:
        return _simulate(arguments, settings)
    return _explain(arguments, settings)


# --- a kill that came -------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class _Known:
    """Everything the database holds about one kill."""

    decided: tuple[Decided, ...]
    rows: tuple[Row, ...]
    parked: tuple[Parked, ...]
    """Parked killmails that may be this kill."""


def _explain(arguments: argparse.Namespace, settings: Settings) -> int:
    number = arguments.kill_id
    with looking(settings.data_dir / "notifier.db") as conn:
        known = _Known(
            decided=decisions.decisions_for(conn, number),
            rows=outbox.rows_of(conn, kill_claim(number)),
            parked=_parked_as(conn, number),
        )
    if not (known.decided or known.rows or known.parked):
        print(f"kill {number} never arrived here, or more than {decisions.DAYS} days ago", file=sys.stderr)
        print("(only kills of tracked systems and pilots are asked for; compare /ready for the feeds)", file=sys.stderr)
        return 1
    guild = settings.discord.guild_id
    if arguments.json:
        print(as_json(_as_data(number, known, guild)))
        return 0
    for line in _lines(number, known, guild):
        print(line)
    return 0


def _lines(number: int, known: _Known, guild: str | None) -> Iterator[str]:
    yield f"Kill {number}   https://zkillboard.com/kill/{number}/"
    for place, decided in enumerate(known.decided, start=1):
        yield ""
        if len(known.decided) > 1:
            yield f"--- decision {place} of {len(known.decided)} ---"
        yield from arrival_lines(decided)
        yield from decision_lines(decided.outcome)
    if known.rows:
        yield ""
        yield "Delivery"
        for row in known.rows:
            yield from delivery_lines(row, guild)
    if known.parked:
        yield ""
        yield from parked_lines(known.parked)


def _as_data(number: int, known: _Known, guild: str | None) -> JsonObject:
    return {
        "kill_id": number,
        "decisions": [
            {
                "first_at": one.first_at,
                "last_at": one.last_at,
                "copies": dict(one.copies),
                **one.outcome,
                "raw": None if one.raw is None else json.loads(one.raw),
            }
            for one in known.decided
        ],
        "delivery": [described(row) | {"link": message_link(row, guild)} for row in known.rows],
        "parked": [one.id for one in known.parked],
    }


def _parked_as(conn: sqlite3.Connection, number: int) -> tuple[Parked, ...]:
    every = parked.parked(conn, parked.ROWS)
    return tuple(event for event in every if event.kind == "kill" and _mentions(event.raw, number))


def _mentions(raw: str, number: int) -> bool:
    """Whether *raw*, as `json.dumps` wrote it, names the kill *number*."""
    endings = (f"{number},", f"{number}}}", f'"{number}"')
    return any(f'"{key}": {ending}' in raw for key in ("killmail_id", "killID") for ending in endings)


# --- a kill from a file ------------------------------------------------------------------------------------------


def _simulate(arguments: argparse.Namespace, settings: Settings) -> int:
    now = datetime.now(UTC)
    try:
        found = list(_killmails(_read(arguments.simulate)))
    except (OSError, ValueError, RecursionError) as error:
        print(f"{arguments.simulate} cannot be read as JSON: {error}", file=sys.stderr)
        return 1
    with looking(settings.data_dir / "notifier.db") as conn:
        known = memory.load_tracking(conn)
        began = memory.get_meta(conn, "first_start")
        rules = _in_force(conn, settings)
        judged = [_judged(conn, raw, system_id, arguments, rules, known, began, now) for raw, system_id in found]
    kills = [one for one in judged if isinstance(one, dict)]
    for bad in (one for one in judged if isinstance(one, str)):
        print(f"not a killmail: {bad}; the service would park it", file=sys.stderr)
    if not judged:
        print(f"{arguments.simulate} holds no killmail", file=sys.stderr)
    if arguments.json:
        print(as_json(kills))
    else:
        for outcome in kills:
            for line in _simulated_lines(outcome):
                print(line)
    return 0 if kills and len(kills) == len(judged) else 1


def _in_force(conn: sqlite3.Connection, settings: Settings) -> Rules:
    """The rules as the service has them: for the maps it follows, and as members steer them."""
    rules, listed = settings.rules, kept_list(conn) if settings.map.plugin_key is not None else None
    with suppress(BadList):
        rules = with_maps(rules, read_list(listed, here_fallback=settings.here_fallback).maps)
    return priorities.load(conn).merged(rules)


def _judged(
    conn: sqlite3.Connection,
    raw: object,
    system_id: int | None,
    arguments: argparse.Namespace,
    rules: Rules,
    known: Tracking,
    began: str | None,
    now: datetime,
) -> JsonObject | str:
    """What would be decided, as JSON; or what is wrong with the mail."""
    try:
        kill: Kill = parse_kill(raw, system_id)
    except BadKillmail as bad:
        return str(bad)
    if arguments.fresh:
        kill = evolve(kill, time=now - FRESH)
    first_start = now if began is None else datetime.fromisoformat(began)
    judgement = judge_kill(kill, arguments.source, rules, known, now=now, first_start=first_start)
    told = [
        send.channel
        for send in judgement.verdicts
        if isinstance(send, Send) and outbox.claimed(conn, send.claim, send.channel)
    ]
    return decision_record(kill, judgement, received_at=now) | {"told_before": told, "source": arguments.source}


def _simulated_lines(outcome: JsonObject) -> Iterator[str]:
    yield f"Kill {outcome['kill']['id']}, simulated: nothing is sent"
    yield ""
    yield from kill_lines(outcome)
    yield from decision_lines(outcome, would=True)
    for channel in outcome["told_before"]:
        yield f"  Channel {channel} was told of it before, so it would not be told again."


def _read(file: str) -> Any:
    if file == "-":
        text = sys.stdin.read(BIGGEST + 1)
    else:
        with Path(file).open(encoding="utf-8-sig") as source:
            text = source.read(BIGGEST + 1)
    if len(text) > BIGGEST:
        raise ValueError(f"it is larger than {BIGGEST} characters")
    return json.loads(text)


def _killmails(value: Any) -> Iterator[tuple[object, int | None]]:
    """The killmails in *value*: one, a list, or an envelope of the kill feed with the system it names."""
    if isinstance(value, list):
        for each in value:
            yield from _killmails(each)
    elif isinstance(value, dict) and isinstance(value.get("data"), (dict, list)) and "killmail_id" not in value:
        yield from _killmails(value["data"])
    elif isinstance(value, dict) and isinstance(mails := value.get("killmails", value.get("kills")), list):
        system_id = value.get("system_id")
        for each in mails:
            yield each, system_id if isinstance(system_id, int) else None
    else:
        yield value, None
