"""What the database tells the pages: the latest kills and their fate, in words."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import UTC
from itertools import islice
from typing import Any

from wanderer_notifier.core.claims import killmail_of
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.why_words import ROUTES, reason
from wanderer_notifier.state import latest, names, outbox, priorities
from wanderer_notifier.state.latest import LatestKill
from wanderer_notifier.web.activity import Fate, KillSeen, Stored

SHOWN = 15


def read_stored(conn: sqlite3.Connection) -> Stored:
    """Everything a page needs of the database, in a few milliseconds."""
    kills = latest.latest_kills(conn, SHOWN)
    notified, told = latest.last_sent(conn, "kill"), latest.last_sent(conn)
    (last_id, last_at), counts = latest.last_received(conn), outbox.counts(conn)
    return Stored(
        kills=tuple(_seen(conn, kill) for kill in kills),
        last_received_id=last_id,
        last_received_at=last_at,
        last_notified_id=killmail_of(notified.claim),
        last_notified_at=notified.at,
        last_sent_at=told.at,
        oldest_waiting=counts.oldest_waiting,
        parked=latest.parked_events(conn),
        database_bytes=latest.size(conn),
        commands=conn.execute("SELECT count(*) FROM command_log").fetchone()[0],
        queue={"queued": counts.queued, "sending": counts.sending, "sent": counts.sent, "dead": counts.dead},
    )


def read_commands(conn: sqlite3.Connection, limit: int) -> list[JsonObject]:
    """The latest slash commands, newest first: what was asked for, never by whom."""
    return [
        {
            "type": entry.type,
            "param": entry.param,
            "timestamp": entry.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "outcome": entry.outcome,
        }
        for entry in islice(priorities.log(conn), limit)
    ]


def _seen(conn: sqlite3.Connection, kill: LatestKill) -> KillSeen:
    fate, why = _fate(kill)
    what = _what(conn, kill.outcome.get("kill") or {})
    return KillSeen(killmail_id=kill.kill_id, at=kill.at, what=what, fate=fate, why=why)


def _what(conn: sqlite3.Connection, kill: Mapping[str, Any]) -> str:
    victim: Mapping[str, Any] = kill.get("victim") or {}
    ship = victim.get("ship") or ("ship" if victim.get("ship_type_id") is None else f"ship {victim['ship_type_id']}")
    who = victim.get("name") or victim.get("corporation")
    number = kill.get("system_id")
    where = kill.get("system_name") or (_system(conn, number) if isinstance(number, int) else None) or number
    return f"{ship}{f' of {who}' if who else ''}{f' in {where}' if where else ''}"


def _system(conn: sqlite3.Connection, number: int) -> str | None:
    """What the map calls it, else what ESI does, as far as that was asked."""
    asked = names.read(conn, "system", (number,)).get(number)
    return latest.system_name(conn, number) or (str((asked.value or {}).get("name") or "") if asked else None)


def _fate(kill: LatestKill) -> tuple[Fate, str]:
    verdicts = kill.outcome.get("verdicts") or []
    routes = [ROUTES.get(str(one.get("route")), "") for one in verdicts if one.get("sent")]
    states = [state for state, _ in kill.messages]
    blames = [reason_ for state, reason_ in kill.messages if reason_ and state != "sent"]
    many = f" in {len(states)} channels" if len(states) > 1 else ""
    if "queued" in states or "sending" in states:
        return "waiting", blames[0] if blames else "in the queue"
    if "dead" in states:
        some = f"{states.count('sent')} sent, {states.count('dead')} not: " if "sent" in states else ""
        return "given up", f"{some}{blames[0] if blames else 'given up'}"
    if states:
        return "sent", f"{routes[0] if routes else 'when it first came'}{many}"
    reasons = dict.fromkeys(reason(str(one.get("reason"))) for one in verdicts if not one.get("sent"))
    if routes:
        return "sent", "told earlier; the message is no longer kept here"
    return "not sent", "; ".join(reasons) or "no map wants it"
