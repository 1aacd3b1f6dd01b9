"""`demo`: the real service against the simulated universe on loopback, a page to look at, and a summary at the end."""

from __future__ import annotations

import math
import sys
import tempfile
import urllib.request
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import TextIO

import trio
from attrs import evolve, frozen
from prometheus_client.parser import text_string_to_metric_families

from wanderer_notifier.app import service
from wanderer_notifier.config.load import load
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.runtime import logs
from wanderer_notifier.sim.expectations import Outcome
from wanderer_notifier.sim.page import serve_page
from wanderer_notifier.sim.scenario import Scenario
from wanderer_notifier.sim.world import World
from wanderer_notifier.web.server import listen

LICENCE_S = 2.0
"""How often the licence is checked: whoever watches should see at once what buying one does."""
LINES = 500
SETTLE_S = 20.0
"""How long the end waits for what is still under way."""
QUIET_END = 0.75
"""After this part of the wanted time nothing new is begun, so that the rest suffices for it to arrive."""


class _Tee:
    """Standard output, and the last lines for the page."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lines: deque[str] = deque(maxlen=LINES)

    def write(self, text: str) -> int:
        if text.strip():
            self.lines.append(text.rstrip("\n"))
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def say(self, line: str) -> None:
        self.write(f"{line}\n")
        self.flush()


def main(*, seconds: float | None, speed: float, seed: int, port: int) -> int:
    """Play until told to stop, or for *seconds* with a summary; 0, or 1 if something expected did not arrive."""
    with tempfile.TemporaryDirectory(prefix="wanderer-notifier-demo-") as folder:
        return trio.run(partial(_play, Path(folder), seconds=seconds, speed=speed, seed=seed, port=port))


async def _play(folder: Path, *, seconds: float | None, speed: float, seed: int, port: int) -> int:
    out = _Tee(sys.stdout)
    world = World(seed, lambda: datetime.now(UTC))
    scenario = Scenario(world, Random(seed), tell=lambda line: out.say(f"* {line}"))
    stop = trio.Event()
    deadline = math.inf if seconds is None else trio.current_time() + seconds
    async with trio.open_nursery() as nursery:
        await nursery.start(world.serve)
        scenario.prepare()
        settings = _settings(world, folder)
        redact = logs.configure(
            level="info",
            layout="text",
            secrets=settings.secrets(),
            stream=out,  # type: ignore[arg-type]  # it writes and flushes, which is all that is asked of it
        )
        try:
            address = await nursery.start(partial(serve_page, world, out.lines, port=port))
        except* OSError:
            address = await nursery.start(partial(serve_page, world, out.lines, port=0))
        out.say("")
        out.say(f"  The channels, as their readers see them:  {address}")
        ended = trio.Event()
        codes: list[int] = []

        async def run(*, task_status: trio.TaskStatus[int]) -> None:
            codes.append(await service.run(settings, redact=redact, stop=stop, task_status=task_status))
            ended.set()
            nursery.cancel_scope.cancel(reason="the service ended")

        web_port = await nursery.start(run)
        out.say(f"  The service's own probes:                 http://127.0.0.1:{web_port}/ready")
        out.say("  Ctrl-C ends it." if seconds is None else f"  Ends by itself after {seconds:g} s.")
        out.say("")
        begin_until = (
            math.inf if seconds is None else trio.current_time() + (deadline - trio.current_time()) * QUIET_END
        )
        nursery.start_soon(partial(scenario.play, speed=speed, until=begin_until))
        await trio.sleep_until(deadline)
        outcome = await scenario.settled(SETTLE_S)
        numbers = await trio.to_thread.run_sync(_scrape, web_port, abandon_on_cancel=True)
        stop.set()
        await ended.wait()
    if seconds is None or not codes:
        return codes[0] if codes else 0
    for line in summary(outcome, numbers, codes[0]):
        out.say(line)
    return 0 if outcome.good and not outcome.pending and codes[0] == 0 else 1


def _settings(world: World, folder: Path) -> Settings:
    environment = {
        **world.environment(),
        "DATA_DIR": str(folder / "priv"),
        "BIND_ADDRESS": "127.0.0.1",
        "PORT": "4000",
        "APP_ENV": "dev",
        "NOTABLE_ITEMS_ENABLED": "true",
        "STATUS_MESSAGES_ENABLED": "true",
    }
    try:
        with listen("127.0.0.1", 4000):
            pass
    except OSError:
        environment["PORT"] = "0"  # another service runs here; the address is printed either way
    settings = load(environment, cwd=folder)
    return evolve(settings, license=evolve(settings.license, refresh_s=LICENCE_S))


# --- the summary ------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Numbers:
    """What the service counted."""

    received: float
    decided: dict[str, float]
    skipped: dict[str, float]
    sent: dict[str, float]


def _scrape(port: int) -> Numbers:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:  # loopback
        families = list(text_string_to_metric_families(answer.read().decode()))

    def by(metric: str, label: str) -> dict[str, float]:
        found: dict[str, float] = {}
        for family in families:
            for sample in family.samples:
                if sample.name == metric:
                    found[sample.labels[label]] = found.get(sample.labels[label], 0) + sample.value
        return found

    sent: dict[str, float] = {}
    for family in families:
        for sample in family.samples:
            if sample.name == "notifier_notifications_total" and sample.labels["result"] in ("sent", "found"):
                sent[sample.labels["kind"]] = sent.get(sample.labels["kind"], 0) + sample.value
    return Numbers(
        received=sum(by("notifier_killmails_received_total", "source").values())
        + sum(by("notifier_map_events_total", "type").values()),
        decided=by("notifier_killmails_processed_total", "result"),
        skipped=by("notifier_killmails_skipped_total", "reason"),
        sent=sent,
    )


def summary(outcome: Outcome, numbers: Numbers, exit_code: int) -> Iterable[str]:
    """What a person wants to know after the curtain; one line each."""
    delays = sorted((posted.at - expected.at).total_seconds() for expected, posted in outcome.arrived)
    yield ""
    yield "  Summary"
    yield f"  events seen      {numbers.received:.0f} (copies included)"
    yield f"  kills decided    {_counts(numbers.decided)}"
    yield f"  skipped          {_counts(numbers.skipped)}"
    yield f"  sent             {_counts(numbers.sent)}"
    due = len(outcome.arrived) + len(outcome.missing) + len(outcome.pending)
    yield f"  expected         {due}, arrived {len(outcome.arrived)}"
    if delays:
        yield f"  feed to Discord  p50 {_quantile(delays, 0.5):.3f} s, p99 {_quantile(delays, 0.99):.3f} s"
    for expected in (*outcome.missing, *outcome.pending):
        yield f"  MISSING          {expected.what}"
    for unwanted in outcome.leaked:
        yield f"  UNWANTED         {unwanted.what}"
    for doubled in outcome.doubled:
        yield f"  TOLD TWICE       {doubled.what}"
    if exit_code:
        yield f"  the service ended with {exit_code}"
    yield "  everything arrived once" if outcome.good and not outcome.pending else "  NOT as it should be"


def _counts(counts: dict[str, float]) -> str:
    return ", ".join(f"{name} {count:.0f}" for name, count in sorted(counts.items()) if count) or "none"


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]
