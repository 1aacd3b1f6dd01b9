"""A sample of each kind of message, for `/notifier test`: invented, marked as such, and pinging nobody."""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import evolve

from wanderer_notifier.core.events import (
    Attacker,
    CharacterAdded,
    CharacterRecord,
    Kill,
    Party,
    RallyCreated,
    SystemAdded,
    SystemRecord,
)
from wanderer_notifier.core.message import Message
from wanderer_notifier.core.policy import Kind, Route, Send
from wanderer_notifier.core.render import render

SYSTEM, PILOT, CORPORATION = 31_000_005, 2_147_480_000, 98_999_000
"""Thera, for it is in everybody's world; the other two are nobody's."""


def samples(now: datetime, channel: str) -> list[tuple[str, Message]]:
    """What a kill, a new system, a new pilot and a rally point look like in *channel*, each with its name."""
    victim = Party(
        character_id=PILOT,
        character_name="Sample Pilot",
        corporation_id=CORPORATION,
        corporation_name="Sample Corporation",
        corporation_ticker="SMPL",
        ship_type_id=587,
        ship_name="Rifter",
    )
    killer = Attacker(
        character_id=PILOT + 1, character_name="Another Pilot", ship_type_id=34562, ship_name="Svipul", final_blow=True
    )
    kill = Kill(
        killmail_id=1,
        system_id=SYSTEM,
        system_name="Thera",
        time=now - timedelta(minutes=2),
        victim=victim,
        attackers=(killer,),
        attacker_count=1,
        total_value=12_345_678.0,
    )
    system = SystemAdded(slug="", system=SystemRecord(system_id=SYSTEM, name="Thera"), by="event")
    pilot = CharacterRecord(character_id=PILOT, name="Sample Pilot", corporation_id=CORPORATION)
    rally = RallyCreated(
        slug="", rally_id="sample", system_id=SYSTEM, system_name="Thera", character_name="Sample Pilot",
        message="Form up", created_at=now,
    )  # fmt: skip
    return [
        ("kill", _marked(render(kill, _to(channel, "kill", "system_kill", now)))),
        ("system", _marked(render(system, _to(channel, "system", "system", now)))),
        (
            "character",
            _marked(
                render(
                    CharacterAdded(slug="", character=evolve(pilot, corporation_ticker="SMPL"), by="event"),
                    _to(channel, "character", "character", now),
                )
            ),
        ),
        ("rally", _marked(render(rally, _to(channel, "rally", "rally", now)))),
    ]


def _to(channel: str, kind: Kind, route: Route, now: datetime) -> Send:
    return Send(
        kind=kind,
        slug="",
        channel=channel,
        route=route,
        claim="sample",
        expires_at=now + timedelta(minutes=5),
        system_label="Thera",
    )


def _marked(message: Message) -> Message:
    content = " ".join(filter(None, ("🧪 Sample:", message.content)))
    return evolve(message, content=content)
