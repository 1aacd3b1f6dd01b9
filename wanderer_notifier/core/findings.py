"""What a check found, in words for an operator: the one form in which `doctor` tells anything."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

Level = Literal["ok", "warn", "fail"]


@frozen(kw_only=True)
class Finding:
    """One checked thing: how it is, in plain words, and what to do about it."""

    check: str
    """What was looked at, such as `channel 118…: kills`."""
    level: Level
    words: str
    fix: str = ""
    """Empty where nothing needs to be done."""


def ok(check: str, words: str) -> Finding:
    """All is well."""
    return Finding(check=check, level="ok", words=words)


def warn(check: str, words: str, fix: str = "") -> Finding:
    """It works, but something of it does not."""
    return Finding(check=check, level="warn", words=words, fix=fix)


def fail(check: str, words: str, fix: str = "") -> Finding:
    """It does not work."""
    return Finding(check=check, level="fail", words=words, fix=fix)
