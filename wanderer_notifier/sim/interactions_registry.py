"""The routes that register application commands, for all guilds or for one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial

import trio

from wanderer_notifier.sim.discord_form import JsonObject, Problems, Refusal
from wanderer_notifier.sim.discord_routes import Answer, Call, Reply, give, read_form, refuse, tell
from wanderer_notifier.sim.http import Request
from wanderer_notifier.sim.interactions_commands import TOO_MANY_TODAY, check_command, count_refusal

CREATES_PER_DAY = 200
DAY_S = 86_400.0


class Commands:
    """What one application has registered.

    Args:
        application: its id.
        guild: the guild it is in.
        new_id: makes ids.
    """

    def __init__(self, application: str, guild: str, new_id: Callable[[], str]) -> None:
        self._application = application
        self._guild = guild
        self._new_id = new_id
        self._created: dict[str, deque[float]] = {}
        self.scopes: dict[str, list[JsonObject]] = {"": []}
        """The commands of all guilds under the empty name, those of a guild under its id."""
        self.scope_granted = True
        """Whether the guild installed the application with `applications.commands`."""
        self.creates_per_day = CREATES_PER_DAY
        self.writes = 0
        """How often anything was registered, changed or deleted."""

    def find(self, name: str, kind: int = 1) -> JsonObject | None:
        """The command of this name as a member of the guild finds it; the guild's own wins."""
        for scope in (self._guild, ""):
            for one in self.scopes.get(scope, []):
                if (one["name"], one["type"]) == (name, kind):
                    return one
        return None

    def routes(self) -> Mapping[str, Answer]:
        """What to answer, by route."""
        paths = [f"/applications/{{a}}{scope}/commands" for scope in ("", "/guilds/{g}")]
        return {
            **{f"{method} {path}": self._all for path in paths for method in ("GET", "PUT", "POST")},
            **{f"{method} {path}/{{k}}": self._one for path in paths for method in ("GET", "PATCH", "DELETE")},
        }

    def _all(self, call: Call, request: Request, at: float) -> Reply:
        scope = call.ids.get("g", "")
        refused = self._refused(call, scope)
        if refused is not None:
            return refused
        if request.method == "GET":
            long = request.query.get("with_localizations") in ("true", "1")
            return give([_shown(one, localizations=long) for one in self.scopes.get(scope, [])])
        known = list(self.scopes.get(scope, []))
        if request.method == "PUT":
            bodies = read_form(request, check_list)
            if isinstance(bodies, Reply):
                return bodies
            checked = bodies["commands"]
            kept = [self._numbered(one, known, scope) for one in checked]
        else:
            body = read_form(request, check_one)
            if isinstance(body, Reply):
                return body
            checked = [body]
            kept = [one for one in known if not _same(one, body)] + [self._numbered(body, known, scope)]
        created = [one for one in checked if not any(_same(one, old) for old in known)]
        refusal = count_refusal(kept) or self._count_created(scope, len(created))
        if refusal is not None:
            return tell(refusal)
        self.scopes[scope] = kept
        self.writes += 1
        if request.method == "PUT":
            return give([_shown(one) for one in kept])
        return give(_shown(kept[-1]), 201 if created else 200)

    def _one(self, call: Call, request: Request, at: float) -> Reply:
        scope = call.ids.get("g", "")
        refused = self._refused(call, scope)
        if refused is not None:
            return refused
        known = self.scopes.get(scope, [])
        old = next((one for one in known if one["id"] == call.ids["k"]), None)
        if old is None:
            return refuse(404, 10063, "Unknown application command")
        if request.method == "GET":
            return give(_shown(old))
        if request.method == "DELETE":
            self.scopes[scope] = [one for one in known if one is not old]
            self.writes += 1
            return Reply(status=204)
        checked = read_form(request, partial(_check_change, old))
        if isinstance(checked, Reply):
            return checked
        new = {**old, **checked, "version": self._new_id()}
        self.scopes[scope] = [new if one is old else one for one in known]
        self.writes += 1
        return give(_shown(new))

    def _refused(self, call: Call, scope: str) -> Reply | None:
        if call.ids["a"] != self._application:
            return refuse(403, 20012, "You are not authorized to perform this action on this application")
        if scope and (scope != self._guild or not self.scope_granted):
            return refuse(403, 50001, "Missing Access")
        return None

    def _numbered(self, command: JsonObject, known: list[JsonObject], scope: str) -> JsonObject:
        old = next((one for one in known if _same(one, command)), None)
        if old is not None and all(old[key] == value for key, value in command.items()):
            return old
        ids = {"id": old["id"] if old else self._new_id(), "application_id": self._application}
        return {**ids, "version": self._new_id(), **({"guild_id": scope} if scope else {}), **command}

    def _count_created(self, scope: str, new: int) -> Refusal | None:
        at = trio.current_time()
        created = self._created.setdefault(scope, deque())
        while created and created[0] <= at - DAY_S:
            created.popleft()
        if len(created) + new > self.creates_per_day:
            text = f"Max number of daily application command creates has been reached ({self.creates_per_day})"
            return Refusal(status=400, code=TOO_MANY_TODAY, message=text)
        created.extend([at] * new)
        return None


def _same(one: JsonObject, other: JsonObject) -> bool:
    return bool(one["name"] == other["name"] and one["type"] == other["type"])


def _shown(command: JsonObject, *, localizations: bool = True) -> JsonObject:
    return command if localizations else {k: v for k, v in command.items() if not k.endswith("_localizations")}


def check_one(body: object) -> JsonObject | Refusal:
    """The command that a body describes."""
    problems = Problems()
    checked = check_command(body, (), problems)
    return problems.refusal() or checked


def _check_change(old: JsonObject, change: object) -> JsonObject | Refusal:
    return check_one({**old, **change} if isinstance(change, dict) else change)


def check_list(body: object) -> JsonObject | Refusal:
    """The commands of a whole scope, under `commands`."""
    problems = Problems()
    if not isinstance(body, list):
        problems.add((), "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        return problems.refusal() or {}
    checked = [check_command(one, (index,), problems) for index, one in enumerate(body)]
    names = [(one.get("name"), one.get("type")) for one in checked]
    for index, name in enumerate(names):
        if name in names[:index]:
            text = "Application command names must be unique"
            problems.add((index,), "APPLICATION_COMMANDS_DUPLICATE_NAME", text)
    return problems.refusal() or {"commands": checked}
