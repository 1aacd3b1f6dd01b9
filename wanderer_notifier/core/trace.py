"""A rule as a value with a name, so that what decides is also what explains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Literal, TypeVar

from attrs import field, frozen

S = TypeVar("S")

Effect = Literal["needed", "reason", "system", "none"]
"""What a check is for: every `needed` one must pass; of the `reason`s to care one suffices; a `system` one that does
not pass takes the system out of these reasons; `none` only informs."""


@frozen(kw_only=True)
class Check:
    """One rule applied once: what it looked at, and whether it let the subject pass."""

    rule: str
    passed: bool
    seen: str
    """What it looked at, in plain words; may hold names that players chose."""
    slug: str | None = None
    """The map whose rule it is; None: it holds for all."""
    effect: Effect = "needed"


@frozen
class Gate(Generic[S]):
    """A rule that must hold: its name, the reason given when it does not, the rule, and what it looks at."""

    rule: str
    reason: str
    passes: Callable[[S], bool] = field(eq=False)
    seen: Callable[[S], str] = field(eq=False)


class Trail:
    """The checks made so far, in order."""

    def __init__(self) -> None:
        self._checks: list[Check] = []

    def note(self, rule: str, passed: bool, seen: str, slug: str | None = None, *, effect: Effect = "needed") -> bool:
        """Keep one check and give back whether it *passed*."""
        self._checks.append(Check(rule=rule, passed=passed, seen=seen, slug=slug, effect=effect))
        return passed

    def walk(
        self, gates: Sequence[Gate[S]], subject: S, slug: str | None = None, *, effect: Effect = "needed"
    ) -> str | None:
        """The reason of the first of *gates* that does not let *subject* pass; None when all do."""
        for gate in gates:
            if not self.note(gate.rule, gate.passes(subject), gate.seen(subject), slug, effect=effect):
                return gate.reason
        return None

    def checks(self) -> tuple[Check, ...]:
        """What was checked, in order."""
        return tuple(self._checks)
