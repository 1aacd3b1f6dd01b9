"""What can be seen of the installation from where `verify` runs: variables, container, log, who may read what."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import stat
import subprocess
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from wanderer_notifier.cli.verify_checks import Check, Level
from wanderer_notifier.config.settings import Settings

ENVIRONMENT, CONTAINER, SECURITY, LOGS = "Environment Configuration", "Container Health", "Security", "Logs"
EXPECTED = {"APP_ENV": "prod", "PORT": "4000", "DISCORD_BOT_TOKEN": "", "MAP_URL": "", "LICENSE_KEY": ""}
"""Variable -> what holds without it; operations.md 9.1."""
LEAST_KB = 102_400
LAST_LINES = 1000
TOOL_S = 20.0


def environment(settings: Settings) -> list[Check]:
    """Which of the variables that an installation should have are set; values are never shown."""
    found = []
    for name, default in EXPECTED.items():
        source = settings.sources.get(name, "default")
        given = source != "default"
        words = f"from {source}" if given else f"not set{f', {default} is used' if default else ''}"
        found.append(_check(ENVIRONMENT, name, "pass" if given else "warn", words))
    if settings.app_env != "prod":
        words = f"APP_ENV is {settings.app_env}, not prod"
        found.append(_check(ENVIRONMENT, "environment", "warn", words))
    return found


def container(
    data_dir: Path | None, *, memory: Path = Path("/proc/meminfo"), inside: bool | None = None
) -> list[Check]:
    """In a container: memory is left and the data directory can be written."""
    if inside is None:
        inside = any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv"))
        inside = inside or "KUBERNETES_SERVICE_HOST" in os.environ
    if not inside:
        return [_check(CONTAINER, "container", "skip", "this is none")]
    found = []
    free = _available_kb(memory)
    if free is not None:
        level: Level = "pass" if free >= LEAST_KB else "warn"
        found.append(_check(CONTAINER, "memory", level, f"{free // 1024} MiB available"))
    if data_dir is not None:
        good = data_dir.is_dir() and os.access(data_dir, os.W_OK)
        words = f"{data_dir} can be written" if good else f"{data_dir} is missing or cannot be written"
        found.append(_check(CONTAINER, "data directory", "pass" if good else "warn", words))
    return found


def addresses(settings: Settings) -> Check:
    """Whether what goes out is encrypted; within the own host or network it need not be (deployment checklist 119)."""
    known = {
        "Discord": settings.discord.api_url,
        "map": settings.map.url,
        "kill feed": settings.kills.websocket_url,
        "kill service": settings.kills.rest_url,
        "licence manager": settings.license.url,
        "ESI": settings.esi_url,
        "Janice": settings.janice.url if settings.janice.token is not None else "",
        "alert webhook": settings.alert_webhook_url.reveal() if settings.alert_webhook_url is not None else "",
    }
    parts = {name: urlsplit(url) for name, url in known.items() if url}
    plain = [
        name for name, one in parts.items() if one.scheme not in ("https", "wss") and not _near(one.hostname or "")
    ]
    if plain:
        words = f"unencrypted to another network: {', '.join(plain)}"
        return _check(SECURITY, "addresses", "warn", words, "give them https:// or wss:// addresses")
    return _check(SECURITY, "addresses", "pass", ", ".join(f"{name} {one.scheme}" for name, one in parts.items()))


def _near(host: str) -> bool:
    """Whether *host* is on this machine or in a private network; a name without a dot is one of the latter."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".internal", ".local"))


def security(settings: Settings, env_file: Path | None, name: str | None) -> list[Check]:
    """Nobody is root without need, and nobody else reads the secrets."""
    found = [_user(settings.data_dir, name)]
    if env_file is not None and env_file.is_file():
        open_ = env_file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        words = f"{env_file} has mode {env_file.stat().st_mode & 0o777:o}"
        fix = f"chmod 600 {env_file}" if open_ else ""
        found.append(_check(SECURITY, "env file", "warn" if open_ else "pass", words, fix))
    found.append(addresses(settings))
    if name is not None:
        found.append(_ports(name, settings.web.port))
    return found


def logs(settings: Settings, name: str | None) -> list[Check]:
    """The last 1,000 log lines hold no secret, and nothing critical since the last start."""
    lines = _lines(settings, name)
    if lines is None:
        words = "no log to read: LOG_FILE_ENABLED is off and no --container was named"
        return [_check(LOGS, "log", "skip", words)]
    secrets = settings.secrets()
    leaked = sum(any(secret in line for secret in secrets) for line in lines)
    words = f"{leaked} of {len(lines)} lines hold a secret" if leaked else f"none in {len(lines)} lines"
    found = [_check(LOGS, "secrets", "fail" if leaked else "pass", words)]
    bad = _critical(lines)
    words = f"{len(bad)} since the last start, first: {bad[0]}" if bad else "none since the last start"
    return [*found, _check(LOGS, "critical errors", "fail" if bad else "pass", words)]


def _user(data_dir: Path, name: str | None) -> Check:
    fix = "run the service as a user of its own (the image has uid 10001)"
    if name is not None:
        told = _tool("inspect", "--format", "{{.Config.User}}", name)
        if told is None:
            return _check(SECURITY, "user", "fail", f"container {name} cannot be inspected")
        user = told.strip().partition(":")[0]
        root = user in ("", "0", "root")
        return _check(
            SECURITY, "user", "fail" if root else "pass", f"container user {user or 'root'}", fix if root else ""
        )
    mark = next((one for one in (data_dir / "notifier.lock", data_dir / "notifier.db") if one.exists()), None)
    if mark is None:
        return _check(SECURITY, "user", "skip", f"the service left no trace in {data_dir}")
    uid = mark.stat().st_uid
    return _check(SECURITY, "user", "pass" if uid else "warn", f"the service runs as uid {uid}", "" if uid else fix)


def _ports(name: str, port: int) -> Check:
    told = _tool("port", name)
    if told is None:
        return _check(SECURITY, "published ports", "fail", f"container {name} cannot be asked for its ports")
    inner = {line.partition("/")[0].strip() for line in told.splitlines() if line.strip()}
    extra = sorted(inner - {str(port)})
    if extra:
        return _check(SECURITY, "published ports", "fail", f"more than {port}: {', '.join(extra)}")
    return _check(SECURITY, "published ports", "pass", ", ".join(sorted(inner)) or "none")


def _lines(settings: Settings, name: str | None) -> list[str] | None:
    if name is not None:
        told = _tool("logs", "--tail", str(LAST_LINES), name)
        return None if told is None else told.splitlines()
    file = settings.log.dir / "wanderer_notifier.log" if settings.log.dir is not None else None
    if file is None or not file.is_file():
        return None
    with file.open(encoding="utf-8", errors="replace") as text:
        return list(deque(text, LAST_LINES))


def _critical(lines: Iterable[str]) -> list[str]:
    found: list[str] = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if not isinstance(entry, Mapping):
            continue
        if entry.get("event") == "starting":
            found.clear()
        if entry.get("level") == "critical":
            found.append(str(entry.get("event"))[:200])
    return found


def _tool(*arguments: str) -> str | None:
    """What podman or else docker says; None when there is neither or both refuse."""
    for name in ("podman", "docker"):
        if (tool := shutil.which(name)) is None:
            continue
        command: Sequence[str] = [tool, *arguments]
        try:
            ran = subprocess.run(  # noqa: S603  # the operator's own tool, no shell
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TOOL_S, check=False
            )
        except (OSError, subprocess.SubprocessError):
            continue
        if ran.returncode == 0:
            return ran.stdout
    return None


def _available_kb(memory: Path) -> int | None:
    try:
        for line in memory.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return None


def _check(section: str, name: str, level: Level, words: str, fix: str = "") -> Check:
    return Check(section=section, name=name, level=level, words=words, fix=fix)
