"""The routes of channels: reading and writing messages, threads, typing (discord.md 3.6 and 3.8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from wanderer_notifier.sim.discord_form import Problems, is_snowflake
from wanderer_notifier.sim.discord_guild import Guild
from wanderer_notifier.sim.discord_messages import Channel, Posted
from wanderer_notifier.sim.discord_permissions import (
    EMBED_LINKS,
    MANAGE_MESSAGES,
    READ_MESSAGE_HISTORY,
    SEND_MESSAGES,
    SEND_MESSAGES_IN_THREADS,
)
from wanderer_notifier.sim.discord_routes import ROUTES, Answer, Call, Reply, give, read_form, refuse, tell
from wanderer_notifier.sim.discord_rules import (
    EMPTY_MESSAGE,
    MAY_SEND,
    check_create,
    check_edit,
    check_post,
    check_thread,
)
from wanderer_notifier.sim.discord_store import MessageStore
from wanderer_notifier.sim.http import Request


class ChannelRest:
    """Answers the routes below `/channels`.

    Args:
        guild: the one guild the bot is in.
        store: keeps the messages.
        new_id: makes ids.
        changed: called after every change of a channel.
    """

    def __init__(
        self, guild: Guild, store: MessageStore, new_id: Callable[[], str], changed: Callable[[], None]
    ) -> None:
        self._guild = guild
        self._store = store
        self._new_id = new_id
        self._changed = changed
        self.history_without_permission: Literal["refuse", "empty"] = "empty"
        """What reading messages gives without READ_MESSAGE_HISTORY: an empty list as Discord's page has it, which a
        careless client takes for "not there"; or 403."""
        self.without_embed_links: Literal["refuse", "strip"] = "refuse"
        """Whether embeds without that permission are refused or silently dropped; which is true is not known."""

    def routes(self) -> Mapping[str, Answer]:
        """What to answer, by route."""
        return {f"{method} {path}": self._answer for method, path in ROUTES if path.startswith("/channels/")}

    def _answer(self, call: Call, request: Request, at: float) -> Reply:
        channel = self._guild.channels.get(call.ids["c"])
        if channel is None or channel.deleted:
            return refuse(404, 10003, "Unknown Channel")
        if not self._guild.may(channel):
            return refuse(403, 50001, "Missing Access")
        match call.route:
            case "GET /channels/{c}":
                return give(self._guild.channel_json(channel))
            case "POST /channels/{c}/messages":
                return self._create(channel, request, at)
            case "GET /channels/{c}/messages":
                return self._list(channel, request.query)
            case "POST /channels/{c}/typing":
                return Reply(status=204) if self._may_write(channel) else refuse(403, 50013, "Missing Permissions")
            case "POST /channels/{c}/threads":
                return self._start_thread(channel, request)
        message = channel.find(call.ids["m"])
        if message is None:
            return refuse(404, 10008, "Unknown Message")
        own = message.author["id"] == self._guild.bot["id"]
        match call.route:
            case "POST /channels/{c}/messages/{m}/crosspost":
                return self._crosspost(channel, message)
            case "PATCH /channels/{c}/messages/{m}":
                if not own:
                    return refuse(403, 50005, "Cannot edit a message authored by another user")
                return self._edit(channel, message, request)
            case "DELETE /channels/{c}/messages/{m}":
                if not own:
                    return refuse(403, 50013, "Missing Permissions")
                channel.replace(message, None)
                self._changed()
                return Reply(status=204)
        if not self._guild.may(channel, READ_MESSAGE_HISTORY):
            return refuse(403, 50013, "Missing Permissions")
        return give(message.json())

    def _create(self, channel: Channel, request: Request, at: float) -> Reply:
        if channel.type in (15, 16):
            return refuse(400, 40058, "Cannot message this channel until a thread is created")
        if channel.type not in (0, 2, 5, 10, 11, 12, 13):
            return refuse(400, 50008, "Cannot send messages in a non-text channel")
        if not self._may_write(channel):
            return refuse(403, 50013, "Missing Permissions")
        if channel.locked:
            return refuse(400, 160005, "Thread is locked")
        checked = read_form(request, check_create)
        if isinstance(checked, Reply):
            return checked
        checked["flags"] = checked.get("flags", 0) & MAY_SEND
        if checked.get("embeds") and not self._guild.may(channel, EMBED_LINKS):
            if self.without_embed_links == "refuse":
                return refuse(403, 50013, "Missing Permissions")
            checked["embeds"] = []
            if not checked.get("content"):
                return refuse(400, EMPTY_MESSAGE, "Cannot send an empty message")
        nonce = checked["nonce"]
        if nonce is not None and checked["enforce_nonce"]:
            used = self._store.nonces.known(str(nonce), at)
            if used is not None:
                before = self._guild.channels[used[0]].find(used[1])
                return give(before.json(created=True)) if before else refuse(404, 10008, "Unknown Message")
        message = self._store.add(channel, checked, author=self._guild.bot)
        if nonce is not None:
            self._store.nonces.use(str(nonce), channel.id, message.id, at)
        return give(message.json(created=True))

    def _may_write(self, channel: Channel) -> bool:
        return self._guild.may(channel, SEND_MESSAGES_IN_THREADS if channel.is_thread else SEND_MESSAGES)

    def _start_thread(self, channel: Channel, request: Request) -> Reply:
        if channel.type not in (0, 5, 15, 16):
            return refuse(400, 50024, "Cannot execute action on this channel type")
        if not self._may_write(channel):
            return refuse(403, 50013, "Missing Permissions")
        form = read_form(request, check_thread if channel.type in (0, 5) else check_post)
        if isinstance(form, Reply):
            return form
        thread = Channel(id=self._new_id(), name=form["name"], type=11, parent_id=channel.id)
        self._guild.channels[thread.id] = thread
        body = self._guild.channel_json(thread)
        if "message" in form:
            body["message"] = self._store.add(thread, form["message"], author=self._guild.bot).json()
        self._changed()
        return give(body, 201)

    def _crosspost(self, channel: Channel, message: Posted) -> Reply:
        if channel.type != 5:
            return refuse(400, 50024, "Cannot execute action on this channel type")
        own = message.author["id"] == self._guild.bot["id"]
        if not self._guild.may(channel, SEND_MESSAGES if own else MANAGE_MESSAGES):
            return refuse(403, 50013, "Missing Permissions")
        if message.id in channel.crossposted:
            return refuse(400, 40033, "This message has already been crossposted")
        channel.crossposted.add(message.id)
        return give({**message.json(), "flags": message.flags | 1})

    def _list(self, channel: Channel, query: Mapping[str, str]) -> Reply:
        if not self._guild.may(channel, READ_MESSAGE_HISTORY):
            return (
                refuse(403, 50013, "Missing Permissions") if self.history_without_permission == "refuse" else give([])
            )
        problems = Problems()
        limit = query.get("limit", "50")
        if not (limit.isdecimal() and 1 <= int(limit) <= 100):
            problems.add(("limit",), "NUMBER_TYPE_MAX", "int value should be less than or equal to 100.")
        for name in ("before", "after"):
            if name in query and not is_snowflake(query[name]):
                problems.add((name,), "NUMBER_TYPE_COERCE", f'Value "{query[name]}" is not snowflake.')
        refusal = problems.refusal()
        if refusal is not None:
            return tell(refusal)
        before, after = int(query.get("before", 2**64)), int(query.get("after", 0))
        chosen = [one for one in channel.messages if after < int(one.id) < before]
        # With `after` Discord gives the oldest that follow, else the newest; always newest first.
        chosen = chosen[: int(limit)] if "after" in query else chosen[-int(limit) :]
        return give([one.json() for one in reversed(chosen)])

    def _edit(self, channel: Channel, message: Posted, request: Request) -> Reply:
        checked = read_form(request, check_edit)
        if isinstance(checked, Reply):
            return checked
        edited = self._store.edit(channel, message, checked)
        return edited if isinstance(edited, Reply) else give(edited.json())
