"""The deployment checklist as `verify --checklist` shows it: what our checks can answer, and what a person must see."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from attrs import frozen

from wanderer_notifier.cli.verify_checks import Check, Level
from wanderer_notifier.cli.verify_lines import LINES
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.net.question import Reply

Result: TypeAlias = Literal["pass", "warn", "fail", "open"]

SERVICE, VARIABLES = "Service", "Variables"
WORST: Mapping[Level, int] = {"skip": 0, "pass": 1, "warn": 2, "fail": 3}
"""What could not be looked at does not untick a line that something else answers."""
FEATURES: Mapping[str, bool] = {
    "notifications": True,
    "kill_notifications": True,
    "system_notifications": True,
    "character_notifications": True,
    "priority_systems_only": False,
    "track_kspace": True,
}
"""What the checklist wants them to be."""
METRICS: Mapping[str, str] = {
    "metrics": "process_resident_memory_bytes",
    "connection metrics": "notifier_component_up",
    "delivery metrics": "notifier_notifications_total",
}


@frozen(kw_only=True)
class Line:
    """One of the 137, and how it is; `open`: somebody has to look at *words*."""

    number: int
    text: str
    result: Result
    words: str


def lines(found: Sequence[Check]) -> list[Line]:
    """All lines in their order, given what was checked."""
    told = [_line(number, text, proof, found) for number, (text, proof) in enumerate(LINES, 1)]
    failed = sum(check.level == "fail" for check in found)
    unticked = sum(line.result != "pass" for line in told if line.words not in _TOTALS)
    for at, line in enumerate(told):
        if line.words == "verification":
            words = f"{failed} checks failed" if failed else f"{len(found)} checks, none failed"
            told[at] = _made(line.number, line.text, "fail" if failed else "pass", words)
        elif line.words == "lines":
            words = f"{unticked} lines are not ticked" if unticked else "every line is ticked"
            told[at] = _made(line.number, line.text, "open" if unticked else "pass", words)
    return told


def in_words(told: Sequence[Line]) -> Iterator[str]:
    """The list for a person."""
    yield ""
    yield "=== Deployment Checklist ==="
    for line in told:
        yield f"[{LAMPS[line.result]}] {line.number:>3} {line.text}: {line.words}"
    counts = {result: sum(line.result == result for line in told) for result in LAMPS}
    yield (
        f"{counts['pass']} ticked, {counts['warn']} to look at, {counts['fail']} failed,"
        f" {counts['open']} for a person to tick"
    )


LAMPS: Mapping[Result, str] = {"pass": "x", "warn": "~", "fail": "!", "open": " "}
_TOTALS = frozenset({"lines", "verification"})


def service(info: Reply, metrics: Reply) -> list[Check]:
    """What `/api/system/info` and `/metrics` answer of the checklist."""
    value = info.value if info.status == 200 and isinstance(info.value, Mapping) else None
    if value is None:
        found = [_check("system info", "fail", info.trouble or f"HTTP status {info.status}")]
    else:
        found = [_check("system info", "pass", f"version {value.get('version')}"), *_told(value)]
    text = metrics.body.decode("utf-8", "replace") if metrics.status == 200 else ""
    for name, sample in METRICS.items():
        there = re.search(rf"^(?:# TYPE )?{sample}\b", text, re.MULTILINE) is not None
        words = metrics.trouble or (f"HTTP status {metrics.status}" if metrics.status != 200 else sample)
        found.append(_check(name, "pass" if there else "fail", words if there or not text else f"{sample} is missing"))
    return found


def variables(settings: Settings) -> list[Check]:
    """What the configuration answers of the checklist."""
    log = settings.log
    sends = f"{'on' if settings.status_messages else 'off'}"
    found = [
        _check("STATUS_MESSAGES_ENABLED", "warn" if settings.status_messages else "pass", sends, VARIABLES),
        _check("LOG_LEVEL", "pass" if log.level == "info" else "warn", log.level, VARIABLES),
    ]
    if log.dir is None or not log.file_enabled:
        off = "LOG_FILE_ENABLED is off: standard output only"
        return [*found, _check("log directory", "pass", off, VARIABLES)]
    there = log.dir.is_dir()
    kept = f"{log.file_backups} files of {log.file_max_bytes / 2**20:g} MiB"
    return [
        *found,
        _check(
            "log directory", "pass" if there else "warn", f"{log.dir}{'' if there else ' does not exist'}", VARIABLES
        ),
        _check("log rotation", "pass", kept, VARIABLES),
    ]


def _told(value: Mapping[str, Any]) -> Iterator[Check]:
    environment = value.get("environment")
    yield _check("environment", "pass" if environment == "prod" else "warn", str(environment))
    server = value.get("web_server")
    yield _check("port", "pass", str(server.get("port") if isinstance(server, Mapping) else "?"))
    build = value.get("build")
    commit = build.get("commit") if isinstance(build, Mapping) else None
    known = commit not in (None, "", "unknown")
    yield _check("build", "pass" if known else "skip", f"commit {commit}" if known else "its commit is not known")
    features = value.get("features")
    for name, wanted in FEATURES.items():
        given = features.get(name) if isinstance(features, Mapping) else None
        yield _check(
            name, "pass" if given is wanted else "warn", {"True": "on", "False": "off"}.get(str(given), "unknown")
        )
    parts = value.get("components")
    known_parts = [part for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []
    states: dict[str, list[str]] = {}
    for part in known_parts:
        states.setdefault(str(part.get("name")).partition(":")[0], []).append(str(part.get("state")))
    for name, all_of in states.items():
        bad = [state for state in all_of if state not in ("ok", "disabled")]
        yield _check(name, ("warn" if name == "license" else "fail") if bad else "pass", (bad or all_of)[0])
    away = [str(part.get("name")) for part in known_parts if part.get("state") in ("failed", "starting")]
    words = f"not up: {', '.join(away)}" if away else f"{len(known_parts)} parts"
    yield _check("components", "fail" if away or not known_parts else "pass", words)


def _line(number: int, text: str, proof: str, found: Sequence[Check]) -> Line:
    kind, _, rest = proof.partition(" ")
    if kind == "?":
        return _made(number, text, "open", rest)
    if kind == "=":
        return _made(number, text, "pass", rest)
    if kind == "*":
        return _made(number, text, "open", rest)
    pattern = re.compile(proof)
    answers = [check for check in found if pattern.fullmatch(_address(check))]
    if not answers:
        return _made(number, text, "open", _HOW.get(proof, "not checked in this run"))
    worst = max(answers, key=lambda check: WORST[check.level])
    result: Result = "open" if worst.level == "skip" else worst.level
    more = f" (and {len(answers) - 1} more)" if len(answers) > 1 and worst.level == "pass" else ""
    return _made(number, text, result, f"{worst.name}: {worst.words}{more}")


_HOW: Mapping[str, str] = {
    "Discord/test message .*": "say --send-test-message",
    "Alerting/.*": "say --fire-test-alert, and look whether somebody noticed",
    "Security/env file": "no env file here: where do the secrets come from?",
    "Security/published ports": "say --container NAME",
    "Logs/critical errors": "say --container NAME",
    "Variables/log rotation": "limits of the journal or the container's log driver",
}
"""How to have it checked."""


def _address(check: Check) -> str:
    return f"{check.section.removeprefix('External Services: ')}/{check.name}"


def _made(number: int, text: str, result: Result, words: str) -> Line:
    return Line(number=number, text=text, result=result, words=words)


def _check(name: str, level: Level, words: str, section: str = SERVICE) -> Check:
    return Check(section=section, name=name, level=level, words=words)
