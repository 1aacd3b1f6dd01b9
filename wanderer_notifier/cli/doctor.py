"""`doctor`: asks everybody the service depends on, and says in plain words what is wrong and how to mend it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias

import trio

from wanderer_notifier import ABOUT, __version__
from wanderer_notifier.cli import doctor_host, doctor_maps
from wanderer_notifier.cli.terminal import as_json, safe
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.config.sources import DEFAULT_ENV_FILE, ENV_FILE
from wanderer_notifier.core.findings import Finding, fail, ok, warn
from wanderer_notifier.discord.doctor import Doctor
from wanderer_notifier.discord.rest import identify
from wanderer_notifier.feeds import doctor_kills, doctor_map, doctor_services
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.dial import Dial, tcp_dial
from wanderer_notifier.runtime.logs import Redactor
from wanderer_notifier.runtime.supervise import describe

EX_INTERRUPTED = 130
GROUP_S = 60.0
"""The longest that all questions to one peer may take."""
LAMPS = {"ok": "  ok  ", "warn": " WARN ", "fail": " FAIL "}

Part: TypeAlias = Callable[[], Awaitable[list[Finding]]]


def main(arguments: argparse.Namespace, settings: Settings) -> int:
    """Examine everything; 0 when nothing fails, 1 otherwise."""
    now = lambda: datetime.now(UTC)  # noqa: E731  # the one clock of this command
    dial = tcp_dial(ipv4_only=settings.ipv4_only)
    try:
        ask = partial(examine, settings, dial=dial, now=now, test_message=arguments.send_test_message)
        groups = trio.run(partial(ask, env_file=env_file(os.environ)))
    except KeyboardInterrupt:
        return EX_INTERRUPTED
    redact = Redactor(settings.secrets())
    print(redact(in_json(groups) if arguments.json else in_words(groups)))
    return 0 if good(groups) else 1


def env_file(environ: Mapping[str, str]) -> Path:
    """The file of variables, whether it exists or not."""
    return Path(environ.get(ENV_FILE, "").strip() or DEFAULT_ENV_FILE)


async def examine(
    settings: Settings,
    *,
    dial: Dial,
    now: Callable[[], datetime],
    test_message: bool = False,
    env_file: Path | None = None,
) -> Mapping[str, list[Finding]]:
    """All findings by what they are about; everybody is asked at once, and nobody is waited for longer than 60 s."""
    ahead: dict[str, float | None] = {}
    apis: list[Upstream] = []

    def upstream(name: str, url: str, **headers: str) -> Upstream:
        agent = {"user-agent": f"wanderer-notifier/{__version__} (+{ABOUT})", "accept": "application/json"}
        apis.append(Upstream(name, url, dial=dial, headers={**agent, **headers}))
        return apis[-1]

    plugin = settings.map.plugin_key
    lister = upstream("plugin", settings.map.url, authorization=f"Bearer {plugin.reveal()}") if plugin else None
    maps = await doctor_maps.maps_of(settings, lister)

    async def discord() -> list[Finding]:
        token = settings.discord.token.reveal()
        api = upstream("discord", settings.discord.api_url, **identify(token, __version__, ABOUT))
        doctor = Doctor(api, doctor_maps.wanted(settings, maps.listed), now=now)
        found = await doctor.examine(test_message=test_message)
        ahead["Discord"] = doctor.ahead_s
        return found

    async def map_() -> list[Finding]:
        key = settings.map.api_key.reveal()
        api = upstream("map", settings.map.url, authorization=f"Bearer {key}")
        found = list(maps.findings)
        for slug in maps.slugs:
            more, ahead["the map server"] = await doctor_map.examine(api, slug, now=now)
            found += more
        return found

    async def kills() -> list[Finding]:
        api = upstream("kills", settings.kills.rest_url)
        found, ahead["the kill service"] = await doctor_kills.examine(
            api, settings.kills.websocket_url, dial=dial, now=now
        )
        return found

    async def licence() -> list[Finding]:
        token, key = settings.license.token, settings.license.key
        bearer = {"authorization": f"Bearer {token.reveal()}"} if token is not None else {}
        api = upstream("licence manager", settings.license.url, **bearer)
        ask = doctor_services.licence(
            api, key.reveal() if key is not None else None, with_token=token is not None, now=now
        )
        return [await ask]

    async def esi() -> list[Finding]:
        return [await doctor_services.esi(upstream("ESI", settings.esi_url), now=now)]

    async def janice() -> list[Finding]:
        token = settings.janice.token
        if token is None:
            return []
        api = upstream("Janice", settings.janice.url, **{"x-apikey": token.reveal()})
        return [await doctor_services.janice(api, now=now)]

    parts: dict[str, Part] = {
        "Discord": discord,
        "Map": map_,
        "Kills": kills,
        "Licence": licence,
        "ESI": esi,
        "Janice": janice,
    }
    private = doctor_host.env_file(env_file) if env_file is not None else []
    groups: dict[str, list[Finding]] = {"Configuration": configuration(settings, {one.words for one in private})}
    groups |= {name: [] for name in parts}
    try:
        async with trio.open_nursery() as nursery:
            for name, part in parts.items():
                nursery.start_soon(_bounded, name, part, groups[name])
    finally:
        with trio.CancelScope(shield=True):
            for api in apis:
                await api.aclose()
    groups["This machine"] = [
        doctor_host.clock(ahead),
        doctor_host.room(settings.data_dir),
        *doctor_host.data_dir(settings.data_dir),
        *private,
    ]
    return {name: found for name, found in groups.items() if found}


def configuration(settings: Settings, elsewhere: Collection[str] = ()) -> list[Finding]:
    """What `check-config` warns about, but for what is told *elsewhere*."""
    odd = [words for words in settings.warnings if words.partition(": ")[0] not in elsewhere]
    if not odd:
        return [ok("configuration", "complete, nothing odd")]
    return [warn("configuration", words, "see `wanderer-notifier check-config`") for words in odd]


def good(groups: Mapping[str, Iterable[Finding]]) -> bool:
    """Whether nothing fails."""
    return all(one.level != "fail" for found in groups.values() for one in found)


def in_words(groups: Mapping[str, list[Finding]]) -> str:
    """The report for a person."""
    lines: list[str] = []
    for name, found in groups.items():
        lines.append(name)
        for one in found:
            lines.append(f" [{LAMPS[one.level]}] {safe(one.check)}: {safe(one.words)}")
            if one.fix:
                lines.append(f"            -> {safe(one.fix)}")
    every = [one for found in groups.values() for one in found]
    fails, warns = (sum(one.level == level for one in every) for level in ("fail", "warn"))
    lines.append("")
    lines.append(
        f"{len(every)} checks: {fails} failed, {warns} to look at."
        if fails or warns
        else f"{len(every)} checks, all well."
    )
    return "\n".join(lines)


def in_json(groups: Mapping[str, list[Finding]]) -> str:
    """The report for another program."""
    findings = [
        {"group": name, "check": one.check, "level": one.level, "words": one.words, "fix": one.fix}
        for name, found in groups.items()
        for one in found
    ]
    return as_json({"ok": good(groups), "findings": findings})


async def _bounded(name: str, part: Part, into: list[Finding]) -> None:
    """Run *part*; whatever goes wrong in it is a finding, so that the others are told all the same."""
    with trio.move_on_after(GROUP_S) as limit:
        try:
            into += await part()
        except* Exception as group:
            into.append(fail(name, f"this check itself failed: {describe(group)}", "please report this"))
    if limit.cancelled_caught:
        into.append(fail(name, f"not finished within {GROUP_S:g} s", "try again; is the network very slow?"))
