"""`parked`: look at the events that could not be digested; have the running service try them again, or drop them."""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from wanderer_notifier.cli.terminal import as_json, clock, safe, table
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.state import memory, parked
from wanderer_notifier.state.parked import Parked
from wanderer_notifier.state.visit import changing, looking

SIGN_OF_LIFE = timedelta(seconds=60)
"""A running service leaves a mark every 15 s."""


def main(arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry out one `parked` command; 0, or 1 with the reason on standard error. Raises `StoreError`."""
    file = settings.data_dir / "notifier.db"
    match arguments.action:
        case "show":
            return _show(file, arguments.id)
        case "replay":
            return _replay(file, arguments)
        case "drop":
            return _drop(file, arguments)
        case _:
            return _list(file, as_data=arguments.json)


def _list(file: Path, *, as_data: bool) -> int:
    with looking(file) as conn:
        events = parked.parked(conn, parked.ROWS)
    if as_data:
        print(as_json([_described(event) for event in events]))
    elif events:
        heads = ("ID", "STATE", "KIND", "TIMES", "FIRST (UTC)", "LAST (UTC)", "WHAT WAS WRONG", "SECOND TRY")
        rows = [
            (e.id, e.state, e.kind, e.count, clock(e.first_at), clock(e.last_at), e.error, e.result) for e in events
        ]
        print(table(heads, rows))
    else:
        print("no parked events")
    return 0


def _show(file: Path, number: int) -> int:
    with looking(file) as conn:
        event = parked.one(conn, number)
    if event is None:
        return _unknown(number)
    print(f"parked event {event.id}: {safe(event.kind)}, {event.count} times, {safe(event.state)}")
    print(f"first        {clock(event.first_at)} UTC")
    print(f"last         {clock(event.last_at)} UTC")
    print(f"wrong        {safe(event.error)}")
    for name, value in event.context.items():
        print(f"{safe(name):<12} {safe(value)}")
    if event.result:
        print(f"result       {safe(event.result)}")
    if not event.complete:
        print("Only the beginning was kept, so it cannot be replayed.")
    print()
    print(_readable(event.raw))
    return 0


def _replay(file: Path, arguments: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    with changing(file) as conn:
        chosen = _chosen(conn, arguments, waiting=True)
        asked = [event.id for event in chosen if parked.ask(conn, event.id, now)]
        alive = memory.get_meta(conn, "alive_at")
        running = memory.get_meta(conn, "running_since") is not None
    if not chosen and not arguments.all:
        return _unknown(arguments.id)
    if len(asked) < len(chosen):
        left = ", ".join(str(event.id) for event in chosen if event.id not in asked)
        print(f"cannot be replayed: {left} (kept in part only, or what is read anew anyway)", file=sys.stderr)
    if asked:
        print(f"asked for: {', '.join(map(str, asked))}; what comes of it: wanderer-notifier parked list")
        if not running or alive is None or now - datetime.fromisoformat(alive) > SIGN_OF_LIFE:
            print("the service does not seem to run: they are tried when it starts", file=sys.stderr)
    elif arguments.all and not chosen:
        print("no parked events to replay")
    return 0 if len(asked) == len(chosen) else 1


def _drop(file: Path, arguments: argparse.Namespace) -> int:
    with changing(file) as conn:
        gone = [event.id for event in _chosen(conn, arguments, waiting=False) if parked.drop(conn, event.id)]
    if not gone and not arguments.all:
        return _unknown(arguments.id)
    print(f"dropped: {', '.join(map(str, gone)) or 'nothing'}")
    return 0


def _chosen(conn: sqlite3.Connection, arguments: argparse.Namespace, *, waiting: bool) -> list[Parked]:
    """The events meant; of `--all` to replay, those that did not go well before."""
    if arguments.all:
        every = parked.parked(conn, parked.ROWS)
        return [event for event in every if not waiting or (event.state == "parked" and event.kind != "map_list")]
    one = parked.one(conn, arguments.id)
    return [] if one is None else [one]


def _described(event: Parked) -> JsonObject:
    return {
        "id": event.id,
        "state": event.state,
        "kind": event.kind,
        "count": event.count,
        "first_at": event.first_at,
        "last_at": event.last_at,
        "error": event.error,
        "context": event.context,
        "complete": event.complete,
        "result": event.result,
    }


def _readable(raw: str) -> str:
    """JSON indented, anything else as it is; both harmless."""
    try:
        return as_json(json.loads(raw))
    except (ValueError, RecursionError):
        return safe(raw)


def _unknown(number: int) -> int:
    print(f"there is no parked event {number}; see: wanderer-notifier parked list", file=sys.stderr)
    return 1
