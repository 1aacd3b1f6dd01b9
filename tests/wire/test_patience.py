"""ESI's error budget (operations.md OPS-103): the header counts seconds that remain, not a time of day."""

from __future__ import annotations

import pytest

from wanderer_notifier.wire.patience import Patience


def told(remain: int, reset: int = 40) -> dict[str, str]:
    return {"x-esi-error-limit-remain": str(remain), "x-esi-error-limit-reset": str(reset)}


@pytest.mark.parametrize(
    ("remain", "wait"),
    [(100, 0.0), (20, 0.0), (19, 40 / 14), (10, 8.0), (6, 40.0), (5, 40.0), (0, 40.0)],
)
def test_little_budget_slows_down_and_hardly_any_stops(remain: int, wait: float) -> None:
    patience = Patience()
    patience.started(100.0)
    patience.answered(200, told(remain), 100.0)
    assert patience.wait_for(100.0) == pytest.approx(wait)
    assert patience.remaining == remain


def test_a_new_window_forgives_everything() -> None:
    patience = Patience()
    patience.started(0.0)
    patience.answered(404, told(3, 30), 0.0)
    assert patience.wait_for(29.0) == pytest.approx(1.0)
    assert patience.wait_for(30.0) == 0.0


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (420, {}, 60.0),
        (420, {"retry-after": "5"}, 60.0),
        (429, {"retry-after": "7"}, 7.0),
        (429, {}, 60.0),
        (429, {"retry-after": "99999"}, 300.0),
        (404, {}, 0.0),
        (503, {"x-esi-error-limit-remain": "soon", "x-esi-error-limit-reset": ""}, 0.0),
    ],
)
def test_refusals_pause_everything(status: int, headers: dict[str, str], wait: float) -> None:
    patience = Patience()
    patience.answered(status, headers, 10.0)
    assert patience.wait_for(10.0) == pytest.approx(wait)
