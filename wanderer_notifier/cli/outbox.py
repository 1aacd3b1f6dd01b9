"""`outbox`: look at the messages that wait, went out or were given up; try a dead one again, or drop it."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from wanderer_notifier.cli.terminal import as_json, clock, safe, table
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.state import closures, outbox
from wanderer_notifier.state.outbox import Row
from wanderer_notifier.state.visit import changing, looking

DROPPED = "dropped by an operator"
LASTS = {
    "system": timedelta(hours=6),
    "character": timedelta(hours=6),
    "rally": timedelta(minutes=10),
    "status": timedelta(minutes=5),
}
"""How long a message that is tried again is worth sending; for a kill the settings say it (design.md 5.12)."""
KILL_AT_LEAST = timedelta(minutes=15)


def main(arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry out one `outbox` command; 0, or 1 with the reason on standard error. Raises `StoreError`."""
    file = settings.data_dir / "notifier.db"
    match arguments.action:
        case "retry":
            return _retry(file, arguments.id, settings)
        case "drop":
            return _drop(file, arguments.id)
        case _:
            return _list(file, arguments)


def _list(file: Path, arguments: argparse.Namespace) -> int:
    with looking(file) as conn:
        rows = outbox.rows(conn, arguments.state, arguments.limit)
        counts = outbox.counts(conn)
        closed = closures.closures(conn)
    if arguments.json:
        print(as_json([described(row) for row in rows]))
        return 0
    heads = ("ID", "STATE", "KIND", "MAP", "CHANNEL", "RECEIVED (UTC)", "TRIES", "WHAT", "REASON")
    shown = [
        (
            row.id,
            row.state,
            row.kind,
            row.slug,
            row.channel,
            clock(row.received_at),
            row.attempts,
            row.claim,
            row.reason,
        )
        for row in rows
    ]
    if shown:
        print(table(heads, shown))
    print(f"{counts.queued} waiting, {counts.sending} being sent, {counts.sent} sent, {counts.dead} given up")
    for one in closed:
        print(
            f"channel {safe(one.channel)} takes no messages since {clock(one.since)} UTC: {safe(one.reason)}; "
            f"next try {clock(one.until)} UTC, or as soon as Discord tells of a change"
        )
    return 0


def _retry(file: Path, number: int, settings: Settings) -> int:
    with changing(file) as conn:
        row = outbox.row(conn, number)
        if row is None:
            return _refused(f"there is no message {number}; see: wanderer-notifier outbox list")
        kill_lasts = max(timedelta(seconds=settings.rules.max_kill_age_s), KILL_AT_LEAST)
        expires_at = datetime.now(UTC) + LASTS.get(row.kind, kill_lasts)
        if not outbox.revive(conn, number, expires_at):
            return _refused(f"message {number} is {_state(row)}: only one that was given up can be tried again")
    print(f"message {number} is queued again, until {clock(expires_at)} UTC; the running service sends it within 30 s")
    return 0


def _drop(file: Path, number: int) -> int:
    with changing(file) as conn:
        before = outbox.drop(conn, number, DROPPED, datetime.now(UTC))
    match before:
        case None:
            return _refused(f"there is no message {number}; see: wanderer-notifier outbox list")
        case "queued":
            print(f"message {number} will not be sent; `outbox retry {number}` brings it back")
        case "dead":
            print(f"message {number} is forgotten; what it told of will not be told again")
        case _:
            words = "being sent at this moment" if before == "sending" else "sent already"
            return _refused(f"message {number} is {words}: nothing to drop")
    return 0


def described(row: Row) -> JsonObject:
    """One message as JSON, without its text."""
    return {
        "id": row.id,
        "state": row.state,
        "kind": row.kind,
        "map": row.slug,
        "channel": row.channel,
        "claim": row.claim,
        "attempts": row.attempts,
        "reason": row.reason,
        "received_at": row.received_at,
        "begun_at": row.begun_at,
        "next_at": row.next_at if row.state == "queued" and row.next_at > row.received_at else None,
        "done_at": row.done_at,
        "expires_at": row.expires_at,
        "message_id": row.message_id,
    }


def _state(row: Row) -> str:
    return {"queued": "waiting", "sending": "being sent", "sent": "sent"}.get(row.state, safe(row.state))


def _refused(words: str) -> int:
    print(words, file=sys.stderr)
    return 1
