"""Gateway chaos over seeds in virtual time: 20 mornings in the suite, 200 whole days by `just chaos-gateway`."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pytest

from tests.discord.gateway_chaos import DAY_S, play


@pytest.mark.timeout(3600)
def test_whatever_the_gateway_does_beats_are_on_time_and_nothing_is_lost_that_a_resume_brings(
    gateway_seeds: int,
) -> None:
    length_s = DAY_S if gateway_seeds >= 200 else DAY_S / 4
    workers = min(os.cpu_count() or 1, gateway_seeds)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        days = list(pool.map(partial(play, length_s=length_s), range(gateway_seeds)))
    wrong = {day.seed: found for day in days if (found := day.wrong())}
    assert not wrong
    told, sent = sum(len(day.got) for day in days), sum(len(day.interactions) for day in days)
    assert told > 0.8 * sent
