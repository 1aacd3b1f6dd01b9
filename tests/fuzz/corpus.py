"""What the fuzz starts from: real frames where recordings lie beside the checkout, the frames of the fakes always."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TypeAlias

from attrs import frozen

from wanderer_notifier.core.mapevents import parse_characters, parse_systems
from wanderer_notifier.sim import mapserver_events as events
from wanderer_notifier.sim.killfeed_wire import Frame, encode
from wanderer_notifier.sim.killmails import Inventor, live_form, stored_form
from wanderer_notifier.sim.mapserver import MapServer
from wanderer_notifier.sim.mapserver_rows import character_row, system_row

CAPTURES = Path(__file__).parents[2].parent / "shared" / "captures"
LONGEST = 20_000
"""Longer examples say nothing new and make every input slow."""
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
ODDITIES = (
    b"event: \xe2\x80\xa8\ndata: a\r\n\r\ndata\r\rid\nid: \0\nretry: 9999999999999999999\n\xef\xbb\xbf\n\n",
    b'\xef\xbb\xbfdata:{"a":1}\n\n: comment\n\ndata: 1\ndata: 2\n\n',
    "data: \u2028 \u0085 \ud7ff \U0010ffff\n\n".encode(),
)


ListParser: TypeAlias = Callable[[object], tuple[tuple[object, ...], tuple[object, ...]]]


@frozen
class Corpus:
    """Examples of each kind of input."""

    streams: tuple[bytes, ...]
    frames: tuple[str, ...]
    kills: tuple[object, ...]
    events: tuple[tuple[str, str], ...]
    """Type and data of map events."""
    lists: tuple[tuple[ListParser, object], ...]
    """A reader of a REST list and a body for it."""


def corpus() -> Corpus:
    """All examples, in the same order every time."""
    streams, frames, kills, mapped = list(ODDITIES), list[str](), list[object](), list[tuple[str, str]]()
    inventor = Inventor(Random(1))
    for shape in ({}, {"npc": True}, {"structure": True}, {"pod": True}, {"attacker_count": 9}):
        kill = inventor.kill(NOW, **shape)
        kills += [kill, live_form(kill), stored_form(kill), {"package": {"killmail": kill}}]
        payload = {"system_id": kill["solar_system_id"], "killmails": [live_form(kill)], "preload": False}
        frames.append(encode("2.0.0", Frame("1", None, "killmails:lobby", "killmail_update", payload)))
    for event in ("phx_reply", "phx_error", "phx_close"):
        body = {"status": "ok", "response": {"subscribed_systems": [31001361]}} if event == "phx_reply" else {}
        frames.append(encode("2.0.0", Frame("1", "1", "killmails:lobby", event, body)))
    rng = Random(2)
    streams.append(events.greeting(events.ulid(rng, NOW), "7b0f6c1e", NOW) + events.KEEPALIVE)
    for kind in sorted(events.FILTER_TYPES):
        payload = {
            "solar_system_id": 31001503,
            "name": "J155416",
            "rally_point_id": "a",
            "id": "b",
            "message": "\u2028",
        }
        made = events.frame(events.Event(events.ulid(rng, NOW), kind, "7b0f6c1e", NOW, payload))
        streams.append(made)
        mapped.append((kind, made.split(b"data: ", 1)[1].decode().strip()))
    for text in _recorded():
        if text.startswith(("[", "{")):
            frames.append(text)
        else:
            streams.append(text.encode())
            for block in text.split("\n\n"):
                if block.startswith("event: ") and "\ndata: " in block:
                    mapped.append((block[7:].split("\n", 1)[0], block.split("\ndata: ", 1)[1]))
    for text in frames:
        value = json.loads(text)
        content = value[4] if isinstance(value, list) and len(value) > 4 else None
        if isinstance(content, dict) and isinstance(content.get("killmails"), list):
            kills += content["killmails"]
    return Corpus(tuple(streams), tuple(frames), tuple(kills), tuple(mapped), _lists())


def _lists() -> tuple[tuple[ListParser, object], ...]:
    """The lists of a fake map with some systems and pilots."""
    server = MapServer(now=lambda: NOW, rng=Random(3))
    home = server.add_map("home-chain", None)
    for system_id in (31001503, 31002222, 30000142):
        home.add_system(system_id, quiet=True)
    for pilot in (2147481001, 2147481002, None):
        home.add_character(pilot, quiet=True)
    systems = [system_row(home.id, one) for one in home.systems.values()]
    characters = [character_row(home.id, one) for one in home.characters.values()]
    return (
        (parse_systems, {"data": {"systems": systems, "connections": []}}),
        (parse_systems, {"data": systems}),
        (parse_characters, {"data": characters}),
    )


def _recorded() -> Iterator[str]:
    """Every text of the recordings that is not too long: whole frames and chunks."""
    for path in sorted(CAPTURES.glob("*/*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                text = record.get("text")
                if not isinstance(text, str) or not 0 < len(text) <= LONGEST:
                    continue
                if record["dir"] == "chunk" or (record["dir"] == "recv" and _is_json(text)):
                    yield text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
