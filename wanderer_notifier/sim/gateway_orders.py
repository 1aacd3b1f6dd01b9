"""Misfortunes and settings of the fake gateway by their names, for callers that speak JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wanderer_notifier.sim import gateway_faults as faults
from wanderer_notifier.sim.gateway_rules import Action

SETTINGS: Mapping[str, tuple[type, ...]] = {
    "heartbeat_s": (int, float),
    "session_ttl_s": (int, float),
    "guild_delay_s": (int, float),
    "zlib_pieces": (int,),
    "privileged": (int,),
    "resume_url": (str, type(None)),
    "phantoms": (list,),
    "obfuscate": (bool,),
    "own_last": (bool,),
    "acks_stalled": (bool,),
    "ignore_closes": (bool,),
    "ping_at_close": (bool,),
    "missed_beat_code": (int,),
    "no_login_code": (int,),
    "stolen_code": (int, type(None)),
}
"""What a caller may set on the gateway, and of which types."""


def _say(payloads: list[dict[str, Any]], *, then: bool = False) -> Action:
    return faults.Say(payloads=tuple(payloads), then=then)


def _wire(data: str, *, then: bool = False) -> Action:
    return faults.Wire(data=bytes.fromhex(data), then=then)


ACTIONS: Mapping[str, Callable[..., Action]] = {
    "http": faults.Http,
    "reset": faults.Reset,
    "hold": faults.Hold,
    "deaf": faults.Deaf,
    "silence": faults.Silence,
    "late": faults.Late,
    "close": faults.Close,
    "say": _say,
    "wire": _wire,
    "drip": faults.Drip,
    "repeat": faults.Repeat,
    "skip": faults.Skip,
    "swap": faults.Swap,
    "corrupt": faults.Corrupt,
    "bare": faults.Bare,
    "partly": faults.Partly,
    "op7": faults.op7,
    "invalid_session": faults.invalid_session,
    "reserved_opcode": faults.reserved_opcode,
    "bad_utf8": faults.bad_utf8,
    "truncated_json": faults.truncated_json,
    "unknown": faults.unknown,
}
"""The misfortunes by name; the bytes of `wire` are given in hexadecimal."""


def check(name: str, value: object) -> None:
    """Let *name* be set to *value*, else raise `LookupError` or `TypeError`."""
    if name not in SETTINGS:
        raise LookupError(f"no such setting: {name}; there are {', '.join(sorted(SETTINGS))}")
    if type(value) not in SETTINGS[name]:
        raise TypeError(f"{name} cannot be {value!r}")
