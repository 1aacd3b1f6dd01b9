"""The exact answers to `/notifier` (operations.md 2.3, OPS-26 to 33).

Every name in them is literal; whoever sends them lets nobody be pinged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from wanderer_notifier.core.licence import LicenceState
from wanderer_notifier.core.limits import CONTENT
from wanderer_notifier.core.steering import Place, Steering
from wanderer_notifier.core.wording import cut, duration, escape, one_line, relative

UNSUPPORTED = "❌ Unsupported command"
RESTARTING = "⏳ Restarting, try again in a minute"
BUSY = "⏳ Too many commands at once, try again in a moment"
NOT_ALLOWED = "❌ You need the Manage Server permission to change notifier settings"
BAD_NAME = "❌ That is not a system name: 1 to 100 characters, without control characters and backticks"
BAD_KILL = "❌ That is not a kill: its number, or the address of its zKillboard page"
FULL = "❌ The list is full; remove something first"
NO_PRIORITY = "📍 There are no priority systems"

HELP = """**🤖 WandererNotifier**
I tell this server about kills, new systems, pilots and rally points of its Wanderer map.

`/notifier status` how I am doing
`/notifier system <name> action:add-priority` news of that system ping
`/notifier system <name> action:remove-priority` they do not any more
`/notifier system <name> action:list-priority` all priority systems
`/notifier system <name>` hear of kills there although it is not on the map
`/notifier system <name> action:untrack` hear nothing of it although it is
`/notifier why <kill>` why a kill was told, or was not
`/notifier test` a sample of each message into this channel
Changes and the test need the Manage Server permission."""


# --- priority systems and overrides -------------------------------------------------------------------------------


def added(place: Place) -> str:
    return f"✅ Added {_bold(place.name)} to priority systems (receives @here notifications){_unknown(place)}"


def already_there(place: Place) -> str:
    return f"📍 System {_bold(place.name)} is already a priority system"


def removed(place: Place) -> str:
    return f"✅ Removed {_bold(place.name)} from priority systems"


def not_there(place: Place) -> str:
    return f"📍 System {_bold(place.name)} is not a priority system"


def tracking(place: Place) -> str:
    return f"✅ Now tracking system: {_bold(place.name)}{_unknown(place)}"


def stopped(place: Place, *, on_map: bool) -> str:
    """*on_map*: a map has the system, so that only its news go, not the system."""
    note = "\nThe map says what is tracked, and has it still; this override hides it here." if on_map else ""
    return f"✅ Stopped tracking system: {_bold(place.name)}{note}"


def unknown_action(action: str) -> str:
    return f"❌ Unknown action: {escape(one_line(action, 100) or '?')}"


def ambiguous(typed: str, names: Sequence[str]) -> str:
    several = ", ".join(_bold(name) for name in names[:10])
    return f"❌ {_bold(typed)} means several systems: {several}. Choose one of the suggestions."


def internal_problem(ref: str) -> str:
    return f"❌ Internal problem, see logs (ref {ref})"


def only_in_memory(text: str, reason: str) -> str:
    """*text*, and that what it says is lost with the process."""
    return cut(f"{text}\n⚠️ Saved in memory only: {escape(one_line(reason, 300) or '?')}", CONTENT)


def priority_list(steering: Steering) -> str:
    """All priority systems, as far as a message has room."""
    named = [one.place for one in steering.systems if one.place is not None]
    if not named and not steering.unresolved:
        return NO_PRIORITY
    lines = [f"**Priority Systems:** {_counted(steering)}"]
    room = CONTENT - len(lines[0]) - 40
    for number, place in enumerate(named):
        line = f"• {_bold(place.name)}" + ("" if place.known else " (by name)")
        if len(line) + 1 > room:
            lines.append(f"… and {len(named) - number} more")
            break
        room -= len(line) + 1
        lines.append(line)
    return "\n".join(lines)


def _counted(steering: Steering) -> str:
    left = steering.unresolved
    more = f" (+{left} unresolved legacy {'entry' if left == 1 else 'entries'})" if left else ""
    return f"{len(steering.systems) - left}{more}"


def _bold(name: str) -> str:
    return f"**{escape(one_line(name, 100) or '?')}**"


def _unknown(place: Place) -> str:
    return "" if place.known else f"\n⚠️ {_bold(place.name)} is not a known system; stored by name"


# --- status ---------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class LinkState:
    """A connection, and since when it is as it is."""

    name: str
    state: str
    since: datetime
    reason: str = ""


@frozen(kw_only=True)
class StatusFacts:
    """What `/notifier status` tells."""

    steering: Steering
    priority_only: bool
    commands: int
    """This one included."""
    users: int
    notifications: bool
    system_notifications: bool
    character_notifications: bool
    kill_notifications: bool
    system_tracking: bool
    character_tracking: bool
    licence: LicenceState
    links: Sequence[LinkState] = ()
    last_kill_received: datetime | None = None
    last_kill_notified: datetime | None = None
    version: str = ""
    uptime_s: float = 0.0


def status(facts: StatusFacts) -> str:
    """The lines of the former program with right values, then ours (OPS-31); below 2,000 characters."""
    head = f"""**🤖 WandererNotifier Status**

**Priority Systems:** {_counted(facts.steering)}
**Priority Only Mode:** {_bool(facts.priority_only)}
**Total Commands:** {facts.commands}
**Unique Users:** {facts.users}

**Notifications Enabled:**
• System: {_bool(facts.system_notifications)}
• Character: {_bool(facts.character_notifications)}
• Kill: {_bool(facts.kill_notifications)}

**Features:**
• System Tracking: {_bool(facts.system_tracking)}
• Character Tracking: {_bool(facts.character_tracking)}

**Service:**
• All Notifications: {_bool(facts.notifications)}
• License: {facts.licence}"""
    foot = f"""• Last Kill Received: {_when(facts.last_kill_received)}
• Last Kill Notified: {_when(facts.last_kill_notified)}
• Version: {facts.version}, up {duration(facts.uptime_s)}"""
    room = CONTENT - len(head) - len(foot) - 2 - 30
    lines: list[str] = []
    for number, link in enumerate(facts.links):
        reason = f": {escape(one_line(link.reason, 80) or '?')}" if link.reason else ""
        line = f"• {escape(one_line(link.name, 40) or '?')}: {link.state} since {relative(link.since)}{reason}"
        if len(line) + 1 > room:
            lines.append(f"• … and {len(facts.links) - number} more")
            break
        room -= len(line) + 1
        lines.append(line)
    return "\n".join([head, *lines, foot])


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _when(moment: datetime | None) -> str:
    return "never" if moment is None else relative(moment)


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
