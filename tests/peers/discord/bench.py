"""What our gateway client and the libraries of others need for the same work at the same fake; prints a table."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import trio
from attrs import frozen

from tests.peers.discord.installing import Unavailable, python_with_libraries
from wanderer_notifier.sim.discord_guild import Role
from wanderer_notifier.sim.discord_messages import Channel
from wanderer_notifier.sim.http import serve_tcp
from wanderer_notifier.sim.world import TOKEN, VOICE_CHANNEL, World

HERE = Path(__file__).parent
REPO = HERE.parents[2]
CHANNELS, ROLES, MEMBERS = 150, 80, 51
"""A guild of medium size (discord.md 6)."""

DISPATCHES = 20_000
RECONNECTS = 6
PATIENCE_S = 120.0


@frozen(kw_only=True)
class Numbers:
    """What one client needed."""

    client: str
    ready_s: float
    """From its own word that it begins to READY."""
    guild_s: float
    """And to its word that the guild is there."""
    per_s: float
    """Dispatches a second, by the clock."""
    cpu_us: float
    """Microseconds of CPU per dispatch."""
    resumed_ms: float
    """From the first op 7 to RESUMED."""
    storm_ms: float
    """The same, the median of several with 0.2 s between, when a careful client holds back."""
    rss_mib: float
    """Memory after all that."""


class Words:
    """The words of a client on its standard output."""

    def __init__(self, stdout: trio.abc.ReceiveStream) -> None:
        self._stdout = stdout
        self._rest = b""

    async def next(self, event: str) -> dict[str, Any]:
        """Its next word of this kind."""
        with trio.fail_after(PATIENCE_S):
            while True:
                while b"\n" in self._rest:
                    line, _, self._rest = self._rest.partition(b"\n")
                    said: dict[str, Any] = json.loads(line)
                    if said["event"] == event:
                        return said
                piece = await self._stdout.receive_some()
                if not piece:
                    raise RuntimeError(f"the client ended before it was {event}")
                self._rest += piece


def universe() -> World:
    """A Discord with a guild of medium size, people in its voice channel."""
    world = World(1, lambda: datetime.now(UTC))
    guild = world.discord.guild
    for number in range(CHANNELS):
        channel = Channel(id=str(1180000000000001000 + number), name=f"channel-{number}")
        guild.channels[channel.id] = channel
    for number in range(ROLES):
        role = Role(id=str(1180000000000002000 + number), name=f"role {number}")
        guild.roles[role.id] = role
    for number in range(MEMBERS):
        world.discord.voice.join(str(1180000000000003000 + number), VOICE_CHANNEL)
    return world


@asynccontextmanager
async def running(command: list[str]) -> AsyncIterator[tuple[World, Words]]:
    """A client at a universe of its own."""
    world = universe()
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_tcp, world.discord.handle)
        address = f"127.0.0.1:{port}"
        whole = [*command, f"http://{address}", f"ws://{address}/", TOKEN]
        begin = partial(trio.run_process, whole, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        process: trio.Process = await nursery.start(partial(begin, cwd=REPO))
        assert process.stdout is not None
        yield world, Words(process.stdout)
        nursery.cancel_scope.cancel()


async def measure(client: str, command: list[str]) -> Numbers:
    """Let one client do the work."""
    async with running(command) as (world, words):
        gateway = world.discord.gateway
        await words.next("begin")
        begun = trio.current_time()
        await gateway.until(lambda: gateway.journal.counts["ready"] == 1)
        ready_s = trio.current_time() - begun
        ready = await words.next("ready")
        guild_s = trio.current_time() - begun
        for number in range(DISPATCHES):
            user = str(1180000000000003000 + number % MEMBERS)
            world.discord.voice.change(user, self_mute=number % 2 == 0)
        gateway.invoke("work", user="1180000000000003000", check=False)
        begun = trio.current_time()
        done = await words.next("done")
        took = trio.current_time() - begun
        resumes: list[float] = []
        for number in range(RECONNECTS):
            begun = trio.current_time()
            gateway.op7()
            with trio.fail_after(PATIENCE_S):
                await gateway.until(lambda wanted=number: gateway.journal.counts["resumed"] > wanted)  # type: ignore[misc]
            resumes.append(trio.current_time() - begun)
            await trio.sleep(0.2)
        gateway.invoke("work", user="1180000000000003000", check=False)
        last = await words.next("done")
    return Numbers(
        client=client,
        ready_s=ready_s,
        guild_s=guild_s,
        per_s=DISPATCHES / took,
        cpu_us=(done["cpu_s"] - ready["cpu_s"]) / DISPATCHES * 1e6,
        resumed_ms=resumes[0] * 1000,
        storm_ms=median(resumes[1:]) * 1000,
        rss_mib=last["rss_mib"],
    )


async def main(only: list[str]) -> None:
    """Measure one client after the other."""
    clients = {"ours": [sys.executable, "-m", "tests.peers.discord.bench_ours"]}
    try:
        libraries = python_with_libraries()
    except Unavailable as missing:
        print(f"only ours is measured: {missing}")
    else:
        clients["discord.py"] = [libraries, str(HERE / "bench_discord_py.py")]
        clients["hikari"] = [libraries, str(HERE / "bench_hikari.py")]
    heads = ("to READY", "to its guild", "dispatches/s", "CPU each", "op 7 to RESUMED", "in a storm", "RSS")
    print(f"{'':10}" + "".join(f"{head:>17}" for head in heads))
    for name, command in clients.items():
        if only and name not in only:
            continue
        one = await measure(name, command)
        cells = (
            f"{one.ready_s * 1000:.0f} ms",
            f"{one.guild_s * 1000:.0f} ms",
            f"{one.per_s:.0f}",
            f"{one.cpu_us:.0f} us",
            f"{one.resumed_ms:.0f} ms",
            f"{one.storm_ms:.0f} ms",
            f"{one.rss_mib:.0f} MiB",
        )
        print(f"{name:10}" + "".join(f"{cell:>17}" for cell in cells), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", nargs="*", help="ours, discord.py, hikari; else all")
    trio.run(main, parser.parse_args().client)
