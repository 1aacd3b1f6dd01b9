"""How an example is spoilt: bytes as a bad wire would, JSON as another program's mistake would."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from random import Random
from typing import Any

SPLICES = (
    b"\n", b"\r", b"\r\n", b"\n\n", b"\0", b":", b" ", b"data:", b"id: ", b"event:", b"retry: 1", b"\xef\xbb\xbf",
    b"\xff", b"\xe2\x80", b"\xe2\x80\xa8", b"\xc2\x85", b"\xed\xa0\x80", b"[", b"]", b"{", b"}", b'"', b",", b"\\u0000",
    b"\\ud800", b"1e999", b"-0", b"NaN", b"Infinity", b"null", b"9" * 400, b"[" * 3000,
)  # fmt: skip

STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**400, -(10**30), 0.5, -0.0, 1e308, float("inf"), float("nan"),
    "", " ", "0", "-1", "31002222", "1e5", "\0", "\u2028", "\ud800", "\U0010ffff", "a" * 5000, "9" * 5000, "٣", "²",
    "2026-11-25T12:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00", "2026-02-30T00:00:00Z",
    [], {}, [[]], [{}], {"": {}}, {"killmail_id": {}}, [None] * 50,
)  # fmt: skip


def spoil_bytes(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """*data* after one to four small accidents."""
    spoilt = bytearray(data)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 4))):
        at = rng.randrange(len(spoilt) + 1)
        accident = rng.randrange(8)
        if accident == 0 and spoilt:
            spoilt[at % len(spoilt)] = rng.randrange(256)
        elif accident == 1 and spoilt:
            spoilt[at % len(spoilt)] ^= 1 << rng.randrange(8)
        elif accident == 2:
            del spoilt[at : at + rng.choice((1, 2, 16, 400))]
        elif accident == 3:
            spoilt[at:at] = rng.choice(SPLICES)
        elif accident == 4:
            spoilt[at:at] = spoilt[at : at + rng.choice((1, 8, 200))] * rng.choice((1, 2, 20))
        elif accident == 5:
            del spoilt[at:]
        elif accident == 6:
            spoilt[at:] = (other := rng.choice(others))[rng.randrange(len(other) + 1) :]
        else:
            spoilt[at:at] = rng.randbytes(rng.choice((1, 4, 40)))
    return bytes(spoilt)


def spoil_value(value: object, rng: Random) -> object:
    """*value*, a JSON value, after one to five of its parts were replaced, dropped, wrapped or renamed."""
    spoilt: Any = {"": copy.deepcopy(value)}
    for _ in range(rng.choice((1, 1, 2, 3, 5))):
        parent, key = _somewhere(spoilt, rng)
        accident = rng.randrange(6)
        if accident <= 2:
            parent[key] = copy.deepcopy(rng.choice(STRANGE))
        elif accident == 3:
            parent[key] = [parent[key]] if rng.random() < 0.5 else {"killmail": parent[key], "esi": parent[key]}
        elif accident == 4 and (parent is not spoilt):
            del parent[key]
        else:
            parent[key] = json.dumps(parent[key], default=str)
    return spoilt.get("")


def _somewhere(root: Any, rng: Random) -> tuple[Any, Any]:
    """A container and a key in it, at a random depth, seldom the root."""
    parent: Any = root
    key: Any = ""
    deeper = 0.97
    while rng.random() < deeper:
        inner = parent[key]
        if isinstance(inner, dict) and inner:
            parent, key = inner, rng.choice(list(inner))
        elif isinstance(inner, list) and inner:
            parent, key = inner, rng.randrange(len(inner))
        else:
            break
        deeper = 0.8
    return parent, key
