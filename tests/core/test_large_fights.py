"""A fleet fight of thousands (cases.md K51); `scripts/bench` measures how long it takes."""

from __future__ import annotations

from tests.core.base import HOME, NOW, decide, mail, sends
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.core.limits import problems
from wanderer_notifier.core.render import render_kill


def test_k51_a_fight_of_3500_is_told_within_limits() -> None:
    attackers = [
        {
            "character_id": 2147400000 + number,
            "character_name": f"Fleet Member {number:05}",
            "corporation_id": 98000000 + number % 2000,
            "alliance_id": 99000000,
            "ship_type_id": 621,
            "ship_name": "Caracal",
            "weapon_type_id": 621,
            "damage_done": number,
            "final_blow": number == 0,
            "security_status": -1.0,
        }
        for number in range(3500)
    ]
    raw = mail(attackers=attackers, system_id=HOME)
    (send,) = sends(decide(raw))
    message = render_kill(parse_kill(raw, None), send)
    assert problems(message) == []
    assert "and 3498 others." in message.embeds[0]["description"]
    assert send.expires_at > NOW
