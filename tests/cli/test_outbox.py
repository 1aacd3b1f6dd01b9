"""`outbox` and `parked`: what an operator sees of messages and events that need looking after, and can do."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.cli.ran import Ran, beside, runner
from tests.service.harness import until
from tests.service.simulation import inline
from tests.service.test_run import HOME, posted, ready_service, strangers_kill, universe
from wanderer_notifier.app import service
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.config.load import load
from wanderer_notifier.core.claims import kill_claim
from wanderer_notifier.sim.discord_messages import Posted
from wanderer_notifier.sim.killmails import live_form
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.world import CHANNELS, World
from wanderer_notifier.state import closures, outbox, parked
from wanderer_notifier.state.closures import Closure
from wanderer_notifier.state.store import Store
from wanderer_notifier.state.visit import changing, looking

T0 = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
CHANNEL = CHANNELS["primary"][0]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A database with one message in each state and a parked event of each kind."""
    folder = tmp_path / "priv"
    folder.mkdir()
    Store.open(folder / "notifier.db").close()
    with changing(folder / "notifier.db") as conn:
        ids = []
        for number in (1, 2, 3, 4):
            row = outbox.NewRow(
                claim=kill_claim(number),
                channel=CHANNEL,
                kind="kill",
                slug="ho\x1b[2Jme",
                body={"content": "secret words of a message"},
                nonce=str(number),
                expires_at=now() + timedelta(hours=1),
                received_at=T0,
            )
            ids.append(outbox.enqueue(conn, row) or 0)
        outbox.begin(conn, ids[1], T0)
        outbox.begin(conn, ids[2], T0)
        outbox.sent(conn, ids[2], "1180000000000000099", T0)
        outbox.dead(conn, ids[3], "expired", T0)
        parked.park(conn, "kill", '{"killmail_id": null}', "missing_killmail_id", T0, {"source": "live"})
        parked.park(conn, "map_list", "MapLoaded()", "KeyError: 'x\x1b[2J'", T0 + timedelta(seconds=1))
        parked.park(conn, "map_event", "x" * (parked.CHARACTERS + 1), "too much", T0 + timedelta(seconds=2), {})
    return folder


@pytest.fixture
def run(data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    return runner(data_dir, monkeypatch, capsys)


def states(data_dir: Path) -> dict[int, str]:
    with looking(data_dir / "notifier.db") as conn:
        return {row.id: row.state for row in outbox.rows(conn)}


def test_the_list_shows_each_message_and_the_sums(data_dir: Path, run: Callable[..., Ran]) -> None:
    ran = run("outbox", "list")
    lines = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[:2] for line in lines[:-1]] == [
        ["ID", "STATE"],
        ["4", "dead"],
        ["3", "sent"],
        ["2", "sending"],
        ["1", "queued"],
    ]
    assert "kill:4" in lines[1]
    assert lines[1].endswith("expired")
    assert lines[-1] == "1 waiting, 1 being sent, 1 sent, 1 given up"
    assert "secret words" not in ran.out


def test_the_list_names_the_channels_that_take_no_messages(data_dir: Path, run: Callable[..., Ran]) -> None:
    with changing(data_dir / "notifier.db") as conn:
        until = T0 + timedelta(minutes=10)
        closures.close(conn, Closure(channel="77", since=T0, until=until, failures=4, reason="no \x1b[2Jpermission"))
    last = run("outbox", "list").out.splitlines()[-1]
    assert last.startswith("channel 77 takes no messages since 2026-11-25 12:00:00 UTC: no ")
    assert "next try 2026-11-25 12:10:00 UTC" in last
    assert "\x1b" not in last
    assert isinstance(json.loads(run("outbox", "list", "--json").out), list)


def test_the_list_can_be_narrowed_and_read_by_a_program(data_dir: Path, run: Callable[..., Ran]) -> None:
    ran = run("outbox", "list", "--state", "dead", "--json")
    assert ran.code == 0
    assert [(row["id"], row["state"], row["reason"]) for row in json.loads(ran.out)] == [(4, "dead", "expired")]


def test_a_dead_message_is_queued_again_with_time_to_be_sent(data_dir: Path, run: Callable[..., Ran]) -> None:
    ran = run("outbox", "retry", "4")
    assert (ran.code, ran.err) == (0, "")
    assert "message 4 is queued again" in ran.out
    with looking(data_dir / "notifier.db") as conn:
        row = outbox.row(conn, 4)
    assert row is not None
    assert row.state == "queued"
    assert timedelta(minutes=59) < row.expires_at - now() <= timedelta(hours=1)


@pytest.mark.parametrize(
    ("action", "number", "words"),
    [
        ("retry", 1, "is waiting"),
        ("retry", 2, "is being sent"),
        ("retry", 3, "is sent"),
        ("retry", 9, "there is no message 9"),
        ("drop", 2, "being sent at this moment"),
        ("drop", 3, "sent already"),
        ("drop", 9, "there is no message 9"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    data_dir: Path, run: Callable[..., Ran], action: str, number: int, words: str
) -> None:
    before = states(data_dir)
    ran = run("outbox", action, str(number))
    assert (ran.code, ran.out) == (1, "")
    assert words in ran.err
    assert states(data_dir) == before


def test_dropping_a_waiting_message_keeps_it_readable_and_a_dead_one_forgets_it(
    data_dir: Path, run: Callable[..., Ran]
) -> None:
    assert run("outbox", "drop", "1").code == 0
    assert states(data_dir)[1] == "dead"
    assert run("outbox", "drop", "4").code == 0
    assert 4 not in states(data_dir)
    with looking(data_dir / "notifier.db") as conn:
        assert outbox.claimed(conn, kill_claim(4), CHANNEL), "it is not told again"


def test_parked_events_are_listed_and_shown(data_dir: Path, run: Callable[..., Ran]) -> None:
    ran = run("parked", "list")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[:3] for line in ran.out.splitlines()[1:]] == [
        ["3", "parked", "map_event"],
        ["2", "parked", "map_list"],
        ["1", "parked", "kill"],
    ]
    ran = run("parked", "show", "1")
    assert ran.code == 0
    assert '"killmail_id": null' in ran.out
    assert "missing_killmail_id" in ran.out
    ran = run("parked", "list", "--json")
    assert [one["id"] for one in json.loads(ran.out)] == [3, 2, 1]
    assert run("parked", "show", "9").code == 1


def test_replaying_without_a_service_waits_for_it_and_says_so(data_dir: Path, run: Callable[..., Ran]) -> None:
    ran = run("parked", "replay", "1")
    assert ran.code == 0
    assert "asked for: 1" in ran.out
    assert "does not seem to run" in ran.err
    with looking(data_dir / "notifier.db") as conn:
        assert [event.id for event in parked.asked(conn)] == [1]


@pytest.mark.parametrize(("number", "words"), [("2", "cannot be replayed: 2"), ("3", "cannot be replayed: 3")])
def test_what_cannot_be_replayed_is_said(data_dir: Path, run: Callable[..., Ran], number: str, words: str) -> None:
    ran = run("parked", "replay", number)
    assert ran.code == 1
    assert words in ran.err


def test_parked_events_are_dropped(data_dir: Path, run: Callable[..., Ran]) -> None:
    assert run("parked", "drop", "2") == Ran(0, "dropped: 2\n", "")
    assert run("parked", "drop", "2").code == 1
    assert run("parked", "drop", "--all") == Ran(0, "dropped: 3, 1\n", "")
    assert run("parked", "list") == Ran(0, "no parked events\n", "")
    assert run("parked", "replay", "--all").code == 0


@pytest.mark.parametrize("arguments", [("outbox", "list"), ("outbox", "retry", "1"), ("parked", "list")])
def test_without_a_database_the_reason_is_said(
    tmp_path: Path, run: Callable[..., Ran], arguments: tuple[str, ...]
) -> None:
    ran = run(*arguments, DATA_DIR=str(tmp_path / "nothing"))
    assert (ran.code, ran.out) == (1, "")
    assert "there is no database" in ran.err


# --- beside the running service -----------------------------------------------------------------------------------


async def test_the_running_service_replays_on_request_and_is_never_held_up(tmp_path: Path) -> None:
    data_dir = tmp_path / "priv"
    file = data_dir / "notifier.db"
    async with universe() as world, ready_service(world, tmp_path) as running:

        async def ask(*arguments: str) -> str:
            ran = await beside(*arguments, environment=world.environment(), data_dir=data_dir)
            assert (ran.code, ran.err) == (0, "")
            return ran.out

        def results() -> dict[str, Any]:
            with looking(file) as conn:
                return {event.error: (event.state, event.result) for event in parked.parked(conn)}

        def told(number: int) -> bool:
            return any(str(number) in json.dumps(message.json()) for message in posted(world, "system_kill"))

        # An event that is still wrong, and one that an earlier version stumbled over.
        world.killfeed.push_raw({"killmails": [{"killmail_id": None, "system_id": HOME}], "system_id": HOME})
        await until(lambda: "missing_killmail_id" in results(), "a parked event")
        assert running.events("event_parked"), "it is a warning in the log"
        good = live_form(strangers_kill(world, HOME))
        context = {"system_id": HOME, "source": "live", "received_at": now().isoformat()}
        with changing(file) as conn:
            parked.park(conn, "kill", json.dumps(good), "a bug of the past", now(), context)
        assert "asked for:" in await ask("parked", "replay", "--all")
        await until(lambda: all(result for _, result in results().values()), "results")
        assert results() == {
            "missing_killmail_id": ("parked", "failed again: missing_killmail_id"),
            "a bug of the past": ("replayed", "decided: 1 message queued"),
        }
        with trio.fail_after(20):
            await world.discord.until(lambda: told(good["killmail_id"]))
        assert "decided: 1 message queued" in await ask("parked", "list")

        # The feed was never held up: what comes now is told, too.
        after = strangers_kill(world, HOME)
        world.killfeed.push(after)
        with trio.fail_after(20):
            await world.discord.until(lambda: told(after["killmail_id"]))
        assert await running.stop() == 0


def test_the_running_service_sends_what_was_given_up_when_asked(tmp_path: Path, run: Callable[..., Ran]) -> None:
    """In virtual time, since it looks for such messages every half a minute only."""

    begin = now()

    async def main() -> None:
        def at() -> datetime:
            return begin + timedelta(seconds=trio.current_time())  # the command has the real clock

        world = World(7, at)
        async with trio.open_nursery() as nursery:
            network = MemoryNetwork(nursery)
            world.attach(network)
            settings = load({**world.environment(), "DATA_DIR": str(tmp_path / "priv")}, cwd=tmp_path)
            seams = Seams(now=at, dice=Random(7), dial=network.dial, store_run=inline, signals=False, web=False)
            nursery.start_soon(partial(service.run, settings, seams=seams))
            await trio.sleep(60)
            assert len(posted_in(world)) == 0
            assert run("outbox", "retry", "4").code == 0
            await trio.sleep(60)
            assert [message.json()["content"] for message in posted_in(world)] == ["secret words of a message"]
            nursery.cancel_scope.cancel()

    def posted_in(world: World) -> list[Posted]:
        return [
            one for one in world.discord.guild.channels[CHANNEL].messages if one.json()["content"].startswith("secret")
        ]

    with changing(tmp_path / "priv" / "notifier.db") as conn:
        for number in (1, 2):
            conn.execute("DELETE FROM outbox WHERE id = ?", (number,))
    trio.run(main, clock=MockClock(autojump_threshold=0))
