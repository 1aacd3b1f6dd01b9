"""What `ops/` ships fits the service: every metric it names exists, and Prometheus accepts and fires the rules."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from wanderer_notifier.runtime.metrics import Metrics

ROOT = Path(__file__).parents[2]
RULES, BOARD = ROOT / "ops/alerts.yml", ROOT / "ops/grafana-dashboard.json"
NAME = re.compile(r"\b(?:notifier|process)_[a-z0-9_]+")


def expressions() -> list[str]:
    board = json.loads(BOARD.read_text(encoding="utf-8"))
    found = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    found += re.findall(r"^\s+expr: (.+)$", RULES.read_text(encoding="utf-8"), re.MULTILINE)
    return found + [one["expr"] for one in board["annotations"]["list"]]


def known() -> dict[str, set[str]]:
    """Sample name -> labels."""
    names: dict[str, set[str]] = {}
    for collector in Metrics().registry._collector_to_names:
        labels = set(getattr(collector, "_labelnames", ()))
        kind = getattr(collector, "_type", "")
        name = getattr(collector, "_name", None)
        if name is None:
            continue
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(kind, ("",))
        for ending in endings:
            names[name + ending] = labels | ({"le"} if ending == "_bucket" else set())
    return names | {name: set() for name in ("process_resident_memory_bytes", "process_cpu_seconds_total")}


def test_every_metric_that_is_graphed_or_alerted_on_exists() -> None:
    used = {name for expression in expressions() for name in NAME.findall(expression)}
    assert len(used) > 20
    assert used <= known().keys()


def test_every_label_that_is_selected_exists() -> None:
    labels = known()
    for expression in expressions():
        for name, inside in re.findall(r"\b((?:notifier|process)_[a-z0-9_]+)\{([^}]*)\}", expression):
            chosen = set(re.findall(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"', inside)) - {"job", "instance"}
            assert chosen <= labels[name], expression


def test_no_panel_overlaps_another() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in json.loads(BOARD.read_text(encoding="utf-8"))["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian's package prometheus has it): the alert rules are NOT checked")
    return found


@pytest.mark.parametrize(
    "arguments", [("check", "rules", "ops/alerts.yml"), ("test", "rules", "tests/ops/alerts_test.yml")]
)
def test_prometheus_accepts_the_rules_and_fires_them(arguments: tuple[str, ...]) -> None:
    done = subprocess.run([promtool(), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_understands_what_the_panels_ask(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$job", "wanderer-notifier")}
        for number, expression in enumerate(expressions())
    ]
    (tmp_path / "panels.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))  # YAML enough
    done = subprocess.run(
        [promtool(), "check", "rules", "panels.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
