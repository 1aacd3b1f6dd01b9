"""`why`, asked beside the running service: what arrived, each rule, where it was sent, how that went."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.cli.ran import MINIMAL, Ran, beside, runner
from tests.service.harness import until
from tests.service.test_run import FAR, HOME, PILOT, posted, ready_service, strangers_kill, universe
from wanderer_notifier.core.events import SystemRecord
from wanderer_notifier.core.kill_rules import EVERYWHERE, OF_THE_MAP, TIMELY
from wanderer_notifier.core.policy import SYSTEM_FILTERS
from wanderer_notifier.core.trace import Gate
from wanderer_notifier.core.tracking import MapState
from wanderer_notifier.core.why_words import QUESTIONS, REASONS
from wanderer_notifier.sim.killmails import live_form, stored_form
from wanderer_notifier.sim.world import GUILD, TOKEN, World
from wanderer_notifier.state import decisions, memory, outbox, parked
from wanderer_notifier.state.plugin import keep_list
from wanderer_notifier.state.store import Store
from wanderer_notifier.state.visit import changing, looking


def now() -> datetime:
    return datetime.now(UTC)


async def seen(data_dir: Path, *kill_ids: int) -> None:
    """Wait until the service has decided on all of *kill_ids*."""

    def decided() -> bool:
        with looking(data_dir / "notifier.db") as conn:
            return all(decisions.decisions_for(conn, one) for one in kill_ids)

    await until(decided, f"decisions on {kill_ids}")


def push_anyway(world: World, kill: dict[str, Any]) -> None:
    """Let a kill reach the service that nobody subscribed to."""
    world.killfeed.push_raw({"killmails": [live_form(kill)], "system_id": kill["solar_system_id"], "timestamp": ""})


async def test_why_explains_every_kind_of_decision_while_the_service_runs_and_after(tmp_path: Path) -> None:
    data_dir = tmp_path / "priv"
    async with universe() as world:
        invent, rules = world.inventor.kill, {"WORMHOLE_ONLY_KILL_NOTIFICATIONS_ENABLED": "true"}
        environment = {**world.environment(), **rules}
        in_system = strangers_kill(world, HOME)
        of_ours = invent(now(), system_id=HOME, victim=PILOT, attackers=[2147481008])
        old = invent(now() - timedelta(hours=3), system_id=HOME, victim=2147481007, attackers=[2147481008])
        elsewhere = strangers_kill(world, FAR)
        in_kspace = invent(now(), system_id=FAR, victim=PILOT, attackers=[2147481008])
        every = [one["killmail_id"] for one in (in_system, of_ours, old, elsewhere, in_kspace)]

        async def why(kill: dict[str, Any]) -> str:
            ran = await beside("why", str(kill["killmail_id"]), environment=environment, data_dir=data_dir)
            assert (ran.code, ran.err) == (0, "")
            assert TOKEN not in ran.out
            return ran.out

        async with ready_service(world, tmp_path, **rules) as service:
            for kill in (in_system, of_ours, in_kspace):
                world.killfeed.push(kill)
            for kill in (old, elsewhere):
                push_anyway(world, kill)
            world.killfeed.push(in_system)  # copies on top of copies
            with trio.fail_after(20):
                await world.discord.until(
                    lambda: bool(posted(world, "system_kill") and posted(world, "character_kill"))
                )
            await seen(data_dir, *every)
            told = await why(in_system)
            assert await service.stop() == 0
        (message,) = posted(world, "system_kill")

        assert "as it happened (live)" in told
        assert "copies in all" in told
        assert "yes the system is on the map" in told
        assert "Home (J102001) [31002001]" in told
        assert "no  the victim is one of ours" in told
        assert "yes it is recent enough" in told
        assert f"home-chain: to be told in channel {world.channel('system_kill')} as a kill in a tracked system" in told
        assert "pinging nobody" in told

        after = await why(in_system)
        assert f"channel {world.channel('system_kill')}: sent " in after
        assert "1 attempt" in after
        assert f"https://discord.com/channels/{GUILD}/{world.channel('system_kill')}/{message.id}" in after

        ours = await why(of_ours)
        assert "yes the victim is one of ours" in ours
        assert f"Orsa Velden [{PILOT}]" in ours
        assert f"told in channel {world.channel('character_kill')} as a kill with one of ours" in ours

        late = await why(old)
        assert "NO  it is recent enough" in late
        assert "limit 3600 s" in late
        assert "NOT told, because it was too old when it arrived (MAX_KILLMAIL_AGE_SECONDS) [too_old]" in late
        assert "Delivery" not in late

        assert "NOT told, because neither its system nor anyone involved is tracked [not_tracked]" in await why(
            elsewhere
        )

        kspace = await why(in_kspace)
        assert "NO  this kind of space is wanted for kills" in kspace
        assert "not wormhole space, only that is wanted" in kspace
        assert "[wormhole_only]" in kspace

        ran = await beside("why", str(every[0]), "--json", environment=environment, data_dir=data_dir)
        data = json.loads(ran.out)
        (decision,) = data["decisions"]
        assert decision["copies"] == {"live": sum(decision["copies"].values())}
        assert decision["copies"]["live"] >= 4
        assert decision["raw"]["killmail_id"] == every[0]
        assert [check["rule"] for check in decision["checks"]][:3] == [
            "notifications_enabled",
            "kill_notifications_enabled",
            "system_on_map",
        ]
        assert [(row["state"], row["message_id"]) for row in data["delivery"]] == [("sent", message.id)]
    assert sorted(file.name for file in data_dir.glob("notifier.db*")) == ["notifier.db"], "looking leaves no journal"


# --- without a service --------------------------------------------------------------------------------------------


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A database with one tracked system and one tracked pilot."""
    folder = tmp_path / "priv"
    folder.mkdir()
    store = Store.open(folder / "notifier.db")
    state = MapState(
        slug="home-chain",
        systems={HOME: SystemRecord(system_id=HOME, name="J102001", custom_name="Ho\x1b[31mme\u202e")},
        characters={},
        loaded_at=now(),
    )
    memory.save_tracking(store._conn, "home-chain", state)
    memory.first_start(store._conn, now() - timedelta(days=1))
    store.close()
    return folder


@pytest.fixture
def run(data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    return runner(data_dir, monkeypatch, capsys)


def test_an_unknown_kill_and_a_missing_database_are_said_and_exit_1(tmp_path: Path, run: Callable[..., Ran]) -> None:
    ran = run("why", "5")
    assert (ran.code, ran.out) == (1, "")
    assert "kill 5 never arrived here, or more than 7 days ago" in ran.err
    nowhere = run("why", "5", DATA_DIR=str(tmp_path / "nothing"))
    assert (nowhere.code, nowhere.out) == (1, "")
    assert "there is no database at" in nowhere.err
    assert not (tmp_path / "nothing").exists()


def test_a_broken_configuration_exits_78(run: Callable[..., Ran]) -> None:
    assert run("why", "5", MAP_URL="ftp://h").code == 78


@pytest.mark.parametrize("content", [b"not a database, but long enough to look at " * 50, b""], ids=["text", "empty"])
def test_a_file_that_is_not_our_database_is_refused(data_dir: Path, run: Callable[..., Ran], content: bytes) -> None:
    (data_dir / "notifier.db").write_bytes(content)
    ran = run("why", "5")
    assert (ran.code, ran.out) == (1, "")
    assert "notifier.db" in ran.err or "database" in ran.err


def test_a_database_of_another_version_is_refused(data_dir: Path, run: Callable[..., Ran]) -> None:
    conn = sqlite3.connect(data_dir / "notifier.db")
    conn.execute("PRAGMA user_version = 4711")
    conn.close()
    ran = run("why", "5")
    assert ran.code == 1
    assert "has version 4711" in ran.err


def mail(world: World, system_id: int, at: datetime) -> dict[str, Any]:
    return world.inventor.kill(at, system_id=system_id, victim=2147481007, attackers=[2147481008])


@pytest.mark.parametrize("form", ["live", "stored", "esi", "list", "envelope", "r2z2"])
def test_a_killmail_file_of_any_form_is_run_through_the_rules_without_sending(
    data_dir: Path, run: Callable[..., Ran], form: str
) -> None:
    kill = mail(World(7, now), HOME, now())
    esi = {key: value for key, value in kill.items() if key != "zkb"}
    shapes: dict[str, Any] = {
        "live": live_form(kill),
        "stored": {"data": stored_form(kill)},
        "esi": kill,
        "list": [kill],
        "envelope": {"killmails": [live_form(kill)], "system_id": HOME, "preload": False},
        "r2z2": {"package": {"killID": kill["killmail_id"], "killmail": esi, "zkb": kill["zkb"]}},
    }
    file = data_dir.parent / "kill.json"
    file.write_text(json.dumps(shapes[form]))
    before = (data_dir / "notifier.db").read_bytes()
    ran = run("why", "--simulate", str(file))
    assert (ran.code, ran.err) == (0, "")
    assert f"Kill {kill['killmail_id']}, simulated: nothing is sent" in ran.out
    assert "home-chain: would be told in channel 300000000000000001 as a kill in a tracked system" in ran.out
    assert "Ho\\x1b[31mme\\u202e" in ran.out
    assert (data_dir / "notifier.db").read_bytes() == before


def test_an_old_file_can_be_judged_as_if_it_were_fresh_and_a_told_kill_says_so(
    data_dir: Path, run: Callable[..., Ran]
) -> None:
    kill = mail(World(7, now), HOME, now() - timedelta(days=30))
    store = Store.open(data_dir / "notifier.db")
    claim, channel = f"kill:{kill['killmail_id']}", MINIMAL["DISCORD_CHANNEL_ID"]
    outbox.enqueue(
        store._conn,
        outbox.NewRow(
            claim=claim,
            channel=channel,
            kind="kill",
            slug="home-chain",
            body={},
            nonce="n",
            expires_at=now(),
            received_at=now(),
        ),
    )
    store.close()
    text = json.dumps(kill)
    old = run("why", "--simulate", "-", stdin=text)
    assert "would NOT be told, because it was too old" in old.out
    fresh = run("why", "--simulate", "-", "--fresh", stdin=text)
    assert f"home-chain: would be told in channel {channel}" in fresh.out
    assert f"Channel {channel} was told of it before" in fresh.out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{torn", "cannot be read as JSON"),
        ("[]", "holds no killmail"),
        ("{}", "not a killmail: missing_killmail_id"),
        ("7", "not a killmail"),
    ],
)
def test_a_file_without_a_killmail_is_said_and_exits_1(run: Callable[..., Ran], text: str, words: str) -> None:
    ran = run("why", "--simulate", "-", stdin=text)
    assert ran.code == 1
    assert words in ran.err


def test_a_missing_file_is_said_and_exits_1(run: Callable[..., Ran]) -> None:
    ran = run("why", "--simulate", "nowhere.json")
    assert (ran.code, "nowhere.json" in ran.err) == (1, True)


@pytest.mark.parametrize("arguments", [("why",), ("why", "x"), ("why", "5", "--simulate", "f"), ("outbox",)])
def test_unusable_arguments_are_refused(run: Callable[..., Ran], arguments: tuple[str, ...]) -> None:
    assert run(*arguments).code == 2


def test_every_rule_and_every_reason_has_plain_words() -> None:
    gates: list[Gate[Any]] = [*EVERYWHERE, *TIMELY, *OF_THE_MAP, *SYSTEM_FILTERS]
    noted = {
        "system_on_map",
        "system_tracked",
        "victim_tracked",
        "attacker_tracked",
        "pilot_not_excluded",
        "corporation_focus",
    }
    assert {gate.rule for gate in gates} | noted | {"channel_once"} == set(QUESTIONS)
    assert {gate.reason for gate in gates} | {"not_tracked", "same_channel"} == set(REASONS)


# --- how the delivery went ----------------------------------------------------------------------------------------


def one_row(conn: sqlite3.Connection) -> int:
    row = outbox.NewRow(
        claim="kill:5",
        channel="100",
        kind="kill",
        slug="home-chain",
        body={},
        nonce="n",
        expires_at=now() + timedelta(hours=1),
        received_at=now(),
    )
    number = outbox.enqueue(conn, row)
    assert number is not None
    return number


@pytest.mark.parametrize(
    ("becomes", "words"),
    [
        (lambda conn, row: None, "channel 100: waits, 0 attempts, until "),
        (lambda conn, row: outbox.requeue(conn, row, now(), "502 \x1b[2J", unknown=True), "UTC: 502 \\x1b[2J"),
        (lambda conn, row: outbox.dead(conn, row, "expired", now()), "given up"),
        (lambda conn, row: outbox.dead(conn, row, "expired", now()), "try again: wanderer-notifier outbox retry 1"),
        (lambda conn, row: outbox.sent(conn, row, "99", now()), "https://discord.com/channels/@me/100/99"),
    ],
    ids=["waits", "failed once", "given up", "what to do", "sent"],
)
def test_the_state_of_a_delivery_is_said(
    data_dir: Path, run: Callable[..., Ran], becomes: Callable[[sqlite3.Connection, int], None], words: str
) -> None:
    with changing(data_dir / "notifier.db") as conn:
        number = one_row(conn)
        if words.startswith("UTC"):
            outbox.begin(conn, number, now())
        becomes(conn, number)
    ran = run("why", "5")
    assert (ran.code, ran.err) == (0, "")
    assert words in ran.out


def test_a_kill_that_was_parked_is_found_there(data_dir: Path, run: Callable[..., Ran]) -> None:
    with changing(data_dir / "notifier.db") as conn:
        parked.park(conn, "kill", json.dumps({"killmail_id": 51, "x": 1}), "another", now())
        parked.park(conn, "kill", json.dumps({"killmail_id": 5, "x": 1}), "missing_system_id", now())
    ran = run("why", "5")
    assert ran.code == 0
    assert "could not be digested: missing_system_id" in ran.out
    assert "wanderer-notifier parked show 2" in ran.out
    assert "another" not in ran.out


def test_a_file_is_judged_by_the_servers_list_of_maps_and_by_what_members_steer(
    data_dir: Path, run: Callable[..., Ran]
) -> None:
    kill = mail(World(7, now), HOME, now() - timedelta(minutes=1))
    entry = {"slug": "home-chain", "name": "Home", "map_id": "1", "features": {"kill_notifications_enabled": False}}
    store = Store.open(data_dir / "notifier.db")
    keep_list(store._conn, {"data": {"maps": [entry]}})
    store.close()
    text = json.dumps(live_form(kill))
    ran = run("why", "--simulate", "-", stdin=text, PLUGIN_NOTIFIER_API_KEY="test-token-plugin")
    assert "home-chain: would NOT be told, because kill notifications of this map are switched off" in ran.out
