"""Asks a running service all that `verify` wants to know of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

import trio
from attrs import frozen

from wanderer_notifier.cli import verify_checklist, verify_checks
from wanderer_notifier.cli.verify_checks import Check
from wanderer_notifier.net.client import NetError, Upstream
from wanderer_notifier.net.dial import Dial
from wanderer_notifier.net.question import Reply

TRY_S = 10.0
"""One try of a retried request takes no longer, whatever TIMEOUT says."""


@frozen(kw_only=True)
class Target:
    """Where the service answers, and with how much patience it is asked; all in seconds."""

    url: str
    token: str | None
    timeout_s: float
    retries: int
    retry_delay_s: float


async def service(target: Target, *, dial: Dial, quick: bool = False) -> list[Check]:
    """Ask the running service everything it answers; a service that does not answer at all is asked no further."""
    async with _asking(target, dial) as (api, path):
        reply = await _patiently(api, path, target)
        found = [verify_checks.health(reply)]
        if not reply.status:
            return found
        ask = partial(_ask, api, limit_s=target.timeout_s)
        found.append(verify_checks.ready(await ask("GET", f"{path}/ready")))
        found.append(verify_checks.live(await ask("GET", f"{path}/live")))
        found.append(verify_checks.details(await ask("GET", f"{path}/details")))
        found.append(verify_checks.head(await ask("HEAD", path)))
        found.append(verify_checks.speed(await ask("GET", path)))
        if not quick:
            status = f"{path.rpartition('/')[0].removesuffix('/api')}/api/status"
            found += verify_checks.feeds(await ask("GET", status))
    return found


@asynccontextmanager
async def _asking(target: Target, dial: Dial) -> AsyncIterator[tuple[Upstream, str]]:
    """A client of the service, and the path of its health route."""
    parts = urlsplit(target.url)
    headers = {"authorization": f"Bearer {target.token}"} if target.token else {}
    api = Upstream("service", f"{parts.scheme}://{parts.netloc}", dial=dial, headers=headers)
    try:
        yield api, parts.path.rstrip("/")
    finally:
        with trio.CancelScope(shield=True), trio.move_on_after(2):
            await api.aclose()


async def _patiently(api: Upstream, path: str, target: Target) -> Reply:
    for attempt in range(1, target.retries + 1):
        reply = await _ask(api, "GET", path, limit_s=min(target.timeout_s, TRY_S))
        if reply.status == 200 or attempt == target.retries:
            break
        await trio.sleep(target.retry_delay_s)
    return reply


async def _ask(api: Upstream, method: str, path: str, *, limit_s: float) -> Reply:
    began = trio.current_time()
    try:
        answer = await api.request(method, path, total_s=limit_s)
    except NetError as error:
        return Reply(trouble=str(error), took_s=trio.current_time() - began)
    try:
        value = answer.json()
    except (ValueError, RecursionError):
        value = None
    return Reply(status=answer.status, body=answer.body, value=value, took_s=trio.current_time() - began)


async def for_the_checklist(target: Target, *, dial: Dial) -> list[Check]:
    """What only the checklist asks the running service about."""
    async with _asking(target, dial) as (api, path):
        ask = partial(_ask, api, limit_s=target.timeout_s)
        base = path.rpartition("/")[0].removesuffix("/api")
        info, metrics = await ask("GET", f"{base}/api/system/info"), await ask("GET", f"{base}/metrics")
    return verify_checklist.service(info, metrics)
