"""The pipeline against a real database: what arrives is decided once, committed once, and nothing stops it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
import trio
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from wanderer_notifier.core.events import (
    Arrival,
    CharacterRecord,
    KillArrived,
    MapEventArrived,
    MapLoaded,
    SystemRecord,
)
from wanderer_notifier.core.rules import Channels, MapRules, Rules
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.delivery.pipeline import Pipeline, cursor_name
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state import bodies, decisions, memory, outbox, parked
from wanderer_notifier.state.store import DiskFull, Store

T = TypeVar("T")
NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
FIRST = NOW - timedelta(days=3)
NEXT = "01M88038TTVVCSAXZ48TXC7PNT"
RULES = Rules(maps=(MapRules(slug="home", channels=Channels(primary="100", system_kill="200", character_kill="300")),))
LOADED = MapLoaded(
    slug="home",
    systems=(SystemRecord(system_id=31000123, name="J123456", custom_name="Home"),),
    characters=(CharacterRecord(character_id=95000001, name="Vela Ostrander"),),
    gap_s=None,
    received_at=NOW,
)


async def inline(sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T:
    return sync_fn()


def failing(error: Exception, *, times: int) -> Store:
    """A store in memory whose first *times* writes fail with *error*."""
    left = iter(range(times))

    async def run(sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T:
        if next(left, None) is not None:
            raise error
        return sync_fn()

    return Store.open(":memory:", run=run)


OPEN: list[Store] = []


@pytest.fixture(autouse=True)
def closed_stores() -> Iterator[None]:
    """Python 3.13 warns of every database that is left open."""
    yield
    while OPEN:
        OPEN.pop().close()


class Rig:
    """A pipeline with an in-memory database, and what came of it."""

    def __init__(self, store: Store | None = None, rules: Callable[[], Rules] = lambda: RULES) -> None:
        self.store = store or Store.open(":memory:", run=inline)
        OPEN.append(self.store)
        self.storage_states = list[str]()
        self.health = Health(
            lambda: NOW, lambda view: self.storage_states.append(f"{view.state} {view.reason}".strip())
        )
        self.known = Watch(Tracking())
        self.metrics = Metrics()
        self.woken: list[str] = []
        self.pipeline = Pipeline(
            self.store,
            rules,
            self.known,
            first_start=FIRST,
            cursors={},
            now=lambda: NOW,
            metrics=self.metrics,
            storage=self.health.component("data_dir"),
            wake=self.woken.extend,
            roll=lambda: 0.0,
        )

    async def feed(self, *arrivals: Arrival) -> None:
        for arrival in arrivals:
            await self.pipeline.handle(arrival)

    async def rows(self) -> list[outbox.Row]:
        return list(reversed(await self.store.read(lambda conn: outbox.rows(conn, limit=10_000))))

    async def told(self) -> list[tuple[str, str]]:
        return [(row.claim, row.channel) for row in await self.rows()]

    async def parked(self) -> list[parked.Parked]:
        return list(await self.store.read(parked.parked))

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def kill(killmail_id: Any = 128000001, system_id: int = 31000123, **more: Any) -> KillArrived:
    raw = {
        "killmail_id": killmail_id,
        "kill_time": (NOW - timedelta(seconds=60)).isoformat(),
        "system_id": system_id,
        "victim": {"character_id": 95000009, "corporation_id": 98000900, "ship_type_id": 587},
        "attackers": [{"character_id": 95000008, "corporation_id": 98000800, "final_blow": True}],
        "zkb": {"hash": "a", "totalValue": 1e8},
        **more,
    }
    return KillArrived(raw=raw, system_id=system_id, source="live", received_at=NOW)


def event(kind: str, event_id: str = "01M88037WFFP8SZT9208SNK8BC", **payload: Any) -> MapEventArrived:
    data = {"id": event_id, "type": kind, "map_id": "m", "timestamp": NOW.isoformat(), "payload": payload}
    return MapEventArrived(slug="home", event_id=event_id, type=kind, data=json.dumps(data), received_at=NOW)


async def test_four_copies_of_a_kill_become_one_row() -> None:
    rig = Rig()
    await rig.feed(LOADED, kill(), kill(), kill(), kill())
    assert await rig.told() == [("kill:128000001", "200")]
    assert rig.woken == ["200"]
    assert rig.count("notifier_killmails_skipped_total", reason="duplicate") == 3


async def test_a_kill_seen_before_its_system_was_tracked_is_told_when_seen_again() -> None:
    rig = Rig()
    await rig.feed(kill(), LOADED, kill())
    assert await rig.told() == [("kill:128000001", "200")]


async def test_a_malformed_kill_is_parked_and_the_next_one_told() -> None:
    rig = Rig()
    await rig.feed(LOADED, kill(killmail_id=None), kill())
    assert await rig.told() == [("kill:128000001", "200")]
    (parked,) = await rig.parked()
    assert (parked.kind, parked.error) == ("kill", "missing_killmail_id")
    assert rig.count("notifier_parked_events_total", kind="kill") == 1


async def test_an_event_that_makes_our_own_code_fail_is_parked_and_the_feed_goes_on() -> None:
    turns = iter([True, False, True])  # load, first kill, second kill

    def rules() -> Rules:
        if next(turns):
            return RULES
        raise RuntimeError("a rule of ours is broken")

    rig = Rig(rules=rules)
    await rig.feed(LOADED, kill(1), kill(2))
    assert await rig.told() == [("kill:2", "200")]
    (parked,) = await rig.parked()
    assert "a rule of ours is broken" in parked.error
    assert json.loads(parked.raw)["killmail_id"] == 1


async def test_the_cursor_commits_with_what_was_decided_and_moves_past_parked_events() -> None:
    rig = Rig()
    good, bad = "01M88037WFFP8SZT9208SNK8BC", "01M88038TTVVCSAXZ48TXC7PNT"
    await rig.feed(LOADED, event("add_system", good, solar_system_id=31000124, name="J100001"))
    assert await rig.store.read(lambda conn: memory.get_cursor(conn, cursor_name("home"))) == good
    torn = MapEventArrived(slug="home", event_id=bad, type="add_system", data="{torn", received_at=NOW)
    await rig.feed(torn)
    assert await rig.store.read(lambda conn: memory.get_cursor(conn, cursor_name("home"))) == bad
    assert [parked.kind for parked in await rig.parked()] == ["map_event"]


async def test_the_first_load_is_silent_and_later_additions_are_told() -> None:
    rig = Rig()
    await rig.feed(LOADED)
    assert await rig.told() == []
    await rig.feed(event("add_system", solar_system_id=31000124, name="J100001"))
    assert await rig.told() == [("system:home:31000124", "100")]


async def test_a_system_that_left_and_came_back_is_told_again_with_a_nonce_of_its_own() -> None:
    """Within Discord's nonce window an equal nonce would swallow the second message."""
    rig = Rig()
    added = event("add_system", solar_system_id=31000124, name="J100001")
    later = event("add_system", "01M88038TTVVCSAXZ48TXC7PNT", solar_system_id=31000124, name="J100001")
    later = evolve(later, received_at=NOW + timedelta(seconds=20))
    await rig.feed(LOADED, added, event("deleted_system", solar_system_id=31000124), later)
    first, second = await rig.rows()
    assert first.claim == second.claim == "system:home:31000124"
    assert first.nonce != second.nonce


async def test_removing_a_system_releases_exactly_its_own_claim() -> None:
    rig = Rig()
    await rig.feed(
        LOADED,
        event("add_system", solar_system_id=31000124, name="J100001"),
        event("add_system", solar_system_id=310001240, name="J100002"),
        event("deleted_system", solar_system_id=31000124),
    )
    claimed = await rig.store.read(lambda conn: outbox.claimed(conn, "system:home:310001240", "100"))
    assert claimed


async def test_tracking_survives_a_restart() -> None:
    rig = Rig()
    await rig.feed(LOADED, event("add_system", solar_system_id=31000124, name="J100001"))
    known = await rig.store.read(memory.load_tracking)
    assert known.system_ids() == {31000123, 31000124}
    assert known.maps["home"].systems[31000123].custom_name == "Home"


async def test_a_restart_with_the_same_database_tells_nothing_twice() -> None:
    first = Rig()
    await first.feed(LOADED, kill(), event("add_system", solar_system_id=31000124, name="J100001"))
    second = Rig(first.store)
    second.known.set(await first.store.read(memory.load_tracking))
    await second.feed(kill(), event("add_system", solar_system_id=31000124, name="J100001"))
    assert await second.told() == [("kill:128000001", "200"), ("system:home:31000124", "100")]


async def test_m11_the_plural_is_handled_and_an_unknown_kind_is_counted_and_ignored() -> None:
    rig = Rig()
    await rig.feed(LOADED, event("characters_updated", characters=[]), event("brand_new", NEXT))
    assert rig.count("notifier_map_events_total", map="home", type="characters_updated", result="ok") == 1
    assert rig.count("notifier_map_events_total", map="home", type="other", result="ignored") == 1
    assert (await rig.told(), await rig.parked()) == ([], [])
    assert rig.pipeline.cursor("home") == NEXT, "the stream goes on behind it"


async def test_what_was_decided_is_not_decided_again_when_a_resume_replays_it_after_a_crash() -> None:
    """Added, removed, crash: the stream is resumed a little earlier and tells of both once more."""
    added = event("add_system", "01M88037WFFP8SZT9208SNK8BC", solar_system_id=31000124, name="J100001")
    removed = event("deleted_system", "01M88038TTVVCSAXZ48TXC7PNT", solar_system_id=31000124)
    first = Rig()
    await first.feed(LOADED, added, removed)
    second = Rig(first.store)
    second.known.set(await first.store.read(memory.load_tracking))
    await second.feed(LOADED, added, removed)
    assert await second.told() == [("system:home:31000124", "100")]
    assert second.known.value.system_ids() == {31000123}
    assert second.count("notifier_map_events_total", map="home", type="add_system", result="repeated") == 1


async def test_an_event_without_an_id_of_its_own_is_no_repetition() -> None:
    """In an event stream it inherits the id before it."""
    rig = Rig()
    await rig.feed(
        LOADED,
        event("add_system", "01M88037WFFP8SZT9208SNK8BC", solar_system_id=31000124),
        event("add_system", "01M88037WFFP8SZT9208SNK8BC", solar_system_id=31000125),
        event("add_system", "", solar_system_id=31000126),
    )
    assert len(await rig.told()) == 3


async def test_a_replayed_addition_is_told_although_the_list_before_it_came_too_late() -> None:
    """After two hours away the list adds silently what is long known, and the stream still has the last ten minutes."""
    rig = Rig()
    late = evolve(
        LOADED,
        gap_s=7200.0,
        systems=(*LOADED.systems, SystemRecord(system_id=31000124), SystemRecord(system_id=31000125)),
    )
    await rig.feed(LOADED, late, event("add_system", solar_system_id=31000124, name="J100001"))
    assert await rig.told() == [("system:home:31000124", "100")]


async def test_a_replayed_addition_is_not_told_twice_when_the_list_before_it_told_it() -> None:
    rig = Rig()
    soon = evolve(LOADED, gap_s=60.0, systems=(*LOADED.systems, SystemRecord(system_id=31000124, name="J100001")))
    await rig.feed(LOADED, soon, event("add_system", solar_system_id=31000124, name="J100001"))
    assert await rig.told() == [("system:home:31000124", "100")]


async def test_a_failing_disk_is_waited_for_and_nothing_is_lost(autojump_clock: MockClock) -> None:
    rig = Rig(failing(DiskFull("no room left to write notifier.db"), times=3))
    await rig.feed(LOADED, kill())
    assert await rig.told() == [("kill:128000001", "200")]
    assert rig.storage_states == ["failed cannot commit: no room left to write notifier.db", "ok"]


async def test_an_interrupted_arrival_is_taken_up_again() -> None:
    rig = Rig(failing(RuntimeError("something unforeseen"), times=1))
    send, receive = trio.open_memory_channel[Arrival](3)
    for arrival in (LOADED, kill(1), kill(2)):
        await send.send(arrival)
    send.close()
    with pytest.raises(RuntimeError):
        await rig.pipeline.run(receive)
    await rig.pipeline.run(receive)
    assert await rig.told() == [("kill:1", "200"), ("kill:2", "200")]


async def test_every_decision_is_on_record() -> None:
    rig = Rig()
    await rig.feed(LOADED, kill(1), kill(1), kill(2, system_id=30000142))
    told = await rig.store.read(lambda conn: decisions.decisions_for(conn, 1))
    untold = await rig.store.read(lambda conn: decisions.decisions_for(conn, 2))
    ((verdict,),) = (one.outcome["verdicts"] for one in told)
    assert (verdict["map"], verdict["sent"], verdict["channel"]) == ("home", True, "200")
    assert [one.copies for one in told] == [{"live": 2}], "a copy counts on the same record"
    assert [one.outcome["verdicts"] for one in untold] == [[{"map": None, "sent": False, "reason": "not_tracked"}]]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=6),
    max_leaves=15,
)
killish = st.fixed_dictionaries(
    {},
    optional={
        "killmail_id": json_values,
        "kill_time": json_values,
        "system_id": st.just(31000123) | json_values,
        "victim": json_values,
        "attackers": st.lists(json_values, max_size=3) | json_values,
        "zkb": json_values,
    },
)


@settings(max_examples=60, deadline=None)
@given(raw=json_values | killish, data=st.text(max_size=60) | json_values.map(json.dumps))
async def test_nothing_that_arrives_stops_the_pipeline(raw: object, data: str) -> None:
    rig = Rig()
    await rig.feed(
        LOADED,
        KillArrived(raw=raw, system_id=31000123, source="live", received_at=NOW),
        MapEventArrived(slug="home", event_id="01", type="add_system", data=data, received_at=NOW),
        kill(7),
    )
    assert ("kill:7", "200") in await rig.told()


# --- kills without a body -----------------------------------------------------------------------------------------


def reference(system_id: int | None = None, sought: str | None = None, **raw: Any) -> KillArrived:
    return KillArrived(
        raw={"killID": 128000001, "zkb": {"hash": "a"}, **raw},
        system_id=system_id,
        source="live",
        received_at=NOW,
        sought=sought,
    )


@pytest.mark.parametrize("system_id", [None, 31000123])
async def test_k22_a_kill_without_a_body_is_sought_and_not_parked(system_id: int | None) -> None:
    rig = Rig()
    await rig.feed(LOADED, reference(system_id), reference(system_id))
    (sought,) = await rig.store.read(bodies.sought)
    assert (sought.killmail_id, sought.hash, sought.system_id) == (128000001, "a", system_id)
    assert (await rig.told(), await rig.parked()) == ([], [])


async def test_k22_with_its_body_it_is_told_once() -> None:
    rig = Rig()
    found = evolve(kill(), sought="found")
    await rig.feed(LOADED, reference(), found, found, reference())
    assert await rig.told() == [("kill:128000001", "200")]
    assert len(await rig.store.read(bodies.sought)) == 1  # the copy at the end; its body will be a duplicate
    await rig.feed(found)
    assert await rig.store.read(bodies.sought) == ()
    assert len(await rig.told()) == 1


async def test_k24_a_kill_whose_body_is_not_to_be_had_is_parked_with_the_reason() -> None:
    rig = Rig()
    await rig.feed(LOADED, reference(), reference(sought="ESI answers HTTP 422"))
    (kept,) = await rig.parked()
    assert kept.error == "missing_system_id (its body: ESI answers HTTP 422)"
    assert await rig.store.read(bodies.sought) == ()


async def test_k24_where_the_system_is_known_it_is_told_with_what_there_is() -> None:
    rig = Rig()
    await rig.feed(LOADED, reference(31000123), reference(31000123, sought="ESI answers HTTP 422"))
    assert await rig.told() == [("kill:128000001", "200")]
    assert await rig.store.read(bodies.sought) == ()


@pytest.mark.parametrize(
    "raw", [{"sequence_id": 7, "zkb": {}}, {"killID": 5}, {"killID": 5, "zkb": []}, {"zkb": {"hash": "a"}}]
)
async def test_k23_an_entry_without_a_mail_is_parked_at_once(raw: dict[str, Any]) -> None:
    rig = Rig()
    await rig.feed(KillArrived(raw=raw, system_id=None, source="live", received_at=NOW))
    assert len(await rig.parked()) == 1
    assert await rig.store.read(bodies.sought) == ()


async def test_too_many_kills_without_a_body_are_parked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "CAPACITY", 1)
    rig = Rig()
    await rig.feed(reference(), reference(killID=2))
    (kept,) = await rig.parked()
    assert kept.error == "too many kills without a body"
