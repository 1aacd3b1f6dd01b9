"""Claims and rows: one row per claim and channel, in order, never silently gone."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.core.claims import nonce_for
from wanderer_notifier.state import closures, losses, outbox, overflow
from wanderer_notifier.state.closures import Closure
from wanderer_notifier.state.losses import Losses
from wanderer_notifier.state.outbox import Look, NewRow

T0 = datetime(2026, 11, 25, 18, 30, 0, 123456, tzinfo=UTC)


def new(claim: str = "kill:1", channel: str = "100", **changes: Any) -> NewRow:
    given: dict[str, Any] = {
        "claim": claim,
        "channel": channel,
        "kind": claim.split(":")[0],
        "slug": "home",
        "body": {"content": f"about {claim}"},
        "nonce": nonce_for(claim, channel),
        "expires_at": T0 + timedelta(hours=1),
        "received_at": T0,
        **changes,
    }
    return NewRow(**given)


def put(conn: sqlite3.Connection, *claims: str, channel: str = "100") -> list[int]:
    ids = [outbox.enqueue(conn, new(claim, channel)) for claim in claims]
    assert None not in ids
    return [number for number in ids if number is not None]


def test_the_same_claim_for_the_same_channel_is_stored_once(conn: sqlite3.Connection) -> None:
    assert outbox.enqueue(conn, new("kill:1")) is not None
    assert [outbox.enqueue(conn, new("kill:1")) for _ in range(4)] == [None] * 4
    assert outbox.enqueue(conn, new("kill:1", "200")) is not None
    assert outbox.counts(conn).queued == 2
    assert outbox.claimed(conn, "kill:1", "200")
    assert not outbox.claimed(conn, "kill:2", "200")


def test_claim_and_row_come_and_go_together(conn: sqlite3.Connection) -> None:
    conn.execute("BEGIN IMMEDIATE")
    outbox.enqueue(conn, new("kill:1"))
    conn.rollback()  # a crash before the commit
    assert not outbox.claimed(conn, "kill:1", "100")
    assert outbox.enqueue(conn, new("kill:1")) is not None


def test_a_row_comes_back_as_it_was_stored(conn: sqlite3.Connection) -> None:
    body = {"embeds": [{"title": "Zoë \ud83d lone", "fields": [{"name": "a", "value": "b"}]}]}
    outbox.enqueue(conn, new(body=body, fallback={"content": "short"}, source={"killmail_id": 1}))
    row = outbox.head(conn, "100")
    assert row is not None
    assert (row.body, row.fallback, row.source) == (body, {"content": "short"}, {"killmail_id": 1})
    assert (row.received_at, row.expires_at) == (T0, T0 + timedelta(hours=1))
    assert (row.state, row.attempts, row.reduced, row.first_unknown_at) == ("queued", 0, False, None)


def test_the_head_is_the_oldest_row_that_is_not_settled(conn: sqlite3.Connection) -> None:
    first, second, third = put(conn, "kill:1", "kill:2", "kill:3")

    def head() -> int | None:
        row = outbox.head(conn, "100")
        return None if row is None else row.id

    assert outbox.begin(conn, first, T0)
    assert head() == first
    outbox.requeue(conn, first, T0 + timedelta(minutes=5), "500", unknown=True)
    assert head() == first  # a row that waits is not overtaken
    outbox.sent(conn, first, "m1", T0)
    assert head() == second
    outbox.dead(conn, second, "refused", T0)
    assert head() == third
    outbox.sent(conn, third, "m3", T0)
    assert head() is None
    assert outbox.channels_with_work(conn) == ()


def test_only_one_can_begin_a_row(conn: sqlite3.Connection) -> None:
    (row,) = put(conn, "kill:1")
    assert outbox.begin(conn, row, T0)
    assert not outbox.begin(conn, row, T0)
    outbox.sent(conn, row, "m1", T0)
    assert not outbox.begin(conn, row, T0)


def test_a_settled_row_stays_settled_whatever_another_process_notes_late(conn: sqlite3.Connection) -> None:
    (row_id,) = put(conn, "kill:1")
    outbox.begin(conn, row_id, T0)
    outbox.sent(conn, row_id, "m1", T0)
    outbox.requeue(conn, row_id, T0, "cut", unknown=True)
    outbox.reduce(conn, row_id, {"content": "less"}, "n", "400")
    outbox.dead(conn, row_id, "expired", T0)
    row = outbox.row(conn, row_id)
    assert row is not None
    assert (row.state, row.message_id) == ("sent", "m1")


def test_unknown_counts_from_the_first_attempt_that_may_have_posted(conn: sqlite3.Connection) -> None:
    (row_id,) = put(conn, "kill:1")

    def first_unknown() -> datetime | None:
        row = outbox.row(conn, row_id)
        assert row is not None
        return row.first_unknown_at

    outbox.begin(conn, row_id, T0)
    outbox.requeue(conn, row_id, T0, "refused connection", unknown=False)
    assert first_unknown() is None
    for later in (10, 20):
        outbox.begin(conn, row_id, T0 + timedelta(seconds=later))
        outbox.requeue(conn, row_id, T0, "cut", unknown=True)
        assert first_unknown() == T0 + timedelta(seconds=10)
    outbox.begin(conn, row_id, T0 + timedelta(seconds=30))
    outbox.requeue(conn, row_id, T0, "429", unknown=False)
    assert first_unknown() == T0 + timedelta(seconds=10)  # the cut attempt is still unsettled
    outbox.not_there(conn, row_id)
    assert first_unknown() is None


def test_rows_of_a_former_process_count_as_possibly_posted(conn: sqlite3.Connection) -> None:
    first, second = put(conn, "kill:1", "kill:2")
    outbox.begin(conn, first, T0)
    assert outbox.recover(conn) == 1
    assert outbox.recover(conn) == 0
    row, untouched = outbox.row(conn, first), outbox.row(conn, second)
    assert row is not None
    assert (row.state, row.first_unknown_at, row.attempts) == ("queued", T0, 1)
    assert untouched is not None
    assert untouched.first_unknown_at is None


def test_a_refused_body_is_replaced_and_kept(conn: sqlite3.Connection) -> None:
    (row_id,) = put(conn, "kill:1")
    outbox.begin(conn, row_id, T0)
    outbox.reduce(conn, row_id, {"content": "less"}, "OTHERNONCE", "embeds.0.title: too long")
    row = outbox.row(conn, row_id)
    assert row is not None
    assert (row.state, row.body, row.nonce, row.reduced) == ("queued", {"content": "less"}, "OTHERNONCE", True)
    assert row.fallback == {"content": "about kill:1"}
    assert row.reason == "embeds.0.title: too long"


def test_when_full_the_oldest_kills_go_first_and_are_counted(
    conn: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overflow, "CAPACITY", 3)
    put(conn, "system:30000142", "kill:1", "kill:2")
    put(conn, "kill:3", "rally:1", channel="200")
    counts = outbox.counts(conn)
    assert (counts.queued, counts.dead, dict(counts.dead_by_reason)) == (3, 2, {"overflow": 2})
    assert overflow.overflowed(conn)
    assert [row.claim for row in overflow.take_overflowed(conn)] == ["kill:1", "kill:2"]
    assert overflow.take_overflowed(conn) == ()
    assert not overflow.overflowed(conn)
    assert (losses.untold(conn, "100"), losses.untold(conn, "200")) == (Losses(2, 0), None)
    losses.told(conn, "100")
    assert losses.untold(conn, "100") is None
    put(conn, "rally:2", "rally:3")
    assert {row.claim for row in outbox.rows(conn, "queued")} == {"rally:1", "rally:2", "rally:3"}
    assert outbox.enqueue(conn, new("kill:1")) is None  # dropped is not forgotten: a replay does not bring it back


def test_three_thousand_kills_never_hold_more_than_a_thousand_rows(conn: sqlite3.Connection) -> None:
    for number in range(3_000):
        outbox.enqueue(conn, new(f"kill:{number}"))
    counts = outbox.counts(conn)
    assert (counts.queued, counts.dead_by_reason["overflow"]) == (1_000, 2_000)
    head = outbox.head(conn, "100")
    assert head is not None
    assert head.claim == "kill:2000"


def test_release_lets_a_system_be_told_again(conn: sqlite3.Connection) -> None:
    for claim in ("system:ho_me:1", "system:ho_me:12", "system:hoxme:1", "kill:1"):
        outbox.enqueue(conn, new(claim))
    assert outbox.release(conn, "system:ho_me:1") == 1
    assert outbox.release(conn, "system:ho_") == 0
    assert outbox.enqueue(conn, new("system:ho_me:1")) is not None
    assert outbox.enqueue(conn, new("system:ho_me:12")) is None, "a system whose number merely begins alike"
    assert outbox.enqueue(conn, new("system:hoxme:1")) is None


def test_pruning_keeps_what_still_matters(conn: sqlite3.Connection) -> None:
    settled, waiting, _system = put(conn, "kill:1", "kill:2", "system:1")
    outbox.sent(conn, settled, "m", T0)
    outbox.prune(conn, T0 + timedelta(days=6, hours=23))
    assert outbox.claimed(conn, "kill:1", "100")
    assert outbox.prune(conn, T0 + timedelta(days=7, seconds=1)) == 2  # the claim and the row of kill 1
    assert not outbox.claimed(conn, "kill:1", "100")
    assert outbox.row(conn, settled) is None
    assert outbox.claimed(conn, "kill:2", "100")
    assert outbox.row(conn, waiting) is not None
    outbox.prune(conn, T0 + timedelta(days=4000))
    assert outbox.claimed(conn, "system:1", "100")


def test_ids_are_never_used_again(conn: sqlite3.Connection) -> None:
    (first,) = put(conn, "kill:1")
    outbox.sent(conn, first, "m", T0)
    outbox.prune(conn, T0 + timedelta(days=8))
    (second,) = put(conn, "kill:2")
    assert second > first


def test_a_dead_row_can_be_revived_once(conn: sqlite3.Connection) -> None:
    (row_id,) = put(conn, "kill:1")
    assert not outbox.revive(conn, row_id, T0 + timedelta(hours=9))
    outbox.dead(conn, row_id, "refused", T0)
    assert outbox.revive(conn, row_id, T0 + timedelta(hours=9))
    row = outbox.head(conn, "100")
    assert row is not None
    assert (row.state, row.expires_at, row.done_at) == ("queued", T0 + timedelta(hours=9), None)


def test_counts_tell_how_long_the_oldest_waits(conn: sqlite3.Connection) -> None:
    assert outbox.counts(conn).oldest_waiting is None
    (row_id,) = put(conn, "kill:1")
    outbox.enqueue(conn, new("kill:2", received_at=T0 + timedelta(minutes=1)))
    assert outbox.counts(conn).oldest_waiting == T0
    outbox.sent(conn, row_id, "m", T0)
    assert outbox.counts(conn).oldest_waiting == T0 + timedelta(minutes=1)


def test_a_closed_channel_is_remembered_until_it_reopens(conn: sqlite3.Connection) -> None:
    closed = Closure(channel="100", since=T0, until=T0 + timedelta(minutes=1), failures=1, reason="missing access")
    closures.close(conn, closed)
    assert closures.closure(conn, "100") == closed
    assert closures.closure(conn, "200") is None
    closures.reopen(conn, "100")
    assert closures.closures(conn) == ()


@given(claim=st.text(max_size=60), channel=st.text("0123456789", min_size=1, max_size=20))
def test_a_nonce_is_short_and_depends_on_both_parts(claim: str, channel: str) -> None:
    nonce = nonce_for(claim, channel)
    assert 1 <= len(nonce) <= 25
    assert nonce == nonce_for(claim, channel)
    assert nonce != nonce_for(claim + "x", channel)
    assert nonce != nonce_for(claim, channel + "1")


def test_what_ends_while_its_message_is_being_edited_is_due_once_more(conn: sqlite3.Connection) -> None:
    number = outbox.enqueue(conn, new("rally:1", kind="rally", source={"kind": "RallyCreated", "change": {}}))
    assert number is not None
    outbox.begin(conn, number, T0, Look(body={"content": "who?"}, fallback=None, complete=False))
    outbox.sent(conn, number, "9", T0)
    (read,) = outbox.edits_due(conn, 10)
    outbox.end(conn, "rally:1", T0 + timedelta(seconds=3))
    outbox.edited(conn, read, "done", {"content": "a pilot"})
    (again,) = outbox.edits_due(conn, 10)
    assert again.body == {"content": "a pilot"}
    outbox.edited(conn, again, "done", {"content": "it is over"})
    assert outbox.edits_due(conn, 10) == ()
