"""What a message looks like, per kind of news (notifications.md 3), and its plain form.

Every message built here keeps Discord's limits, names in it are literal, and it pings exactly whom the verdict names.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import assert_never

from attrs import evolve

from wanderer_notifier.core.events import (
    Change,
    CharacterAdded,
    CharacterRemoved,
    JsonObject,
    Kill,
    RallyCreated,
    SystemAdded,
    SystemRemoved,
    SystemStatic,
)
from wanderer_notifier.core.kill_look import kill_embed, kill_sentence
from wanderer_notifier.core.limits import CONTENT, fit
from wanderer_notifier.core.message import Mention, Message
from wanderer_notifier.core.policy import Send
from wanderer_notifier.core.system_look import system_embed, system_name
from wanderer_notifier.core.wording import cut, escape, link, one_line, paragraph, unping

CHARACTER_COLOR = 0x00FFFF
RALLY_COLOR, RALLY_OVER_COLOR = 0xFF6B00, 0x808080
RALLY_MESSAGE_LIMIT = 500
"""notifications.md W50."""


def render(event: Kill | Change, send: Send) -> Message:
    """The rich form of *event* for the channel of *send*. Raises `ValueError` for a removal, which nobody is told."""
    match event:
        case Kill():
            return render_kill(event, send)
        case SystemAdded():
            return render_system(event, send)
        case CharacterAdded():
            return render_character(event, send)
        case RallyCreated():
            return render_rally(event, send)
        case SystemRemoved() | CharacterRemoved():
            raise ValueError("removals have no message")
        case _:
            assert_never(event)


def render_text(event: Kill | Change, send: Send) -> Message:
    """The plain form (3.6): the free tier's, and the last resort when Discord refuses the rich one.

    Raises `ValueError` for a removal.
    """
    match event:
        case Kill():
            text = kill_sentence(event, send)
        case SystemAdded():
            text = f"System {escape(system_name(event.system))} is now being tracked"
        case CharacterAdded():
            text = f"Character {escape(_character_name(event))} is now being tracked"
        case RallyCreated():
            system, pilot = _visible(event.system_name), _visible(event.character_name)
            text = f"Rally point created in {system or 'Unknown system'} by {pilot or 'Unknown pilot'}"
            if event.ended_at is not None:
                return _message(f"{text}, over by now", (), evolve(send, mention=Mention()))
        case SystemRemoved() | CharacterRemoved():
            raise ValueError("removals have no message")
        case _:
            assert_never(event)
    return _message(text, (), send)


def render_kill(kill: Kill, send: Send, notable: Sequence[str] = ()) -> Message:
    """A kill (3.2): red `Loss` for a tracked victim, green for a tracked attacker, else coloured by value.

    *notable* are the lines of its notable items (`core.notable.lines`).
    """
    return _message("", (kill_embed(kill, send, notable),), send)


def render_system(
    change: SystemAdded,
    send: Send,
    static: SystemStatic | None = None,
    recent: Sequence[Kill] = (),
    now: datetime | None = None,
) -> Message:
    """A system that is new on the map (3.3), with what its record and *static* say, and its last kills as of *now*."""
    return _message("", (system_embed(change.system, static, recent, now),), send)


def render_character(change: CharacterAdded, send: Send) -> Message:
    """A pilot that is now tracked (3.4)."""
    pilot, name = change.character, _character_name(change)
    page = f"https://zkillboard.com/character/{pilot.character_id}/"
    fields = [("Character", link(name, page))]
    for title, entity_id, called, ticker in (
        ("Corporation", pilot.corporation_id, one_line(pilot.corporation_name or ""), pilot.corporation_ticker),
        ("Alliance", pilot.alliance_id, None, pilot.alliance_ticker),
    ):
        if entity_id is not None:
            tag, page_of_it = one_line(ticker or ""), f"https://zkillboard.com/{title.lower()}/{entity_id}/"
            shown = link(called or tag or f"Unknown {title}", page_of_it, tag=tag if called else None)
            fields.append((title, shown))
    fields.append(("Status", "🟢 Tracked"))
    embed: JsonObject = {
        "title": f"New Character Tracked: {escape(name)}",
        "description": "A new character has been added to tracking.",
        "url": page,
        "color": CHARACTER_COLOR,
        "thumbnail": {"url": f"https://images.evetech.net/characters/{pilot.character_id}/portrait?size=128"},
        "fields": [{"name": title, "value": value, "inline": True} for title, value in fields],
        "footer": {"text": f"Character ID: {pilot.character_id}"},
    }
    return _message("", (embed,), send)


def render_rally(rally: RallyCreated, send: Send) -> Message:
    """A rally point (3.5), timed by its creation; the roles of the verdict are named in front.

    One that has ended says so and calls nobody (cases.md M09).
    """
    over = rally.ended_at is not None
    system, pilot = _visible(rally.system_name), _visible(rally.character_name)
    description = f"**{pilot or 'Unknown pilot'}** has created a rally point in **{system or 'Unknown system'}**"
    if note := paragraph(rally.message or "", RALLY_MESSAGE_LIMIT):
        description += f"\n\n💬 {escape(note)}"
    embed: JsonObject = {
        "title": "⚔️ Rally Point Ended" if over else "⚔️ Rally Point Created",
        "description": description,
        "color": RALLY_OVER_COLOR if over else RALLY_COLOR,
        "fields": [
            {"name": "System", "value": system or "Unknown", "inline": True},
            {"name": "Created By", "value": pilot or "Unknown", "inline": True},
        ],
        "footer": {"text": f"Rally ID: {unping(rally.rally_id)}"},
    }
    if rally.created_at is not None:
        embed["timestamp"] = _iso(rally.created_at)
    if over:
        return _message("Rally point ended.", (embed,), evolve(send, mention=Mention()))
    return _message("Rally point created!", (embed,), send)


def _message(text: str, embeds: tuple[JsonObject, ...], send: Send) -> Message:
    text = cut(text, CONTENT)
    mention = send.mention.within(CONTENT - len(text) - 1)
    content = " ".join(part for part in (mention.text(), text) if part)
    return fit(Message(content=content or None, embeds=embeds, mention=mention))


def _character_name(change: CharacterAdded) -> str:
    return one_line(change.character.name or "") or str(change.character.character_id)


def _visible(name: str | None) -> str | None:
    shown = one_line(name or "")
    return escape(shown) if shown else None


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
