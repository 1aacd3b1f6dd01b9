"""The base fixture B of the truth table (notifications.md 1.5), and ways to deviate from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from wanderer_notifier.core.events import CharacterRecord, KillSource, SystemRecord
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.core.rules import Channels, MapRules, Rules, Send, Skip, Verdict, decide_kill
from wanderer_notifier.core.tracking import MapState, Tracking

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
FIRST_START = NOW - timedelta(days=30)

HOME, JITA, THERA = 31000123, 30000142, 31000005
PILOT = 95000001

SYSTEMS = {
    HOME: SystemRecord(system_id=HOME, name="J123456", custom_name="Home"),
    JITA: SystemRecord(system_id=JITA, name="Jita"),
    THERA: SystemRecord(system_id=THERA, name="Thera"),
    31999999: SystemRecord(system_id=31999999, name="J999999"),
    32000001: SystemRecord(system_id=32000001),
}


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def mail(**changes: Any) -> dict[str, Any]:
    """The killmail of B; a key set to `...` is absent."""
    whole = {
        "killmail_id": 128000001,
        "system_id": HOME,
        "kill_time": ago(60),
        "victim": {"character_id": 95000009, "corporation_id": 98000900, "ship_type_id": 587},
        "attackers": [{"character_id": 95000008, "corporation_id": 98000800, "final_blow": True, "damage_done": 100}],
        "zkb": {"hash": "a" * 40, "totalValue": 1e8},
    } | changes
    return {key: value for key, value in whole.items() if value is not ...}


def victim(**changes: Any) -> dict[str, Any]:
    return {"character_id": 95000009, "corporation_id": 98000900, "ship_type_id": 587} | changes


def attacker(**changes: Any) -> dict[str, Any]:
    return {"character_id": 95000008, "corporation_id": 98000800, "final_blow": True, "damage_done": 100} | changes


def one_map(slug: str = "m1", **changes: Any) -> MapRules:
    channels = {"primary": "100", "system_kill": "200", "character_kill": "300"} | changes.pop("channels", {})
    return MapRules(slug=slug, channels=Channels(**channels), **changes)


def rules(*maps: MapRules, **changes: Any) -> Rules:
    return Rules(maps=maps or (one_map(),), **changes)


def tracked(slug: str = "m1", systems: Any = SYSTEMS, characters: tuple[int, ...] = (PILOT,)) -> MapState:
    pilots = {one: CharacterRecord(character_id=one, name="Vela Ostrander") for one in characters}
    return MapState(slug=slug, systems=systems, characters=pilots, loaded_at=NOW)


def tracking(*states: MapState) -> Tracking:
    return Tracking(maps={state.slug: state for state in states or (tracked(),)})


def decide(
    raw: dict[str, Any],
    settings: Rules | None = None,
    known: Tracking | None = None,
    *,
    source: KillSource = "live",
    first_start: datetime = FIRST_START,
    voice: tuple[str, ...] = (),
) -> tuple[Verdict, ...]:
    return decide_kill(
        parse_kill(raw, None),
        source,
        settings or rules(),
        known or tracking(),
        now=NOW,
        first_start=first_start,
        voice={"m1": voice},
    )


def sends(verdicts: tuple[Verdict, ...]) -> list[Send]:
    return [one for one in verdicts if isinstance(one, Send)]


def reasons(verdicts: tuple[Verdict, ...]) -> list[str]:
    return [one.reason for one in verdicts if isinstance(one, Skip)]
