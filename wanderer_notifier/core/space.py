"""Where a solar system lies, told from its id alone."""

from __future__ import annotations

JSPACE_FIRST, JSPACE_LAST = 31_000_000, 31_999_999
"""Wormhole space, Thera and the drifter holes included (notifications.md, vocabulary)."""


def is_jspace(system_id: int | None) -> bool:
    """Whether *system_id* is wormhole space; Pochven, Zarzakh and abyssal systems are not."""
    return system_id is not None and JSPACE_FIRST <= system_id <= JSPACE_LAST


def space_of(system_id: int | None) -> str:
    """Wormhole space or not, in words."""
    return "wormhole space" if is_jspace(system_id) else "not wormhole space"
