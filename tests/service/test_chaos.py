"""Two hours of broken feeds, many times: nothing that could be had is missed or told twice, and memory is flat."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest

from tests.service.chaos import play
from tests.service.test_simulation import quiet

GROWTH_BYTES = 150_000
"""What the second hour may add to what the service holds: the ids of kills it has seen, and the like."""


@pytest.mark.timeout(900)
def test_what_can_be_recovered_is_told_exactly_once(request: pytest.FixtureRequest) -> None:
    seeds: int = request.config.getoption("--chaos-seeds")
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=quiet) as pool:
        tales = list(pool.map(play, range(seeds), chunksize=5))
    assert {tale.seed: tale.wrong() for tale in tales if tale.wrong()} == {}
    assert sum(len(tale.must) for tale in tales) > 50 * seeds
    faults: Counter[str] = sum((tale.faults for tale in tales), Counter())
    assert faults.total() > 20 * seeds
    if seeds >= 30:
        assert len(faults) == 31  # every kind of misfortune came


@pytest.mark.timeout(180)
def test_the_whole_service_misses_nothing_either(request: pytest.FixtureRequest) -> None:
    seeds = max(2, request.config.getoption("--chaos-seeds") // 15)
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=quiet) as pool:
        tales = list(pool.map(partial(play, whole=True), range(1000, 1000 + seeds)))
    assert {tale.seed: tale.wrong() for tale in tales if tale.wrong()} == {}


def test_the_oracle_notices_a_service_that_does_not_look_back() -> None:
    tale = play(3, recovers=False)
    assert set(tale.wrong()) == {"missed"}
    assert all(notice.startswith("kill ") for notice in tale.wrong()["missed"])


@pytest.mark.timeout(180)
def test_the_second_hour_needs_no_more_memory_than_the_first() -> None:
    held: list[int] = []

    def weigh(now: float) -> None:
        gc.collect()
        others = [tracemalloc.Filter(inclusive=False, filename_pattern=f"*/{part}/*") for part in ("sim", "tests")]
        snapshot = tracemalloc.take_snapshot().filter_traces(others)
        held.append(sum(trace.size for trace in snapshot.traces))

    tracemalloc.start()
    try:
        assert play(2, probe=weigh).wrong() == {}
    finally:
        tracemalloc.stop()
    first, second = held
    assert second - first < GROWTH_BYTES


def test_a_run_can_be_repeated() -> None:
    first, second = play(4), play(4)
    assert (first.told, first.must, first.faults) == (second.told, second.must, second.faults)
