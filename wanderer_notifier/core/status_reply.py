"""The answer to `/notifier status`: the former program's lines with right values, then ours (OPS-31)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from wanderer_notifier.core.licence import LicenceState
from wanderer_notifier.core.limits import CONTENT
from wanderer_notifier.core.list_reply import counted
from wanderer_notifier.core.steering import Steering
from wanderer_notifier.core.wording import duration, escape, fitting, one_line, relative


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
    """Everything in one message, below 2,000 characters whatever the number of links."""
    head = f"""**🤖 WandererNotifier Status**

**Priority Systems:** {counted(facts.steering)}
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
    links = fitting([_link(link) for link in facts.links], room, "• … and {} more")
    return "\n".join([head, *links, foot])


def _link(link: LinkState) -> str:
    reason = f": {escape(one_line(link.reason, 80) or '?')}" if link.reason else ""
    return f"• {escape(one_line(link.name, 40) or '?')}: {link.state} since {relative(link.since)}{reason}"


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _when(moment: datetime | None) -> str:
    return "never" if moment is None else relative(moment)
