"""The gateway client under load and at its end: handlers, bursts, closing, being cancelled, what stays behind."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.discord.gateway_stage import (
    HOST,
    OPS,
    PILOT,
    PORT,
    identity,
    inline,
    kept_session,
    live,
    stage,
)
from tests.discord.peer import TOKEN, make_discord, make_rest
from wanderer_notifier.core.presence import presence
from wanderer_notifier.core.voice_state import VoiceMap
from wanderer_notifier.discord.session import GatewayEvent, Ties, follow_gateway
from wanderer_notifier.net.dial import tcp_dial
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.sim.gateway_faults import (
    Close,
    Hold,
    Silence,
)
from wanderer_notifier.sim.http import serve_tcp
from wanderer_notifier.state.gateway import GatewayMemory
from wanderer_notifier.state.store import Store


async def test_a_consumer_that_sleeps_delays_neither_beats_nor_the_voice_map(autojump_clock: MockClock) -> None:  # P56
    async with stage() as at:
        await live(at)
        for number in range(100):
            at.interaction(number)
        at.gateway.voice_join(PILOT, OPS)
        await trio.sleep(600)
        assert at.listening() == (PILOT,)
        assert at.gateway.journal.worst_beat_s < 1.0
        assert len(at.busy) == 36  # 64 wait, the others are answered at once that we are busy
        assert at.counted("oddities_total", what="busy") == 36


async def test_a_burst_of_thousands_of_events_costs_no_connection(
    gateway_seeds: int, autojump_clock: MockClock
) -> None:  # P57
    async with stage() as at:
        burst = 50_000 if gateway_seeds >= 200 else 5_000
        await live(at)
        for number in range(burst):
            at.gateway.dispatch("INTERACTION_CREATE", {"id": str(number)})
        await at.until(lambda: len(at.busy) == burst - 64, 600)
        await trio.sleep(100)
        assert at.count("connections") == 1
        assert at.gateway.journal.worst_beat_s < 1.0


async def test_a_ping_while_we_close_is_survived(autojump_clock: MockClock) -> None:  # P58
    async with stage() as at:
        at.gateway.ping_at_close = True
        await live(at, stable=True)
        at.gateway.op7()
        await at.until(lambda: at.count("resumed") == 1, 60)
        at.gateway.ping()
        await trio.sleep(100)
        assert at.count("connections") == 2


async def test_a_close_that_is_never_answered_costs_two_seconds(autojump_clock: MockClock) -> None:  # P59
    async with stage() as at:
        at.gateway.ignore_closes = True
        await live(at, stable=True)
        began = trio.current_time()
        at.gateway.op7()
        await at.until(lambda: at.count("connections") == 2, 60)
        assert trio.current_time() - began < 2.0


async def test_two_hundred_reconnects_leave_one_connection_and_nothing_else(
    autojump_clock: MockClock,
) -> None:  # P62, P64
    async with stage() as at:
        await live(at, stable=True)
        for number in range(200):
            at.gateway.op7()
            await at.until_count("resumed", number + 1, 300)
            assert len(at.gateway.connections) == 1
        assert len(at.network.connections(HOST, PORT)) <= 3  # the socket, and what REST keeps alive
        assert at.count("connections") == 201  # nobody retries behind our back


async def test_reconnects_over_real_sockets_leave_no_descriptor_behind() -> None:  # P62
    discord = make_discord(now=lambda: datetime.now(UTC))
    descriptors, store = list[int](), Store.open(":memory:", run=inline)
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_tcp, discord.handle)
        upstream, rest, _ = make_rest(f"http://127.0.0.1:{port}/api/v10", tcp_dial())
        ties = Ties(
            discover=rest.gateway,
            dial=tcp_dial(),
            user_agent="DiscordBot (https://test.invalid, 0.1)",
            memory=GatewayMemory(store, TOKEN),
            voice=VoiceMap(frozenset()),
            presence=lambda: presence(1, degraded=False),
            out=trio.open_memory_channel[GatewayEvent](1)[0],
            part=Health(lambda: datetime.now(UTC)).component("discord_gateway"),
            metrics=Metrics(),
            now=lambda: datetime.now(UTC),
            roll=lambda: 0.0,
        )
        nursery.start_soon(follow_gateway, identity(), ties)
        gateway = discord.gateway
        await gateway.until(lambda: gateway.journal.counts["ready"] == 1)
        for number in range(10):
            gateway.op7()
            await gateway.until(lambda number=number: gateway.journal.counts["resumed"] > number)  # type: ignore[misc]
            await gateway.until(lambda: len(gateway.connections) == 1)
            descriptors.append(sum(1 for _ in Path("/proc/self/fd").iterdir()))
        nursery.cancel_scope.cancel()
    await upstream.aclose()
    store.close()
    assert max(descriptors[2:]) <= max(descriptors[:2]) + 1  # the old socket may be closing still


@pytest.mark.parametrize("state", ["discovery", "connecting", "hello", "auth", "live", "backoff", "stopped", "budget"])
async def test_being_cancelled_takes_less_than_two_seconds(state: str, autojump_clock: MockClock) -> None:  # P63
    async with stage() as at:
        if state == "discovery":
            at.network.stall(HOST, PORT)
        elif state == "connecting":
            at.gateway.fault("connect", Hold())
        elif state == "hello":
            at.gateway.fault("hello", Silence())
        elif state == "auth":
            at.gateway.fault("identify", Silence())
        elif state == "backoff":
            at.network.refuse(HOST, PORT)
        elif state == "stopped":
            at.gateway.fault("identify", Close(4004))
        elif state == "budget":
            at.gateway.budget.take(0.0)
            at.gateway.budget.used = at.gateway.budget.total
        scope = await at.start()
        await trio.sleep(10)
        began = trio.current_time()
        scope.cancel()
        while any(task.name.endswith("Stage.live") for task in at.nursery.child_tasks):
            await trio.sleep(0.01)
            assert trio.current_time() - began < 2.0


async def test_leaving_for_good_says_goodbye_and_forgets_the_session(autojump_clock: MockClock) -> None:
    async with stage() as at:
        scope = await live(at)
        scope.cancel()
        await at.until(lambda: not at.gateway.connections, 10)
        assert at.gateway.journal.close_codes == {1000: 1}
        await trio.sleep(2)
        assert json.loads(await at.store.read(kept_session))["what"] is None
