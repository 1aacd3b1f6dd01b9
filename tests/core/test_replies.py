"""The exact words of the answers, and that names in them do no harm."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.core import replies
from wanderer_notifier.core.list_reply import NO_PRIORITY, NOTHING, priority_list, steered
from wanderer_notifier.core.status_reply import LinkState, StatusFacts, status
from wanderer_notifier.core.steering import LIMIT, Full, Place, Steering
from wanderer_notifier.core.why_reply import DecidedKill, SentKill, why

JITA = Place(name="Jita", system_id=30000142)
NAMELESS = Place(name="TestSystem")
NOW = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (replies.added(JITA), "✅ Added **Jita** to priority systems (receives @here notifications)"),
        (
            replies.added(NAMELESS),
            "✅ Added **TestSystem** to priority systems (receives @here notifications)\n"
            "⚠️ **TestSystem** is not a known system; stored by name",
        ),
        (replies.already_there(JITA), "📍 System **Jita** is already a priority system"),
        (replies.removed(JITA), "✅ Removed **Jita** from priority systems"),
        (replies.not_there(JITA), "📍 System **Jita** is not a priority system"),
        (replies.tracking(JITA), "✅ Now tracking system: **Jita**"),
        (replies.stopped(JITA, on_map=False), "✅ Stopped tracking system: **Jita**"),
        (replies.unknown_action("dance"), "❌ Unknown action: dance"),
        (replies.NOT_ALLOWED, "❌ You need the Manage Server permission to change notifier settings"),
        (replies.UNSUPPORTED, "❌ Unsupported command"),
        (replies.RESTARTING, "⏳ Restarting, try again in a minute"),
        (replies.internal_problem("ab12"), "❌ Internal problem, see logs (ref ab12)"),
        (replies.only_in_memory("x", "no room left"), "x\n⚠️ Saved in memory only: no room left"),
    ],
)
def test_the_words_are_those_of_the_sheet(said: str, text: str) -> None:  # operations.md 2.3, OPS-26 to 30
    assert said == text


@given(st.text(max_size=200))
def test_no_name_breaks_out_of_an_answer(name: str) -> None:  # P76
    place = Place(name=name)
    for said in (replies.removed(place), replies.unknown_action(name), replies.ambiguous(name, [name] * 20)):
        assert len(said) <= 2000
        assert "@everyone" not in said
        assert "\n" not in said
        assert "<@" not in said.replace("\\<@", "")


@given(st.lists(st.text(min_size=1, max_size=100), max_size=60, unique=True), st.integers(0, 3))
def test_a_list_of_any_length_fits_into_a_message(names: list[str], kinds: int) -> None:  # P73
    steering = Steering()
    for number, name in enumerate(names):
        if number % 4 <= kinds:
            steering = steering.with_priority(Place(name=name))
        else:
            steering = steering.with_override(Place(name=name), "track" if number % 2 else "untrack")
    steering = steering.with_hashes(range(300))
    assert len(priority_list(steering)) <= 2000
    assert len(steered(steering)) <= 2000


def test_the_lists_name_every_system_that_members_steered() -> None:  # OPS-32
    assert (priority_list(Steering()), steered(Steering())) == (NO_PRIORITY, NOTHING)
    thera, amarr = Place(name="Thera", system_id=31000005), Place(name="Amarr", system_id=30002187)
    steering = Steering().with_priority(JITA).with_priority(NAMELESS).with_hashes([5])
    priority = "**Priority Systems:** 2 (+1 unresolved legacy entry)\n• **TestSystem** (by name)\n• **Jita**"
    assert priority_list(steering) == steered(steering) == priority
    steering = steering.with_override(thera, "untrack").with_override(amarr, "track")
    assert priority_list(steering) == priority
    assert steered(steering) == (
        f"{priority}\n**Tracked Systems:** 1\n• **Amarr**\n**Untracked Systems:** 1\n• **Thera**"
    )


def test_a_long_list_says_how_many_entries_it_leaves_out() -> None:
    steering = Steering()
    for number in range(300):
        steering = steering.with_priority(Place(name=f"J{number:06}", system_id=31000000 + number))
        steering = steering.with_override(Place(name=f"K{number:06}", system_id=31001000 + number), "untrack")
    head, *lines = steered(steering).splitlines()
    assert head == "**Priority Systems:** 300"
    first, second = (int(line.split()[2]) for line in lines if line.startswith("… and "))
    assert sum("**J" in line for line in lines) + first == 300
    assert sum("**K" in line for line in lines) + second == 300


def test_a_full_list_refuses_another_entry() -> None:
    steering = Steering().with_hashes(range(LIMIT + 5))
    assert len(steering.systems) == LIMIT
    with pytest.raises(Full):
        steering.with_priority(JITA)
    assert steering.without_priority(JITA) is steering


def facts(**more: object) -> StatusFacts:
    given: dict[str, object] = {
        "steering": Steering().with_priority(JITA).with_hashes([5, 7]),
        "priority_only": False,
        "commands": 12,
        "users": 3,
        "notifications": True,
        "system_notifications": True,
        "character_notifications": False,
        "kill_notifications": True,
        "system_tracking": True,
        "character_tracking": True,
        "licence": "valid",
        "version": "1.0.0",
        "uptime_s": 3725.0,
    }
    return StatusFacts(**(given | more))  # type: ignore[arg-type]


def test_status_line_by_line() -> None:
    link = LinkState(name="Kill Feed", state="degraded", since=NOW, reason="cut *off*")
    assert status(facts(links=[link], last_kill_received=NOW)) == (
        "**🤖 WandererNotifier Status**\n\n"
        "**Priority Systems:** 1 (+2 unresolved legacy entries)\n"
        "**Priority Only Mode:** false\n"
        "**Total Commands:** 12\n"
        "**Unique Users:** 3\n\n"
        "**Notifications Enabled:**\n• System: true\n• Character: false\n• Kill: true\n\n"
        "**Features:**\n• System Tracking: true\n• Character Tracking: true\n\n"
        "**Service:**\n• All Notifications: true\n• License: valid\n"
        f"• Kill Feed: degraded since <t:{int(NOW.timestamp())}:R>: cut \\*off\\*\n"
        f"• Last Kill Received: <t:{int(NOW.timestamp())}:R>\n• Last Kill Notified: never\n"
        "• Version: 1.0.0, up 1h 2m 5s"
    )


def test_status_stays_below_two_thousand_characters_with_any_number_of_links() -> None:  # OPS-31
    links = [LinkState(name=f"Map Stream (map-{n})", state="failed", since=NOW, reason="*" * 90) for n in range(50)]
    shown = status(facts(links=links))
    assert len(shown) < 2000
    assert "more" in shown
    assert shown.endswith("up 1h 2m 5s")


def test_why_says_what_came_of_a_kill() -> None:
    outcome = {
        "kill": {
            "time": NOW.isoformat(),
            "system_id": 31001503,
            "system_name": "J150303",
            "victim": {"name": "Lys *Amaro*", "ship": "Rifter"},
            "value": 12_345_678.0,
        },
        "verdicts": [
            {"map": "home", "sent": True, "channel": "11", "route": "system_kill"},
            {"map": "other", "sent": False, "reason": "untracked"},
        ],
    }
    decided = DecidedKill(at=NOW, source="live", copies=3, outcome=outcome)
    sent = SentKill(channel="11", state="sent", attempts=2, at=NOW, link="https://discord.com/channels/1/11/99")
    shown = why(139000001, [decided], [sent], 7)
    assert "**Kill 139000001** <https://zkillboard.com/kill/139000001/>" in shown
    assert "as it happened, 3 copies" in shown
    assert "Lys \\*Amaro\\* lost Rifter in J150303" in shown
    assert "✅ home: told in <#11>" in shown
    assert "❌ other: not told, because a member untracked its system" in shown
    assert "📨 <#11> sent" in shown
    assert len(why(1, [decided] * 50, [sent] * 50, 7)) <= 2000
