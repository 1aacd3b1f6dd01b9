"""What stands in the two files of the former program, as values and back (operations.md 4.3); pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from attrs import frozen

from wanderer_notifier.state.priorities import LOG_ROWS, LogEntry
from wanderer_notifier.wire.etf import NIL, EtfError, Symbol, Term, decode, encode

PRIORITY = Symbol("priority_systems")
LOG_BYTES = 8 * 2**20
"""operations.md OPS-65."""
HASHES = 1 << 27
LARGEST_ID = 2**63

_STRUCT, _CALENDAR = Symbol("Elixir.DateTime"), Symbol("Elixir.Calendar.ISO")


class NotThoseFiles(ValueError):
    """The bytes are no file of that kind."""


@frozen(kw_only=True)
class Values:
    """The content of `persistent_values.bin`."""

    keys: int
    hashes: tuple[int, ...]
    """Of the priority systems, newest first."""
    dropped: int = 0
    """Entries that are no such hashes."""


@frozen(kw_only=True)
class Log:
    """The content of `command_log.bin`, newest first."""

    entries: tuple[LogEntry, ...]
    dropped: int = 0
    """Entries that cannot be read."""


def read_values(data: bytes) -> Values:
    """Raises `NotThoseFiles`."""
    term = _decoded(data)
    if not isinstance(term, dict):
        raise NotThoseFiles("it holds no map of values")
    listed = term.get(PRIORITY, [])
    if not isinstance(listed, list):
        raise NotThoseFiles("its priority systems are no list")
    good = [one for one in listed if isinstance(one, int) and 0 <= one < HASHES]
    return Values(keys=len(term), hashes=tuple(dict.fromkeys(good)), dropped=len(listed) - len(good))


def write_values(hashes: Sequence[int]) -> bytes:
    """The file with these priority systems."""
    return encode({PRIORITY: list(hashes)})


def read_log(data: bytes) -> Log:
    """Raises `NotThoseFiles`."""
    term = _decoded(data)
    if not isinstance(term, list):
        raise NotThoseFiles("it holds no list of commands")
    read = [_entry(one) for one in term]
    entries = tuple(one for one in read if one is not None)
    return Log(entries=entries[:LOG_ROWS], dropped=len(read) - len(entries))


def log_entry(entry: LogEntry) -> bytes:
    """One entry as it stands inside the file."""
    at = entry.at.astimezone(UTC)
    return encode(
        {
            Symbol("channel_id"): _or_nil(entry.channel_id),
            Symbol("guild_id"): _or_nil(entry.guild_id),
            Symbol("param"): entry.param.encode("utf-8", "replace"),
            Symbol("timestamp"): {
                Symbol("__struct__"): _STRUCT,
                Symbol("calendar"): _CALENDAR,
                Symbol("day"): at.day,
                Symbol("hour"): at.hour,
                Symbol("microsecond"): (at.microsecond, 6),
                Symbol("minute"): at.minute,
                Symbol("month"): at.month,
                Symbol("second"): at.second,
                Symbol("std_offset"): 0,
                Symbol("time_zone"): b"Etc/UTC",
                Symbol("utc_offset"): 0,
                Symbol("year"): at.year,
                Symbol("zone_abbr"): b"UTC",
            },
            Symbol("type"): entry.type.encode("utf-8", "replace"),
            Symbol("user_id"): entry.user_id,
            Symbol("username"): NIL if entry.username is None else entry.username.encode("utf-8", "replace"),
        }
    )[1:]  # without the version byte, which stands at the beginning of the file only


def write_log(entries: Iterable[bytes]) -> bytes:
    """The file with these entries of `log_entry`, newest first, as many as the limits allow."""
    kept: list[bytes] = []
    size = 0
    for one in entries:
        size += len(one)
        if len(kept) == LOG_ROWS or size > LOG_BYTES:
            break
        kept.append(one)
    if not kept:
        return encode([])
    return b"\x83\x6c" + len(kept).to_bytes(4, "big") + b"".join(kept) + b"\x6a"


# --- reading ------------------------------------------------------------------------------------------------------


def _decoded(data: bytes) -> Term:
    try:
        return decode(data)
    except EtfError as error:
        raise NotThoseFiles(str(error)) from error


def _entry(term: Term) -> LogEntry | None:
    if not isinstance(term, dict):
        return None
    field = {key.name: value for key, value in term.items() if isinstance(key, Symbol)}
    kind, param, at = _text(field.get("type")), _text(field.get("param")), _moment(field.get("timestamp"))
    user_id = _number(field.get("user_id"))
    if kind is None or param is None or at is None or user_id is None:
        return None
    return LogEntry(
        type=kind,
        param=param,
        user_id=user_id,
        username=_text(field.get("username")),
        at=at,
        guild_id=_number(field.get("guild_id")),
        channel_id=_number(field.get("channel_id")),
    )


def _moment(term: Term | None) -> datetime | None:
    if not isinstance(term, dict) or term.get(Symbol("__struct__")) != _STRUCT:
        return None
    field = {key.name: value for key, value in term.items() if isinstance(key, Symbol)}
    micro = field.get("microsecond")
    parts = [field.get(name) for name in ("year", "month", "day", "hour", "minute", "second")]
    parts.append(micro[0] if isinstance(micro, tuple) and micro else 0)
    offsets = [field.get("utc_offset", 0), field.get("std_offset", 0)]
    numbers = [one for one in (*parts, *offsets) if isinstance(one, int)]
    if len(numbers) != len(parts) + len(offsets):
        return None
    try:
        year, month, day, hour, minute, second, micros, *offset = numbers
        return datetime(year, month, day, hour, minute, second, micros, UTC) - timedelta(seconds=sum(offset))
    except (ValueError, OverflowError):
        return None


def _text(term: Term | None) -> str | None:
    return term.decode("utf-8", "replace") if isinstance(term, bytes) else None


def _number(term: Term | None) -> int | None:
    return term if isinstance(term, int) and 0 <= term < LARGEST_ID else None


def _or_nil(number: int | None) -> Term:
    return NIL if number is None else number
