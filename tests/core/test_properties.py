"""Whatever the feeds send becomes an error value or a message that Discord accepts and that pings nobody unasked."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.base import FIRST_START, NOW
from wanderer_notifier.core.events import (
    Change,
    CharacterAdded,
    CharacterRecord,
    Kill,
    MapLoaded,
    RallyCreated,
    SystemAdded,
    SystemRecord,
)
from wanderer_notifier.core.killmail import BadKillmail, parse_kill
from wanderer_notifier.core.limits import body_problems
from wanderer_notifier.core.mapevents import BadMapEvent, BadRow, Ignored, parse_character, parse_event, parse_system
from wanderer_notifier.core.message import Mention, Message
from wanderer_notifier.core.recent import recent_kills
from wanderer_notifier.core.render import render, render_system, render_text
from wanderer_notifier.core.rules import Channels, MapRules, Rules, Send, decide_change, decide_kill
from wanderer_notifier.core.static_info import parse_static
from wanderer_notifier.core.status_look import StatusView, render_feed_back, render_feed_down, render_status
from wanderer_notifier.core.tracking import MapState, Tracking, apply

NASTY = [
    "@everyone", "@here", "<@123456789012345678>", "<@&123>", "<#1>", "](https://evil.example)", "[a](b", "\\", "\\\\[",
    "```", "||x||", "\u202e", "\u200b", "\ud800", "x" * 5000, "🚀" * 400, "*" * 3000, "\n" * 50, "# a\n- b", "<t:1:R>",
    "\u2066\u2067\u2069", "\u061c\u200e", "\ufeff\u2060", "\u0000\u2028\u2029\u0085", "<:x:1>", "<a:x:1>", "</cmd x:1>",
    "<id:home>", "https://evil.example/(x)", "discord.gg/x", "[x](<https://evil.example>)", "-# small", "1. one",
    "__u__ ~~s~~ ***b***", "\U000e0041\U000e007f", "👩‍👩‍👧" * 100, "\u202e" * 300, "@\u200beveryone", "@\u202eeveryone",
    "<@\u2066&123>", "\u3164", "%", "/../", "(" * 600, "@" * 900, "\x00", "e" + "\u0301" * 500,
]  # fmt: skip
texts = st.sampled_from(NASTY) | st.text(max_size=30) | st.lists(st.sampled_from(NASTY), max_size=3).map("".join)
numbers = st.sampled_from([0, -1, 1, 31000123, 30000142, 95000001, 2**31, 2**63, 10**30, 1.5, 1e308, float("inf")])
scalars = st.none() | st.booleans() | numbers | st.integers() | st.floats() | texts | numbers.map(str)
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))


def objects(*keys: str, **typed: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    usual: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(keys, scalars) | typed
    return st.fixed_dictionaries({}, optional={key: value | anything for key, value in usual.items()})


entities = st.none() | objects("name", "ticker")
parties = objects(
    "character_id", "character_name", "corporation_id", "corporation_name", "corporation_ticker", "alliance_id",
    "alliance_name", "faction_id", "ship_type_id", "ship_name", "damage_done", "final_blow", "security_status",
    character=entities, corporation=entities, alliance=entities,
)  # fmt: skip
mails = st.builds(
    lambda identity, rest: identity | rest,
    st.fixed_dictionaries({}, optional={"killmail_id": st.just(128000001), "system_id": st.just(31000123)}),
    objects(
        "kill_time", "solar_system_name", "attacker_count", victim=parties, attackers=st.lists(parties, max_size=4),
        zkb=objects("totalValue", "droppedValue", "hash", "points", "npc", "solo", "labels"),
    ),
)  # fmt: skip

ROLES = ("112233445566778899",)
VOICE = ("81384788765712384",)
RULES = Rules(
    maps=(MapRules(slug="m1", channels=Channels(primary="100"), rally_role_ids=ROLES, voice_mentions=True),),
    max_kill_age_s=10**9,
)
KNOWN = Tracking(maps={"m1": MapState(slug="m1", systems={31000123: SystemRecord(system_id=31000123)})})
DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
PINGS = re.compile("@(?![\u200b…])")  # a cut may take the rest, but leaves its mark


def check(event: Kill | Change, send: Send) -> None:
    for message in (render(event, send), render_text(event, send)):
        harmless(message, send)


def harmless(message: Message, send: Send) -> None:
    """Discord takes it, and it pings exactly whom the verdict names."""
    body = message.body("n")
    assert body_problems(body) == []
    json.dumps(body, ensure_ascii=False).encode()  # no half characters
    assert message.mention == send.mention
    written = (body.get("content") or "").removeprefix(send.mention.text())
    everything = written + json.dumps(body.get("embeds", []), ensure_ascii=False)
    assert not PINGS.search(everything)
    assert not DIRECTIONS.search(everything)


def tell_kill(raw: Any) -> None:
    try:
        kill = parse_kill(raw, None)
    except BadKillmail:
        return
    for verdict in decide_kill(kill, "live", RULES, KNOWN, now=NOW, first_start=FIRST_START, voice={"m1": VOICE}):
        if isinstance(verdict, Send):
            assert verdict.mention in (Mention(), Mention(users=VOICE))
            check(kill, verdict)
            check(kill, evolve(verdict, victim_tracked=True, system_label=kill.victim.character_name))


def tell_changes(changes: tuple[Change, ...]) -> None:
    for change in changes:
        for verdict in decide_change(change, RULES, now=NOW, first_start=FIRST_START):
            if isinstance(verdict, Send):
                assert verdict.mention == (Mention(roles=ROLES) if isinstance(change, RallyCreated) else Mention())
                check(change, verdict)


@settings(max_examples=300)
@given(mails)
def test_any_killmail(raw: dict[str, Any]) -> None:
    tell_kill(raw)


@given(anything)
def test_any_value_as_killmail(raw: Any) -> None:
    tell_kill(raw)


payloads = objects(
    "solar_system_id", "id", "name", "temporary_name", "custom_name", "rally_point_id", "system_name",
    "character_name", "character_eve_id", "message", "created_at",
)  # fmt: skip
kinds = st.sampled_from(
    ["add_system", "deleted_system", "system_metadata_changed", "character_added", "rally_point_added",
     "rally_point_removed", "map_kill", "connected"]
)  # fmt: skip
envelopes = st.fixed_dictionaries({"payload": payloads | anything}, optional={"type": kinds | anything})


@settings(max_examples=300)
@given(st.lists(st.tuples(kinds, envelopes | anything), max_size=4))
def test_any_map_events(events: list[tuple[str, Any]]) -> None:
    state = KNOWN
    for kind, envelope in events:
        try:
            event = parse_event("m1", kind, json.dumps(envelope))
        except BadMapEvent:
            continue
        if isinstance(event, Ignored):
            continue
        state, changes = apply(state, event)
        tell_changes(changes)


@given(st.text())
def test_any_text_as_map_event(data: str) -> None:
    with contextlib.suppress(BadMapEvent):
        parse_event("m1", "add_system", data)


rows = objects("solar_system_id", "name", "original_name", "custom_name", "temporary_name", "tag", "visible")
pilots = objects("eve_id", "character_eve_id", "name", "corporation_id", "corporation_ticker", "alliance_id")
members = objects("eve_id", "tracked", character=st.none() | pilots)


@given(st.lists(rows | anything, max_size=4), st.lists(members | anything, max_size=4))
def test_any_lists(system_rows: list[Any], character_rows: list[Any]) -> None:
    systems = tuple(one for one in map(parse_system, system_rows) if not isinstance(one, BadRow))
    characters = tuple(one for one in map(parse_character, character_rows) if not isinstance(one, BadRow))
    loaded = MapLoaded(slug="m1", systems=systems, characters=characters, gap_s=0.0, received_at=NOW)
    ready = Tracking(maps={"m1": MapState(slug="m1", loaded_at=NOW)})
    _, changes = apply(ready, loaded)
    tell_changes(changes)


@given(texts, texts)
def test_records_made_elsewhere_render_as_well(name: str, other: str) -> None:
    system = SystemRecord(system_id=31000123, name=name, custom_name=other)
    pilot = CharacterRecord(character_id=95000001, name=name, corporation_id=1, corporation_ticker=other)
    tell_changes(
        (
            SystemAdded(slug="m1", system=system, by="event"),
            CharacterAdded(slug="m1", character=pilot, by="event"),
            RallyCreated(slug="m1", rally_id="r", system_name=name, character_name=other, message=name + other),
        )
    )


statics = objects(
    "security", "class_title", "type_description", "region_name", "effect_name", "is_shattered", "solar_system_name",
    statics=st.lists(scalars, max_size=4), static_details=st.lists(objects("name", destination=entities), max_size=4),
)  # fmt: skip
SYSTEM_SEND = Send(kind="system", slug="m1", channel="1", route="system", claim="system:m1:1", expires_at=NOW)


@given(st.fixed_dictionaries({"data": statics | anything}), st.sampled_from([31000123, 30000142, 30000021]), texts)
def test_any_static_information(body: Any, system_id: int, name: str) -> None:
    system = SystemRecord(system_id=system_id, name=name)
    change = SystemAdded(slug="m1", system=system, by="event")
    harmless(render_system(change, SYSTEM_SEND, parse_static(body)), SYSTEM_SEND)


@given(st.lists(mails, max_size=5))
def test_any_recent_kills(raws: list[dict[str, Any]]) -> None:
    kills = []
    for raw in raws:
        with contextlib.suppress(BadKillmail):
            kills.append(parse_kill(raw, None))
    change = SystemAdded(slug="m1", system=SystemRecord(system_id=31000123), by="event")
    harmless(render_system(change, SYSTEM_SEND, recent=kills, now=NOW), SYSTEM_SEND)
    assert len(recent_kills(kills, NOW) or "") <= 1024


@given(texts, texts, st.lists(texts, max_size=3), st.floats(0, 1e9))
def test_any_words_in_the_services_own_messages(feed: str, reason: str, troubles: list[str], seconds: float) -> None:
    view = StatusView(
        now=NOW, version="1", uptime_s=seconds, starting=False, troubles=tuple(troubles), feeds=((feed, "down"),)
    )
    for message in (render_status(view), render_feed_down(feed, reason, seconds), render_feed_back(feed, seconds)):
        harmless(message, SYSTEM_SEND)
