"""The rules and reasons of decisions in the words of someone who is not a programmer."""

from __future__ import annotations

QUESTIONS = {
    "notifications_enabled": "notifications are on",
    "kill_notifications_enabled": "kill notifications are on",
    "system_on_map": "the system is on the map",
    "system_tracked": "a member tracks the system",
    "system_not_hidden": "no member untracked the system",
    "system_not_excluded": "the system is not excluded",
    "kspace_wanted": "this kind of space is tracked",
    "priority_wanted": "the system has the wanted priority",
    "victim_tracked": "the victim is one of ours",
    "attacker_tracked": "an attacker is one of ours",
    "pilot_not_excluded": "our pilot is not excluded",
    "corporation_focus": "a corporation in focus is involved",
    "age_known": "it is known when it happened",
    "young_enough": "it is recent enough",
    "after_first_start": "it is not from before the first start",
    "map_notifications_enabled": "notifications of the map are on",
    "map_kill_notifications_enabled": "kill notifications of the map are on",
    "wormhole_wanted": "this kind of space is wanted for kills",
    "channel_set": "a channel is set for it",
    "channel_once": "the channel is not told twice",
}
"""What each rule asks, so that "yes" is good news."""

REASONS = {
    "notifications_disabled": "all notifications are switched off (NOTIFICATIONS_ENABLED)",
    "kill_notifications_disabled": "kill notifications are switched off (KILL_NOTIFICATIONS_ENABLED)",
    "not_tracked": "neither its system nor anyone involved is tracked",
    "untracked": "a member untracked its system (/notifier system … track brings it back)",
    "excluded": "what concerns us about it is on an exclusion list (SYSTEM_EXCLUDE_LIST, CHARACTER_EXCLUDE_LIST)",
    "kspace_disabled": "its system is not in wormhole space, and that is not tracked (TRACK_KSPACE_ENABLED)",
    "priority_only": "only priority systems are wanted, and this is none (PRIORITY_SYSTEMS_ONLY_ENABLED)",
    "unknown_age": "it came from the past and does not say when it happened",
    "too_old": "it was too old when it arrived (MAX_KILLMAIL_AGE_SECONDS)",
    "startup_suppression": "it happened before this installation's first start (STARTUP_SUPPRESSION_SECONDS)",
    "map_notifications_disabled": "notifications of this map are switched off",
    "map_kill_disabled": "kill notifications of this map are switched off",
    "wormhole_only": "only wormhole space is wanted (WORMHOLE_ONLY_KILL_NOTIFICATIONS_ENABLED)",
    "no_channel": "no channel is set for it",
    "same_channel": "the same channel hears of it for another map",
}
"""Why a kill is not told, with the setting to look at."""

ROUTES = {
    "system_kill": "as a kill in a tracked system",
    "character_kill": "as a kill with one of ours or a corporation in focus",
}

SOURCES = {
    "live": "as it happened",
    "preload": "replayed after a connect",
    "cached": "from the kill service's memory",
    "poll": "by asking the kill service",
}


def question(rule: str) -> str:
    """What *rule* asks."""
    return QUESTIONS.get(rule, rule.replace("_", " "))


def reason(code: str) -> str:
    """Why, in words, for a reason's *code*."""
    return REASONS.get(code, code.replace("_", " "))


def answer(check: dict[str, object]) -> str:
    """Yes or no; loud where a no ends the matter."""
    if check["passed"]:
        return "yes"
    return "NO" if check["effect"] == "needed" else "no"
