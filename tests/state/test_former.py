"""A roll-back works: what we write, the former program reads (operations.md OPS-61), by a decoder of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.state import former
from tests.state.former import Atom
from wanderer_notifier.core.namehash import name_hash
from wanderer_notifier.core.steering import Place, Steering
from wanderer_notifier.state import legacy
from wanderer_notifier.state.legacy_terms import read_log, read_values
from wanderer_notifier.state.priorities import LogEntry

IDS = st.integers(0, 2**63 - 1)
FIELDS = ("year", "month", "day", "hour", "minute", "second")
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
ENTRIES = st.builds(
    LogEntry,
    type=st.sampled_from(["system", "status", "list", "why", "test"]),
    param=TEXT,
    user_id=IDS,
    username=st.none() | TEXT,
    at=st.integers(0, 2**53).map(lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)),
    guild_id=st.none() | IDS,
    channel_id=st.none() | IDS,
    outcome=st.none() | st.just("ok"),
)


@given(names=st.lists(st.text(min_size=1, max_size=20), max_size=12))
def test_the_former_program_reads_our_priority_systems_newest_first(names: list[str]) -> None:
    steering = Steering()
    for name in names:
        steering = steering.with_priority(Place(name=name))
    content = legacy.values_file(steering)
    expected = list(dict.fromkeys(one.name_hash for one in steering.systems))
    assert former.read(content) == {Atom("priority_systems"): expected}
    assert {name_hash(name) for name in names} >= set(expected)
    assert legacy.values_file(Steering().with_hashes(read_values(content).hashes)) == content


@given(entries=st.lists(ENTRIES, max_size=5))
def test_the_former_program_reads_our_command_log(entries: list[LogEntry]) -> None:
    content = legacy.log_file(entries)
    read = former.read(content)
    assert len(read) == len(entries)
    for term, entry in zip(read, entries, strict=True):
        assert set(term) == {"type", "param", "user_id", "username", "timestamp", "guild_id", "channel_id"}
        assert all(type(key) is Atom for key in term)
        assert (term["type"], term["param"], term["user_id"]) == (entry.type, entry.param, entry.user_id)
        for field in ("username", "guild_id", "channel_id"):
            value = getattr(entry, field)
            assert term[field] == ("nil" if value is None else value)
            assert (type(term[field]) is Atom) == (value is None)
        assert moment(term["timestamp"]) == entry.at
    assert legacy.log_file(read_log(content).entries) == content


def moment(term: dict[str, Any]) -> datetime:
    """The date-time structure of that program, which has exactly thirteen fields."""
    assert len(term) == 13
    assert (term["__struct__"], term["calendar"]) == (Atom("Elixir.DateTime"), Atom("Elixir.Calendar.ISO"))
    assert (term["time_zone"], term["zone_abbr"], term["utc_offset"], term["std_offset"]) == ("Etc/UTC", "UTC", 0, 0)
    micro = term["microsecond"]
    assert isinstance(micro, tuple)
    assert micro[1] == 6
    year, month, day, hour, minute, second = (term[name] for name in FIELDS)
    return datetime(year, month, day, hour, minute, second, micro[0], UTC)
