"""Which maps are followed, and that to follow none is not ready."""

from __future__ import annotations

from pathlib import Path
from random import Random

import trio
import trio.testing
from trio.testing import MockClock

from tests.app.test_helm import inline, now
from tests.config.minimal import MINIMAL
from wanderer_notifier.app.helm import Helm
from wanderer_notifier.app.registry import Registry
from wanderer_notifier.config.load import load
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.feeds.plugin_maps import EVERY_S
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.dial import tcp_dial
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.readiness import readiness
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.sim.door import Door
from wanderer_notifier.sim.mapserver import MapServer
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.state.store import Store

KEY = "test-token-plugin"


async def test_without_any_map_it_is_not_ready_until_there_is_one(
    autojump_clock: MockClock, nursery: trio.Nursery, tmp_path: Path
) -> None:
    network, health = MemoryNetwork(nursery), Health(now)
    server = MapServer(now=now, rng=Random(1))
    network.attach("map.sim", 80, Door("map", server.handle).serve)
    needed = {name: value for name, value in MINIMAL.items() if name != "MAP_NAME"}
    settings = load({**needed, "PLUGIN_NOTIFIER_API_KEY": KEY}, cwd=tmp_path)
    store = Store.open(":memory:", run=inline)
    part = health.component("data_dir:files")
    helm = Helm(store, settings.rules, Watch(Tracking()), folder=tmp_path, part=part, now=now, run=inline)
    api = Upstream("plugin", "http://map.sim", dial=network.dial, headers={"authorization": f"Bearer {KEY}"})
    registry = Registry(
        settings,
        store,
        helm,
        api,
        health=health,
        roll=lambda: 0.0,
        learned=lambda secrets: None,
        changed=lambda brought: None,
    )

    def check() -> str:
        return readiness(health.views(), grace_s=120.0, uptime_s=600.0, stopping=False).checks["map_data"]

    await store.read(registry.load)
    nursery.start_soon(registry.follow)
    await trio.testing.wait_all_tasks_blocked()
    assert check().startswith("starting")
    nursery.start_soon(registry.ask)
    await registry.ready()
    assert check().startswith("failed: no map is followed")
    server.plugin.installed, server.plugin.key = True, KEY
    server.plugin.offer("home", MINIMAL["DISCORD_CHANNEL_ID"])
    await trio.sleep(EVERY_S + 1)
    assert registry.slugs.value == {"home"}
    assert [one.slug for one in helm.rules.maps] == ["home"]
    assert check() == "disabled"
    nursery.cancel_scope.cancel()
    with trio.CancelScope(shield=True):
        await api.aclose()
    store.close()


async def test_the_kept_list_is_taken_up_in_the_thread_of_the_store(tmp_path: Path) -> None:
    api = Upstream("plugin", "http://127.0.0.1:9", dial=tcp_dial())
    needed = {name: value for name, value in MINIMAL.items() if name != "MAP_NAME"}
    settings = load({**needed, "PLUGIN_NOTIFIER_API_KEY": KEY}, cwd=tmp_path)
    store, health = Store.open(":memory:"), Health(now)
    part = health.component("data_dir:files")
    registry = Registry(
        settings,
        store,
        Helm(store, settings.rules, Watch(Tracking()), folder=tmp_path, part=part, now=now),
        api,
        health=health,
        roll=lambda: 0.0,
        learned=lambda secrets: None,
        changed=lambda brought: None,
    )
    await store.read(registry.load)  # where no task runs
    assert registry.slugs.value == frozenset()
    await api.aclose()
    store.close()
