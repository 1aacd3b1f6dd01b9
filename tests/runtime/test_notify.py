"""What the service manager is told, over a real datagram socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from wanderer_notifier.runtime.notify import ServiceManager


@pytest.fixture
def door(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as bound:
        bound.bind(str(tmp_path / "notify"))
        yield bound


def heard(door: socket.socket) -> list[str]:
    news = []
    while True:
        try:
            news.append(door.recv(4096).decode())
        except BlockingIOError:
            return news


def manager_of(door: socket.socket, **environ: str) -> ServiceManager:
    return ServiceManager.of({"NOTIFY_SOCKET": str(door.getsockname()), **environ}, pid=77)


def test_news_arrive_as_one_datagram(door: socket.socket) -> None:
    manager_of(door).tell("READY=1", "STATUS=web port 4000")
    assert heard(door) == ["READY=1\nSTATUS=web port 4000"]


def test_an_address_in_the_abstract_namespace_is_reached(tmp_path: Path) -> None:
    name = f"wanderer-notifier-test-{tmp_path.name}-{id(tmp_path)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as bound:
        bound.bind(f"\0{name}")
        ServiceManager.of({"NOTIFY_SOCKET": f"@{name}"}, pid=77).tell("STOPPING=1")
        assert heard(bound) == ["STOPPING=1"]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_a_manager_nothing_is_said(environ: dict[str, str]) -> None:
    manager = ServiceManager.of(environ, pid=77)
    assert manager == ServiceManager()
    manager.tell("READY=1")


def test_a_manager_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    ServiceManager.of({"NOTIFY_SOCKET": str(tmp_path / "nobody")}, pid=77).tell("READY=1")


@pytest.mark.parametrize(
    ("environ", "period"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "77"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "78"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_counts_only_when_it_is_ours_and_makes_sense(
    door: socket.socket, environ: dict[str, str], period: float | None
) -> None:
    assert manager_of(door, **environ).watchdog_s == period


async def test_three_signs_of_life_in_each_period_while_alive(
    door: socket.socket, mock_clock: MockClock, nursery: trio.Nursery
) -> None:
    alive = True
    nursery.start_soon(manager_of(door, WATCHDOG_USEC="30000000").reassure, lambda: alive)
    await wait_all_tasks_blocked()
    for _ in range(3):
        mock_clock.jump(10)
        await wait_all_tasks_blocked()
    assert heard(door) == ["WATCHDOG=1"] * 4
    alive = False
    for _ in range(3):
        mock_clock.jump(10)
        await wait_all_tasks_blocked()
    assert heard(door) == []


async def test_without_a_watchdog_there_is_no_task(door: socket.socket) -> None:
    await manager_of(door).reassure(lambda: True)
    assert heard(door) == []
