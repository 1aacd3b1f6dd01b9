"""What a user typed, as Discord's own clients check it and put it into an interaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from wanderer_notifier.sim.discord_guild import Guild
from wanderer_notifier.sim.interactions_commands import (
    BOOLEAN,
    CHANNEL,
    INTEGER,
    NUMBER,
    ROLE,
    STRING,
    SUB_COMMAND,
    SUB_COMMAND_GROUP,
    USER,
)

JsonObject: TypeAlias = dict[str, Any]

_PYTHON: dict[int, type | tuple[type, ...]] = {
    STRING: str,
    INTEGER: int,
    BOOLEAN: bool,
    NUMBER: (int, float),
    USER: str,
    CHANNEL: str,
    ROLE: str,
}


def typed(
    command: JsonObject | None,
    path: list[str],
    options: Mapping[str, Any],
    guild: Guild,
    *,
    check: bool,
    focused: str | None,
) -> tuple[list[JsonObject], JsonObject]:
    """The `options` and `resolved` of an interaction's data.

    Args:
        command: as it is registered; None if it is not.
        path: group and subcommand below it.
        options: values by option name.
        guild: where channels and roles are looked up.
        check: whether what the declaration forbids raises `ValueError`.
        focused: the option that is being typed; then nothing has to be complete.
    """
    declared: list[JsonObject] = list(command["options"]) if command else []
    kinds: list[int] = []
    for depth, name in enumerate(path):
        found = next((one for one in declared if one["name"] == name), None)
        if found is None and check:
            raise ValueError(f"no subcommand {name!r}")
        kinds.append(found["type"] if found else SUB_COMMAND if depth == len(path) - 1 else SUB_COMMAND_GROUP)
        declared = list(found.get("options") or []) if found else []
    if check:
        _check(declared, options, complete=focused is None)
    types = {one["name"]: one["type"] for one in declared}
    leaf: list[JsonObject] = []
    resolved: JsonObject = {}
    for name, value in options.items():
        kind = types.get(name) or _guess(value)
        leaf.append({"name": name, "type": kind, "value": value, **({"focused": True} if name == focused else {})})
        _resolve(kind, value, guild, resolved)
    for name, kind in zip(reversed(path), reversed(kinds), strict=True):
        leaf = [{"name": name, "type": kind, **({"options": leaf} if leaf else {})}]
    return leaf, resolved


def _check(declared: list[JsonObject], options: Mapping[str, Any], *, complete: bool) -> None:
    known = {one["name"]: one for one in declared}
    if any(one["type"] in (SUB_COMMAND, SUB_COMMAND_GROUP) for one in declared):
        raise ValueError("a command with subcommands cannot be used bare")
    for name, value in options.items():
        option = known.get(name)
        if option is None:
            raise ValueError(f"no option {name!r}")
        if not complete:
            continue
        wanted = _PYTHON.get(option["type"], str)
        if not isinstance(value, wanted) or (isinstance(value, bool) and option["type"] != BOOLEAN):
            raise ValueError(f"{name} cannot be {value!r}")
        choices = [one["value"] for one in option.get("choices") or []]
        if choices and value not in choices:
            raise ValueError(f"{name} must be one of {choices}")
        if isinstance(value, str):
            if not option.get("min_length", 0) <= len(value) <= option.get("max_length", 6000):
                raise ValueError(f"{name} is too short or too long")
        elif not option.get("min_value", value) <= value <= option.get("max_value", value):
            raise ValueError(f"{name} is too small or too large")
    missing = [one["name"] for one in declared if one.get("required") and one["name"] not in options]
    if missing and complete:
        raise ValueError(f"required: {', '.join(missing)}")


def _guess(value: object) -> int:
    if isinstance(value, bool):
        return BOOLEAN
    return INTEGER if isinstance(value, int) else NUMBER if isinstance(value, float) else STRING


def _resolve(kind: int, value: Any, guild: Guild, resolved: JsonObject) -> None:
    if kind == CHANNEL and value in guild.channels:
        channel = guild.channels[value]
        bits = str(guild.permissions(guild.bot_member, channel))
        told = {"id": value, "type": channel.type, "name": channel.name, "permissions": bits, "app_permissions": bits}
        resolved.setdefault("channels", {})[value] = told
    elif kind == ROLE:
        known = {one["id"]: one for one in guild.roles_json()}
        if value in known:
            resolved.setdefault("roles", {})[value] = known[value]
    elif kind == USER and (member := guild.member(value)) is not None:
        body = guild.member_json(member)
        resolved.setdefault("users", {})[value] = body.pop("user")
        resolved.setdefault("members", {})[value] = body
