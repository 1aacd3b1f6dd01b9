"""Nothing that a peer answers makes the doctor stumble, and each answer gets at least one finding in plain words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.core.findings import Finding
from wanderer_notifier.discord import doctor_bot as bot
from wanderer_notifier.discord.doctor_channel import Place, Seen, channel, time_out
from wanderer_notifier.net.question import Reply, ahead_s

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
PLACE = Place(id="10", uses=("kills",), here=True, roles=("5",))
NAMES = [
    *("id", "type", "name", "bot", "guild_id", "owner_id", "parent_id", "roles", "permissions", "deny", "allow"),
    *("permission_overwrites", "thread_metadata", "archived", "locked", "communication_disabled_until", "options"),
    *("session_start_limit", "remaining", "total", "reset_after", "code", "message", "retry_after", "username"),
    *("interactions_endpoint_url", "mentionable", "errors", "bot_public"),
]

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
leaves |= st.sampled_from(
    ["10", "5", "1", "2048", "2099-01-01T00:00:00+00:00", "2099-01-01T00:00:00", 0, 11, "notifier"]
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=10,
)
statuses = st.sampled_from([200, 200, 200, 201, 204, 301, 400, 401, 403, 404, 429, 500, 503])


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Any answer there can be."""
    if draw(st.integers(0, 9)) == 0:
        return Reply(trouble="discord: connection refused")
    value = draw(values)
    return Reply(status=draw(statuses), body=json.dumps(value).encode(), value=value, headers={})


def sensible(found: list[Finding]) -> None:
    assert found
    for one in found:
        assert one.words
        assert one.check


@given(replies())
def test_answers_about_the_bot(reply: Reply) -> None:
    sensible([bot.token(reply), bot.gateway(reply), *bot.application(reply, "1")])
    bot.guild(reply, "1", "2")


@given(
    st.sampled_from(["global", "guild", "none"]),
    st.none() | replies(),
    st.dictionaries(st.sampled_from("123"), replies()),
)
def test_answers_about_commands(scope: str, everywhere: Reply | None, by_guild: dict[str, Reply]) -> None:
    for one in bot.commands(scope, everywhere, by_guild, "1", "1"):
        sensible([one])


@given(replies(), st.none() | replies(), st.none() | replies(), st.none() | replies())
def test_answers_about_a_channel(told: Reply, parent: Reply | None, guild: Reply | None, member: Reply | None) -> None:
    seen = Seen(channel=told, parent=parent, guild=guild, member=member)
    sensible(channel(PLACE, seen, user="2", application="3", now=NOW))


channels = st.fixed_dictionaries(
    {"id": st.just("10"), "type": st.sampled_from([0, 2, 5, 11]), "permission_overwrites": values},
    optional={"thread_metadata": values, "name": values},
)
guilds = st.fixed_dictionaries({"id": st.just("1"), "roles": values}, optional={"owner_id": values, "name": values})
members = st.fixed_dictionaries({"roles": values}, optional={"communication_disabled_until": values})


@given(channels, guilds, members)
def test_half_sensible_answers_about_a_channel(told: Any, guild: Any, member: Any) -> None:
    seen = Seen(channel=yes(told), guild=yes(guild), member=yes(member))
    sensible(channel(PLACE, seen, user="2", application="3", now=NOW))


def yes(value: Any) -> Reply:
    return Reply(status=200, value=value, body=json.dumps(value).encode())


@pytest.mark.parametrize(
    ("until", "out"),
    [
        ("2026-11-25T12:00:01+00:00", True),
        ("2026-11-25T11:59:59+00:00", False),
        ("2026-11-25T12:30:00", False),
        (None, False),
        ("soon", False),
        (17, False),
    ],
)
def test_time_outs(until: object, out: bool) -> None:
    assert (time_out({"communication_disabled_until": until}, NOW) is not None) is out


@pytest.mark.parametrize(
    ("headers", "took_s", "ahead"),
    [
        ({"date": "Wed, 25 Nov 2026 12:00:00 GMT"}, 1.0, 0.0),
        ({"date": "Wed, 25 Nov 2026 12:01:00 GMT"}, 0.0, 60.5),
        ({"date": "Wed, 25 Nov 2026 11:59:00 GMT"}, 2.0, -60.5),
        ({"date": "yesterday"}, 0.0, None),
        ({"date": ""}, 0.0, None),
        ({}, 0.0, None),
    ],
)
def test_the_other_clock(headers: dict[str, str], took_s: float, ahead: float | None) -> None:
    assert ahead_s(headers, NOW, took_s) == ahead
