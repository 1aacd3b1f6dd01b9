"""The command line: which command runs, and the exit code it ends with; no logic of its own.

Exit codes (design.md 4): 0 clean stop, 1 a demo or check found something wrong, 70 an essential part failed, 71 port
or file system, 78 configuration, 130 second signal.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wanderer_notifier import __version__
from wanderer_notifier.config.load import ConfigError, load
from wanderer_notifier.config.report import check_config
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.config.sources import collect

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

EX_CONFIG = 78
EX_READER_GONE = 141
"""What a shell says of a program that the pipe's end has ended (128 + SIGPIPE)."""
HEALTH_TIMEOUT_S = 2.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that *argv* names (the process's own arguments by default); returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        code = _obey(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever reads has had enough, as `head` does; nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return EX_READER_GONE


def _obey(arguments: argparse.Namespace) -> int:
    os.umask(0o077)  # what we write (database, mirror files, copies, log) is nobody else's to read
    environ = dict(os.environ)
    match arguments.command:
        case "demo":
            return _demo(arguments)
        case "health":
            return _health(environ, ready=arguments.ready)
        case "verify":
            return _verify(arguments, environ)
        case command:
            try:
                settings = load(environ, cwd=Path.cwd())
            except ConfigError as error:
                for warning in error.warnings:
                    print(f"configuration warning: {warning}", file=sys.stderr)
                print(error, file=sys.stderr)
                return EX_CONFIG
            if command in ("why", "outbox", "parked", "backup", "restore", "import-legacy"):
                return _look_after(command, arguments, settings)
            if command == "doctor":
                return _doctor(arguments, settings)
            if command in ("list-commands", "unregister-commands"):
                return _slash_commands(arguments, settings)
            if command == "check-config":
                print(check_config(settings))
                return 0
            return _run(settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wanderer-notifier", description="Discord notifications for a Wanderer map.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("run", help="run the service (the default)")
    demo = commands.add_parser("demo", help="the real service against a simulated universe; no tokens, no network")
    demo.add_argument("--seconds", type=_positive, metavar="N", help="end after N seconds with a summary")
    demo.add_argument("--speed", type=_positive, default=1.0, metavar="X", help="play the scenario X times as fast")
    demo.add_argument("--seed", type=int, default=1, metavar="N", help="which scenario to play")
    demo.add_argument("--port", type=int, default=8600, metavar="P", help="port of the page that shows the channels")
    commands.add_parser("check-config", help="show the effective settings with their source, or every problem")
    health = commands.add_parser("health", help="ask the running service how it is (container health check)")
    health.add_argument("--ready", action="store_true", help="ask for readiness, upstreams included")
    doctor = commands.add_parser("doctor", help="ask everybody the service depends on; plain words, and the fix")
    doctor.add_argument("--json", action="store_true", help="for another program")
    doctor.add_argument(
        "--send-test-message", action="store_true", help="post a silent message into each channel and delete it"
    )
    _looking_after(commands)
    _registering(commands)
    _copying(commands)
    _verifying(commands)
    parser.set_defaults(command="run")
    return parser


def _looking_after(commands: Commands) -> None:
    why = commands.add_parser(
        "why", help="explain what was decided about a kill and how its delivery went, or what would be decided"
    )
    which = why.add_mutually_exclusive_group(required=True)
    which.add_argument("kill_id", type=int, nargs="?", metavar="KILL_ID", help="the number in its zKillboard address")
    which.add_argument(
        "--simulate", metavar="FILE", help="run a killmail file (JSON; - for standard input) through the current rules"
    )
    why.add_argument(
        "--source", choices=("live", "preload", "cached", "poll"), default="live", help="with --simulate: how it came"
    )
    why.add_argument("--fresh", action="store_true", help="with --simulate: as if it had happened a minute ago")
    why.add_argument("--json", action="store_true", help="for another program")

    about = "the messages that wait, went out or were given up (events that could not be read: see `parked`)"
    rows = commands.add_parser("outbox", help=about, description=about).add_subparsers(
        dest="action", metavar="ACTION", required=True
    )
    listing = rows.add_parser("list", help="the newest messages and what became of them")
    listing.add_argument("--state", choices=("queued", "sending", "sent", "dead"), help="only those")
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (50)")
    listing.add_argument("--json", action="store_true", help="for another program")
    rows.add_parser("retry", help="send a message that was given up").add_argument("id", type=int, metavar="ID")
    rows.add_parser("drop", help="do not send a waiting message; forget one that was given up").add_argument(
        "id", type=int, metavar="ID"
    )

    about = "the events that could not be digested; replaying needs the running service"
    events = commands.add_parser("parked", help=about, description=about).add_subparsers(
        dest="action", metavar="ACTION", required=True
    )
    events.add_parser("list", help="all of them").add_argument(
        "--json", action="store_true", help="for another program"
    )
    events.add_parser("show", help="one of them, whole").add_argument("id", type=int, metavar="ID")
    for name, what in (
        ("replay", "decide it again, as if it arrived now (after an update, say)"),
        ("drop", "forget it"),
    ):
        chosen = events.add_parser(name, help=what).add_mutually_exclusive_group(required=True)
        chosen.add_argument("id", type=int, nargs="?", metavar="ID")
        chosen.add_argument("--all", action="store_true", help="every one")


def _registering(commands: Commands) -> None:
    about = "the slash commands that Discord has registered for this bot, globally and in DISCORD_GUILD_ID"
    commands.add_parser("list-commands", help=about, description=about).add_argument(
        "--json", action="store_true", help="for another program"
    )
    about = "remove /notifier from Discord; the service registers it again when it starts"
    commands.add_parser("unregister-commands", help=about, description=about)


def _copying(commands: Commands) -> None:
    about = "take over priority systems and command log of the former program; the service may run"
    old = commands.add_parser("import-legacy", help=about, description=about)
    old.add_argument("folder", metavar="DIR", help="where persistent_values.bin and command_log.bin are")
    about = "copy the database to a file, consistent although the service runs"
    copy = commands.add_parser("backup", help=about, description=about)
    copy.add_argument("file", metavar="FILE", help="a new file, or a directory: then the file is named by the time")
    copy.add_argument("--with-config", action="store_true", help="also the env file, encrypted, and what starts it")
    copy.add_argument("--recipient", metavar="AGE", help="the public key of `age` for which the env file is encrypted")
    copy.add_argument("--keep", type=_count, metavar="N", help="in a directory: keep the newest N, remove older ones")
    about = "put a backup in the place of the database; the service must not run, the replaced database is kept"
    back = commands.add_parser("restore", help=about, description=about)
    back.add_argument("file", metavar="FILE", help="a file that `backup` made")


def _verifying(commands: Commands) -> None:
    about = "check what was deployed: the service that runs, what it depends on, how it is installed"
    more = (
        "Variables: HEALTH_ENDPOINT (http://localhost:PORT/health), TIMEOUT (30 s), RETRY_COUNT (5), RETRY_DELAY (10),"
        " ENV_FILE, WEB_AUTH_TOKEN. Ends with 0: passed, 1: something failed, 2: usage, 3: warnings with --strict."
    )
    verify = commands.add_parser("verify", help=about, description=about, epilog=more)
    verify.add_argument("--quick", action="store_true", help="only what the service says of itself")
    verify.add_argument("--json", action="store_true", help="one object per check and line")
    verify.add_argument("--strict", action="store_true", help="end with 3 when there are only warnings")
    verify.add_argument("--timeout", type=_positive, metavar="S", help="for each request, instead of TIMEOUT")
    verify.add_argument("--container", metavar="NAME", help="look at that container, too (podman or docker)")
    verify.add_argument("--send-test-message", action="store_true", help="post to each channel and delete it again")
    verify.add_argument("--checklist", action="store_true", help="show the 137 lines of the deployment checklist, too")
    verify.add_argument("--fire-test-alert", action="store_true", help="send an alert by every way that alerts go")


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError("must be greater than 0")
    return value


def _look_after(command: str, arguments: argparse.Namespace, settings: Settings) -> int:
    from wanderer_notifier.cli import backup, legacy, outbox, parked, why  # imported late, like the service
    from wanderer_notifier.state.store import StoreError

    act = {
        "why": why.main,
        "outbox": outbox.main,
        "parked": parked.main,
        "backup": backup.main,
        "restore": backup.main,
        "import-legacy": legacy.main,
    }[command]
    try:
        return act(arguments, settings)
    except StoreError as error:
        print(error, file=sys.stderr)
        return 1


def _doctor(arguments: argparse.Namespace, settings: Settings) -> int:
    from wanderer_notifier.cli import doctor  # imported late, like the service

    return doctor.main(arguments, settings)


def _slash_commands(arguments: argparse.Namespace, settings: Settings) -> int:
    from wanderer_notifier.cli import slash_commands  # imported late, like the service

    return slash_commands.main(arguments, settings)


def _run(settings: Settings) -> int:
    from wanderer_notifier.app import service  # imported late: the health probe must not load the whole service
    from wanderer_notifier.app.seams import Seams
    from wanderer_notifier.runtime.notify import ServiceManager

    build = {"commit": os.environ.get("BUILD_COMMIT"), "date": os.environ.get("BUILD_DATE")}  # Containerfile
    return service.main(settings, Seams(manager=ServiceManager.of(os.environ, os.getpid()), build=build))


def _demo(arguments: argparse.Namespace) -> int:
    from wanderer_notifier.cli import demo  # the service itself never loads the simulated universe

    return demo.main(seconds=arguments.seconds, speed=arguments.speed, seed=arguments.seed, port=arguments.port)


def _verify(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from wanderer_notifier.cli import verify  # imported late, like the service

    return verify.main(arguments, environ)


def _health(environ: Mapping[str, str], *, ready: bool) -> int:
    """Ask the probe on this machine; prints its words; 0 if it said yes, else 1."""
    found = collect(environ, Path.cwd()).found  # as the service reads them, a .env included
    port = next((found[name].value for name in ("PORT", "WANDERER_PORT") if name in found), "4000")
    bound = found["BIND_ADDRESS"].value if "BIND_ADDRESS" in found else "::"
    host = "127.0.0.1" if bound in ("::", "0.0.0.0") else f"[{bound}]" if ":" in bound else bound  # noqa: S104
    url = f"http://{host}:{port}{'/ready' if ready else '/health'}"
    try:
        with urllib.request.urlopen(url, timeout=HEALTH_TIMEOUT_S) as response:  # loopback http only
            body, good = response.read(65536), True
    except urllib.error.HTTPError as error:
        body, good = error.read(65536), False
    except (OSError, ValueError) as error:
        print(f"no answer from {url}: {error}", file=sys.stderr)
        return 1
    try:
        answer = json.loads(body)
    except ValueError:
        print(f"{url} answered with something that is not JSON", file=sys.stderr)
        return 1
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    return 0 if good else 1
