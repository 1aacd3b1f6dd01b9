"""Real traffic: every kill and every map event of the captures is understood."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from tests.core.base import FIRST_START, NOW
from wanderer_notifier.core.events import Kill, SystemRecord
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.core.limits import problems
from wanderer_notifier.core.mapevents import Ignored, cursor_before, parse_event
from wanderer_notifier.core.render import render, render_kill
from wanderer_notifier.core.rules import Channels, MapRules, Rules, Send, decide_change, decide_kill
from wanderer_notifier.core.tracking import MapState, Tracking, apply

CAPTURES = Path(__file__).parents[2] / "../shared/captures"


def records(name: str) -> list[dict[str, Any]]:
    path = CAPTURES / name
    if not path.exists():
        pytest.skip(f"no captures beside the repository ({name})")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def pushes(name: str) -> Iterator[tuple[bool, int, dict[str, Any]]]:
    """Whether it was a replay, the envelope's system, and the kill, for each kill that was pushed."""
    for record in records(name):
        if record["dir"] != "recv" or "text" not in record:
            continue
        frame = json.loads(record["text"])
        event, payload = (frame[3], frame[4]) if isinstance(frame, list) else (frame["event"], frame["payload"])
        if event == "killmail_update":
            for kill in payload["killmails"]:
                yield payload["preload"], payload["system_id"], kill


def nameless(kill: Kill) -> Kill:
    """Only what all forms carry: ids and numbers, without the faction, which the live form never has."""

    def bare(party: Any) -> Any:
        names = ("character_name", "corporation_name", "corporation_ticker", "alliance_name", "alliance_ticker")
        return evolve(party, **dict.fromkeys((*names, "ship_name", "faction_id"), None))

    return evolve(kill, victim=bare(kill.victim), attackers=tuple(map(bare, kill.attackers)))


@pytest.mark.parametrize("name", ["ws-05-killmail-push", "ws-07-preload", "ws-08-routing", "ws-11-large"])
def test_every_pushed_kill_becomes_a_message(name: str) -> None:
    seen = 0
    for replayed, system_id, raw in pushes(f"wanderer-kills/{name}.jsonl"):
        kill = parse_kill(raw, system_id)
        assert kill.time is not None
        assert kill.hash is not None
        assert kill.attackers
        known = Tracking(
            maps={"m1": MapState(slug="m1", systems={system_id: SystemRecord(system_id=system_id, name="Jita")})}
        )
        rules = Rules(maps=(MapRules(slug="m1", channels=Channels(primary="100")),))
        verdicts = decide_kill(
            kill, "preload" if replayed else "live", rules, known, now=kill.time, first_start=FIRST_START
        )
        (send,) = verdicts
        assert isinstance(send, Send)
        assert problems(render_kill(kill, send)) == []
        seen += 1
    assert seen or name == "ws-11-large"  # its frames are abridged


def test_abridged_frames_of_300_attackers_are_read_as_far_as_they_go() -> None:
    whole = 0
    for record in records("wanderer-kills/ws-11-large.jsonl"):
        text = record.get("text_abridged", "")
        if '"preload":false' not in text:
            continue
        start, end = text.split(" … ")
        attackers = start[start.index('"attackers":[') + 13 : start.rindex("},{") + 1]
        raw = json.loads(
            "{" + f'"attackers":[{attackers}],' + end[end.index('"kill_time"') : end.index('}],"preload')] + "}"
        )
        kill = parse_kill(raw | {"attacker_count": 300}, None)
        assert kill.attacker_count == 300
        assert kill.victim.character_name == "Tovin Kaskari"
        whole += 1
    assert whole == 8


def test_live_and_stored_form_of_one_kill_are_equal_names_aside() -> None:
    live = {
        raw["killmail_id"]: raw
        for replayed, _, raw in pushes("wanderer-kills/ws-05-killmail-push.jsonl")
        if not replayed
    }
    compared = 0
    for replayed, system_id, raw in pushes("wanderer-kills/ws-07-preload.jsonl"):
        if not replayed or raw["killmail_id"] not in live:
            continue
        flat = parse_kill(live[raw["killmail_id"]], None)
        if flat.time != (stored := parse_kill(raw, system_id)).time:
            continue  # the capture offered this id twice, with two bodies
        assert nameless(flat) == nameless(stored)
        assert flat.victim.character_name == stored.victim.character_name
        assert flat.victim.ship_name == stored.victim.ship_name
        compared += 1
    assert compared >= 4


def test_the_upstream_form_is_equal_too() -> None:
    live = {raw["killmail_id"]: raw for _, _, raw in pushes("wanderer-kills/ws-05-killmail-push.jsonl")}
    compared = 0
    for record in records("wanderer-kills/ws-05-killmail-push.jsonl"):
        if record["dir"] != "upstream" or record.get("killmail", {}).get("killmail_id") not in live:
            continue
        body, zkb = record["killmail"], record.get("zkb")
        upstream = parse_kill({"package": {"killmail": body, "zkb": zkb}}, None)
        flat = parse_kill(live[body["killmail_id"]], None)
        if flat.time == upstream.time:
            assert nameless(flat) == nameless(upstream)
            compared += 1
    assert compared >= 5


def test_every_map_event_parses_or_is_ignored_by_name() -> None:
    frames: list[dict[str, str]] = []
    for record in records("wanderer-map/sse-01-stream.jsonl"):
        if record["dir"] == "chunk":
            for block in record["text"].split("\n\n"):
                lines = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
                if lines:
                    frames.append(lines)
    state = Tracking(maps={"m1": MapState(slug="m1", loaded_at=NOW)})
    rules = Rules(maps=(MapRules(slug="m1", channels=Channels(primary="100")),))
    ignored, told = set(), []
    for frame in frames:
        assert cursor_before(frame["id"], 5) is not None
        event = parse_event("m1", frame["event"], frame["data"])
        if isinstance(event, Ignored):
            ignored.add(event.type)
            continue
        state, changes = apply(state, event)
        for change in changes:
            for verdict in decide_change(change, rules, now=NOW, first_start=FIRST_START):
                if isinstance(verdict, Send):
                    told.append(verdict.claim)
                    assert problems(render(change, verdict)) == []
    assert ignored == {
        "connected", "connection_added", "connection_updated", "connection_removed", "signature_added",
        "signature_removed", "signatures_updated", "acl_member_added", "map_kill",
    }  # fmt: skip
    assert set(told[:2]) == {"system:m1:31000005", "system:m1:30000142"}
    assert 31000005 not in state.system_ids()
