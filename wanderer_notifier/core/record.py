"""What is kept of a decision for whoever asks why: plain JSON, bounded, without the killmail itself."""

from __future__ import annotations

from datetime import datetime

from wanderer_notifier.core.events import JsonObject, Kill, Party
from wanderer_notifier.core.killmail import final_blow
from wanderer_notifier.core.message import Mention
from wanderer_notifier.core.policy import Send, Verdict
from wanderer_notifier.core.rules import Judgement
from wanderer_notifier.core.trace import Check

TEXT = 200
"""Characters kept of one text."""


def decision_record(kill: Kill, judgement: Judgement, *, received_at: datetime) -> JsonObject:
    """*judgement* on *kill* as JSON: what arrived, each check in order, each verdict."""
    return {
        "received_at": received_at.isoformat(),
        "kill": _kill(kill),
        "checks": [_check(one) for one in judgement.checks],
        "verdicts": [_verdict(one) for one in judgement.verdicts],
    }


def _kill(kill: Kill) -> JsonObject:
    killer = final_blow(kill)
    return {
        "id": kill.killmail_id,
        "time": None if kill.time is None else kill.time.isoformat(),
        "system_id": kill.system_id,
        "system_name": _short(kill.system_name),
        "victim": _party(kill.victim),
        "final_blow": None if killer is None else _party(killer),
        "attackers": kill.attacker_count,
        "value": kill.total_value,
    }


def _party(party: Party) -> JsonObject:
    return {
        "character_id": party.character_id,
        "name": _short(party.character_name),
        "corporation_id": party.corporation_id,
        "corporation": _short(party.corporation_ticker or party.corporation_name),
        "ship_type_id": party.ship_type_id,
        "ship": _short(party.ship_name),
    }


def _check(check: Check) -> JsonObject:
    return {
        "rule": check.rule,
        "map": check.slug,
        "passed": check.passed,
        "seen": check.seen[:TEXT],
        "effect": check.effect,
    }


def _verdict(verdict: Verdict) -> JsonObject:
    if isinstance(verdict, Send):
        return {
            "map": verdict.slug,
            "sent": True,
            "channel": verdict.channel,
            "route": verdict.route,
            "mention": _mention(verdict.mention),
        }
    return {"map": verdict.slug, "sent": False, "reason": verdict.reason}


def _mention(mention: Mention) -> list[str]:
    here = ["@here"] if mention.here else []
    return here + [f"user {user}" for user in mention.users] + [f"role {role}" for role in mention.roles]


def _short(text: str | None) -> str | None:
    return None if text is None else text[:TEXT]
