"""Who is pinged for sitting in voice (notifications.md 6)."""

from __future__ import annotations

import pytest

from wanderer_notifier.core.voice import VoiceState, eligible

CHANNELS = {"1": 2, "2": 13, "10": 2, "3": 0}


def test_v1_bots_deafened_afk_and_lost_users_are_left_out() -> None:
    states = [
        VoiceState(user_id="100", channel_id="1", bot=True),
        VoiceState(user_id="101", channel_id="1"),
        VoiceState(user_id="101", channel_id="1"),
        VoiceState(user_id="102", channel_id="2", self_deaf=True),
        VoiceState(user_id="103", channel_id="10"),
        VoiceState(user_id="104", channel_id=None),
        VoiceState(user_id="105", channel_id="99"),
    ]
    assert eligible(states, CHANNELS, "10") == ("101",)


def test_d27_stage_channels_count_and_text_channels_do_not() -> None:
    states = [VoiceState(user_id=str(100 + one), channel_id=str(one)) for one in (1, 2, 3, 10)]
    assert eligible(states, CHANNELS, "10") == ("101", "102")
    assert eligible(states, CHANNELS) == ("101", "102", "110")


@pytest.mark.parametrize("field", ["bot", "self_deaf", "deaf"])
def test_one_reason_suffices(field: str) -> None:
    assert eligible([VoiceState(user_id="7", channel_id="1", **{field: True})], CHANNELS) == ()


def test_ids_are_in_the_order_of_numbers_and_nothing_else() -> None:
    states = [VoiceState(user_id=one, channel_id="1") for one in ("900", "1000", "@everyone", "٩", "80")]
    assert eligible(states, CHANNELS) == ("80", "900", "1000")
