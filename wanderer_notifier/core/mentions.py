"""Who is pinged (design.md 5.4): never more than what content and Discord's list of allowed mentions can hold."""

from __future__ import annotations

from collections.abc import Iterable

from wanderer_notifier.core.message import Mention
from wanderer_notifier.core.policy import MapRules

CONTENT_LIMIT = 2000
IDS_LIMIT = 100
"""Discord's: characters of content, ids of one kind in `allowed_mentions` (discord.md 3.6, 3.7)."""


def system_mention(one: MapRules, voice: tuple[str, ...], *, urgent: bool) -> Mention:
    """Who is pinged for a system: those in *voice* if the map wants it; where it is *urgent* and nobody sits there,
    `@here`, unless the map does not want that.
    """
    users = sorted(_valid(voice), key=int) if one.voice_mentions else ()
    if users:
        return Mention(users=tuple(users[:IDS_LIMIT])).within(CONTENT_LIMIT)
    return Mention(here=urgent and one.here_fallback)


def rally_mention(one: MapRules) -> Mention:
    """The roles configured for rallies, in the operator's order."""
    return Mention(roles=tuple(_valid(one.rally_role_ids))[:IDS_LIMIT]).within(CONTENT_LIMIT)


def _valid(ids: Iterable[str]) -> list[str]:
    """Ids that are ids, once each: anything else in content would be text of a stranger's choice."""
    return list(dict.fromkeys(one for one in ids if one.isascii() and one.isdigit() and len(one) <= 20))
