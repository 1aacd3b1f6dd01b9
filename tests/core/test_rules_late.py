"""A kill of which we hear late says so, and an ordinary one does not."""

from __future__ import annotations

import pytest

from tests.core.base import HOME, ago, decide, mail, sends
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.core.render import render_kill


@pytest.mark.parametrize(("age_s", "late"), [(0, False), (-30, False), (600, False), (601, True), (3000, True)])
def test_a_kill_older_than_ten_minutes_is_marked_late(age_s: int, late: bool) -> None:
    raw = mail(system_id=HOME, kill_time=ago(age_s))
    (send,) = sends(decide(raw))
    assert send.late is late
    (embed,) = render_kill(parse_kill(raw, None), send).embeds
    assert embed["footer"]["text"].endswith(" • reported late") is late
