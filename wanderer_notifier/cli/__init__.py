"""The command line."""

from wanderer_notifier.cli.commands import main

__all__ = ["main"]
