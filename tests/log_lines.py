"""What the service writes into its log, for tests that read it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import structlog


@contextmanager
def logged() -> Iterator[list[Any]]:
    """Every line from level info on, whatever level the run of the tests shows."""
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    try:
        with structlog.testing.capture_logs() as lines:
            yield cast("list[Any]", lines)
    finally:
        structlog.configure(wrapper_class=before)
