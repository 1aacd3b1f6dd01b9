"""Which dropped items are worth a line on a kill (notifications.md 5; rows N1-N9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from attrs import frozen

from wanderer_notifier.core.reading import as_count, as_id, is_object
from wanderer_notifier.core.wording import escape, isk, one_line

DEEPEST = 8
"""Containers in containers; EVE itself allows one level."""

NAME_LIMIT = 80
"""With 25 lines the section stays well within a description."""


@frozen(kw_only=True)
class Rule:
    """From which value in ISK an item counts, and how many are listed."""

    threshold_isk: float = 50_000_000
    limit: int = 5


def dropped(raw: object) -> Mapping[int, int] | None:
    """Type id -> how many dropped, stacks merged and containers opened; None when *raw* has no list of items."""
    listed = _item_list(raw)
    if listed is None:
        return None
    found = Counter[int]()
    _count(listed, found, DEEPEST)
    return found


def is_abyssal(name: str) -> bool:
    """Whether an item is of the abyss: each is unlike any other, so no price of its type means anything."""
    return "abyssal" in name.lower()


def lines(
    items: Mapping[int, int], names: Mapping[int, str], prices: Mapping[int, float], rule: Rule
) -> tuple[str, ...]:
    """The lines of the section, the most valuable first, abyssal items without a price at the end.

    *items* is type id -> quantity; a type without a name in *names* is left out, one without a price in *prices*
    (ISK each) is worth nothing.
    """
    priced: list[tuple[float, str]] = []
    abyssal: list[str] = []
    for type_id, quantity in items.items():
        name = one_line(names.get(type_id) or "", NAME_LIMIT)
        if name is None:
            continue
        shown = f"• {escape(name)}" + (f" x{quantity}" if quantity > 1 else "")
        total = quantity * prices.get(type_id, 0.0)
        if is_abyssal(name):
            abyssal.append(shown)
        elif total >= rule.threshold_isk and total > 0:
            priced.append((total, f"{shown} (~{isk(total)})"))
    ranked = [line for _, line in sorted(priced, key=lambda one: -one[0])]
    return tuple(ranked + abyssal)[: rule.limit]


def _item_list(raw: object) -> list[object] | None:
    """`victim.items`, else a top-level list, in any of the wrappers that feeds put around a mail."""
    if not is_object(raw):
        return None
    package = raw.get("package")
    inner = package if is_object(package) else {}
    layers = (raw, raw.get("esi"), raw.get("killmail"), inner, inner.get("killmail"), inner.get("esi"))
    for layer in layers:
        if not is_object(layer):
            continue
        victim = layer.get("victim")
        for holder in (victim, layer):
            listed = holder.get("items") if is_object(holder) else None
            if isinstance(listed, list):
                return listed
    return None


def _count(listed: list[object], found: Counter[int], depth: int) -> None:
    for item in listed:
        if not is_object(item):
            continue
        type_id, quantity = as_id(item.get("item_type_id")), as_count(item.get("quantity_dropped"))
        if type_id is not None and quantity:
            found[type_id] += quantity
        inside = item.get("items")
        if isinstance(inside, list) and depth:
            _count(inside, found, depth - 1)
