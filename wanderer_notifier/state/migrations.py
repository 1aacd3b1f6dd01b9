"""The shape of the database, as an ordered list of steps; a step that has shipped is never edited again."""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x574E4F54
"""`WNOT`, written into the file's header: a database of another program is not taken for ours."""

STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE TABLE cursor (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
        # What must not be told twice. Outlives its outbox row.
        """
        CREATE TABLE claim (
            claim TEXT NOT NULL, channel TEXT NOT NULL, kind TEXT NOT NULL, at REAL NOT NULL,
            PRIMARY KEY (claim, channel)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX claim_by_age ON claim (at) WHERE kind NOT IN ('system', 'character')",
        # AUTOINCREMENT: an id is never used again, since the order of a channel is the order of its ids.
        """
        CREATE TABLE outbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            claim TEXT NOT NULL,
            channel TEXT NOT NULL,
            kind TEXT NOT NULL,
            slug TEXT NOT NULL,
            state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'sent', 'dead')),
            body TEXT NOT NULL,
            fallback TEXT,
            nonce TEXT NOT NULL,
            source TEXT,
            received_at REAL NOT NULL,
            expires_at REAL NOT NULL,
            next_at REAL NOT NULL DEFAULT 0,
            attempts INTEGER NOT NULL DEFAULT 0,
            begun_at REAL,
            first_unknown_at REAL,
            reduced INTEGER NOT NULL DEFAULT 0,
            message_id TEXT,
            reason TEXT,
            done_at REAL,
            told INTEGER NOT NULL DEFAULT 0,
            -- Sent without everything it could show: due until it is edited (done) or that is too late (given up).
            edit TEXT CHECK (edit IN ('due', 'done', 'given up'))
        ) STRICT
        """,
        "CREATE INDEX outbox_waiting ON outbox (channel, id) WHERE state IN ('queued', 'sending')",
        "CREATE INDEX outbox_by_kind ON outbox (kind <> 'kill', id) WHERE state = 'queued'",
        "CREATE INDEX outbox_by_claim ON outbox (claim)",
        "CREATE INDEX outbox_done ON outbox (done_at) WHERE state IN ('sent', 'dead')",
        "CREATE INDEX outbox_to_edit ON outbox (id) WHERE state = 'sent' AND edit = 'due'",
        "CREATE INDEX outbox_untold ON outbox (channel) WHERE state = 'dead' AND reason = 'overflow' AND told < 3",
        # A channel that Discord refuses as a whole: since when, how often in a row, and until when it rests.
        """
        CREATE TABLE closure (
            channel TEXT PRIMARY KEY, since REAL NOT NULL, until REAL NOT NULL, failures INTEGER NOT NULL,
            reason TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        # Records and states are JSON, so that a field more or less needs no step here.
        """
        CREATE TABLE map_state (
            slug TEXT PRIMARY KEY, state TEXT NOT NULL DEFAULT '{}', last_heard REAL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE map_system (
            slug TEXT NOT NULL, id INTEGER NOT NULL, record TEXT NOT NULL, PRIMARY KEY (slug, id)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE map_character (
            slug TEXT NOT NULL, id INTEGER NOT NULL, record TEXT NOT NULL, PRIMARY KEY (slug, id)
        ) STRICT, WITHOUT ROWID
        """,
        # Which events of a map's stream were decided: a resume begins a little earlier and repeats some of them. An
        # event without an id of its own inherits the one before, so that what it says belongs to its identity.
        """
        CREATE TABLE seen_event (
            slug TEXT NOT NULL, event_id TEXT NOT NULL, digest INTEGER NOT NULL, at REAL NOT NULL,
            PRIMARY KEY (slug, event_id, digest)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX seen_event_by_age ON seen_event (at)",
        """
        CREATE TABLE parked (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            digest TEXT NOT NULL,
            raw TEXT NOT NULL,
            complete INTEGER NOT NULL,
            context TEXT NOT NULL,
            error TEXT NOT NULL,
            count INTEGER NOT NULL,
            first_at REAL NOT NULL,
            last_at REAL NOT NULL,
            asked_at REAL,
            settled_at REAL,
            result TEXT,
            UNIQUE (kind, digest)
        ) STRICT
        """,
        """
        CREATE TABLE decision (
            id INTEGER PRIMARY KEY AUTOINCREMENT, kill_id INTEGER NOT NULL, first_at REAL NOT NULL,
            last_at REAL NOT NULL, copies TEXT NOT NULL, outcome TEXT NOT NULL, raw BLOB
        ) STRICT
        """,
        "CREATE INDEX decision_by_kill ON decision (kill_id)",
        "CREATE INDEX decision_by_age ON decision (last_at)",
        "CREATE INDEX parked_asked ON parked (first_at) WHERE asked_at IS NOT NULL",
        # Answers of other services: names, static data, prices. A null value: there is no such thing.
        """
        CREATE TABLE lookup (
            kind TEXT NOT NULL, id INTEGER NOT NULL, value TEXT, etag TEXT, fresh_until REAL NOT NULL,
            used_at REAL NOT NULL, PRIMARY KEY (kind, id)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX lookup_by_use ON lookup (used_at)",
        """
        CREATE TABLE bodiless (
            killmail_id INTEGER PRIMARY KEY, hash TEXT NOT NULL, raw TEXT NOT NULL, system_id INTEGER,
            source TEXT NOT NULL, received_at REAL NOT NULL
        ) STRICT
        """,
        # What members steer by command; newest last. A legacy entry whose name nobody knows has a hash only.
        """
        CREATE TABLE priority_system (
            id INTEGER PRIMARY KEY AUTOINCREMENT, system_id INTEGER, name TEXT, name_hash INTEGER NOT NULL,
            added_by TEXT, added_at REAL
        ) STRICT
        """,
        """
        CREATE TABLE override (
            id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL CHECK (kind IN ('track', 'untrack')),
            system_id INTEGER, name TEXT NOT NULL, added_by TEXT, added_at REAL
        ) STRICT
        """,
        """
        CREATE TABLE command_log (
            id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, param TEXT NOT NULL, user_id INTEGER NOT NULL,
            username TEXT, at REAL NOT NULL, guild_id INTEGER, channel_id INTEGER, outcome TEXT
        ) STRICT
        """,
        # Counted for all time; the log holds the newest only.
        """
        CREATE TABLE command_user (
            user_id INTEGER PRIMARY KEY, commands INTEGER NOT NULL, last_at REAL NOT NULL
        ) STRICT
        """,
    ),
    (
        # Channels are told what grew too old while they could not be reached; not what did so before they were.
        "UPDATE outbox SET told = 3 WHERE state = 'dead' AND reason = 'expired'",
        "CREATE INDEX outbox_missed ON outbox (channel) WHERE state = 'dead' AND reason = 'expired' AND told < 3",
    ),
)


class TooNew(Exception):
    """The file was written by a newer version of this program."""


class Foreign(Exception):
    """The file is a database, but not ours."""


def migrate(conn: sqlite3.Connection) -> int:
    """Bring *conn* to the newest shape, one transaction per step, and give back the version it had before.

    Raises `TooNew`, `Foreign` and `sqlite3.Error`; a step that fails leaves the version before it.
    """
    (before,) = conn.execute("PRAGMA user_version").fetchone()
    (application,) = conn.execute("PRAGMA application_id").fetchone()
    (objects,) = conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application or before or objects):
        raise Foreign(f"application id {application:#x}, version {before}, {objects} objects")
    if before > len(STEPS):
        raise TooNew(f"version {before}, this program knows {len(STEPS)}")
    for number, statements in enumerate(STEPS, start=1):
        with conn:
            conn.execute("BEGIN IMMEDIATE")
            (version,) = conn.execute("PRAGMA user_version").fetchone()  # another process may have been faster
            if version >= number:
                continue
            for statement in statements:
                conn.execute(statement)
            conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            conn.execute(f"PRAGMA user_version = {number}")
    return int(before)
