"""What is fuzzed and what it promises: its own error or a result, nothing else, and in little time."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import TypeAlias

from tests.core.base import FIRST_START, rules
from tests.fuzz.corpus import NOW, Corpus
from tests.fuzz.mutations import spoil_bytes, spoil_value
from wanderer_notifier.core.events import CharacterRecord, SystemRecord
from wanderer_notifier.core.killmail import BadKillmail, parse_kill
from wanderer_notifier.core.limits import problems
from wanderer_notifier.core.mapevents import BadMapEvent, parse_event
from wanderer_notifier.core.render import render_kill
from wanderer_notifier.core.rules import Send, decide_kill
from wanderer_notifier.core.tracking import MapState, Tracking
from wanderer_notifier.wire.phoenix import Phoenix, PhoenixError
from wanderer_notifier.wire.sse import SseError, SseEvent, SseParser

RULES = rules()

Target: TypeAlias = Callable[[Random, Corpus], str]
"""Makes one input, tries it, and gives how it ended: `taken` or `refused`; anything raised is a finding."""


def feed_stream(data: bytes, cuts: list[int], *, limit: int = 2**16) -> list[SseEvent] | None:
    """The events of *data* cut at *cuts*; None if the parser refused it, after which it must go on refusing."""
    parser, events, start = SseParser(limit), list[SseEvent](), 0
    try:
        for end in [*sorted(min(cut, len(data)) for cut in cuts), len(data)]:
            events += parser.feed(data[start:end])
            start = end
        parser.feed(b"")  # a stream broken inside its last chunk says so now
    except SseError:
        try:
            parser.feed(b"data: 1\n\n")
        except SseError:
            return None
        raise AssertionError("a broken parser was fed again") from None
    return events


def stream(rng: Random, corpus: Corpus) -> str:
    whole = b"".join(rng.choice(corpus.streams) for _ in range(rng.choice((1, 1, 2, 3))))
    data = spoil_bytes(whole, rng, corpus.streams)
    cuts = [rng.randrange(len(data) + 1) for _ in range(rng.choice((0, 1, 2, 8, 40)))]
    limit = rng.choice((2**16, 64))
    events = feed_stream(data, cuts, limit=limit)
    assert feed_stream(data, [], limit=limit) == events, "the cuts changed the events"
    for one in events or ():
        assert "\n" not in one.type
        assert "\0" not in one.id
    return "refused" if events is None else "taken"


def frame(rng: Random, corpus: Corpus) -> str:
    text = rng.choice(corpus.frames)
    if rng.random() < 0.5:
        message: str | bytes = json.dumps(spoil_value(json.loads(text), rng))
    else:
        data = spoil_bytes(text.encode(), rng, [one.encode() for one in corpus.frames[:20]])
        message = data if rng.random() < 0.05 else data.decode("utf-8", "replace")
    machine = Phoenix("killmails:lobby")
    machine.join({"systems": [31001361]})
    machine.heartbeat()
    try:
        machine.receive(message)
    except PhoenixError:
        return "refused"
    assert len(machine.open_requests) <= 2
    return "taken"


def kill(rng: Random, corpus: Corpus) -> str:
    raw = spoil_value(rng.choice(corpus.kills), rng)
    try:
        read = parse_kill(raw, rng.choice((None, 31001361)))
    except BadKillmail:
        return "refused"
    assert 0 < read.killmail_id < 2**63
    assert 0 < read.system_id < 2**63
    where = SystemRecord(system_id=read.system_id, name="J100001")
    known = Tracking(maps={"m1": MapState(slug="m1", systems={read.system_id: where})})
    for verdict in decide_kill(read, "live", RULES, known, now=read.time or NOW, first_start=FIRST_START):
        if isinstance(verdict, Send):
            assert problems(render_kill(read, verdict)) == []
    return "taken"


def event(rng: Random, corpus: Corpus) -> str:
    kind, data = rng.choice(corpus.events)
    if rng.random() < 0.6:
        data = json.dumps(spoil_value(json.loads(data), rng))
    else:
        data = spoil_bytes(data.encode(), rng, [one.encode() for _, one in corpus.events[:20]]).decode(
            "utf-8", "replace"
        )
    try:
        parse_event("m1", rng.choice((kind, "", "rally_point_added")), data)
    except BadMapEvent:
        return "refused"
    return "taken"


def lists(rng: Random, corpus: Corpus) -> str:
    parse, body = rng.choice(corpus.lists)
    try:
        rows, _ = parse(spoil_value(body, rng))
    except BadMapEvent:
        return "refused"
    assert all(isinstance(row, SystemRecord | CharacterRecord) for row in rows)
    return "taken"


TARGETS: dict[str, tuple[int, Target]] = {
    "event stream": (35, stream),
    "phoenix frame": (35, frame),
    "killmail": (15, kill),
    "map event": (10, event),
    "map lists": (5, lists),
}
"""Name, share of the inputs in percent, and the target."""
