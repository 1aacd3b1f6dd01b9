"""One visit of a library to the fake Discord: what is done to it, and the transcript of what it asked and sent."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import trio
from attrs import Factory, define

from wanderer_notifier.sim.faults import limited
from wanderer_notifier.sim.http import serve_tcp
from wanderer_notifier.sim.interactions import Answer
from wanderer_notifier.sim.world import MEMBERS, TOKEN, VOICE_CHANNEL, World

HERE = Path(__file__).parent
SCRIPTS = {"discord_py": "client_discord_py.py", "discord_js": "client_discord_js.mjs", "hikari": "client_hikari.py"}
PILOT = list(MEMBERS)[1]
POST = "POST /channels/{c}/messages"
LINES = 3
"""Messages the library posts at one go; the second is refused once."""
PATIENCE_S = 25.0

Line: TypeAlias = dict[str, Any]


@define
class Visit:
    """What came of it."""

    library: str
    told: list[Line] = Factory(list)
    """What the library noticed."""
    hello: Answer | None = None
    hello_follow_up: str = ""
    said: Answer | None = None
    lines: list[str] = Factory(list)
    """What it posted into the channel."""
    refused: int = 0
    """429s it got."""
    seconds: dict[str, float] = Factory(dict)
    """From the misfortune to the library's word that it is back."""
    exit_code: int | None = None
    transcript: dict[str, list[str]] = Factory(dict)
    complaints: str = ""
    """What it wrote to standard error."""
    failure: str | None = None


class Player:
    """Does things to one library and waits for its word.

    Args:
        world: the universe it visits.
        visit: what is found out.
    """

    def __init__(self, world: World, visit: Visit) -> None:
        self._discord = world.discord
        self._visit = visit
        self._heard = trio.lowlevel.ParkingLot()
        self._read = 0

    async def listen(self, stdout: trio.abc.ReceiveStream) -> None:
        """Collect the lines it prints."""
        rest = b""
        async for piece in stdout:
            *lines, rest = (rest + bytes(piece)).split(b"\n")
            self._visit.told += [json.loads(line) for line in lines if line.strip()]
            self._heard.unpark_all()

    async def listen_to_complaints(self, stderr: trio.abc.ReceiveStream) -> None:
        """Collect what it logs, to be shown when something fails."""
        async for piece in stderr:
            self._visit.complaints += bytes(piece).decode(errors="replace")

    async def words(self, *wanted: Line) -> None:
        """Return when it said all of these since the last call, in any order; of each line some keys are enough."""
        missing = list(wanted)
        with trio.fail_after(PATIENCE_S):
            while missing:
                while missing and self._read < len(self._visit.told):
                    line = self._visit.told[self._read]
                    self._read += 1
                    missing = [one for one in missing if not one.items() <= line.items()]
                if missing:
                    await self._heard.park()

    async def play(self) -> None:
        """The whole visit, from login to the dead token."""
        discord, visit, gateway = self._discord, self._visit, self._discord.gateway
        await self.words({"event": "ready"}, {"event": "synced"})
        discord.voice.join(PILOT, VOICE_CHANNEL)
        await self.words({"event": "voice", "channel": "Fleet"})
        hello = discord.interactions.invoke("hello", {"name": "Vess"}, user=PILOT)
        visit.hello = await hello.answer()
        with trio.fail_after(PATIENCE_S):
            await hello.until(lambda one: len(one.messages) == 2)
        visit.hello_follow_up = hello.shown[1].content
        discord.fault(limited(0.7), route=POST, nth=2)
        say = discord.interactions.invoke("say", {"times": LINES}, user=PILOT)
        with trio.fail_after(PATIENCE_S):
            visit.said = await say.answer()
        visit.lines = [one.content for one in discord.messages(say.channel.id)]
        visit.refused = discord.statuses[429]

        async def survives(what: str, happen: Callable[[], None], back: str) -> None:
            started = trio.current_time()
            happen()
            await self.words({"event": back})
            visit.seconds[what] = trio.current_time() - started

        started = trio.current_time()
        gateway.op7()
        await gateway.until(lambda: not gateway.live)
        discord.voice.leave(PILOT)  # what it can only learn from the replay
        await self.words({"event": "voice", "channel": None}, {"event": "resumed"})
        visit.seconds["op 7"] = trio.current_time() - started
        await survives("op 9 true", lambda: gateway.invalid_session(True), "resumed")
        await survives("reset", gateway.cut_all, "resumed")
        await survives("op 9 false", lambda: gateway.invalid_session(False), "ready")
        await survives("4009", lambda: gateway.close_all(4009), "ready")
        gateway.close_all(4004)
        await self.words({"event": "stopped"})

    def transcribe(self) -> dict[str, list[str]]:
        """Requests and frames in order, without beats; what comes several times in a row is written once."""
        rest = [f"{one.route or one.path} {one.status}" for one in self._discord.journal]
        frames: list[str] = []
        for entry in self._discord.gateway.journal.entries:
            match entry.kind:
                case "open":
                    frames.append(f"open {entry.query}")
                case "in" if entry.op != 1:
                    frames.append(f"> op {entry.op}")
                case "out" if entry.op == 0:
                    frames.append(f"< {entry.event}")
                case "out" if entry.op not in (1, 11):
                    frames.append(f"< op {entry.op}")
                case "bye":
                    frames.append(f"< close {entry.code}")
                case "closed":
                    frames.append(f"> close {entry.code}")
        return {"requests": _once(rest), "frames": _once(frames)}


async def visit(library: str, interpreter: str) -> Visit:
    """Let *library* visit a Discord of its own."""
    found = Visit(library)
    world = World(1, lambda: datetime.now(UTC))
    if library == "hikari":
        # It identifies again without keeping the distance, and would be sent round by op 9 until by chance it does.
        world.discord.gateway.budget.spacing_s = 0.0
    player = Player(world, found)
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_tcp, world.discord.handle)
        base = f"127.0.0.1:{port}"
        command = [interpreter, str(HERE / SCRIPTS[library]), f"http://{base}", f"ws://{base}/", TOKEN]
        pipe = subprocess.PIPE
        process: trio.Process = await nursery.start(
            partial(trio.run_process, command, stdout=pipe, stderr=pipe, check=False, cwd=HERE)
        )
        assert process.stdout is not None
        assert process.stderr is not None
        nursery.start_soon(player.listen, process.stdout)
        nursery.start_soon(player.listen_to_complaints, process.stderr)
        try:
            await player.play()
            with trio.fail_after(PATIENCE_S):
                found.exit_code = await process.wait()
        except Exception as error:
            found.failure = repr(error)
        found.transcript = player.transcribe()
        nursery.cancel_scope.cancel()
    return found


async def visits(interpreters: dict[str, str]) -> dict[str, Visit]:
    """All libraries at the same time, each at its own Discord."""
    found: dict[str, Visit] = {}

    async def one(library: str) -> None:
        found[library] = await visit(library, interpreters[library])

    async with trio.open_nursery() as nursery:
        for library in interpreters:
            nursery.start_soon(one, library)
    return found


def _once(lines: list[str]) -> list[str]:
    return [line for line, _ in groupby(lines)]
