"""A silent kill feed: nothing happens, the service is cut off, or it keeps something from us (WK-20)."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from tests.feeds.killing import CHARACTERS, HOME, HOST, OTHER, PILOT, PORT, SYSTEMS, Killing

JSON = [("content-type", "application/json")]


def sockets(killing: Killing) -> int:
    """How many joins there were."""
    return sum('"phx_join"' in str(heard.text) for heard in killing.feed.journal)


async def test_quiet_systems_are_no_fault(autojump_clock: MockClock, killing: Killing) -> None:
    """A few systems of a small corporation may see no kill for hours."""
    killing.follow("systems", HOME, OTHER)
    killing.follow("characters", PILOT)
    await trio.sleep(5 * 3600)
    assert killing.world.state(SYSTEMS) == ("ok", "")
    assert killing.world.state(CHARACTERS) == ("ok", "")
    assert sockets(killing) == 2
    assert len(killing.lookups("kills/cached")) < 40


async def test_s14_a_feed_that_is_connected_and_cut_off_is_not_healthy(
    autojump_clock: MockClock, killing: Killing
) -> None:
    """Also O13: healthy while deaf."""
    killing.follow("systems", HOME)
    await killing.world.until_state(SYSTEMS, "ok")
    killing.feed.upstream_lost_at = killing.world.now()
    reason = await killing.world.until_state(SYSTEMS, "degraded", within_s=25 * 60)
    assert reason.startswith("no kill for 2")
    assert "the kill service itself has taken in none for 2" in reason
    await trio.sleep(300)
    assert killing.world.state(SYSTEMS)[0] == "degraded"
    assert sockets(killing) == 2, "a new connection was tried once"
    await trio.sleep(3600)
    assert killing.world.state(SYSTEMS)[0] == "degraded"
    assert sockets(killing) == 2, "and only once, since it does not help"


async def test_it_is_well_again_with_the_first_kill(autojump_clock: MockClock, killing: Killing) -> None:
    killing.follow("systems", HOME)
    await killing.world.until_state(SYSTEMS, "ok")
    killing.feed.upstream_lost_at = killing.world.now()
    await killing.world.until_state(SYSTEMS, "degraded", within_s=25 * 60)
    await trio.sleep(60)
    kill = killing.happen()
    await killing.heard(kill)
    assert killing.world.state(SYSTEMS) == ("ok", "")


async def test_it_is_well_again_when_the_service_is(autojump_clock: MockClock, killing: Killing) -> None:
    killing.follow("systems", HOME)
    killing.feed.upstream_lost_at = killing.world.now()
    await killing.world.until_state(SYSTEMS, "degraded", within_s=25 * 60)
    await trio.sleep(60)
    killing.feed.upstream_lost_at = None
    await killing.world.until_state(SYSTEMS, "ok", within_s=120)


async def test_s14_kills_that_were_not_pushed_are_fetched_and_the_connection_replaced(
    autojump_clock: MockClock, killing: Killing
) -> None:
    """The service takes in kills, answers heartbeats, and pushes nothing: the other source is used."""
    killing.follow("systems", HOME, OTHER)
    await killing.world.until_state(SYSTEMS, "ok")
    await trio.sleep(600)
    kept = killing.kill()
    killing.feed.keep(kept)
    found = await killing.heard(kept["killmail_id"], within_s=25 * 60)
    assert found[kept["killmail_id"]] == {"cached"}
    reason = await killing.world.until_state(SYSTEMS, "degraded")
    assert "the kill service has some that it did not push" in reason
    await trio.sleep(30)
    assert sockets(killing) == 2
    assert killing.value("notifier_feed_reconnects_total", feed="kills:systems", reason="remedy") == 1
    kill = killing.happen()
    await killing.heard(kill)
    assert killing.world.state(SYSTEMS) == ("ok", "")


async def test_s15_a_service_that_says_nothing_or_nonsense_convicts_nobody(
    autojump_clock: MockClock, killing: Killing
) -> None:
    killing.answer = lambda exchange: exchange.respond(500, JSON, b"<html>")
    killing.follow("systems", HOME)
    await trio.sleep(3 * 3600)
    assert killing.world.state(SYSTEMS) == ("ok", "")
    assert sockets(killing) == 1


async def test_an_unhealthy_service_is_named(autojump_clock: MockClock, killing: Killing) -> None:
    killing.follow("characters", PILOT)
    killing.feed.unhealthy = True
    reason = await killing.world.until_state(CHARACTERS, "degraded", within_s=25 * 60)
    assert reason.endswith("the kill service says that it is unhealthy")


async def test_a_deaf_minute_in_the_life_of_a_dead_service_is_no_new_alarm(
    autojump_clock: MockClock, killing: Killing
) -> None:
    """A service that cannot be reached is the connection's matter, not silence."""
    killing.follow("systems", HOME)
    await killing.world.until_state(SYSTEMS, "ok")
    killing.world.network.refuse(HOST, PORT)
    killing.world.network.cut(HOST, PORT)
    await trio.sleep(3600)
    assert "no kill for" not in killing.world.state(SYSTEMS)[1]
