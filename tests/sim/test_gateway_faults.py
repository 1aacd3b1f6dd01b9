"""Misfortunes on order at the fake gateway: each strikes where it should and the next socket is served as usual."""

from __future__ import annotations

import json
import zlib

import pytest
import trio
from trio.testing import MockClock
from wsproto.utilities import LocalProtocolError

from tests.sim.discord_asking import Asking, make_discord
from tests.sim.gateway_visiting import QUERY, Visiting, identity
from wanderer_notifier.sim.gateway_faults import (
    OP7,
    Bare,
    Close,
    Corrupt,
    Drip,
    Hold,
    Http,
    Late,
    Repeat,
    Reset,
    Say,
    Silence,
    Skip,
    Swap,
    Wire,
    bad_utf8,
    invalid_session,
    op7,
    reserved_opcode,
    truncated_json,
)
from wanderer_notifier.sim.gateway_rules import Action


@pytest.fixture
def visit(nursery: trio.Nursery) -> Visiting:
    discord = make_discord()
    discord.gateway.budget.spacing_s = 0.0
    return Visiting(Asking(discord, nursery), nursery)


async def works(visit: Visiting) -> None:
    async with visit() as socket:
        assert (await socket.identify())["t"] == "READY"


@pytest.mark.parametrize("status", [429, 503, 520])
async def test_the_upgrade_is_refused(autojump_clock: MockClock, visit: Visiting, status: int) -> None:
    visit.discord.gateway.fault("connect", Http(status=status))
    assert await visit.refusal() == status
    await works(visit)


@pytest.mark.parametrize("action", [Hold(), Silence()])
async def test_the_door_opens_and_nobody_speaks(autojump_clock: MockClock, visit: Visiting, action: Action) -> None:
    visit.discord.gateway.fault("connect", action)
    with trio.move_on_after(600) as patience:
        async with visit():
            raise AssertionError("it spoke")
    assert patience.cancelled_caught
    await works(visit)


async def test_no_hello_and_a_late_one(autojump_clock: MockClock, visit: Visiting) -> None:
    gateway = visit.discord.gateway
    gateway.fault("hello", Silence())
    gateway.fault("hello", Late(7))
    async with visit() as socket:
        with trio.move_on_after(20) as patience:
            await socket.next()
        assert patience.cancelled_caught
    async with visit() as socket:
        started = trio.current_time()
        assert ((await socket.next())["op"], trio.current_time() - started) == (10, 7)


async def test_op_7_instead_of_hello_and_in_a_storm(autojump_clock: MockClock, visit: Visiting) -> None:
    visit.discord.gateway.fault("hello", op7(times=3, then=True))
    async with visit() as socket:
        assert [(await socket.next())["op"] for _ in range(4)] == [7, 7, 7, 10]


@pytest.mark.parametrize(
    ("action", "code"),
    [(Reset(), 1006), (Close(4000), 4000), (Close(None), 1005), (Close(4014), 4014), (Hold(), None), (Silence(), None)],
)
async def test_an_identify_ends_as_ordered(
    autojump_clock: MockClock, visit: Visiting, action: Action, code: int | None
) -> None:
    visit.discord.gateway.fault("identify", action)
    async with visit() as socket:
        await socket.next()
        await socket.say(2, identity())
        ended = None
        with trio.move_on_after(20):
            ended = await socket.end()
        assert ended == code
    await works(visit)


@pytest.mark.parametrize("resumable", [True, False])
async def test_op_9_to_identify_and_to_resume(autojump_clock: MockClock, visit: Visiting, resumable: bool) -> None:
    gateway = visit.discord.gateway
    gateway.fault("identify", invalid_session(resumable))
    async with visit() as socket:
        assert (await socket.identify())["d"] is resumable
    async with visit() as socket:
        session = (await socket.identify())["d"]["session_id"]
    gateway.fault("resume", invalid_session(resumable))
    async with visit() as socket:
        await socket.resume(session, 1)
        assert (await socket.next())["d"] is resumable


async def test_ready_without_its_guilds_and_guilds_that_take_their_time(
    autojump_clock: MockClock, visit: Visiting
) -> None:
    gateway = visit.discord.gateway
    gateway.fault("identify", Bare())
    async with visit() as socket:
        await socket.identify()
        gateway.dispatch("TEST", {})
        assert (await socket.next())["t"] == "TEST"
    gateway.guild_delay_s = 12.0
    async with visit() as socket:
        await socket.identify()
        started = trio.current_time()
        assert ((await socket.next())["t"], trio.current_time() - started) == ("GUILD_CREATE", 12.0)


async def test_acks_stall_come_late_or_not(autojump_clock: MockClock, visit: Visiting) -> None:
    gateway = visit.discord.gateway
    async with visit() as socket:
        await socket.identify()
        await socket.next()
        gateway.stall_acks()
        await socket.say(1)
        gateway.dispatch("TEST", {})
        assert (await socket.next())["t"] == "TEST"
        gateway.stall_acks(False)
        gateway.fault("beat", Late(3))
        started = trio.current_time()
        await socket.say(1)
        assert ((await socket.next())["op"], trio.current_time() - started) == (11, 3)


async def test_dispatches_are_repeated_lost_or_swapped(autojump_clock: MockClock, visit: Visiting) -> None:
    gateway = visit.discord.gateway
    gateway.fault("dispatch", Repeat(2), event="ONE")
    gateway.fault("dispatch", Skip(), event="TWO")
    gateway.fault("dispatch", Swap(), event="THREE")
    async with visit() as socket:
        await socket.identify()
        await socket.next()
        for event in ("ONE", "TWO", "THREE", "FOUR"):
            gateway.dispatch(event, {})
        told = [await socket.next() for _ in range(4)]
    assert [(one["t"], one["s"]) for one in told] == [("ONE", 3), ("ONE", 3), ("FOUR", 6), ("THREE", 5)]


async def test_the_nth_dispatch_of_a_kind_closes(autojump_clock: MockClock, visit: Visiting) -> None:
    gateway = visit.discord.gateway
    gateway.fault("dispatch", Close(4000), event="TEST", nth=2)
    async with visit() as socket:
        await socket.identify()
        for _ in range(3):
            gateway.dispatch("TEST", {})
        assert await socket.end() == 4000
    assert gateway.journal.dispatched["TEST"] == 2


@pytest.mark.parametrize(
    ("action", "code"), [(reserved_opcode(), 1002), (bad_utf8(), 1007)], ids=["reserved opcode", "bad UTF-8"]
)
async def test_frames_no_server_sends(autojump_clock: MockClock, visit: Visiting, action: Wire, code: int) -> None:
    async with visit() as socket:
        await socket.identify()
        visit.discord.gateway.suffer(action)
        assert await socket.end() == code


async def test_half_a_payload(autojump_clock: MockClock, visit: Visiting) -> None:
    async with visit() as socket:
        await socket.identify()
        await socket.next()
        visit.discord.gateway.suffer(truncated_json())
        with pytest.raises(json.JSONDecodeError):
            await socket.next()


async def test_a_broken_dispatch_plain_and_compressed(autojump_clock: MockClock, visit: Visiting) -> None:
    gateway = visit.discord.gateway
    for query, error in ((QUERY, json.JSONDecodeError), (f"{QUERY}&compress=zlib-stream", zlib.error)):
        gateway.fault("dispatch", Corrupt(), event="TEST")
        async with visit(query) as socket:
            await socket.identify()
            await socket.next()
            gateway.dispatch("TEST", {"much": "text"})
            with pytest.raises(error):
                await socket.next()


async def test_a_held_connection_neither_reads_nor_speaks_until_the_client_goes(
    autojump_clock: MockClock, visit: Visiting
) -> None:
    gateway = visit.discord.gateway
    async with visit() as socket:
        await socket.identify()
        await socket.next()
        gateway.suffer(Hold())
        gateway.dispatch("TEST", {})
        await socket.say(1)
        with trio.move_on_after(60) as patience:
            await socket.next()
        assert patience.cancelled_caught
        assert gateway.live
    await gateway.until(lambda: not gateway.connections)
    assert gateway.journal.counts["beats"] == 0


async def test_an_ignored_close_leaves_tcp_open_for_late_data(autojump_clock: MockClock, visit: Visiting) -> None:
    gateway = visit.discord.gateway
    gateway.ignore_closes = True
    async with visit() as socket:
        await socket.identify()
        (connection,) = gateway.connections
        with trio.move_on_after(5) as patience:
            await socket.ws.aclose(4200)
        assert patience.cancelled_caught
        assert gateway.journal.close_codes == {4200: 1}
    gateway.ignore_closes = False
    async with visit() as socket:
        await socket.identify()
        await socket.next()
        (connection,) = gateway.connections
        connection.suffer(Close(4000, keep_tcp=True))
        await gateway.until(lambda: connection.tap.held)
        await connection.late(OP7)
        assert not socket.stream.finished


async def test_a_slow_drip_still_makes_sense(autojump_clock: MockClock, visit: Visiting) -> None:
    visit.discord.gateway.fault("hello", Say(payloads=(OP7,), then=True))
    async with visit() as socket:
        await socket.next()
        await socket.next()
        visit.discord.gateway.suffer(Drip(0.01))
        await socket.say(2, identity())
        started = trio.current_time()
        assert (await socket.next())["t"] == "READY"
        assert trio.current_time() - started > 5


async def test_pings_also_while_the_client_closes(autojump_clock: MockClock, visit: Visiting) -> None:
    gateway = visit.discord.gateway
    gateway.ping_at_close = True
    with pytest.RaisesGroup(LocalProtocolError, flatten_subgroups=True):  # what careless clients die of
        async with visit() as socket:
            await socket.identify()
            gateway.ping()
            await socket.ws.aclose(4200)
    await gateway.until(lambda: not gateway.connections)
    assert gateway.journal.close_codes == {4200: 1}


async def test_a_fault_may_strike_by_chance_for_ever(autojump_clock: MockClock, visit: Visiting) -> None:
    rule = visit.discord.gateway.fault("hello", Reset(), probability=0.5, times=None)
    for _ in range(40):
        with trio.move_on_after(1):  # a client whose upgrade was reset may wait for ever
            async with visit() as socket:
                await socket.end()
    assert 8 <= rule.struck <= 32
    assert rule.met == 40


async def test_a_burst_waits_for_a_slow_client(autojump_clock: MockClock, visit: Visiting) -> None:
    gateway = visit.discord.gateway
    async with visit() as socket:
        await socket.identify()
        for number in range(20_000):
            gateway.dispatch("TEST", number)
        assert (await socket.next())["t"] == "GUILD_CREATE"
        assert [(await socket.next())["d"] for _ in range(20_000)] == list(range(20_000))
