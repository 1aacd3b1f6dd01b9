"""The network in memory: connections and the ways they fail."""

from __future__ import annotations

import errno
import socket

import pytest
import trio
import trio.testing

from wanderer_notifier.sim.network import PIPE_BYTES, MemoryNetwork, MemoryStream, stream_pair


async def echo(stream: MemoryStream) -> None:
    try:
        async for data in stream:
            await stream.send_all(data)
    except trio.BrokenResourceError:
        pass


@pytest.fixture
def network(nursery: trio.Nursery) -> MemoryNetwork:
    network = MemoryNetwork(nursery)
    network.attach("host", 80, echo)
    return network


async def test_bytes_pass_and_the_end_is_seen(autojump_clock: trio.testing.MockClock, network: MemoryNetwork) -> None:
    stream = await network.dial("host", 80)
    await stream.send_all(b"hello")
    assert await stream.receive_some(3) == b"hel"
    assert await stream.receive_some() == b"lo"
    await stream.send_eof()
    assert await stream.receive_some() == b""


async def test_trio_agrees_that_it_is_a_half_closeable_stream(autojump_clock: trio.testing.MockClock) -> None:
    async def make() -> tuple[MemoryStream, MemoryStream]:
        await trio.lowlevel.checkpoint()
        return stream_pair()

    async def make_clogged() -> tuple[MemoryStream, MemoryStream]:
        left, right = stream_pair()
        await left.send_all(b"x" * PIPE_BYTES)
        await right.send_all(b"x" * PIPE_BYTES)
        return left, right

    await trio.testing.check_half_closeable_stream(make, make_clogged)


async def test_unknown_host_and_port(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery)
        network.attach("host", 80, echo)
        with pytest.raises(socket.gaierror):
            await network.dial("other", 80)
        with pytest.raises(ConnectionRefusedError) as caught:
            await network.dial("host", 81)
        assert caught.value.errno == errno.ECONNREFUSED
        assert network.dialled == [("other", 80), ("host", 81)]


async def test_refusing_leaves_open_connections_alone(
    autojump_clock: trio.testing.MockClock, network: MemoryNetwork
) -> None:
    stream = await network.dial("host", 80)
    network.refuse("host", 80)
    with pytest.raises(ConnectionRefusedError):
        await network.dial("host", 80)
    await stream.send_all(b"x")
    assert await stream.receive_some() == b"x"
    network.refuse("host", 80, False)
    await network.dial("host", 80)


async def test_a_cut_breaks_both_ends(
    autojump_clock: trio.testing.MockClock, network: MemoryNetwork, nursery: trio.Nursery
) -> None:
    ended = trio.Event()

    async def server(stream: MemoryStream) -> None:
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
        ended.set()

    network.attach("other", 1, server)
    stream = await network.dial("other", 1)
    await trio.testing.wait_all_tasks_blocked()
    assert network.cut("other", 1) == 1
    with pytest.raises(trio.BrokenResourceError):
        await stream.receive_some()
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"x")
    await ended.wait()
    assert network.cut("other", 1) == 0


async def test_a_stalled_connection_accepts_bytes_and_delivers_them_later(
    autojump_clock: trio.testing.MockClock, network: MemoryNetwork
) -> None:
    stream = await network.dial("host", 80)
    network.stall("host", 80)
    await stream.send_all(b"late")
    with trio.move_on_after(3600) as scope:
        await stream.receive_some()
    assert scope.cancelled_caught
    network.stall("host", 80, False)
    assert await stream.receive_some() == b"late"


async def test_dialling_a_stalled_host_hangs(autojump_clock: trio.testing.MockClock, network: MemoryNetwork) -> None:
    network.stall("host", 80)
    with pytest.raises(trio.TooSlowError), trio.fail_after(30):
        await network.dial("host", 80)
    network.stall("host", 80, False)
    await network.dial("host", 80)


async def test_a_reader_that_does_not_read_holds_the_writer(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = stream_pair()
    with trio.move_on_after(1) as scope:
        await ours.send_all(b"x" * (PIPE_BYTES + 1))
    assert scope.cancelled_caught
    assert len(await theirs.receive_some()) == PIPE_BYTES


async def test_a_handler_that_returns_closes_its_connection(
    autojump_clock: trio.testing.MockClock, network: MemoryNetwork
) -> None:
    async def brief(stream: MemoryStream) -> None:
        await stream.send_all(b"bye")

    network.attach("brief", 1, brief)
    stream = await network.dial("brief", 1)
    assert await stream.receive_some() == b"bye"
    assert await stream.receive_some() == b""
    assert network.connections("brief", 1) == []
