"""The exact answers to `/notifier` (operations.md 2.3, OPS-26 to 33).

Every name in them is literal; whoever sends them lets nobody be pinged.
"""

from __future__ import annotations

from collections.abc import Sequence

from wanderer_notifier.core.limits import CONTENT
from wanderer_notifier.core.steering import Place
from wanderer_notifier.core.wording import cut, escape, one_line

UNSUPPORTED = "❌ Unsupported command"
RESTARTING = "⏳ Restarting, try again in a minute"
BUSY = "⏳ Too many commands at once, try again in a moment"
NOT_ALLOWED = "❌ You need the Manage Server permission to change notifier settings"
BAD_NAME = "❌ That is not a system name: 1 to 100 characters, without control characters and backticks"
BAD_KILL = "❌ That is not a kill: its number, or the address of its zKillboard page"
FULL = "❌ The list is full; remove something first"

HELP = """**🤖 WandererNotifier**
I tell this server about kills, new systems, pilots and rally points of its Wanderer map.

`/notifier status` how I am doing
`/notifier system <name> action:add-priority` news of that system ping
`/notifier system <name> action:remove-priority` they do not any more
`/notifier system <name>` hear of kills there although no map has it
`/notifier system <name> action:untrack` hear nothing of it although a map has it
`/notifier list` all systems of these three kinds; they hold for every map
`/notifier why <kill>` why a kill was told, or was not
`/notifier test` a sample of each message into this channel
Changes and the test need the Manage Server permission."""


# --- priority systems and overrides -------------------------------------------------------------------------------


def added(place: Place) -> str:
    return f"✅ Added {bold(place.name)} to priority systems (receives @here notifications){_unknown(place)}"


def already_there(place: Place) -> str:
    return f"📍 System {bold(place.name)} is already a priority system"


def removed(place: Place) -> str:
    return f"✅ Removed {bold(place.name)} from priority systems"


def not_there(place: Place) -> str:
    return f"📍 System {bold(place.name)} is not a priority system"


def tracking(place: Place) -> str:
    return f"✅ Now tracking system: {bold(place.name)}{_unknown(place)}"


def stopped(place: Place, *, on_map: bool) -> str:
    """*on_map*: a map has the system, so that only its news go, not the system."""
    note = "\nThe map says what is tracked, and has it still; this override hides it here." if on_map else ""
    return f"✅ Stopped tracking system: {bold(place.name)}{note}"


def unknown_action(action: str) -> str:
    return f"❌ Unknown action: {escape(one_line(action, 100) or '?')}"


def ambiguous(typed: str, names: Sequence[str]) -> str:
    several = ", ".join(bold(name) for name in names[:10])
    return f"❌ {bold(typed)} means several systems: {several}. Choose one of the suggestions."


def internal_problem(ref: str) -> str:
    return f"❌ Internal problem, see logs (ref {ref})"


def only_in_memory(text: str, reason: str) -> str:
    """*text*, and that what it says is lost with the process."""
    return cut(f"{text}\n⚠️ Saved in memory only: {escape(one_line(reason, 300) or '?')}", CONTENT)


def bold(name: str) -> str:
    """*name*, literal and in bold."""
    return f"**{escape(one_line(name, 100) or '?')}**"


def _unknown(place: Place) -> str:
    return "" if place.known else f"\n⚠️ {bold(place.name)} is not a known system; stored by name"


# --- test -----------------------------------------------------------------------------------------------------------


def tested(results: Sequence[tuple[str, str | None]], channel: str) -> str:
    """What became of each sample: its kind, and what went wrong, if anything."""
    good = all(problem is None for _, problem in results)
    lines = [
        f"✅ {kind}" if problem is None else f"❌ {kind}: {escape(one_line(problem, 250) or '?')}"
        for kind, problem in results
    ]
    head = "Samples of all messages are in" if good else "Not every sample could be posted in"
    return cut("\n".join([f"{head} <#{channel}>", *lines]), CONTENT)
