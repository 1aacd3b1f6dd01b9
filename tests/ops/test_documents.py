"""What the manuals name exists: commands, recipes, files, routes, variables, metrics, events, messages, anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from wanderer_notifier.cli.commands import _parser
from wanderer_notifier.config import retired, table

ROOT = Path(__file__).parents[2]
MANUALS = ("DEPLOYMENT.md", "RUNBOOK.md", "MIGRATION.md", "SECURITY.md")
CHECKLIST = ROOT.parent / "shared" / "reference" / "deployment-checklist.md"

FOREIGN = {"APPLICATION_ID", "ENV_FILE", "KILL_ID", "OSV_URL", "WANDERER_SSE_ENABLED"}
FOREIGN |= {"WANDERER_PLUGIN_NOTIFIER_API_KEY", "WANDERER_PLUGINS_ENABLED"}
"""Capitals that are none of the service's variables: placeholders, and variables of others."""


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def spans(name: str) -> list[str]:
    """Every code span and every line of every code block."""
    text = text_of(name)
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    joined = "\n".join(blocks).replace("\\\n", " ")
    lines = [line.partition(" #")[0].strip() for line in joined.splitlines()]
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)) + [
        each for each in lines if each
    ]


@cache
def source() -> str:
    """All string constants of the package in one, with the breaks between adjacent literals closed."""
    files = (path.read_text(encoding="utf-8") for path in sorted((ROOT / "wanderer_notifier").rglob("*.py")))
    return re.sub(r'["\']\s*\n\s*f?["\']', "", "\n".join(files))


@cache
def variables() -> frozenset[str]:
    """The service's variables under present and old names."""
    known = (Path(str(module.__file__)).read_text(encoding="utf-8") for module in (table, retired))
    return frozenset(name for text in known for name in re.findall(r'"([A-Z][A-Z0-9_]{3,})"', text))


def commands() -> frozenset[str]:
    return frozenset(_parser()._subparsers._group_actions[0].choices or ())  # type: ignore[union-attr]


def calls(name: str) -> Iterator[list[str]]:
    """The words after each `wanderer-notifier` that is the program: containers and images are called so, too."""
    for span in spans(name):
        for part in re.split(r"&&|[|;]", span.replace("…", "WORD").replace("'", "")):
            words = part.split()
            for at, word in enumerate(words[:-1]):
                after = words[at + 1]
                if word.rpartition("/")[2] == "wanderer-notifier" and (after in commands() or after == "--version"):
                    yield words[at + 1 :]


@pytest.mark.skipif(not CHECKLIST.exists(), reason="the checklist lies beside the checkout, and it is not there")
def test_every_line_of_the_checklist_has_its_row_and_its_words() -> None:
    lines = re.findall(r"^\s*- \[ \] (.*)$", CHECKLIST.read_text(encoding="utf-8"), re.MULTILINE)
    rows = re.findall(r"^\| (\d+) \| (.*?) \| (.*?) \| (.*?) \|$", text_of("DEPLOYMENT.md"), re.MULTILINE)

    def plain(text: str) -> str:
        return re.sub(r'[`*"]', "", text).lower()

    assert len(lines) == 137
    assert [int(row[0]) for row in rows] == list(range(1, 138))
    assert [row[1] for row, line in zip(rows, lines, strict=True) if plain(row[1]) not in plain(line)] == []
    assert [row[0] for row in rows if not row[2].strip() or not row[3].strip()] == []


@pytest.mark.parametrize("name", MANUALS)
def test_every_command_line_is_understood(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = []
    for words in calls(name):
        try:
            _parser().parse_args(["1" if word in ("KILL_ID", "ID") else word for word in words])
        except SystemExit as end:
            if end.code:
                wrong.append(" ".join(words))
    assert wrong == [], capsys.readouterr().err


@pytest.mark.parametrize("name", MANUALS)
def test_what_is_called_as_a_command_is_one(name: str) -> None:
    called = {span.split()[1] for span in spans(name) if span.startswith("wanderer-notifier ")}
    assert {word for word in called if not word.startswith("-")} <= commands()


@pytest.mark.parametrize("name", MANUALS)
def test_every_recipe_exists(name: str) -> None:
    recipes = set(re.findall(r"^([a-z][a-z-]*)(?: [^:=]*)?:", text_of("justfile"), re.MULTILINE))
    targets = set(re.findall(r"^([a-z.]+):", text_of("Makefile"), re.MULTILINE))
    for span in spans(name):
        for tool, word in re.findall(r"\b(just|make) ([a-z][a-z.-]*)", span):
            assert word in (recipes if tool == "just" else targets), span


@pytest.mark.parametrize("name", MANUALS)
def test_every_file_exists(name: str) -> None:
    named = set()
    for span in spans(name):
        named |= set(re.findall(r"(?<![\w/.-])(?:\./)?((?:ops|scripts|tests|wanderer_notifier)/[\w./*-]*)", span))
    assert [each for each in sorted(named) if not list(ROOT.glob(each.rstrip("/.")))] == []
    scripts = [ROOT / each for each in named if each.startswith("scripts/")]
    assert [each.name for each in scripts if not each.stat().st_mode & 0o111] == []


@pytest.mark.parametrize("name", MANUALS)
def test_every_route_exists(name: str) -> None:
    routes = set(
        re.findall(
            r'"(/[a-z/]*)"', "\n".join(path.read_text() for path in (ROOT / "wanderer_notifier/web").glob("*.py"))
        )
    )
    called = set()
    for span in spans(name):
        called |= {path.rstrip(".") for path in re.findall(r"(?:localhost|HOST):4000(/[\w/.-]*)", span)}
        called |= set(re.findall(r"^(/(?:api/[\w/]+|health|ready|live|metrics)?)$", span))
    assert sorted(called - routes) == []


@pytest.mark.parametrize("name", MANUALS)
def test_every_variable_exists(name: str) -> None:
    named = set()
    for span in spans(name):
        named |= set(re.findall(r"(?<![\w$/.%-])([A-Z][A-Z0-9]*_[A-Z0-9_]+)\b(?!\*)", span))
    strangers = {each for each in named if not {each, each.removesuffix("_FILE")} & (variables() | FOREIGN)}
    assert sorted(strangers) == []


@pytest.mark.parametrize("name", MANUALS)
def test_every_metric_exists(name: str) -> None:
    named = {each for span in spans(name) for each in re.findall(r"\b(notifier_[a-z0-9_]+)", span)}
    defined = set(re.findall(r'"(notifier_[a-z0-9_]+)"', text_of("wanderer_notifier/runtime/metrics.py")))
    assert sorted(each for each in named if each.removesuffix("_total") not in defined) == []


@pytest.mark.parametrize("name", MANUALS)
def test_every_alert_exists(name: str) -> None:
    rules = set(re.findall(r"- alert: (\w+)", text_of("ops/alerts.yml")))
    assert {each for span in spans(name) for each in re.findall(r"\b(Notifier[A-Z]\w+)", span)} <= rules


@pytest.mark.parametrize("name", MANUALS)
def test_every_event_of_the_log_exists(name: str) -> None:
    told = re.findall(r"events? `([^`]+)`(?:, `([^`]+)`)?", text_of(name))
    named = {each for pair in told for each in pair if each}
    assert named or name == "MIGRATION.md"
    assert sorted(each for each in named if f'"{each}"' not in source() and each not in source()) == []


def test_every_message_of_the_common_problems_is_one_of_ours() -> None:
    section = text_of("RUNBOOK.md").partition("## Common problems")[2]
    messages = [
        span
        for row in re.findall(r"^\| (`.*?`|event `.*?`) \|", section, re.MULTILINE)
        for span in re.findall(r"`([^`]+)`", row)
    ]
    of_the_system = {"…: Connection refused", "Name or service not known"}
    assert len(messages) > 40
    lost = []
    for message in messages:
        pieces = [piece.strip() for piece in message.split("…") if len(piece.strip()) > 3]
        if message not in of_the_system and not (pieces and all(piece in source() for piece in pieces)):
            lost.append(message)
    assert lost == []


@pytest.mark.parametrize("name", [*MANUALS, "README.md"])
def test_every_link_leads_somewhere(name: str) -> None:
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(name)):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        path = ROOT / file if file else ROOT / name
        if not path.exists() or (anchor and anchor not in _anchors(path)):
            lost.append(target)
    assert lost == []


def _anchors(path: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
