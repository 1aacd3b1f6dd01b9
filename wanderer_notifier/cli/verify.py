"""`verify`: does what was deployed work? The checks of the deployment checklist against a running service.

The variables are those of the script of the same purpose: HEALTH_ENDPOINT, TIMEOUT, RETRY_COUNT, RETRY_DELAY, ENV_FILE.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import trio

from wanderer_notifier import ABOUT, __version__
from wanderer_notifier.cli import doctor, verify_alert, verify_checklist, verify_host, verify_service
from wanderer_notifier.cli.terminal import safe
from wanderer_notifier.cli.verify_checks import FEEDS, SMOKE, Check, Level
from wanderer_notifier.cli.verify_service import Target
from wanderer_notifier.config.load import ConfigError, load
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.findings import Finding
from wanderer_notifier.net.dial import tcp_dial
from wanderer_notifier.runtime.logs import Redactor

EX_USAGE, EX_WARNINGS = 2, 3
LAMPS: Mapping[Level, str] = {"pass": "[SUCCESS]", "warn": "[WARNING]", "fail": "[ERROR]", "skip": "[INFO]"}
LEVELS: Mapping[str, Level] = {"ok": "pass", "warn": "warn", "fail": "fail"}
ENV_FIX = "ENV_FILE=/path/to/env names the file"
GROUPS = {"This machine": "Persistence"}
"""Group of `doctor` -> section here; the others are external services."""


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Check everything and report; 0 pass, 1 failures, 2 usage, 3 only warnings with `--strict`."""
    settings, configuration = _settings(environ)
    try:
        target = _target(arguments, environ, settings)
    except ValueError as error:
        print(f"wanderer-notifier verify: {error}", file=sys.stderr)
        return EX_USAGE
    redact = Redactor((*(settings.secrets() if settings else ()), *((target.token,) if target.token else ())))

    def show(check: Check) -> None:
        if arguments.json:
            shown = {"section": check.section, "check": check.name, "result": check.level, "words": check.words}
            print(redact(json.dumps(shown | ({"fix": check.fix} if check.fix else {}))), flush=True)

    found = trio.run(partial(_all, arguments, target, settings, configuration, environ, show))
    told = verify_checklist.lines(found) if arguments.checklist else []
    if arguments.json:
        for line in told:
            print(
                redact(json.dumps({"line": line.number, "text": line.text, "result": line.result, "words": line.words}))
            )
    else:
        print(redact("\n".join([*_in_words(found), *(map(safe, verify_checklist.in_words(told)) if told else ())])))
    levels = [check.level for check in found]
    if "fail" in levels:
        return 1
    return EX_WARNINGS if arguments.strict and "warn" in levels else 0


async def _all(
    arguments: argparse.Namespace,
    target: Target,
    settings: Settings | None,
    configuration: list[Check],
    environ: Mapping[str, str],
    show: Callable[[Check], None],
) -> list[Check]:
    dial = tcp_dial(ipv4_only=settings.ipv4_only if settings else False)
    found: list[Check] = []

    def note(checks: Iterable[Check]) -> None:
        for check in checks:
            found.append(check)
            show(check)

    here = f"wanderer-notifier {__version__}; curl and jq are not needed"
    note([Check(section="Verifying Prerequisites", name="program", level="pass", words=here), *configuration])
    told = await verify_service.service(target, dial=dial, quick=arguments.quick)
    probes = [check for check in told if check.section not in (SMOKE, FEEDS)]
    note(probes)
    note(verify_host.container(settings.data_dir if settings else None))
    note(told[len(probes) :])
    if arguments.checklist:
        note(verify_checklist.variables(settings) if settings else ())
        note(await verify_service.for_the_checklist(target, dial=dial))
    if settings is None and arguments.fire_test_alert:
        note(
            [
                Check(
                    section=verify_alert.ALERTING, name="alerts", level="fail", words="not configured here", fix=ENV_FIX
                )
            ]
        )
    if arguments.quick or settings is None:
        return found
    groups = await doctor.examine(
        settings, dial=dial, now=lambda: datetime.now(UTC), test_message=arguments.send_test_message
    )
    note(_translated(groups))
    env_file = Path(environ.get("ENV_FILE", "").strip() or ".env")
    note(await trio.to_thread.run_sync(verify_host.security, settings, env_file, arguments.container))
    note(await trio.to_thread.run_sync(verify_host.logs, settings, arguments.container))
    if arguments.fire_test_alert:
        note(await verify_alert.fire(settings, dial=dial, now=lambda: datetime.now(UTC), about=ABOUT))
    return found


# --- what to check ------------------------------------------------------------------------------------------------


def _settings(environ: Mapping[str, str]) -> tuple[Settings | None, list[Check]]:
    """The configuration as it is here; on a host whose variables are only in the container there may be none."""
    try:
        settings = load(environ, cwd=Path.cwd())
    except ConfigError as error:
        meant = "ENV_FILE" in environ
        words = "; ".join(str(error).splitlines())[:500]
        if not meant:
            words = f"not here ({words}): only the service itself is checked, not what it depends on"
        fix = "mend the file, see `wanderer-notifier check-config`" if meant else ENV_FIX
        level: Level = "fail" if meant else "warn"
        return None, [Check(section=verify_host.ENVIRONMENT, name="configuration", level=level, words=words, fix=fix)]
    return settings, verify_host.environment(settings)


def _target(arguments: argparse.Namespace, environ: Mapping[str, str], settings: Settings | None) -> Target:
    """Raises ValueError with words for a variable that makes no sense."""
    port = settings.web.port if settings else environ.get("PORT", "").strip() or "4000"
    url = environ.get("HEALTH_ENDPOINT", "").strip() or f"http://localhost:{port or 4000}/health"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("HEALTH_ENDPOINT must be an http or https address, such as http://localhost:4000/health")
    token = settings.web.auth_token.reveal() if settings and settings.web.auth_token else None
    retries = _number(environ, "RETRY_COUNT", 5)
    if retries < 1:
        raise ValueError("RETRY_COUNT must be at least 1")
    return Target(
        url=url if parts.path.strip("/") else f"{url.rstrip('/')}/health",
        token=token or environ.get("WEB_AUTH_TOKEN", "").strip() or None,
        timeout_s=arguments.timeout if arguments.timeout is not None else _number(environ, "TIMEOUT", 30),
        retries=int(retries),
        retry_delay_s=_number(environ, "RETRY_DELAY", 10),
    )


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "").strip()
    try:
        value = float(text) if text else default
    except ValueError:
        value = math.nan
    if not 0 <= value < 86_400 or (name == "TIMEOUT" and value == 0):
        raise ValueError(f"{name} must be a number of {'tries' if name == 'RETRY_COUNT' else 'seconds'}")
    return value


def _translated(groups: Mapping[str, Sequence[Finding]]) -> Iterable[Check]:
    """The findings of `doctor` as checks; its warnings about the configuration were given by `check-config` already."""
    for group, findings in groups.items():
        for one in findings:
            section = GROUPS.get(
                group, "Commands" if one.check.startswith("command") else f"External Services: {group}"
            )
            yield Check(section=section, name=one.check, level=LEVELS[one.level], words=one.words, fix=one.fix)


def _in_words(found: Sequence[Check]) -> Iterable[str]:
    section = ""
    for check in found:
        if check.section != section:
            section = check.section
            yield f"\n=== {section} ==="
        yield f"{LAMPS[check.level]:<10}{safe(check.name)}: {safe(check.words)}"
        if check.fix and check.level != "pass":
            yield f"{'':<10}-> {safe(check.fix)}"
    counts = {level: sum(check.level == level for check in found) for level in LAMPS}
    yield "\n=== Verification Summary ==="
    yield f"{counts['pass']} passed, {counts['warn']} warnings, {counts['fail']} failed, {counts['skip']} not checked"
    for check in found:
        if check.level == "fail":
            yield f"❌ {check.section}: {safe(check.name)}"
    yield "❌ Verification failed" if counts["fail"] else "✅ Verification passed"
