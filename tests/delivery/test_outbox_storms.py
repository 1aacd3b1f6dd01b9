"""Three busy channels through everything at once, one taken away for a while and one for good: each message once."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from random import Random

import pytest
import trio
from trio.testing import MockClock

from tests.delivery.bench import Bench, delivering, new, open_store
from tests.discord.peer import make_discord, virtual_now
from wanderer_notifier.sim import faults
from wanderer_notifier.sim.discord import Discord
from wanderer_notifier.sim.discord_messages import SEND_MESSAGES

BURSTS, KILLS = 18, 20
BLOCKED = b'{"code": 0, "message": "You are being blocked from accessing our API temporarily"}'


def order_misfortunes(discord: Discord) -> None:
    edge = faults.Fault(effect=False, ending=faults.Status(status=429, body=BLOCKED))
    page = faults.Fault(effect=False, ending=faults.Status(status=403, body=b"<html>", content_type="text/html"))
    for fault, probability in (
        (faults.limited(1.3), 0.03),
        (faults.limited(2.0, scope="shared"), 0.02),
        (faults.limited(3.0, scope="global"), 0.01),
        (edge, 0.003),
        (page, 0.002),
        (faults.status(500), 0.03),
        (faults.status(502, effect=True), 0.04),
        (faults.cut(effect=True), 0.04),
        (faults.cut(effect=False), 0.03),
        (faults.stall(effect=True), 0.005),
        (faults.stall(), 0.005),
        (faults.truncated(complete=True), 0.02),
        (faults.truncated(), 0.02),
    ):
        discord.fault(fault, route="POST /channels/{c}/messages", probability=probability, times=None)


async def nothing_waits(bench: Bench, channels: list[str]) -> None:
    while any(row.channel in channels for row in await bench.rows() if row.state in ("queued", "sending")):
        await trio.sleep(30)


async def storm(seed: int) -> None:
    dice = Random(seed)
    discord, store = make_discord(channels=4), open_store()
    discord.faults._rng = Random(seed)
    primary, busy, shunned, doomed = discord.guild.channels
    order_misfortunes(discord)
    expected: dict[str, list[str]] = {busy: [], shunned: [], doomed: []}
    async with delivering(store=store, discord=discord, primary=primary) as bench:
        for burst in range(BURSTS):
            for number in range(burst * KILLS, (burst + 1) * KILLS):
                channel = dice.choice([busy, shunned, doomed])
                expected[channel].append(f"Kill {number}")
                await bench.put(new(number, channel, expires_at=virtual_now() + timedelta(hours=12)))
            await trio.sleep(40 * dice.random())
            match burst:
                case 5:
                    discord.deny(shunned, SEND_MESSAGES)
                case 8:
                    discord.delete_channel(doomed)
                case 12:
                    discord.allow(shunned, SEND_MESSAGES)
                    bench.delivery.probe({shunned})
        await nothing_waits(bench, [primary, busy, shunned])
        seen = {channel: bench.titles(channel) for channel in expected}
        waiting = [row for row in await bench.rows() if row.channel == doomed and row.state != "sent"]
        notes = bench.titles(primary)
    assert (seed, seen[busy]) == (seed, expected[busy])
    assert (seed, seen[shunned]) == (seed, expected[shunned])
    # What nobody could post any more is kept, until too old to matter; of one message nobody could tell us the fate.
    kept = [row.body["embeds"][0]["title"] for row in waiting if row.first_unknown_at is None]
    unsure = [row.body["embeds"][0]["title"] for row in waiting if row.first_unknown_at is not None]
    assert len(unsure) <= 1, f"seed {seed}"
    assert (seed, [title for title in seen[doomed] if title not in unsure] + unsure + kept) == (seed, expected[doomed])
    assert not discord.duplicates(), f"seed {seed}"
    refused = {one.channel for one in discord.journal if one.fault is None and one.status in (403, 404)}
    told = {one: sum(f"<#{one}>" in note for note in notes) for one in expected}
    assert (seed, told) == (seed, {one: int(one in refused) for one in expected})
    assert discord.statuses[404] <= 25, f"seed {seed}"
    store.close()


@pytest.mark.parametrize("seed", range(6))
def test_a_storm_over_three_channels_loses_and_doubles_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Trio shuffles its tasks; a failing seed must fail again.
    monkeypatch.setattr(trio._core._run, "_ALLOW_DETERMINISTIC_SCHEDULING", True)
    trio._core._run._r.seed(seed)
    trio.run(partial(storm, seed), clock=MockClock(autojump_threshold=0))
