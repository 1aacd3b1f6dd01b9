"""What must not be told twice, as a name (claim), and the short form that makes a repeated post harmless (nonce)."""

from __future__ import annotations

import re
from hashlib import sha256

NONCE_LIMIT = 25
"""Discord's (discord.md 3.6)."""

_HASH_LENGTH = 6
_UNREADABLE = re.compile(r"[^a-z0-9-]+")


def kill_claim(killmail_id: int) -> str:
    """Kills are claimed per channel, whichever map they concern (notifications.md T39)."""
    return f"kill:{killmail_id}"


def killmail_of(claim: str) -> int | None:
    """Which kill *claim* is about; None when it is about something else."""
    kind, _, number = claim.partition(":")
    return int(number) if kind == "kill" and number.isascii() and number.isdigit() else None


def system_claim(slug: str, system_id: int) -> str:
    """Held until the system leaves the map."""
    return f"system:{slug}:{system_id}"


def character_claim(slug: str, character_id: int) -> str:
    """Held until the pilot is no longer tracked."""
    return f"character:{slug}:{character_id}"


def rally_claim(slug: str, rally_id: str) -> str:
    return f"rally:{slug}:{rally_id}"


def nonce_for(claim: str, channel: str) -> str:
    """The nonce of *claim* in *channel*: always the same, readable at its start, at most 25 characters.

    `kill:128000001` becomes `k128000001-` and `system:m1:31000123` becomes `s31000123-m1-`, followed by six
    hexadecimal digits that differ between channels.
    """
    kind, _, rest = claim.partition(":")
    slug, _, subject = rest.rpartition(":")
    readable = f"{kind[:1]}{subject}-{slug}".lower() if slug else f"{kind[:1]}{subject}".lower()
    readable = _UNREADABLE.sub("", readable)[: NONCE_LIMIT - _HASH_LENGTH - 1].rstrip("-")
    digest = sha256(f"{claim}\0{channel}".encode("utf-8", "backslashreplace")).hexdigest()
    return f"{readable}-{digest[:_HASH_LENGTH]}"
