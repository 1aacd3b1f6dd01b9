"""What is known about one environment variable."""

from __future__ import annotations

from typing import Generic

from attrs import field, frozen

from wanderer_notifier.config.values import Kind, T_co


@frozen
class Variable(Generic[T_co]):
    """One environment variable."""

    name: str
    group: str
    kind: Kind[T_co]
    default_text: str
    """What an unset variable counts as, written as its text would be; unused for a required one."""
    at: str
    """Where in `Settings` the effective value lies: dotted, a number picks from a tuple, blanks separate several.
    Empty for what only helps to build another value."""
    about: str
    aliases: tuple[str, ...] = field(default=(), kw_only=True)
    negated: tuple[str, ...] = field(default=(), kw_only=True)
    """Aliases whose yes means no."""
    required: bool = field(default=False, kw_only=True)
    example: str = field(default="", kw_only=True)
    """What `.env.example` shows instead of the default."""
    derived: str = field(default="", kw_only=True)
    """How the default comes about, where it is not a fixed text."""

    @property
    def default(self) -> T_co:
        return self.kind.parse(self.default_text)

    @property
    def file_name(self) -> str | None:
        """The variable that may name a file with the value in it; None where the value is no secret."""
        return f"{self.name}_FILE" if self.kind.secret else None

    @property
    def other_names(self) -> tuple[str, ...]:
        return (*self.aliases, *self.negated)
