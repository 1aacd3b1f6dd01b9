"""`/notifier` through the whole service in virtual time: a member types, the service acts, remembers and answers."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.service.simulation import BEGIN, inline
from tests.wire.test_etf import ENTRY
from wanderer_notifier.app import service
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.config.load import load
from wanderer_notifier.core import replies
from wanderer_notifier.core.list_reply import NO_PRIORITY, NOTHING
from wanderer_notifier.core.namehash import name_hash
from wanderer_notifier.sim.discord_messages import Channel, Posted
from wanderer_notifier.sim.faults import slow, status
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.world import DIRECTOR_ROLE, MEMBERS, World
from wanderer_notifier.state.legacy_terms import read_log, read_values, write_values

DIRECTOR, SECOND, MEMBER = MEMBERS
HOME, AMBIGUOUS, THERA, JITA = 31001503, 31002001, 31000005, 30000142
VICTIM, KILLER = 2147481007, 2147481008


def now() -> datetime:
    return BEGIN + timedelta(seconds=trio.current_time())


class Evening:
    """The service and its universe; the service may live several times."""

    def __init__(self, world: World, network: MemoryNetwork, nursery: trio.Nursery, folder: Path) -> None:
        self.world, self.network, self.nursery, self.folder = world, network, nursery, folder
        self.environment: dict[str, str] = {}
        self.scope = trio.CancelScope()
        self.stop = trio.Event()
        self.ended = trio.Event()

    async def start(self) -> None:
        """One more life; returns when the gateway is live and the command registered."""
        environment = {**self.world.environment(), "DATA_DIR": str(self.folder), **self.environment}
        settings = load(environment, cwd=self.folder)
        seams = Seams(now=now, dice=Random(1), dial=self.network.dial, store_run=inline, signals=False, web=False)
        self.stop, self.ended = trio.Event(), trio.Event()
        self.nursery.start_soon(self._live, settings, seams)
        discord = self.world.discord
        with trio.fail_after(120):
            await discord.until(lambda: bool(discord.gateway.live) and discord.commands.find("notifier") is not None)
        await trio.sleep(5)

    async def _live(self, settings: Any, seams: Seams) -> None:
        with trio.CancelScope() as self.scope:
            await service.run(settings, seams=seams, stop=self.stop)
        self.ended.set()

    async def kill(self) -> None:
        self.scope.cancel()
        await self.ended.wait()

    async def type(self, command: str, *, user: str = DIRECTOR, **options: str) -> str:
        """What the user reads."""
        asked = self.world.discord.interactions.invoke(f"notifier {command}", options, user=user)
        answer = await asked.answer()
        assert answer.ephemeral
        assert answer.after_s < 1.0
        assert not answer.message.pinged
        return answer.content

    async def system(self, name: str, action: str | None = None, *, user: str = DIRECTOR) -> str:
        return await self.type("system", user=user, system_name=name, **({"action": action} if action else {}))

    def told(self, kind: str) -> list[Posted]:
        return self.world.discord.messages(self.world.channel(kind))

    async def dies(self, system: int) -> Posted | None:
        """Somebody dies there; the message, or None when there is none."""
        before = len(self.told("system_kill"))
        kill = self.world.inventor.kill(now(), system_id=system, victim=VICTIM, attackers=[KILLER])
        self.world.killfeed.push(kill)
        with trio.move_on_after(20):
            await self.world.discord.until(lambda: len(self.told("system_kill")) > before)
        found = self.told("system_kill")
        return found[-1] if len(found) > before else None

    def bin(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


@asynccontextmanager
async def evening(folder: Path, *, start: bool = True) -> AsyncIterator[Evening]:
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery)
        world = World(1, now)
        world.attach(network)
        world.map.add_system(HOME, name="J150303", custom_name="Home", quiet=True)
        at = Evening(world, network, nursery, folder)
        if start:
            await at.start()
        yield at
        nursery.cancel_scope.cancel()


async def test_a_priority_system_pings_with_the_very_next_decision_and_stops_as_soon(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with evening(tmp_path) as at:
        before = await at.dies(HOME)
        assert before is not None
        assert "@here" not in (before.content or "")
        added = await at.system("home", "add_priority")
        assert added == "✅ Added **J150303** to priority systems (receives @here notifications)"
        during = await at.dies(HOME)
        assert during is not None
        assert "@here" in during.content
        assert await at.system("J150303", "add_priority") == "📍 System **J150303** is already a priority system"
        assert await at.system("HOME", "remove_priority") == "✅ Removed **J150303** from priority systems"
        assert await at.system("HOME", "remove_priority") == "📍 System **J150303** is not a priority system"
        after = await at.dies(HOME)
        assert after is not None
        assert "@here" not in (after.content or "")


async def test_of_two_who_add_a_system_at_the_same_moment_one_hears_that_it_is_there(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with evening(tmp_path) as at:
        options = {"system_name": "Home", "action": "add_priority"}
        invoke = partial(at.world.discord.interactions.invoke, "notifier system", options, user=DIRECTOR)
        answers = sorted([(await asked.answer()).content for asked in [invoke() for _ in range(3)]])
        added = "✅ Added **J150303** to priority systems (receives @here notifications)"
        assert answers == [added] + ["📍 System **J150303** is already a priority system"] * 2
        assert "**Priority Systems:** 1\n" in await at.type("status")


async def test_a_system_that_no_map_has_is_heard_of_when_tracked_and_not_when_untracked(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with evening(tmp_path) as at:
        assert await at.dies(JITA) is None
        assert await at.system("jita") == "✅ Now tracking system: **Jita**"
        await trio.sleep(5)  # the kill feed takes the system up
        assert await at.dies(JITA) is not None
        assert await at.system("Jita", "untrack") == "✅ Stopped tracking system: **Jita**"
        await trio.sleep(5)
        assert await at.dies(JITA) is None
        assert (await at.system("Home", "untrack")).startswith("✅ Stopped tracking system: **J150303**\nThe map")
        assert await at.dies(HOME) is None
        assert await at.system("Home", "track") == "✅ Now tracking system: **J150303**"
        assert await at.dies(HOME) is not None


async def test_the_checklists_unknown_system_is_stored_by_name(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with evening(tmp_path) as at:
        added = await at.system("TestSystem", "add_priority")
        assert added.startswith("✅ Added **TestSystem** to priority systems")
        assert added.endswith("⚠️ **TestSystem** is not a known system; stored by name")
        await trio.sleep(2)
        assert read_values(at.bin("persistent_values.bin")).hashes == (77086117,)
        shown = await at.type("status", user=MEMBER)
        assert "**Priority Systems:** 1\n" in shown
        assert "TestSystem" in await at.system("x", "list_priority", user=MEMBER)


async def test_esi_away_means_stored_by_name_and_the_answer_is_deferred(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with evening(tmp_path) as at:
        at.world.esi.delay_s = 60.0
        assert "not a known system" in await at.system("Jita", "add_priority")


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("  Home  ", "✅ Added **J150303** to"),
        ("a" * 101, replies.BAD_NAME),
        ("`rm`", replies.BAD_NAME),
        ("\u202egnp.exe", replies.BAD_NAME),
        ("**bold** @everyone", "✅ Added **\\*\\*bold\\*\\* @\u200beveryone** to priority"),
    ],
)
async def test_names_are_cleaned_and_shown_literally(
    autojump_clock: MockClock, tmp_path: Path, typed: str, answer: str
) -> None:  # OPS-26, P76
    async with evening(tmp_path) as at:
        assert (await at.system(typed, "add_priority")).startswith(answer)


async def test_a_label_of_two_systems_is_asked_back(autojump_clock: MockClock, tmp_path: Path) -> None:  # C16
    async with evening(tmp_path, start=False) as at:
        at.world.map.add_system(AMBIGUOUS, name="J200101", custom_name="Home", quiet=True)
        await at.start()
        answer = await at.system("home", "add_priority")
        assert answer.startswith("❌ **home** means several systems: **J150303**, **J200101**")
        assert (await at.system("J200101", "add_priority")).startswith("✅ Added **J200101**")


async def test_only_managers_change_things_and_everybody_may_look(
    autojump_clock: MockClock, tmp_path: Path
) -> None:  # OPS-29
    async with evening(tmp_path) as at:
        for action in (None, "add_priority", "remove_priority", "track", "untrack"):
            assert await at.system("Home", action, user=MEMBER) == replies.NOT_ALLOWED
        assert await at.type("test", user=MEMBER) == replies.NOT_ALLOWED
        assert await at.system("Home", "list_priority", user=MEMBER) == NO_PRIORITY
        assert await at.type("list", user=MEMBER) == NOTHING
        assert (await at.type("help", user=MEMBER)).startswith("**🤖 WandererNotifier**")
        invoke = at.world.discord.interactions.invoke
        options = {"system_name": "Home", "action": "add_priority"}
        promoted = invoke("notifier system", options, user=MEMBER, roles=(DIRECTOR_ROLE,))
        assert (await promoted.answer()).content.startswith("✅ Added")


async def test_configured_users_and_roles_may_change_things(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with evening(tmp_path, start=False) as at:
        at.environment = {"COMMAND_ADMIN_USER_IDS": MEMBER}
        await at.start()
        assert (await at.system("Home", "add_priority", user=MEMBER)).startswith("✅ Added")
        assert await at.system("Home", "add_priority", user=SECOND) == replies.NOT_ALLOWED


async def test_unknown_actions_are_named(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with evening(tmp_path) as at:
        asked = at.world.discord.interactions.invoke(
            "notifier system", {"system_name": "Home", "action": "dance"}, user=DIRECTOR, check=False
        )
        assert (await asked.answer()).content == "❌ Unknown action: dance"


async def test_status_has_the_known_lines_and_ours(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with evening(tmp_path) as at:
        await at.dies(HOME)
        await at.system("Home", "add_priority")
        await at.type("help", user=MEMBER)
        shown = await at.type("status", user=MEMBER)
        assert shown.startswith(
            "**🤖 WandererNotifier Status**\n\n"
            "**Priority Systems:** 1\n**Priority Only Mode:** false\n**Total Commands:** 3\n**Unique Users:** 2\n\n"
            "**Notifications Enabled:**\n• System: true\n• Character: true\n• Kill: true\n\n"
            "**Features:**\n• System Tracking: true\n• Character Tracking: true\n\n"
        )
        for line in ("All Notifications: true", "License: valid", "Kill Feed (systems): ok since <t:", "Gateway: ok"):
            assert f"• {line}" in shown
        assert "Last Kill Notified: <t:" in shown
        assert "Version: " in shown
        assert len(shown) < 2000


async def test_why_tells_of_a_kill_in_one_message(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with evening(tmp_path) as at:
        message = await at.dies(HOME)
        assert message is not None
        number = int(str(message.embeds[0]["url"]).rstrip("/").rsplit("/", 1)[1])
        shown = await at.type("why", user=MEMBER, kill=f"https://zkillboard.com/kill/{number}/")
        assert f"**Kill {number}**" in shown
        assert "✅" in shown
        assert f"/{message.channel_id}/{message.id}" in shown
        assert (await at.type("why", kill="7")).startswith("📍 Kill 7 never arrived here")
        assert await at.type("why", kill="Jita") == replies.BAD_KILL


async def test_test_posts_a_sample_of_each_kind_where_it_was_asked(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with evening(tmp_path) as at:
        channel = at.world.channel("rally")
        asked = at.world.discord.interactions.invoke("notifier test", user=DIRECTOR, channel=channel)
        answer = await asked.answer()
        assert answer.content == (
            f"Samples of all messages are in <#{channel}>\n✅ kill\n✅ system\n✅ character\n✅ rally"
        )
        samples = at.told("rally")
        assert len(samples) == 4
        assert all(one.content.startswith("🧪 Sample:") and not one.pinged for one in samples)


async def test_test_says_what_is_wrong_with_the_channel(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with evening(tmp_path) as at:
        channel = at.world.channel("rally")
        at.world.discord.deny(channel, 1 << 11)
        asked = at.world.discord.interactions.invoke("notifier test", user=DIRECTOR, channel=channel)
        answer = await asked.answer()
        assert answer.content.startswith("Not every sample could be posted")
        assert "Send Messages" in answer.content


async def test_test_works_in_a_thread_and_says_why_not_when_it_is_locked(
    autojump_clock: MockClock, tmp_path: Path
) -> None:  # D11
    async with evening(tmp_path) as at:
        thread = "1180000000000004001"
        parent = at.world.channel("rally")
        at.world.discord.guild.channels[thread] = Channel(id=thread, name="side", type=11, parent_id=parent)
        invoke = partial(at.world.discord.interactions.invoke, "notifier test", user=DIRECTOR, channel=thread)
        assert (await invoke().answer()).content.startswith(f"Samples of all messages are in <#{thread}>")
        assert len(at.world.discord.messages(thread)) == 4
        at.world.discord.guild.channels[thread].locked = True
        assert "❌ kill: the thread is locked" in (await invoke().answer()).content


async def test_an_answer_that_got_lost_stands_in_the_channel_and_pings_the_asker_alone(
    autojump_clock: MockClock, tmp_path: Path
) -> None:  # P72
    async with evening(tmp_path) as at:
        discord, channel = at.world.discord, at.world.channel("rally")
        discord.fault(slow(before_s=5.0), route="POST /interactions/{i}/{t}/callback", times=2)
        options = {"system_name": "Home", "action": "add_priority"}
        discord.interactions.invoke("notifier system", options, user=DIRECTOR, channel=channel)
        with trio.fail_after(60):
            await discord.until(lambda: bool(at.told("rally")))
        (told,) = at.told("rally")
        assert told.content == (
            f"<@{DIRECTOR}> `/notifier system`: ✅ Added **J150303** to priority systems (receives @here notifications)"
        )
        assert set(told.pinged) == {f"user:{DIRECTOR}"}


async def test_suggestions_are_tracked_systems_with_the_players_names(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with evening(tmp_path) as at:
        for number in range(31002001, 31002041):
            at.world.map.add_system(number, name=f"J{number}", quiet=False)
        await trio.sleep(10)
        type_into = partial(at.world.discord.interactions.type_into, "notifier system", "system_name", user=MEMBER)
        assert await type_into("HO").suggestions() == [{"name": "Home (J150303)", "value": "J150303"}]
        every = await type_into("").suggestions()
        assert len(every) == 25
        assert await type_into("nothing").suggestions() == []


async def test_lists_and_log_survive_a_crash_and_are_in_force_at_once(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with evening(tmp_path) as at:
        await at.system("Home", "add_priority")
        await at.system("Jita", "track")
        await at.kill()
        await at.start()
        message = await at.dies(HOME)
        assert message is not None
        assert "@here" in message.content
        assert await at.dies(JITA) is not None
        assert "**Total Commands:** 3\n" in await at.type("status")


async def test_the_former_programs_files_are_taken_over_and_followed(autojump_clock: MockClock, tmp_path: Path) -> None:
    unknown = 5
    (tmp_path / "persistent_values.bin").write_bytes(write_values([name_hash("home"), unknown]))
    (tmp_path / "command_log.bin").write_bytes(bytes.fromhex(ENTRY))
    async with evening(tmp_path) as at:
        shown = await at.type("status")
        assert "**Priority Systems:** 1 (+1 unresolved legacy entry)\n" in shown
        assert "**Total Commands:** 2\n**Unique Users:** 2\n" in shown
        message = await at.dies(HOME)
        assert message is not None
        assert "@here" in message.content
        await at.system("Jita", "add_priority")
        await trio.sleep(3)
        assert read_values(at.bin("persistent_values.bin")).hashes == (
            name_hash("Jita"), name_hash("home"), unknown,
        )  # fmt: skip
        log = read_log(at.bin("command_log.bin"))
        assert [one.param for one in log.entries] == ["Jita", "status", "Jita"]
        assert log.dropped == 0


async def test_a_damaged_file_is_put_aside_and_the_database_goes_on(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with evening(tmp_path) as at:
        await at.system("Jita", "add_priority")
        await at.kill()
        (tmp_path / "persistent_values.bin").write_bytes(b"damaged")
        await at.start()
        assert "Jita" in await at.system("x", "list_priority")
        assert read_values(at.bin("persistent_values.bin")).hashes == (name_hash("Jita"),)
        assert [one.read_bytes() for one in tmp_path.glob("*.corrupt-*")] == [b"damaged"]


async def test_what_cannot_be_saved_is_in_force_and_the_answer_says_so(
    autojump_clock: MockClock, tmp_path: Path
) -> None:  # OPS-30
    async with evening(tmp_path) as at:
        with sqlite3.connect(tmp_path / "notifier.db") as other:
            other.execute(
                "CREATE TRIGGER full BEFORE INSERT ON priority_system BEGIN SELECT abs(-9223372036854775807 - 1); END"
            )
        other.close()
        answer = await at.system("Home", "add_priority")
        assert answer.startswith("✅ Added **J150303**")
        assert "\n⚠️ Saved in memory only: " in answer
        message = await at.dies(HOME)
        assert message is not None
        assert "@here" in message.content
        with sqlite3.connect(tmp_path / "notifier.db") as other:
            other.execute("DROP TRIGGER full")
        other.close()
        assert await at.system("Jita", "add_priority") == (
            "✅ Added **Jita** to priority systems (receives @here notifications)"
        )
        await at.kill()
        await at.start()
        listed = await at.system("x", "list_priority")
        assert "J150303" in listed
        assert "Jita" in listed


async def test_what_another_process_takes_over_is_in_force_soon(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with evening(tmp_path) as at:
        with sqlite3.connect(tmp_path / "notifier.db") as other:
            other.execute("INSERT INTO priority_system (system_id, name, name_hash) VALUES (?, 'J150303', 1)", (HOME,))
        other.close()
        await trio.sleep(31)
        message = await at.dies(HOME)
        assert message is not None
        assert "@here" in message.content


async def test_a_command_at_the_end_is_told_that_we_restart(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with evening(tmp_path) as at:
        at.world.esi.delay_s = 30.0
        asked = at.world.discord.interactions.invoke(
            "notifier system", {"system_name": "Jita", "action": "add_priority"}, user=DIRECTOR
        )
        await trio.sleep(1.5)
        at.stop.set()
        assert (await asked.answer()).content == replies.RESTARTING
        with trio.fail_after(30):
            await at.ended.wait()


async def test_callbacks_that_fail_now_and_then_leave_no_command_unanswered(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with evening(tmp_path) as at:
        for _ in range(10):
            at.world.discord.fault(status(503), route="POST /interactions/{i}/{t}/callback")
            assert (await at.type("help")).startswith("**🤖")
