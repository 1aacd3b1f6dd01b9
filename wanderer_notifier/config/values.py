"""One text from the environment becomes one typed value, or a ValueError that says in plain words what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, Literal, TypeVar

from attrs import evolve, field, frozen

T_co = TypeVar("T_co", covariant=True)
Unit = Literal["ms", "s"]

_TRUE = frozenset({"true", "1", "yes", "y", "on", "t"})
_FALSE = frozenset({"false", "0", "no", "n", "off", "f"})
_WHOLE = re.compile(r"[+-]?[0-9]+(_[0-9]+)*")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# Discord ids are 64-bit numbers whose clock started in 2015: 17 to 19 digits today, 20 at the end of the range.
_DISCORD_ID = re.compile(r"[0-9]{15,20}")
_EVE_ID = re.compile(r"[0-9]{1,19}")


@frozen(repr=False)
class Secret:
    """A credential whose every text form is `***`; reveal() is the one way to its value."""

    _value: str = field()

    def reveal(self) -> str:
        """The raw value, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"


@frozen(kw_only=True)
class Kind(Generic[T_co]):
    """What a variable holds: how to read its text and how to describe that to a person."""

    label: str
    parse: Callable[[str], T_co]
    """Raises ValueError with a reason fit for the reader, which never holds the text of a secret."""
    secret: bool = False
    free_text: bool = False
    """Whether blank + `#` may belong to the value; elsewhere it starts a comment that a tool failed to remove."""


def maybe(kind: Kind[T_co]) -> Kind[T_co | None]:
    """The same kind, where no text at all means None."""

    def parse(text: str) -> T_co | None:
        return kind.parse(text) if text else None

    return evolve(kind, parse=parse)  # type: ignore[arg-type]  # only the parser's type widens


def parse_bool(text: str) -> bool:
    """True or False; raises ValueError for any other word, because a typo must not switch anything."""
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("must be true or false (also 1 yes y on t, 0 no n off f)")


def whole(low: int, high: int, *, label: str | None = None) -> Kind[int]:
    """A whole number from *low* to *high*, `_` allowed between its digits."""

    def parse(text: str) -> int:
        if not _WHOLE.fullmatch(text.strip()):
            raise ValueError("must be a whole number")
        number = int(text)
        if not low <= number <= high:
            raise ValueError(f"must be from {low} to {high}")
        return number

    return Kind(label=label or f"number, {low} to {high}", parse=parse)


def parse_duration(text: str, unit: Unit) -> float:
    """Seconds; a plain number counts in *unit*, a suffix `ms s m h` overrides it. Raises ValueError."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"must be a duration: a number of {unit}, or a number with one of ms s m h")
    return float(match[1]) * _SECONDS[match[2] or unit]


def duration(unit: Unit, low_s: float, high_s: float) -> Kind[float]:
    """A duration whose plain number counts in *unit*; the range is in seconds."""

    def parse(text: str) -> float:
        seconds = parse_duration(text, unit)
        if not low_s <= seconds <= high_s:
            raise ValueError(f"must be from {low_s:g} s to {high_s:g} s")
        return seconds

    return Kind(label=f"duration, plain number in {unit}, {low_s:g} s to {high_s:g} s", parse=parse)


def patience(low_s: float, high_s: float) -> Kind[float | None]:
    """A duration in ms, or `infinity` (None): the caller decides what stands in for no limit."""
    bounded = duration("ms", low_s, high_s)

    def parse(text: str) -> float | None:
        return None if text.strip().lower() == "infinity" else bounded.parse(text)

    return Kind(label=bounded.label, parse=parse)


def _pieces(text: str) -> Iterable[str]:
    for piece in re.split(r"[,\s]+", text):
        if bare := piece.strip("\"'"):
            yield bare


def _ids(text: str, shape: re.Pattern[str], what: str) -> tuple[str, ...]:
    """The distinct pieces in order; raises ValueError naming every piece that does not look like *what*."""
    pieces = tuple(dict.fromkeys(_pieces(text)))
    if junk := [piece for piece in pieces if not shape.fullmatch(piece)]:
        raise ValueError(f"not {what}: {', '.join(junk)}")
    return pieces


def parse_discord_id(text: str) -> str:
    """One Discord id as text; raises ValueError."""
    if not _DISCORD_ID.fullmatch(text.strip()):
        raise ValueError("must be a Discord id, 15 to 20 digits")
    return text.strip()


def parse_discord_ids(text: str) -> tuple[str, ...]:
    """Discord ids in order, duplicates removed; raises ValueError naming what is none."""
    return _ids(text, _DISCORD_ID, "a Discord id of 15 to 20 digits")


def parse_eve_ids(text: str) -> frozenset[int]:
    """Positive EVE ids; raises ValueError naming what is none. No sign and no `_`: an id is not a quantity."""
    ids = frozenset(int(piece) for piece in _ids(text, _EVE_ID, "an id made of digits only"))
    if 0 in ids:
        raise ValueError("an id must be positive, not 0")
    return ids


def parse_systems(text: str) -> tuple[frozenset[int], frozenset[str]]:
    """System ids and lower-cased EVE names from one comma-separated list; raises ValueError for the id 0."""
    pieces = [bare for piece in text.split(",") if (bare := piece.strip().strip("\"'").strip())]
    numbers = [piece for piece in pieces if _EVE_ID.fullmatch(piece)]
    ids = parse_eve_ids(",".join(numbers))
    return ids, frozenset(piece.lower() for piece in pieces if piece not in numbers)


def word(*choices: str, also: dict[str, str] | None = None) -> Kind[str]:
    """One of *choices* in any letter case; *also* maps further accepted words onto them."""
    known = {choice: choice for choice in choices} | (also or {})

    def parse(text: str) -> str:
        try:
            return known[text.strip().lower()]
        except KeyError:
            raise ValueError(f"must be one of {', '.join(known)}") from None

    return Kind(label=f"one of {', '.join(f'`{choice}`' for choice in choices)}", parse=parse)


def parse_secret(text: str) -> Secret:
    """A credential as it goes into a header; raises ValueError for what no header can carry."""
    if not all(" " <= character <= "~" for character in text):
        raise ValueError("holds a control or non-ASCII character; was it copied from a formatted page?")
    return Secret(text)


def parse_bot_token(text: str) -> Secret:
    """A Discord bot token without the `Bot ` that belongs to the header; raises ValueError."""
    token = text[4:].strip() if text.lower().startswith("bot ") else text
    if not token or re.search(r"\s", token):
        raise ValueError("must be one token without blanks")
    return parse_secret(token)


def parse_slug(text: str) -> str:
    """A map's name as it stands in its address; raises ValueError for what can only be an address itself."""
    if re.search(r"[/?#\\]", text) or not text.isprintable():
        raise ValueError("must be the map's name alone, as in the last part of its address")
    return text


def parse_path(text: str) -> Path:
    """A file or folder name, not yet resolved; raises ValueError for what only a shell would expand."""
    if text.startswith("~") or "\0" in text:
        raise ValueError("`~` is not expanded here; write the whole path")
    return Path(text)


boolean = Kind(label="true or false", parse=parse_bool)
discord_id = Kind(label="Discord id", parse=parse_discord_id)
discord_ids = Kind(label="list of Discord ids", parse=parse_discord_ids)
eve_ids = Kind(label="list of EVE ids", parse=parse_eve_ids)
systems = Kind(label="list of system ids or names", parse=parse_systems, free_text=True)
secret = Kind(label="secret", parse=parse_secret, secret=True, free_text=True)
bot_token = Kind(label="secret", parse=parse_bot_token, secret=True, free_text=True)
slug = Kind(label="name", parse=parse_slug)
path = Kind(label="path", parse=parse_path, free_text=True)
