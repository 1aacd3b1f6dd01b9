"""`/notifier`: what is registered, what an interaction asks for, and who may ask (operations.md 2, discord.md 2)."""

from __future__ import annotations

import re
import unicodedata
from functools import partial
from typing import Any, Literal, TypeAlias, get_args

from attrs import frozen

from wanderer_notifier.core.events import JsonObject

NAME = "notifier"
Subcommand = Literal["system", "status", "list", "why", "test", "help"]
Action = Literal["add_priority", "remove_priority", "list_priority", "track", "untrack"]

ACTIONS: tuple[tuple[str, Action], ...] = (
    ("add-priority", "add_priority"),
    ("remove-priority", "remove_priority"),
    ("list-priority", "list_priority"),
    ("track", "track"),
    ("untrack", "untrack"),
)
"""Choice names as the reader types them, and their values; the four of the former program keep both."""

CHANGING: frozenset[str] = frozenset({"add_priority", "remove_priority", "track", "untrack"})
MANAGE_GUILD, ADMINISTRATOR = 1 << 5, 1 << 3
SLASH_COMMAND, AUTOCOMPLETE = 2, 4
"""Types of interactions."""
NAME_LIMIT = 100
DIGITS = 40
"""Of a bit set of permissions; Discord's has fewer than 20."""
CHOICES = 25
"""Discord's most for one autocompletion."""

COMMAND: JsonObject = {
    "name": NAME,
    "description": "WandererNotifier configuration and tracking commands",
    "options": [
        {
            "type": 1,
            "name": "system",
            "description": "Configure system notifications and priority tracking",
            "options": [
                {
                    "type": 3,
                    "name": "system_name",
                    "description": "Name of the EVE system to track (e.g., 'Jita', 'Amarr')",
                    "required": True,
                    "autocomplete": True,
                },
                {
                    "type": 3,
                    "name": "action",
                    "description": "Action to perform",
                    "required": False,
                    "choices": [{"name": name, "value": value} for name, value in ACTIONS],
                },
            ],
        },
        {"type": 1, "name": "status", "description": "Show current tracking status and configuration", "options": []},
        {"type": 1, "name": "list", "description": "List priority, tracked and untracked systems", "options": []},
        {
            "type": 1,
            "name": "why",
            "description": "Explain why a kill was or was not announced",
            "options": [
                {
                    "type": 3,
                    "name": "kill",
                    "description": "Kill id or zKillboard link",
                    "required": True,
                }
            ],
        },
        {"type": 1, "name": "test", "description": "Post a sample of each message into this channel", "options": []},
        {"type": 1, "name": "help", "description": "What this bot does and how to steer it", "options": []},
    ],
}
"""What is registered; one command with sub-commands, the first two as in the former program."""


@frozen(kw_only=True)
class Caller:
    """Who asked, and what they may."""

    user_id: str
    user_name: str
    permissions: int = 0
    """Their bits in that channel; 0 in a direct message."""
    roles: frozenset[str] = frozenset()
    guild_id: str | None = None
    channel_id: str | None = None


@frozen(kw_only=True)
class Asked:
    """A well-formed `/notifier` invocation."""

    interaction_id: str
    token: str
    subcommand: Subcommand
    options: dict[str, str]
    caller: Caller
    application_id: str | None = None
    """Whose command it is: the answers go under this id."""

    @property
    def action(self) -> str:
        """What to do with a system, in one of few words, as counts need it: nothing, a known action or `other`."""
        asked = self.options.get("action", "")
        return asked if not asked or asked in dict(ACTIONS).values() else "other"

    @property
    def parameter(self) -> str:
        """What it is about, as it was typed; empty where it takes nothing."""
        return self.options.get("system_name") or self.options.get("kill") or ""


@frozen(kw_only=True)
class Typing:
    """Someone is typing a system name and wants suggestions."""

    interaction_id: str
    token: str
    typed: str


@frozen(kw_only=True)
class Unusable:
    """An interaction that is not ours or makes no sense; it is answered all the same, if it can be."""

    interaction_id: str | None
    token: str | None
    reason: str
    typing: bool = False
    """Suggestions are wanted, so that the only possible answer is that there are none."""


Interaction: TypeAlias = Asked | Typing | Unusable


def parse(data: object) -> Interaction:
    """Read the payload of an INTERACTION_CREATE; never fails."""
    if not isinstance(data, dict):
        return Unusable(interaction_id=None, token=None, reason="not an object")
    number, token = _text(data.get("id")), _text(data.get("token"))
    if number is None or token is None:
        return Unusable(interaction_id=None, token=None, reason="no id or token")
    kind = data.get("type")
    refuse = partial(Unusable, interaction_id=number, token=token, typing=kind == AUTOCOMPLETE)
    body = data.get("data")
    options = body.get("options") if isinstance(body, dict) else None
    if kind not in (SLASH_COMMAND, AUTOCOMPLETE):
        return refuse(reason="not a slash command")
    if not isinstance(body, dict) or body.get("name") != NAME:
        return refuse(reason="not our command")
    first = options[0] if isinstance(options, list) and len(options) == 1 else None
    if not isinstance(first, dict) or first.get("name") not in get_args(Subcommand):
        return refuse(reason="no known sub-command")
    values = _values(first.get("options"))
    if kind == AUTOCOMPLETE:
        return Typing(interaction_id=number, token=token, typed=values.get("system_name", ""))
    caller = _caller(data)
    if caller is None:
        return refuse(reason="no user")
    return Asked(
        interaction_id=number,
        token=token,
        subcommand=first["name"],
        options=values,
        caller=caller,
        application_id=_text(data.get("application_id")),
    )


def _values(options: object) -> dict[str, str]:
    return {
        str(one.get("name")): str(one["value"])
        for one in _rows(options)
        if isinstance(one.get("value"), str | int | float)
    }


def _caller(data: dict[str, Any]) -> Caller | None:
    member = data.get("member")
    user = member.get("user") if isinstance(member, dict) else data.get("user")
    if not isinstance(user, dict) or (user_id := _text(user.get("id"))) is None:
        return None
    permissions, roles = 0, frozenset[str]()
    if isinstance(member, dict):
        bits = str(member.get("permissions", "0"))
        permissions = int(bits) if bits.isascii() and bits.isdecimal() and len(bits) <= DIGITS else 0
        roles = frozenset(str(role) for role in member["roles"]) if isinstance(member.get("roles"), list) else roles
    return Caller(
        user_id=user_id,
        user_name=str(user.get("global_name") or user.get("username") or "unknown")[:NAME_LIMIT],
        permissions=permissions,
        roles=roles,
        guild_id=_text(data.get("guild_id")),
        channel_id=_text(data.get("channel_id")),
    )


def may_change(caller: Caller, *, roles: tuple[str, ...], users: tuple[str, ...]) -> bool:
    """Whether *caller* may change settings: Manage Server, Administrator, or configured (operations.md OPS-29)."""
    if caller.user_id in users or not caller.roles.isdisjoint(roles):
        return True
    return caller.guild_id is not None and bool(caller.permissions & (MANAGE_GUILD | ADMINISTRATOR))


def clean_name(typed: str) -> str | None:
    """A system name as it is stored: trimmed, inner blanks collapsed; None when it is unusable (OPS-26)."""
    name = "".join(" " if char == "\t" or unicodedata.category(char) == "Zs" else char for char in typed.strip())
    name = re.sub(" +", " ", name)
    unfit = any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for char in name)
    return name if 1 <= len(name) <= NAME_LIMIT and not unfit and "`" not in name else None


def kill_id(typed: str) -> int | None:
    """The kill meant by an id or a link to it."""
    found = re.search(r"(?:/kill/|^\s*)([0-9]{1,12})(?:[/?#\s]|$)", typed)
    return int(found[1]) if found else None


def same_commands(ours: list[JsonObject], theirs: object) -> bool:
    """Whether what Discord has registered is what we would register, ids, defaults and order of keys aside."""
    return isinstance(theirs, list) and [_plain(one) for one in ours] == [_plain(one) for one in theirs]


_MEANINGFUL = (
    *("name", "description", "name_localizations", "description_localizations"),
    *("type", "required", "autocomplete", "default_member_permissions", "nsfw"),
)


def _plain(command: object) -> object:
    if not isinstance(command, dict):
        return command
    kept: dict[str, object] = {key: command[key] for key in _MEANINGFUL if command.get(key) not in (None, False, {})}
    kept.setdefault("type", 1)
    kept["options"] = [_plain(option) for option in _rows(command.get("options"))]
    kept["choices"] = [(choice.get("name"), choice.get("value")) for choice in _rows(command.get("choices"))]
    return kept


def _rows(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and str(value) else None
