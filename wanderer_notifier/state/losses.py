"""Messages a channel never got, until the channel is told how many: too many were waiting, or they grew too old."""

from __future__ import annotations

import sqlite3

from attrs import frozen


@frozen
class Losses:
    """How many messages were lost to overflow and how many to age."""

    overflow: int
    expired: int


# Status messages are not missed: some of them tell of losses themselves. The column `told` is explained in
# `state.overflow`.


def untold(conn: sqlite3.Connection, channel: str) -> Losses | None:
    """What *channel* lost since `told` was last called; None: nothing."""
    overflow, expired = conn.execute(
        """
        SELECT
            (SELECT count(*) FROM outbox WHERE state = 'dead' AND reason = 'overflow' AND told < 3 AND told & 2 = 0
                AND channel = :channel AND kind <> 'status'),
            (SELECT count(*) FROM outbox WHERE state = 'dead' AND reason = 'expired' AND told < 3
                AND channel = :channel AND kind <> 'status')
        """,
        {"channel": channel},
    ).fetchone()
    return Losses(overflow, expired) if overflow or expired else None


def told(conn: sqlite3.Connection, channel: str) -> None:
    """The channel will hear of what it lost."""
    conn.execute(
        """
        UPDATE outbox SET told = told | 2
        WHERE state = 'dead' AND reason = 'overflow' AND told < 3 AND channel = ? AND kind <> 'status'
        """,
        (channel,),
    )
    conn.execute(
        """
        UPDATE outbox SET told = 3
        WHERE state = 'dead' AND reason = 'expired' AND told < 3 AND channel = ? AND kind <> 'status'
        """,
        (channel,),
    )
