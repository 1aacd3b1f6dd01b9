"""The gateway's transport compression: one zlib stream per connection, flushed after each message."""

from __future__ import annotations

import zlib

END = b"\x00\x00\xff\xff"
"""With these bytes a flush ends, and so does a message (discord.md 1.13)."""
LARGEST = 64 * 2**20
"""Bytes of one inflated message; the largest legal GUILD_CREATE has less than one MB."""


class BadStream(Exception):
    """The bytes are no continuation of the stream, or would inflate without end."""


class Inflater:
    """The decompressor of one connection; a new connection needs a new one (P37)."""

    def __init__(self, *, largest: int = LARGEST) -> None:
        self._stream = zlib.decompressobj()
        self._waiting = bytearray()
        self._largest = largest

    def feed(self, piece: bytes) -> bytes | None:
        """Take the next piece; gives what was inflated up to a flush, None while its end is still to come.

        Raises `BadStream`, after which this inflater is of no more use.
        """
        self._waiting += piece
        if len(self._waiting) > self._largest:
            raise BadStream(f"more than {self._largest} bytes without a flush")
        if not self._waiting.endswith(END):
            return None
        taken, self._waiting = bytes(self._waiting), bytearray()
        try:
            out = self._stream.decompress(taken, self._largest)
        except zlib.error as error:
            raise BadStream(str(error)) from error
        if self._stream.unconsumed_tail:
            raise BadStream(f"inflates to more than {self._largest} bytes")
        if self._stream.eof:
            raise BadStream("the stream was ended")
        return out
