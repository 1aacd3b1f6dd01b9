"""What is wrong with a configuration, told without ever showing a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

MASK = "***"
_LONGEST_SHOWN = 120
# A value in the wrong variable is often a credential: it has the shape of a bot token, or is a long word of letters
# and digits.
_TOKEN_SHAPED = re.compile(r"(?<![\w-])[\w-]{20,}\.[\w-]{5,}\.[\w-]{20,}")
_LONG_WORD = re.compile(r"[\w+=-]{20,}", re.ASCII)
_USER_INFO = re.compile(r"(://)[^/\s]*@")
_QUERY = re.compile(r"\?.*", re.DOTALL)


@frozen(kw_only=True)
class Problem:
    """One reason why the service cannot start."""

    name: str
    reason: str
    got: str = ""
    """What was found, fit to be shown; empty: nothing."""

    def __str__(self) -> str:
        return f"configuration error: {self.name}: {self.reason} (got: {self.got or 'nothing'})"


class ConfigError(Exception):
    """The configuration cannot be used; its text is one line for each problem (exit code 78)."""

    def __init__(self, problems: Iterable[Problem], warnings: Iterable[str] = ()) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        super().__init__("\n".join(map(str, self.problems)))


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """*text* with the given secrets, and whatever has the shape of one, replaced, and nothing unprintable in it."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 4:  # masking a one-letter "secret" would eat the sentence
            text = text.replace(secret, MASK)
    text = _USER_INFO.sub(rf"\1{MASK}@", _TOKEN_SHAPED.sub(MASK, text))
    return printable(_LONG_WORD.sub(_mask_if_mixed, text))


def _mask_if_mixed(found: re.Match[str]) -> str:
    word = found[0]
    mixed = any(letter.isdigit() for letter in word) and any(letter.isalpha() for letter in word)
    return MASK if mixed else word


def presentable(text: str, secrets: Iterable[str] = ()) -> str:
    """A value for a reader: masked, without the query of an address, not endless."""
    if "://" in text:
        text = _QUERY.sub(f"?{MASK}", text)
    return shortened(mask(text, secrets), _LONGEST_SHOWN)


def printable(text: str) -> str:
    """*text* with escapes for what would move a terminal's cursor or cannot be encoded."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def shortened(text: str, most: int) -> str:
    """The first *most* characters, marked if there were more; for masked text only, a cut secret has no mask."""
    return text if len(text) <= most else f"{text[:most]}…"
