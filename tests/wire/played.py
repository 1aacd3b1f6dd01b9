"""A session of the gateway played by hand, with a clock of its own."""

from __future__ import annotations

from typing import Any

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.wire.gateway import (
    Action,
    Bot,
    Drop,
    Identity,
    Next,
    Resumable,
    SendFrame,
    Session,
)

ME = Identity(token="test-token-gateway", intents=129, properties={"os": "linux", "browser": "t", "device": "t"})
BASE, RESUME = "wss://gateway.example/", "wss://resume.example/"
BOT = Bot(user_id="900000000000000001", application_id="900000000000000002")
ACK: JsonObject = {"op": 11, "d": None, "s": None, "t": None}


def hello(ms: Any = 40_000) -> JsonObject:
    return {"op": 10, "d": {"heartbeat_interval": ms}, "s": None, "t": None}


def event(kind: str, seq: int | None, data: Any = None) -> JsonObject:
    return {"op": 0, "t": kind, "s": seq, "d": data if data is not None else {}}


def ready(session: str = "s1", url: Any = RESUME) -> JsonObject:
    data = {
        "session_id": session,
        "resume_gateway_url": url,
        "user": {"id": BOT.user_id},
        "application": {"id": BOT.application_id},
        "guilds": [],
    }
    return event("READY", 1, data)


class Played:
    """A session with a clock of its own."""

    def __init__(self, stored: Resumable | None = None) -> None:
        self.session = Session(ME, stored)
        self.now = 0.0
        self.sent: list[JsonObject] = []
        self.next: Next | None = None

    def carry_out(self, actions: list[Action]) -> list[Action]:
        self.sent += [one.payload for one in actions if isinstance(one, SendFrame)]
        return actions

    def get(self, payload: JsonObject, roll: float = 0.5) -> list[Action]:
        return self.carry_out(self.session.receive(payload, self.now, roll))

    def wait(self, seconds: float, *, answer: bool = True) -> Drop | None:
        """Let time pass with its ticks; every beat is answered at once if wanted."""
        until = self.now + seconds
        while self.session.deadline <= until:
            self.now = max(self.now, self.session.deadline)
            for action in self.carry_out(self.session.tick(self.now)):
                if isinstance(action, Drop):
                    return action
                if answer and isinstance(action, SendFrame) and action.payload["op"] == 1:
                    self.get(ACK)
        self.now = until
        return None

    def open(self) -> None:
        self.session.connected(self.now, self.session.url(BASE) or "")

    def begin(self) -> None:
        self.open()
        self.get(hello())
        self.get(ready())

    def resume(self, seq: int = 2) -> None:
        self.open()
        self.get(hello())
        self.get(event("RESUMED", seq))

    def lose(self, code: int | None = None, roll: float = 0.999999) -> Next:
        self.next = self.session.closed(code, self.now, roll)
        return self.next

    def ops(self) -> list[int]:
        return [frame["op"] for frame in self.sent]
