"""What the kill service's socket does with each frame: the one channel, its subscriptions and its routing.

Pure; wanderer-kills.md section 2 is the specification, and the captures ws-01 to ws-08 are its tests.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

from attrs import define, field, frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim.killfeed_wire import Frame
from wanderer_notifier.sim.killmails import involved, iso

LOBBY = "killmails:lobby"
MAX_SYSTEMS = 10_000
MAX_CHARACTERS = 50_000
SYSTEM_IDS = range(1, 50_000_001)
CHARACTER_IDS = range(90_000_000, 3_000_000_001)

Dialect = Literal["W1", "W2", "single"]


@frozen
class Copies:
    """How often one kill is sent: *broadcasts* timestamps, each *per_system* times to a system subscriber."""

    broadcasts: int
    per_system: int
    every_subscription: bool
    """Whether each later `subscribe_characters` adds another set of copies."""


COPIES: dict[Dialect, Copies] = {
    "W1": Copies(2, 2, True),
    "W2": Copies(1, 2, True),
    "single": Copies(1, 1, False),
}
"""As captured (4 and 2), as deduced for the newer service (2 and 1), and without repeats."""


@define(kw_only=True)
class Channel:
    """One join of the lobby and what it listens to; ids are kept in the order in which they came."""

    join_ref: Any
    ref: Any
    subscription_id: str
    systems: dict[int, None] = field(factory=dict)
    characters: dict[int, None] = field(factory=dict)
    everywhere: int = 0
    """How many times it listens to all systems; only while it has none of its own (wanderer-kills.md 2.7)."""

    def copies(self, kill: JsonObject, copies: Copies) -> int:
        """How many frames one broadcast of *kill* gives on this channel."""
        if kill["solar_system_id"] in self.systems:
            return copies.per_system
        if self.everywhere and not involved(kill).isdisjoint(self.characters):
            return self.everywhere if copies.every_subscription else 1
        return 0

    def push(self, event: str, payload: Any) -> Frame:
        return Frame(self.ref if self.join_ref is None else self.join_ref, None, LOBBY, event, payload)


@frozen(kw_only=True)
class Reaction:
    """What a frame leads to: answers in order, and systems whose stored kills follow."""

    frames: tuple[Frame, ...] = ()
    preload: tuple[int, ...] = ()


class _Crash(Exception):
    """The channel process would die."""


Clock: TypeAlias = Callable[[], datetime]


class Session:
    """One socket's side of the protocol.

    Args:
        identifier: what the client calls itself; empty for anonymous.
        now: wall clock for `connected_at`.
        rng: source of the ids.
    """

    def __init__(self, *, identifier: str, now: Clock, rng: random.Random) -> None:
        self._rng = rng
        self._connected_at = now()
        self.channel: Channel | None = None
        stamp = int(self._connected_at.timestamp() * 1_000_000)
        self.user_id = "_".join(part for part in (identifier, str(stamp), token(rng, 8)) if part)

    def receive(self, frame: Frame) -> Reaction:
        """Answer one frame of the client."""
        topic, event = frame.topic, frame.event
        if topic == "phoenix" and event == "heartbeat":
            return Reaction(frames=(_reply(None, frame, "ok", {}),))
        if isinstance(topic, str) and topic.startswith("killmails:"):
            if event == "phx_join":
                return self._join(frame)
            if topic == LOBBY and self.channel is not None:
                return self._event(self.channel, frame)
        if event == "phx_leave":
            return Reaction(frames=(_reply(frame.join_ref, frame, "ok", {}),))
        return Reaction(frames=(_reply(None, frame, "error", {"reason": "unmatched topic"}),))

    def crash(self) -> Reaction:
        """End the channel as a fault in the service does: the subscription is gone, the socket stays."""
        return self._end("phx_error")

    def _end(self, event: str) -> Reaction:
        channel, self.channel = self.channel, None
        if channel is None:
            return Reaction()
        return Reaction(frames=(Frame(channel.join_ref, channel.join_ref, LOBBY, event, {}),))

    def _join(self, frame: Frame) -> Reaction:
        if frame.topic != LOBBY:
            return Reaction(frames=(_reply(frame.join_ref, frame, "error", {"reason": "join crashed"}),))
        replaced = self._end("phx_close").frames
        try:
            systems, characters = _join_lists(frame.payload)
            reason = systems_problem(systems) or characters_problem(characters)
        except _Crash:
            reason = "join crashed"
        if reason is not None:
            return Reaction(frames=(_reply(frame.join_ref, frame, "error", {"reason": reason}), *replaced))
        self.channel = Channel(
            join_ref=frame.join_ref,
            ref=frame.ref,
            subscription_id=token(self._rng, 16),
            systems=dict.fromkeys(systems),
            characters=dict.fromkeys(characters),
            everywhere=1 if characters and not systems else 0,
        )
        response = {
            "status": "connected",
            "subscription_id": self.channel.subscription_id,
            "subscribed_systems": list(self.channel.systems),
            "subscribed_characters": list(self.channel.characters),
        }
        reply = _reply(frame.join_ref, frame, "ok", response)
        return Reaction(frames=(reply, *replaced), preload=tuple(self.channel.systems))

    def _event(self, channel: Channel, frame: Frame) -> Reaction:
        if frame.event == "phx_leave":
            if channel.join_ref is not None and frame.join_ref != channel.join_ref:
                return Reaction()
            reply = _reply(channel.join_ref, frame, "ok", {})
            return Reaction(frames=(reply, *self._end("phx_close").frames))
        try:
            response, preload = self._handle(channel, frame)
        except _Crash:
            return self.crash()
        return Reaction(frames=(_reply(channel.join_ref, frame, "ok", response),), preload=preload)

    def _handle(self, channel: Channel, frame: Frame) -> tuple[JsonObject, tuple[int, ...]]:
        payload = frame.payload
        match frame.event:
            case "get_status":
                return self._status(channel), ()
            case "subscribe_systems":
                wanted = _ids(payload, "systems", systems_problem)
                fresh = [one for one in dict.fromkeys(wanted) if one not in channel.systems]
                if not fresh:
                    return {"message": "Already subscribed to all requested systems"}, ()
                channel.systems |= dict.fromkeys(fresh)
                channel.everywhere = 0
                return {"subscribed_systems": set_order(channel.systems)}, tuple(fresh)
            case "unsubscribe_systems":
                wanted = _ids(payload, "systems", systems_problem)
                if channel.systems.keys().isdisjoint(wanted):
                    return {"message": "Not subscribed to any of the requested systems"}, ()
                for one in wanted:
                    channel.systems.pop(one, None)
                return {"subscribed_systems": set_order(channel.systems)}, ()
            case "subscribe_characters":
                wanted = _ids(payload, "character_ids", characters_problem)
                fresh = [one for one in dict.fromkeys(wanted) if one not in channel.characters]
                if not fresh:
                    return {"message": "Already subscribed to all requested characters"}, ()
                channel.characters |= dict.fromkeys(fresh)
                if not channel.systems:
                    channel.everywhere += 1
                return {"subscribed_characters": set_order(channel.characters)}, ()
            case "unsubscribe_characters":
                wanted = _ids(payload, "character_ids", characters_problem)
                if channel.characters.keys().isdisjoint(wanted):
                    return {"message": "Not subscribed to any of the requested characters"}, ()
                for one in wanted:
                    channel.characters.pop(one, None)
                if not channel.characters:
                    channel.everywhere = 0
                return {"subscribed_characters": set_order(channel.characters)}, ()
            case _:
                raise _Crash

    def _status(self, channel: Channel) -> JsonObject:
        return {
            "user_id": self.user_id,
            "subscription_id": channel.subscription_id,
            "connected_at": iso(self._connected_at, micros=True),
            "subscribed_systems": set_order(channel.systems),
            "subscribed_characters": set_order(channel.characters),
        }


def token(rng: random.Random, size: int) -> str:
    """*size* random bytes in URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(rng.randbytes(size)).decode().rstrip("=")


def set_order(ids: Collection[int]) -> list[int]:
    """The order in which the service lists a set: ascending up to 32 ids, scrambled beyond."""
    return sorted(ids) if len(ids) <= 32 else sorted(ids, key=lambda one: one * 2_654_435_761 % 2**32)


def systems_problem(ids: Sequence[Any]) -> str | None:
    """Why the service refuses these system ids, in its words; None if it takes them."""
    return _problem(ids, MAX_SYSTEMS, SYSTEM_IDS, "system", "System")


def characters_problem(ids: Sequence[Any]) -> str | None:
    """Why the service refuses these character ids, in its words; None if it takes them."""
    return _problem(ids, MAX_CHARACTERS, CHARACTER_IDS, "character", "Character")


def _problem(ids: Sequence[Any], most: int, allowed: range, kind: str, title: str) -> str | None:
    if len(ids) > most:
        return f"[validation:too_many_{kind}s] Too many {kind}s (max: {most})"
    if any(type(one) is not int for one in ids):
        return f"[validation:non_integer_{kind}_ids] {title} IDs must be integers"
    if any(one not in allowed for one in ids):
        return f"[validation:invalid_{kind}_ids] Invalid {kind} IDs"
    return None


def _join_lists(payload: Any) -> tuple[list[Any], list[Any]]:
    if not isinstance(payload, dict):
        raise _Crash
    systems, characters = payload.get("systems", []), payload.get("character_ids", [])
    if isinstance(systems, list) and isinstance(characters, list):
        return systems, characters
    if ("systems" in payload and isinstance(systems, list)) or isinstance(payload.get("character_ids"), list):
        raise _Crash  # one list with something else beside it
    return [], []


def _ids(payload: Any, key: str, problem: Callable[[Sequence[Any]], str | None]) -> list[int]:
    """The ids of a subscription event. The service cannot even say what is wrong with them: it crashes."""
    ids = payload.get(key) if isinstance(payload, dict) else None
    if not isinstance(ids, list) or problem(ids) is not None:
        raise _Crash
    return ids


def _reply(join_ref: Any, to: Frame, status: str, response: JsonObject) -> Frame:
    return Frame(join_ref, to.ref, to.topic, "phx_reply", {"status": status, "response": response})
