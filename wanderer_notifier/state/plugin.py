"""The last good list of maps that the server handed out, for a start while it does not answer; SQL on a connection."""

from __future__ import annotations

import json
import sqlite3

from wanderer_notifier.state.memory import get_meta, set_meta

_NAME = "plugin_maps"


def keep_list(conn: sqlite3.Connection, raw: object) -> None:
    """Make *raw*, an answer as JSON, the last good one."""
    set_meta(conn, _NAME, json.dumps(raw, ensure_ascii=True, separators=(",", ":")))


def kept_list(conn: sqlite3.Connection) -> object | None:
    """The last good answer; None when there was none, or none that can be read."""
    text = get_meta(conn, _NAME)
    try:
        found: object | None = json.loads(text) if text is not None else None
    except ValueError:
        return None
    return found
