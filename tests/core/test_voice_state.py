"""Who sits where, by the gateway's events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.voice_state import VoiceMap

GUILD = "500"


def state(user: str, channel: str | None, **more: Any) -> JsonObject:
    return {"user_id": user, "channel_id": channel, "self_deaf": False, "deaf": False, **more}


def guild(*states: JsonObject, bots: tuple[str, ...] = (), hidden: tuple[str, ...] = ()) -> JsonObject:
    channels = [("1", 2), ("2", 13), ("10", 2), ("20", 0)]
    return {
        "id": GUILD,
        "afk_channel_id": "10",
        "channels": [{"id": one, "type": kind, "flags": 1 << 17 if one in hidden else 0} for one, kind in channels],
        "members": [{"user": {"id": one, "bot": one in bots}} for one in ("101", "102", *bots)],
        "voice_states": list(states),
    }


def moved(user: str, channel: str | None, **more: Any) -> JsonObject:
    return {"guild_id": GUILD, **state(user, channel, **more)}


@pytest.fixture
def voice() -> VoiceMap:
    made = VoiceMap(frozenset({GUILD}))
    made.apply("GUILD_CREATE", guild(state("101", "1")))
    return made


def test_who_is_afk_is_left_out_stage_and_voice_count() -> None:  # cases.md D27, fixture V1
    made = VoiceMap(frozenset({GUILD}))
    made.apply(
        "GUILD_CREATE",
        guild(
            state("100", "1"),
            state("101", "1"),
            state("102", "2"),
            state("103", "10"),
            state("104", None),
            state("105", "99"),
            state("106", "1", self_deaf=True),
            state("107", "1", deaf=True),
            bots=("100",),
        ),
    )
    assert made.listening(GUILD) == ("101", "102")


def test_joining_moving_and_leaving_are_followed(voice: VoiceMap) -> None:
    voice.apply("VOICE_STATE_UPDATE", moved("102", "2"))
    assert voice.listening(GUILD) == ("101", "102")
    voice.apply("VOICE_STATE_UPDATE", moved("102", "10"))
    assert voice.listening(GUILD) == ("101",)
    voice.apply("VOICE_STATE_UPDATE", moved("101", None))
    assert voice.listening(GUILD) == ()
    assert voice.moves == 3


def test_muting_is_no_move(voice: VoiceMap) -> None:  # P48
    for number in range(10):
        voice.apply("VOICE_STATE_UPDATE", moved("101", "1", self_mute=bool(number % 2)))
    assert (voice.moves, voice.listening(GUILD)) == (0, ("101",))


def test_a_bot_is_known_by_its_member(voice: VoiceMap) -> None:
    voice.apply("VOICE_STATE_UPDATE", moved("300", "1", member={"user": {"id": "300", "bot": True}}))
    voice.apply("VOICE_STATE_UPDATE", moved("300", "1"))
    assert voice.listening(GUILD) == ("101",)


def test_during_an_outage_nobody_is_known_to_sit_there(voice: VoiceMap) -> None:  # P44
    voice.apply("GUILD_DELETE", {"id": GUILD, "unavailable": True})
    assert voice.listening(GUILD) is None
    voice.apply("VOICE_STATE_UPDATE", moved("102", "1"))
    voice.apply("GUILD_CREATE", {"id": GUILD, "unavailable": True})
    assert voice.listening(GUILD) is None
    voice.apply("GUILD_CREATE", guild(state("102", "1")))
    assert voice.listening(GUILD) == ("102",)


def test_a_guild_never_seen_may_be_deleted() -> None:
    made = VoiceMap(frozenset({GUILD}))
    made.apply("GUILD_DELETE", {"id": GUILD})
    assert made.listening(GUILD) is None


def test_who_left_between_two_sessions_is_not_listed(voice: VoiceMap) -> None:  # P47
    voice.apply("READY", {"guilds": [{"id": GUILD, "unavailable": True}]})
    assert voice.listening(GUILD) is None
    voice.apply("GUILD_CREATE", guild(state("102", "1")))
    assert voice.listening(GUILD) == ("102",)


def test_a_guild_gone_between_two_sessions_is_no_ghost(voice: VoiceMap) -> None:  # P45
    voice.apply("READY", {"guilds": []})
    assert voice.listening(GUILD) is None


def test_who_sits_in_a_hidden_channel_stays_unnamed(voice: VoiceMap) -> None:  # P49
    voice.apply("CHANNEL_UPDATE", {"guild_id": GUILD, "id": "1", "type": 2, "name": "___hidden___", "flags": 1 << 17})
    assert voice.listening(GUILD) == ()
    voice.apply("CHANNEL_UPDATE", {"guild_id": GUILD, "id": "1", "type": 2, "name": "ops", "flags": 0})
    assert voice.listening(GUILD) == ("101",)


def test_channels_come_go_and_become_afk(voice: VoiceMap) -> None:
    voice.apply("CHANNEL_CREATE", {"guild_id": GUILD, "id": "3", "type": 2})
    voice.apply("VOICE_STATE_UPDATE", moved("102", "3"))
    assert voice.listening(GUILD) == ("101", "102")
    voice.apply("GUILD_UPDATE", {"id": GUILD, "afk_channel_id": "3"})
    assert voice.listening(GUILD) == ("101",)
    voice.apply("CHANNEL_DELETE", {"guild_id": GUILD, "id": "1", "type": 2})
    voice.apply("CHANNEL_CREATE", {"guild_id": GUILD, "id": "1", "type": 2})
    assert voice.listening(GUILD) == ()


def test_other_guilds_take_no_place(voice: VoiceMap) -> None:
    voice.apply("GUILD_CREATE", {**guild(state("1", "1")), "id": "501"})
    assert voice.listening("501") is None
    assert list(voice.dump()) == [GUILD]


def test_what_is_known_outlives_the_process(voice: VoiceMap) -> None:
    voice.apply("VOICE_STATE_UPDATE", moved("300", "1", member={"user": {"bot": True}}))
    again = VoiceMap(frozenset({GUILD}))
    again.load(json.loads(json.dumps(voice.dump())))
    again.apply("VOICE_STATE_UPDATE", moved("102", "2"))
    assert again.listening(GUILD) == ("101", "102")


@pytest.mark.parametrize("kind", ["GUILD_CREATE", "VOICE_STATE_UPDATE", "CHANNEL_UPDATE", "GUILD_UPDATE", "NEW_THING"])
@pytest.mark.parametrize("data", [{}, {"id": GUILD, "guild_id": GUILD}, {"guild_id": GUILD, "user_id": 5, "id": None}])
def test_missing_and_odd_fields_harm_nothing(voice: VoiceMap, kind: str, data: JsonObject) -> None:
    voice.apply(kind, data)
    voice.apply(kind, {**data, "channels": 5, "members": [None, {"user": 5}], "voice_states": [1, {}]})
