"""Secrets appear nowhere: one run at debug level through everything that goes wrong, and all that it leaves behind.

Looked at are the log, every page with and without the token, the metrics, alerts in Discord and at the webhook, a dump
of the tasks, what commands beside it say, what a process that cannot start says, and every file that was written.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path

import httpx
import trio

from tests.cli.ran import Ran, beside
from tests.service.harness import Service, running, until
from tests.service.test_run import HOME, PILOT, posted, strangers_kill, universe
from wanderer_notifier.sim import faults
from wanderer_notifier.sim.http import Exchange, serve_tcp
from wanderer_notifier.sim.world import JANICE_TOKEN, LICENCE_KEY, LICENCE_TOKEN, MAP_KEY, MEMBERS, TOKEN, World

WEB_TOKEN, HOOK = "test-token-web-canary", "test-token-hook-canary"
SECRETS = (TOKEN, MAP_KEY, LICENCE_KEY, LICENCE_TOKEN, JANICE_TOKEN, WEB_TOKEN, HOOK, "test-token-interaction")
PATHS = (
    *("/", "/dashboard", "/health", "/ready", "/live", "/api/health", "/health/details"),
    *("/api/system/info", "/api/status", "/api/commands", "/metrics", "/x"),
)
BROKEN = {
    "DISCORD_BOT_TOKEN": f"{TOKEN} {TOKEN}",
    "MAP_URL": f"https://user:{MAP_KEY}@map.invalid",
    "PORT": WEB_TOKEN,
    "MAP_API_KEY": f"{MAP_KEY}\x07",
    "ALERT_WEBHOOK_URL": f"ftp://{HOOK}",
}


class Hook:
    """A webhook that refuses the first alert."""

    def __init__(self) -> None:
        self.bodies: list[str] = []

    async def handle(self, exchange: Exchange) -> None:
        self.bodies.append(exchange.request.body.decode())
        await exchange.respond(204 if len(self.bodies) > 1 else 500, [], HOOK.encode())


async def pages(service: Service) -> dict[str, str]:
    """Every page as the operator, a stranger and somebody who guesses see it, with its headers."""
    seen = {}
    port = await service.port()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:
        for who, token in (("operator", WEB_TOKEN), ("guesser", "test-token-guess"), ("stranger", "")):
            headers = {"authorization": f"Bearer {token}"} if token else {}
            for path in PATHS:
                answer = await client.get(f"{path}?token={WEB_TOKEN}", headers=headers)
                seen[f"{path} as {who}"] = f"{answer.headers}{answer.text}"
                if who == "operator":
                    assert answer.status_code == (404 if path == "/x" else 503 if path == "/ready" else 200), path
    return seen


async def ordinary(world: World) -> None:
    """A kill, a rally, some commands."""
    kill = strangers_kill(world, HOME)
    world.killfeed.push(kill)
    world.map.rally(HOME, PILOT, "now")
    with trio.fail_after(20):
        await world.discord.until(lambda: bool(posted(world, "system_kill") and posted(world, "rally")))
    for command, options in (
        ("status", {}),
        ("why", {"kill": str(kill["killmail_id"])}),
        ("system", {"system_name": "?"}),
    ):
        await world.discord.interactions.invoke(f"notifier {command}", options, user=next(iter(MEMBERS))).answer()


async def trouble(world: World, service: Service) -> None:
    """An alert, and then whatever can fail does."""
    await until(lambda: service.events("alert"), "an alert: the licence is not valid")
    await until(lambda: any(one.embeds for one in world.discord.messages(world.channel("primary"))), "told in Discord")
    world.maps.fail_rest(3, 500)
    world.killfeed.push_raw({"killmails": [{"killmail_id": None}], "system_id": HOME})
    world.discord.fault(faults.revoked())
    for upstream in ("kills", "map", "discord"):
        world.doors[upstream].cut()
    world.killfeed.push(strangers_kill(world, HOME))
    service.process.send_signal(signal.SIGUSR1)
    await until(lambda: service.events("task_dump"), "a dump of the tasks")
    service.process.send_signal(signal.SIGHUP)
    await until(lambda: service.events("log_file_reopened"), "it goes on")
    await until(lambda: service.events("token_refused"), "Discord refuses the token")


async def test_no_secret_appears_anywhere_in_an_evening_of_trouble(tmp_path: Path) -> None:
    data_dir, hook = tmp_path / "priv", Hook()
    said: dict[str, str] = {}

    async def command(environment: Mapping[str, str], *arguments: str) -> None:
        ran: Ran = await beside(*arguments, environment=environment, data_dir=data_dir)
        said[" ".join(arguments)] = ran.out + ran.err

    async with universe() as world, trio.open_nursery() as nursery:
        port = await nursery.start(serve_tcp, hook.handle)
        world.licence.verdict = "invalid"
        environment = world.environment() | {
            "LOG_LEVEL": "debug",
            "SHUTDOWN_GRACE_SECONDS": "1",
            "WEB_AUTH_TOKEN": WEB_TOKEN,
            "NOTABLE_ITEMS_ENABLED": "true",
            "ALERT_WEBHOOK_URL": f"http://127.0.0.1:{port}/{HOOK}?key={HOOK}",
        }
        async with running(environment, data_dir) as service:
            await service.ready()
            await ordinary(world)
            web = environment | {"PORT": str(await service.port()), "BIND_ADDRESS": "127.0.0.1"}
            async with trio.open_nursery() as beside_it:
                for arguments in (
                    ("doctor",),
                    ("why", "1"),
                    ("outbox", "list"),
                    ("backup", str(tmp_path / "copy")),
                    ("check-config",),
                ):
                    beside_it.start_soon(command, web, *arguments)
                beside_it.start_soon(command, web | BROKEN, "run")
                beside_it.start_soon(trouble, world, service)
            await until(lambda: len(hook.bodies) > 1, "the webhook is tried again")
            seen = await pages(service)
            assert await service.stop() == 0
            log = service.log.read_text("utf-8")
        nursery.cancel_scope.cancel()
    said["the log"], said["the webhook"] = log, "".join(hook.bodies)
    said["Discord"] = "".join(str(one.json()) for kind in ("primary", "system_kill") for one in posted(world, kind))
    for place, text in {**said, **seen}.items():
        for secret in SECRETS:
            assert secret not in text, f"{secret} in {place}"
    for place, text in seen.items():
        for person in (*MEMBERS, *MEMBERS.values()):
            assert person not in text, f"a Discord user in {place}"
    assert "configuration error: DISCORD_BOT_TOKEN" in said["run"]
    written = [file for folder in (data_dir, tmp_path / "copy") for file in folder.rglob("*") if file.is_file()]
    assert len(written) > 1
    for file in [*written, tmp_path / "copy"]:
        if file.is_file():
            content = file.read_bytes()
            assert not [secret for secret in SECRETS if secret.encode() in content], file.name
