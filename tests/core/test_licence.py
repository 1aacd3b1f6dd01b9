"""Rows L1-L7 of notifications.md 4."""

from __future__ import annotations

import pytest

from wanderer_notifier.core.licence import LicenceState, RichLimit
from wanderer_notifier.core.policy import Kind


class Free:
    """A limiter whose licence a test can change, and messages with claims of their own."""

    def __init__(self, state: LicenceState = "invalid", *, enforced: bool = True) -> None:
        self.state: LicenceState = state
        self.limit = RichLimit(lambda: self.state, enforced=enforced)
        self._number = 0

    def tell(self, kind: Kind = "kill", *, sent: bool = True) -> bool:
        """Whether the next message of *kind* is rich."""
        self._number += 1
        rich = self.limit.reserve(kind, f"{kind}:{self._number}", "100")
        self.limit.settle(f"{kind}:{self._number}", "100", sent=sent)
        return rich


def test_l1_with_a_licence_everything_is_rich_and_nothing_counts() -> None:
    free = Free("valid")
    assert all(free.tell() for _ in range(20))
    assert free.limit.used("kill") == 0


@pytest.mark.parametrize("kind", ["kill", "system", "character"])
def test_l2_and_l3_without_one_five_of_a_kind_are_rich(kind: Kind) -> None:
    free = Free()
    assert [free.tell(kind) for _ in range(7)] == [True] * 5 + [False] * 2
    assert free.limit.used(kind) == 5


def test_kinds_are_counted_apart_and_maps_together() -> None:
    free = Free()
    assert all(free.tell("kill") for _ in range(5))
    assert free.tell("system")
    assert not free.limit.reserve("kill", "kill:99", "another map's channel")


def test_l4_a_message_that_was_not_sent_frees_its_place() -> None:
    free = Free()
    assert all(free.tell(sent=False) for _ in range(20))
    assert free.limit.used("kill") == 0


def test_a_burst_cannot_exceed_the_five() -> None:
    limit = RichLimit(lambda: "invalid")
    assert [limit.reserve("kill", f"kill:{one}", "100") for one in range(6)] == [True] * 5 + [False]
    limit.settle("kill:0", "100", sent=False)
    assert limit.reserve("kill", "kill:7", "100")


@pytest.mark.parametrize("kind", ["rally", "status"])
def test_l5_rallies_and_reports_are_not_limited(kind: Kind) -> None:
    free = Free()
    assert all(free.tell(kind) for _ in range(20))


def test_l6_a_licence_nobody_could_ask_about_is_not_held_against_the_user() -> None:
    free = Free("unknown")
    assert all(free.tell() for _ in range(20))
    assert free.limit.used("kill") == 0


def test_l7_the_count_outlives_a_licence_in_between() -> None:
    free = Free()
    assert all(free.tell() for _ in range(5))
    free.state = "valid"
    assert free.tell()
    free.state = "invalid"
    assert not free.tell()


def test_enforcement_can_be_switched_off() -> None:
    free = Free(enforced=False)
    assert all(free.tell() for _ in range(20))


def test_a_copy_of_a_waiting_message_does_not_count_twice() -> None:
    limit = RichLimit(lambda: "invalid")
    assert limit.reserve("kill", "kill:1", "100")
    assert limit.reserve("kill", "kill:1", "100")
    assert limit.used("kill") == 1
    assert limit.holds("kill:1", "100")
    limit.settle("kill:1", "100", sent=True)
    limit.settle("kill:1", "100", sent=False)  # told twice, counts once
    assert limit.used("kill") == 1
    assert not limit.holds("kill:1", "100")
