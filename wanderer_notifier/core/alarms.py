"""When something is worth an operator's attention, and when saying so again would only teach them to look away."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from typing import Literal, TypeAlias

from attrs import frozen

from wanderer_notifier.core.limits import fit
from wanderer_notifier.core.message import Message
from wanderer_notifier.core.status_look import BACK_COLOR, DOWN_COLOR
from wanderer_notifier.core.wording import duration, escape, one_line

REPEAT_S = 900.0
"""Between two alarms about the same subject and event (operations.md OPS-50)."""
PER_HOUR = 10
AT_ONCE = frozenset({"license", "delivery_queue"})
"""What does not come and go with the network has no grace."""
NOTE_COLOR = 0xE3B341
LENGTH = 300

Event: TypeAlias = Literal["down", "back", "note", "held_back"]


@frozen(kw_only=True)
class Alarm:
    """One thing to tell."""

    subject: str
    event: Event
    text: str
    """The reason, or the note itself."""
    down_s: float = 0.0
    """For how long it is, or was, down."""


class Alarms:
    """Watches subjects from one look to the next; times are seconds of any steady clock.

    A subject is told to be down once it has been so for its grace (those in `AT_ONCE` have none), and to be back once
    that was told. Notes about the same subject within 15 minutes are told together. What exceeds ten an hour is named
    in one summary later.
    """

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._told: dict[str, float] = {}
        """Subjects whose present loss was told, and since when they are gone."""
        self._notes: dict[str, tuple[str, int]] = {}
        self._last: dict[tuple[Event, str], float] = {}
        self._times: deque[float] = deque()
        self._held: dict[str, None] = {}

    def note(self, subject: str, text: str) -> None:
        """Something happened that has no end; the latest text stands for several."""
        _, count = self._notes.get(subject, ("", 0))
        self._notes[subject] = (text, count + 1)

    def look(
        self, troubles: Mapping[str, str | None], at: float, *, grace_s: float, quiet: Collection[str] = ()
    ) -> tuple[Alarm, ...]:
        """What to tell at *at*, given each subject and why it is down (None: it works).

        The loss of a *quiet* subject is not told now; it is, if it lasts, when the quiet is over.
        """
        news = [*self._open(at), *self._changes(troubles, at, grace_s, quiet), *self._noted(at)]
        return tuple(alarm for alarm in news if self._within_budget(alarm, at))

    def _changes(
        self, troubles: Mapping[str, str | None], at: float, grace_s: float, quiet: Collection[str]
    ) -> list[Alarm]:
        news = list[Alarm]()
        for subject, reason in troubles.items():
            if reason is None:
                self._since.pop(subject, None)
                if subject in self._told and self._may("back", subject, at):
                    down_s = at - self._told.pop(subject)
                    news.append(Alarm(subject=subject, event="back", text="", down_s=down_s))
                continue
            since = self._since.setdefault(subject, at)
            grace = 0.0 if subject in AT_ONCE else grace_s
            due = at - since >= grace and subject not in self._told and subject not in quiet
            if due and self._may("down", subject, at):
                self._told[subject] = since
                news.append(Alarm(subject=subject, event="down", text=reason, down_s=at - since))
        return news

    def _noted(self, at: float) -> list[Alarm]:
        news = list[Alarm]()
        for subject, (text, count) in list(self._notes.items()):
            if self._may("note", subject, at):
                del self._notes[subject]
                times = f" ({count} times)" if count > 1 else ""
                news.append(Alarm(subject=subject, event="note", text=f"{text}{times}"))
        return news

    def _open(self, at: float) -> list[Alarm]:
        """The summary of what was held back, as soon as there is room for it."""
        while self._times and at - self._times[0] >= 3600.0:
            self._times.popleft()
        if not self._held or len(self._times) >= PER_HOUR:
            return []
        text = f"{len(self._held)} alerts were held back: {', '.join(self._held)}"
        self._held.clear()
        return [Alarm(subject="alerts", event="held_back", text=text)]

    def _within_budget(self, alarm: Alarm, at: float) -> bool:
        if len(self._times) >= PER_HOUR:
            self._held[f"{alarm.subject} {alarm.event}"] = None
            return False
        self._times.append(at)
        return True

    def _may(self, event: Event, subject: str, at: float) -> bool:
        last = self._last.get((event, subject))
        if last is not None and at - last < REPEAT_S:
            return False
        self._last[event, subject] = at
        return True


_CONDITIONS: Mapping[str, tuple[str, str]] = {
    "license": ("not valid", "is valid again"),
    "delivery_queue": ("nearly full", "has room again"),
}
"""Subjects that are no parts: what is said of them instead of being down, and of being back."""


def alarm_text(alarm: Alarm, name: str) -> str:
    """*alarm* as one line of plain text; *name* is what readers call its subject."""
    why = one_line(alarm.text, LENGTH) or ""
    down, back = _CONDITIONS.get(alarm.subject, ("down", "is back"))
    match alarm.event:
        case "down":
            state = f"has been {down} for {duration(alarm.down_s)}" if alarm.down_s >= 1.0 else f"is {down}"
            return f"{name} {state}{f': {why}' if why else ''}"
        case "back":
            return f"{name} {back} after {duration(alarm.down_s)}"
        case _:
            return f"{name}: {why}"


def render_alarm(alarm: Alarm, name: str) -> Message:
    """*alarm* as a message for the operators' channel."""
    lamp, color = {"down": ("🔴", DOWN_COLOR), "back": ("🟢", BACK_COLOR)}.get(alarm.event, ("⚠️", NOTE_COLOR))
    return fit(Message(embeds=({"description": f"{lamp} {escape(alarm_text(alarm, name))}", "color": color},)))
