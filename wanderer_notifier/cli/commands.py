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

from wanderer_notifier import __version__
from wanderer_notifier.config.load import ConfigError, load
from wanderer_notifier.config.report import check_config
from wanderer_notifier.config.settings import Settings

EX_CONFIG = 78
HEALTH_TIMEOUT_S = 2.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that *argv* names (the process's own arguments by default); returns the exit code."""
    arguments = _parser().parse_args(argv)
    environ = dict(os.environ)
    match arguments.command:
        case "demo":
            return _demo(arguments)
        case "health":
            return _health(environ, ready=arguments.ready)
        case command:
            try:
                settings = load(environ, cwd=Path.cwd())
            except ConfigError as error:
                for warning in error.warnings:
                    print(f"configuration warning: {warning}", file=sys.stderr)
                print(error, file=sys.stderr)
                return EX_CONFIG
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
    parser.set_defaults(command="run")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError("must be greater than 0")
    return value


def _run(settings: Settings) -> int:
    from wanderer_notifier.app import service  # imported late: the health probe must not load the whole service

    return service.main(settings)


def _demo(arguments: argparse.Namespace) -> int:
    from wanderer_notifier.cli import demo  # the service itself never loads the simulated universe

    return demo.main(seconds=arguments.seconds, speed=arguments.speed, seed=arguments.seed, port=arguments.port)


def _health(environ: Mapping[str, str], *, ready: bool) -> int:
    """Ask the probe on this machine; prints its words; 0 if it said yes, else 1."""
    port = environ.get("PORT", "").strip() or environ.get("WANDERER_PORT", "").strip() or "4000"
    url = f"http://127.0.0.1:{port}{'/ready' if ready else '/health'}"
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
