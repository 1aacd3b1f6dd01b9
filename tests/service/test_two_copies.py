"""Two copies of the service overlap during a deploy (cases.md O16): one works, nothing doubles, the order stays."""

from __future__ import annotations

import signal
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import httpx
import trio
from trio.testing import MockClock

from tests.service.harness import running, until
from tests.service.simulation import BEGIN, inline
from tests.service.test_run import HOME, OTHER, embed, posted, ready_service, strangers_kill, universe
from wanderer_notifier.app import service as service_
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.config.load import load
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.ratelimits import Limit
from wanderer_notifier.sim.world import World
from wanderer_notifier.state.lock import Lock


def same_volume(tmp_path: Path) -> Path:
    """The data directory under a second name, so that the second copy gets a log of its own."""
    (tmp_path / "second").symlink_to(tmp_path / "priv", target_is_directory=True)
    return tmp_path / "second"


async def test_o16_a_second_copy_waits_and_takes_over_without_doubles_and_in_order(tmp_path: Path) -> None:
    pushed: list[str] = []
    async with universe() as world, ready_service(world, tmp_path) as first:
        world.discord.api.limits.routes["POST /channels/{c}/messages"] = Limit(requests=50, per_s=1.0)

        async def push() -> None:
            for number in range(24):
                kill = strangers_kill(world, (HOME, OTHER)[number % 2])
                pushed.append(f"https://zkillboard.com/kill/{kill['killmail_id']}/")
                world.killfeed.push(kill)
                await trio.sleep(0.1)

        async with running(world.environment(), same_volume(tmp_path)) as second:
            await until(lambda: second.events("standby"), "the second copy waits")
            assert f"pid {first.process.pid}" in second.events("standby")[0]["reason"]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(push)
                with trio.fail_after(20):
                    await world.discord.until(lambda: len(posted(world, "system_kill")) >= 4)
                assert not second.events("storage_restored")
                assert await first.stop() == 0
                await until(lambda: second.events("standby_over"), "the second copy takes over")
            await second.ready()
            with trio.fail_after(40):
                await world.discord.until(lambda: len(posted(world, "system_kill")) >= len(pushed))
            assert await second.stop() == 0
        told = [embed(one)["url"] for one in posted(world, "system_kill")]
    assert sorted(told) == sorted(pushed), "each once"
    assert told[:4] == pushed[:4]
    assert world.discord.duplicates() == []


async def probe(port: int, path: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:
        return await client.get(path)


async def test_o16_a_warm_standby_answers_its_probes_and_works_when_the_leader_dies(tmp_path: Path) -> None:
    leader = {"LEADER_LOCK_FILE": str(tmp_path / "leader.lock")}
    async with (
        universe() as world,
        ready_service(world, tmp_path, **leader) as first,
        running({**world.environment(), **leader}, same_volume(tmp_path)) as second,
    ):
        await until(lambda: second.events("standby_probes"), "standby")
        port = second.events("standby_probes")[0]["port"]
        answer = await probe(port, "/health")
        assert (answer.status_code, answer.json()) == (200, {"status": "OK", "state": "standby"})
        answer = await probe(port, "/ready")
        assert answer.status_code == 503
        assert answer.json()["error"] == "not_ready: standby, another copy works"
        first.kill()
        await second.ready()
        world.killfeed.push(strangers_kill(world, HOME))
        with trio.fail_after(20):
            await world.discord.until(lambda: len(posted(world, "system_kill")) == 1)
        assert await second.stop() == 0


async def test_a_standby_that_is_told_to_stop_ends_well(tmp_path: Path) -> None:
    async with universe() as world:
        (tmp_path / "priv").mkdir()
        with Lock.take(tmp_path / "priv" / "notifier.lock"):
            async with running(world.environment(), tmp_path / "priv") as service:
                await until(lambda: service.events("standby_probes"), "standby")
                assert await service.stop(signal.SIGTERM) == 0


async def test_a_copy_beside_one_that_does_not_end_says_so_and_exits_71(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with trio.open_nursery() as nursery:

        def now() -> datetime:
            return BEGIN + timedelta(seconds=trio.current_time())

        world, network = World(1, now), MemoryNetwork(nursery)
        world.attach(network)
        settings = load({**world.environment(), "DATA_DIR": str(tmp_path)}, cwd=tmp_path)
        seams = Seams(now=now, dice=Random(1), dial=network.dial, store_run=inline, signals=False, web=False)
        with Lock.take(tmp_path / "notifier.lock"):
            assert await service_.run(settings, seams=seams) == 71
            assert 30 <= trio.current_time() < 32
        nursery.cancel_scope.cancel()
    assert not (tmp_path / "notifier.db").exists()
