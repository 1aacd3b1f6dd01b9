"""Whole days with crashes and cuts in virtual time: every notice is told exactly once, whatever the seed."""

from __future__ import annotations

import logging
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import structlog

from tests.service.simulation import play


def quiet() -> None:
    """Only what fails is worth a line, in a thousand stories."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest.mark.timeout(900)
def test_every_notice_is_told_exactly_once_in_every_story(request: pytest.FixtureRequest) -> None:
    seeds: int = request.config.getoption("--seeds")
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=quiet) as pool:
        stories = list(pool.map(play, range(seeds), chunksize=10))
    assert {story.seed: story.wrong() for story in stories if story.wrong()} == {}
    assert sum(story.crashes for story in stories) > seeds


def test_a_story_can_be_told_again() -> None:
    first, second = play(4242), play(4242)
    assert (first.virtual_s, first.crashes, first.told) == (second.virtual_s, second.crashes, second.told)
