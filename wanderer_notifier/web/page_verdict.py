"""The first thing on the status page: is all well, and if not, what does not work, since when, and why."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from wanderer_notifier.runtime.health import ComponentView
from wanderer_notifier.web.activity import Stored, span
from wanderer_notifier.web.page_parts import Colour, label
from wanderer_notifier.web.views import Snapshot, not_alive

_EFFECTS: Mapping[str, str] = {
    "killmail_stream": "kills are not heard",
    "map_data": "maps cannot be read",
    "map_stream": "map changes are not heard",
    "discord_rest": "messages do not reach Discord",
    "discord_gateway": "slash commands get no answer",
    "data_dir": "the database cannot be written",
    "configuration": "a token or key is refused",
}
"""Check that fails -> what that means for readers, the worst first."""
LINES = 12


def verdict(view: Snapshot) -> tuple[Colour, str]:
    """Everything in one line: its colour and its words."""
    broken = not_alive(view)
    if broken == "stopping":
        return "fair", "Stopping"
    if broken is not None:
        return "bad", f"Broken: {broken}"
    if view.readiness.ready:
        return ("fair", "Working, with some trouble") if _troubled(view) else ("good", "All is well")
    if view.readiness.settling:
        return "fair", "Starting"
    effects = [words for check, words in _EFFECTS.items() if check in view.readiness.failing]
    words = "; ".join(effects) or "not ready"
    return "bad", words[0].upper() + words[1:]


def mark(view: Snapshot) -> str:
    """The verdict as one character, for the title of a tab."""
    return {"good": "✓", "fair": "!", "bad": "✗", "off": ""}[verdict(view)[0]]


def verdict_box(view: Snapshot, stored: Stored, note: str) -> str:
    """The verdict with its reasons; *note* is finished HTML."""
    colour, words = verdict(view)
    parts = _troubled(view)
    if parts:
        lines = f"<ul>{''.join(f'<li>{line}</li>' for line in _reasons(view, parts)[:LINES])}</ul>"
    elif colour == "good":
        lines = "<p>Kills and map changes are heard, and messages go out.</p>"
    else:
        waiting = [label(part.name) for part in view.components if part.state == "starting"]
        lines = f"<p>Waiting for: {escape(', '.join(waiting))}</p>" if waiting else ""
    hint = "<p>What to do about it: <code>wanderer-notifier doctor</code></p>" if colour == "bad" else ""
    return f'<div class="verdict {colour}"><h2>{escape(words)}</h2>{lines}{_waiting(view, stored)}{hint}{note}</div>'


def _troubled(view: Snapshot) -> list[ComponentView]:
    """The parts in trouble; a licence that is not valid changes looks only, and stands in its card."""
    return [part for part in view.components if part.state in ("degraded", "failed") and part.name != "license"]


def _reasons(view: Snapshot, parts: list[ComponentView]) -> list[str]:
    """One line for each trouble; parts of one kind in the same trouble share it."""
    shared: dict[tuple[str, str], list[ComponentView]] = {}
    for part in parts:
        why = part.reason or part.last_error or part.state
        shared.setdefault((part.name.partition(":")[0], why), []).append(part)
    return [_reason(view, kind, why, same) for (kind, why), same in shared.items()]


def _reason(view: Snapshot, kind: str, why: str, parts: list[ComponentView]) -> str:
    which = ", ".join(filter(None, (part.name.partition(":")[2] for part in parts)))
    name = label(kind) + (f" ({which})" if which else "")
    since = f"for {span(max(part.for_s for part in parts))}"
    tries = [part.next_attempt_at for part in parts if part.next_attempt_at is not None]
    left_s = (min(tries) - view.now).total_seconds() if tries else 0.0
    again = f", next try in {span(left_s, parts=1)}" if left_s >= 1 else ""
    return f"<b>{escape(name)}</b>: {escape(why)} ({since}{again})"


def _waiting(view: Snapshot, stored: Stored) -> str:
    """That nothing is lost while Discord is away, for as long as that is so."""
    queue = stored.queue or view.queue
    waiting = queue.get("queued", 0) + queue.get("sending", 0)
    if not waiting or not view.readiness.checks.get("discord_rest", "").startswith(("failed", "degraded")):
        return ""
    what = "1 message waits and goes out" if waiting == 1 else f"{waiting} messages wait and go out"
    return f"<p>{what} when Discord is back, while it is still news.</p>"
