"""What the doctor looks for when the maps come from the server's list."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from tests.config.minimal import MINIMAL, settings
from tests.core.test_plugin import ENTRY, answer
from wanderer_notifier.cli.doctor_maps import maps_of, wanted
from wanderer_notifier.core.plugin import read_list
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.sim.door import Door
from wanderer_notifier.sim.http import Exchange
from wanderer_notifier.sim.network import MemoryNetwork

PRIMARY, OTHER = "333333333333333333", "334444444444444444"


def test_every_channel_of_every_listed_map_is_looked_at() -> None:
    maps = read_list(answer(ENTRY, ENTRY | {"slug": "away", "discord": {"channels": {"primary": OTHER}}})).maps
    found = {place.id: place for place in wanted(settings(), maps).places}
    assert found.keys() == {PRIMARY, OTHER, MINIMAL["DISCORD_CHANNEL_ID"]}
    assert "home-chain: rally points" in found[PRIMARY].uses
    assert found[PRIMARY].roles == ("444444444444444444",)
    assert set(found[OTHER].uses) >= {"home-chain: systems", "away: systems", "away: rally points"}
    assert found[OTHER].here
    assert found[OTHER].roles == ()
    assert found[MINIMAL["DISCORD_CHANNEL_ID"]].uses == ("status and notes",)


def test_without_a_list_the_channels_are_those_of_the_environment() -> None:
    (place,) = wanted(settings()).places
    assert place.uses == ("status and notes", "systems", "pilots", "kills by system", "kills by pilot", "rally points")


async def test_without_an_answer_the_map_of_the_environment_is_looked_at(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.respond(403, [("content-length", "0")], b"")

    network = MemoryNetwork(nursery)
    network.attach("map.sim", 80, Door("map", refuse).serve)
    api = Upstream("plugin", "http://map.sim", dial=network.dial)
    refused = await maps_of(settings(), api)
    await api.aclose()
    assert refused.slugs == (MINIMAL["MAP_NAME"],)
    assert refused.findings[0].words == "plugins are disabled on the server (HTTP 403)"
    assert (await maps_of(settings(), None)).slugs == (MINIMAL["MAP_NAME"],)
