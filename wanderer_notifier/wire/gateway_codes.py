"""What each close code of Discord's gateway means for the next connection (discord.md 1.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

Consequence: TypeAlias = Literal["resume", "identify", "stop", "our fault", "slow down", "too large"]
"""Of a close: go on with the session, begin a new one, never come back; or go on, but not for ever.

`our fault` resumes once, then identifies, then stops; `too large` identifies once, then stops, since a resume would
bring the same message again; `slow down` resumes after a longer pause.
"""

OURS = 4200
"""We leave and mean to resume. Between 4000 and 4999, or Discord would end the session; none of Discord's own codes,
so that a log tells who closed."""
GOODBYE = 1000
"""We leave for good: Discord ends the session and shows the bot offline."""

CONSEQUENCES: Mapping[int, Consequence] = {
    1009: "too large",
    4001: "our fault",
    4002: "our fault",
    4003: "identify",
    4004: "stop",
    4005: "identify",
    4006: "identify",
    4007: "identify",
    4008: "slow down",
    4009: "identify",
    4010: "stop",
    4011: "stop",
    4012: "stop",
    4013: "stop",
    4014: "stop",
}

WORDS: Mapping[int, str] = {
    1000: "Discord closed the connection",
    1001: "Discord is going away",
    1005: "closed without a code",
    1006: "the connection was lost",
    1009: "a message was too large for us",
    4000: "an unknown error at Discord",
    4001: "we sent an unknown opcode",
    4002: "we sent something Discord could not read",
    4003: "we sent something before identifying, or the session was invalidated",
    4004: "the bot token is wrong or was reset: set DISCORD_BOT_TOKEN to the present one",
    4005: "we identified twice",
    4006: "the session is no longer valid: does another process use this token?",
    4007: "the sequence number was not valid",
    4008: "we sent too much",
    4009: "the session timed out",
    4010: "invalid shard",
    4011: "the bot is in too many servers for one connection (sharding required)",
    4012: "Discord no longer speaks this version of the gateway: update this program",
    4013: "invalid intents: update this program",
    4014: "a privileged intent is not enabled: this program asks for none, so look at the bot's settings in the "
    "developer portal and update this program",
}


def consequence(code: int | None) -> Consequence:
    """What follows from a close with *code* (None: lost without any); unknown codes resume (P18)."""
    return CONSEQUENCES.get(code, "resume") if code is not None else "resume"


def words(code: int | None) -> str:
    """Why the connection ended, for an operator."""
    if code is None:
        return "the connection was lost"
    return f"{WORDS.get(code, 'closed for a reason unknown to us')} [{code}]"
