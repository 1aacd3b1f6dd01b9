"""The container image, really started: user, read-only root, health, messages, SIGTERM, a volume that outlives it.

`just test-image` builds the image and names it; in the plain suite these tests say that they were not run.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio

from tests.ops.container import Container, Image, Run, missing
from tests.service.harness import until
from wanderer_notifier import __version__
from wanderer_notifier.sim.world import World

NAME = os.environ.get("WANDERER_NOTIFIER_TEST_IMAGE", "")
UID = 10001
HOME = 31002001
SCRIPT = Path(__file__).parents[2] / "scripts/production_deployment_verification.sh"
HEALTHY_WITHIN_S, ENDED_WITHIN_S = 20.0, 10.0

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.skipif(not NAME, reason="the image was neither built nor started: `just test-image` does it"),
    pytest.mark.timeout(180),
]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def image() -> Image:
    return Image(NAME)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "priv"
    path.mkdir(mode=0o700)
    os.chown(path, UID, UID)
    for parent in path.parents:  # the way there must be open to the container's user, too
        if parent.stat().st_uid == 0 and not stat.S_IMODE(parent.stat().st_mode) & 1:
            parent.chmod(stat.S_IMODE(parent.stat().st_mode) | 0o111)
    return path


@pytest.fixture
def containers(image: Image, volume: Path, tmp_path: Path) -> Iterator[list[Container]]:
    made: list[Container] = []
    yield made
    for each in made:
        each.remove()


@asynccontextmanager
async def universe() -> AsyncIterator[World]:
    world = World(11, now)
    async with trio.open_nursery() as nursery:
        await nursery.start(world.serve)
        world.map.add_system(HOME, name="J102001", custom_name="Home")
        yield world
        nursery.cancel_scope.cancel()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def healthy(container: Container, environment: dict[str, str]) -> float:
    """Ask with the image's own health command until it says yes; after how many seconds it did."""
    begin = trio.current_time()
    while True:
        code, said = await container.once(container.image.health_command, {"PORT": environment["PORT"]})
        if code == 0:
            return trio.current_time() - begin
        assert trio.current_time() - begin < HEALTHY_WITHIN_S, said


async def told(world: World, times: int) -> None:
    channel = world.channel("system_kill")
    await until(lambda: len(world.discord.messages(channel)) == times, f"{times} messages about kills")


def push_kill(world: World) -> None:
    world.killfeed.push(world.inventor.kill(now(), system_id=HOME, victim=2147481007, attackers=[2147481008]))


def status_of(run: Run) -> dict[str, str]:
    pid = run.service_pid()
    assert pid is not None
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_what_the_image_says_of_itself(image: Image) -> None:
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in image.config["Labels"].items()}
    assert labels["version"] == __version__
    assert labels["licenses"] == "MIT"
    assert all(labels[name] not in ("", "unknown") for name in ("title", "description", "source", "created"))
    assert image.config["User"] == f"{UID}:{UID}"
    assert image.config["ExposedPorts"] == {"4000/tcp": {}}
    assert image.config["Volumes"] == {"/app/priv": {}}
    assert image.health_command == ["wanderer-notifier", "health"]


def test_no_layer_knows_a_secret(image: Image) -> None:
    everything = str(image.config["Env"]) + str(image.history)
    assert not [word for word in ("TOKEN", "API_KEY", "LICENSE_KEY", "WEBHOOK") if word in everything.upper()]


async def test_it_starts_tells_ends_and_remembers(
    image: Image, volume: Path, containers: list[Container], tmp_path: Path
) -> None:
    async with universe() as world:
        environment = {**world.environment(), "PORT": str(free_port()), "BIND_ADDRESS": "127.0.0.1"}
        first = Container(image, volume, tmp_path)
        containers.append(first)
        async with first.running(image.command, environment) as run:
            took = await healthy(first, environment)
            print(f"healthy after {took:.1f} s")
            assert took < HEALTHY_WITHIN_S

            # An unprivileged user without any capability, and a root file system that nobody can write to.
            status = status_of(run)
            assert set(status["Uid"].split()) == set(status["Gid"].split()) == {str(UID)}
            assert int(status["CapEff"], 16) == 0
            mounts = Path(f"/proc/{run.service_pid()}/mountinfo").read_text().splitlines()
            assert [line.split()[5].split(",")[0] for line in mounts if line.split()[4] == "/"] == ["ro"]

            await world.killfeed.until(lambda feed: any(one.systems for one in feed.joined))
            push_kill(world)
            await told(world, 1)

            # The checks of the deployment checklist, from outside and from inside.
            outside = await trio.run_process(
                [str(SCRIPT)],
                env={"PATH": os.environ["PATH"], "DATA_DIR": str(volume), **environment},
                cwd=tmp_path,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
            assert outside.returncode == 0, outside.stdout.decode() + outside.stderr.decode()
            code, said = await first.once(["wanderer-notifier", "verify"], environment)
            assert code == 0, said

            begin = trio.current_time()
            assert await run.stop(ENDED_WITHIN_S) == 0
            print(f"ended {trio.current_time() - begin:.1f} s after SIGTERM")
            assert [line["event"] for line in run.lines()][-1] == "shutdown_complete"
        first.remove()
        containers.clear()

        # The container is gone, the volume stays: the same kill is not told again, the next one is.
        database = volume / "notifier.db"
        assert database.stat().st_uid == UID
        assert stat.S_IMODE(database.stat().st_mode) & 0o077 == 0
        second = Container(image, volume, tmp_path)
        containers.append(second)
        async with second.running(image.command, environment) as run:
            assert await healthy(second, environment) < HEALTHY_WITHIN_S
            await world.killfeed.until(lambda feed: any(one.systems for one in feed.joined))
            push_kill(world)
            await told(world, 2)
            code, said = await second.once(["wanderer-notifier", "health", "--ready"], {"PORT": environment["PORT"]})
            assert code == 0, said
            assert await run.stop(ENDED_WITHIN_S) == 0
        assert len(world.discord.messages(world.channel("system_kill"))) == 2


async def test_even_root_cannot_write_but_to_the_volume(
    image: Image, volume: Path, containers: list[Container], tmp_path: Path
) -> None:
    container = Container(image, volume, tmp_path)
    containers.append(container)
    places = ["", "/app", "/app/data", "/app/logs", "/etc", "/opt/venv/bin", "/tmp", "/usr/bin", "/var/tmp"]
    script = "; ".join(f"touch {place}/written 2>&1" for place in [*places, "/app/priv"])
    _, said = await container.once(["sh", "-c", script], user="0:0")
    assert said.count("Read-only file system") == len(places)
    assert (volume / "written").exists()


async def test_a_wrong_configuration_is_said_at_once(
    image: Image, volume: Path, containers: list[Container], tmp_path: Path
) -> None:
    container = Container(image, volume, tmp_path)
    containers.append(container)
    code, said = await container.once(image.command)
    assert code == 78
    assert "configuration error: DISCORD_BOT_TOKEN" in said
