"""How a kill reads (notifications.md 3.2): title, colour, sentence, value."""

from __future__ import annotations

from collections.abc import Sequence

from wanderer_notifier.core.events import Attacker, JsonObject, Kill, Party
from wanderer_notifier.core.factions import faction_name
from wanderer_notifier.core.hulls import Hull, hull_of, picture_of
from wanderer_notifier.core.killmail import final_blow, top_damage
from wanderer_notifier.core.policy import Send
from wanderer_notifier.core.wording import NAME_LIMIT, escape, isk, link, one_line, relative

LOSS_COLOR, KILL_COLOR, UNKNOWN_COLOR = 0xE74C3C, 0x2ECC71, 0x808080
VALUE_COLORS = ((5e9, 0xFF0000), (1e9, 0xFF6600), (1e8, 0xFFFF00), (1e7, 0x00FF00))

NOUNS: dict[Hull, str] = {"ship": "Ship", "structure": "Structure", "deployable": "Deployable"}

TICKER_LIMIT, SHIP_LIMIT = 16, 64
"""Generous for real ones; they keep the sentence within a description whatever the feed says."""

_PLAYER_CORPORATIONS = 2_000_000
"""Corporations below are the game's own (wanderer-kills.md 7.2)."""


def kill_embed(kill: Kill, send: Send, notable: Sequence[str] = ()) -> JsonObject:
    """The embed of *kill* as the channel of *send* should see it, with the lines of *notable* items as they are."""
    page, killer = _page(kill), final_blow(kill)
    author: JsonObject = {"name": "Loss" if send.victim_tracked else "Kill"}
    corporation = kill.victim.corporation_id if send.victim_tracked else killer.corporation_id if killer else None
    if corporation is not None:
        author["icon_url"] = f"https://images.evetech.net/corporations/{corporation}/logo?size=64"
    author["url"] = page
    embed: JsonObject = {
        "title": f"{NOUNS[hull_of(kill.victim)]} destroyed in {_system(kill, send)}",
        "url": page,
        "color": _color(kill, send),
        "author": author,
        "description": "\n\n".join(_paragraphs(kill, killer, notable)),
        "fields": [],
        "footer": {"text": f"Killmail ID: {kill.killmail_id}" + (" • reported late" if send.late else "")},
    }
    if (picture := picture_of(kill.victim)) is not None:
        embed["thumbnail"] = {"url": picture}
    return embed


def _paragraphs(kill: Kill, killer: Attacker | None, notable: Sequence[str]) -> list[str]:
    section = ["\n".join(["**Notable Items:**", *notable])] if notable else []
    return [_sentence(kill, killer), *section, _value_line(kill)]


def kill_sentence(kill: Kill, send: Send) -> str:
    """One line of plain text with the address of the kill (3.6)."""
    victim = kill.victim
    pilot = _shown(victim.character_name) or (_shown(victim.corporation_name) if _unmanned(victim) else None)
    ship = _shown(victim.ship_name, SHIP_LIMIT)
    text = f"{pilot or 'Unknown pilot'} lost a {ship or 'Unknown ship'} in {_system(kill, send)}"
    if kill.total_value:
        text += f" ({isk(kill.total_value, 1)})"
    return f"{text} <{_page(kill)}>"


def is_friendly_fire(kill: Kill) -> bool:
    """Whether the victim was shot by its own (cases.md K52): the kill says so, or the corporations do."""
    victim = kill.victim.corporation_id or 0
    ours = victim >= _PLAYER_CORPORATIONS and any(
        attacker.corporation_id == victim and attacker.character_id != kill.victim.character_id
        for attacker in kill.attackers
    )
    return kill.awox or ours


def _page(kill: Kill) -> str:
    return f"https://zkillboard.com/kill/{kill.killmail_id}/"


def _system(kill: Kill, send: Send) -> str:
    return _shown(send.system_label) or _shown(kill.system_name) or f"System {kill.system_id}"


def _color(kill: Kill, send: Send) -> int:
    if send.victim_tracked:
        return LOSS_COLOR
    if send.attacker_tracked:
        return KILL_COLOR
    value = kill.dropped_value or kill.total_value or 0.0  # a loss that dropped nothing is not worthless (W47)
    return next((color for least, color in VALUE_COLORS if value >= least), UNKNOWN_COLOR)


def _value_line(kill: Kill) -> str:
    parts = [f"Value: {isk(kill.total_value)}"] if kill.total_value else []
    parts.append(relative(kill.time) if kill.time is not None else "Recently")
    if is_friendly_fire(kill):
        parts.append("friendly fire")
    return " • ".join(parts)


def _sentence(kill: Kill, killer: Attacker | None) -> str:
    opening = f"{_victim(kill.victim)} lost their {_ship(kill.victim)} to "
    if killer is None:
        return opening + "unknown attackers"
    if kill.attacker_count == 1:
        return opening + _killer(killer) + (" solo." if killer.character_id is not None else ".")
    if helpers := _solo_with_npcs(kill, killer):
        return opening + _killer(killer) + f" solo, with {helpers} NPC{'s' if helpers > 1 else ''}."
    others, top = kill.attacker_count - 1, top_damage(kill)
    text = opening + _killer(killer)
    if top is not None and top.character_id != killer.character_id:
        text += f", Top Damage was done by {_top(top)}"
        others -= 1
    if others > 0:
        text += f", and {others} other{'s' if others > 1 else ''}"
    return text + "."


def _solo_with_npcs(kill: Kill, killer: Attacker) -> int:
    """How many NPCs helped the one pilot of a solo kill; 0 when it is none (cases.md K41)."""
    helpers = [one for one in kill.attackers if one is not killer]
    alone = kill.solo and killer.character_id is not None and len(kill.attackers) == kill.attacker_count
    return len(helpers) if alone and all(one.character_id is None and not _is_structure(one) for one in helpers) else 0


def _victim(victim: Party) -> str:
    name = _shown(victim.character_name)
    if name is not None or not _unmanned(victim):
        return _person(victim, "Unknown Pilot") + f"({_ticker(victim)})"
    owner = _shown(victim.corporation_name) or _shown(
        victim.corporation_ticker, TICKER_LIMIT
    )  # a structure dies for its owner
    return f"**{owner or 'Unknown Corporation'}**({_ticker(victim)})"


def _killer(killer: Attacker) -> str:
    if killer.character_id is not None:
        return f"{_pilot(killer)} flying in a {_ship(killer)}"
    if _is_structure(killer):
        return f"{_owner(killer)} using {_article(killer)} {_ship(killer)}"
    return _npc(killer, f"an NPC {_ship(killer)}")


def _top(top: Attacker) -> str:
    if top.character_id is not None:
        return f"{_pilot(top)} flying in a {_ship(top)}"
    if _is_structure(top):
        return f"{_owner(top)} using {_article(top)} {_ship(top)}"
    return _npc(top, f"a {_ship(top)}")


def _npc(npc: Attacker, shown: str) -> str:
    """*shown*, and whose it is; of a hull without a name only the latter (cases.md K02, K10)."""
    faction = faction_name(npc.faction_id)
    if faction is None:
        return shown
    return f"{shown} ({faction})" if _shown(npc.ship_name) else f"an NPC of **{faction}**"


def _pilot(pilot: Attacker) -> str:
    return f"{_person(pilot, 'Unknown')}({_ticker(pilot)})"


def _owner(structure: Attacker) -> str:
    owner = _shown(structure.corporation_name) or _shown(structure.corporation_ticker, TICKER_LIMIT)
    return f"**{owner or 'Unknown Corporation'}**({_ticker(structure)})"


def _person(person: Party, unknown: str) -> str:
    name = one_line(person.character_name or "") or unknown
    if person.character_id is None:
        return f"**{escape(name)}**"
    return f"**{link(name, f'https://zkillboard.com/character/{person.character_id}/')}**"


def _ticker(party: Party) -> str:
    ticker = one_line(party.corporation_ticker or "", TICKER_LIMIT)
    if ticker is None or party.corporation_id is None:
        return "**????**"
    return f"**{link(ticker, f'https://zkillboard.com/corporation/{party.corporation_id}/')}**"


def _ship(party: Party) -> str:
    return f"**{_shown(party.ship_name, SHIP_LIMIT) or 'Unknown Ship'}**"


def _article(party: Party) -> str:
    return "an" if (_shown(party.ship_name) or "Unknown")[0] in "AEIOUaeiou" else "a"


def _unmanned(party: Party) -> bool:
    """A structure or deployable: it has an owner, but nobody sits in it."""
    return party.character_id is None and party.corporation_id is not None


def _is_structure(attacker: Attacker) -> bool:
    """A player corporation's structure; without a pilot and not the game's own (cases.md K06)."""
    return _unmanned(attacker) and (attacker.corporation_id or 0) >= _PLAYER_CORPORATIONS


def _shown(name: str | None, limit: int = NAME_LIMIT) -> str | None:
    shown = one_line(name or "", limit)
    return escape(shown) if shown else None
