"""Logs an operator can read at 3 a.m. and a machine can parse: one line an event, and never a secret in it."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import re
import sys
from collections.abc import Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from wanderer_notifier.runtime.log_shape import Collapsed, for_readers, origin

MASK = "***"

# What looks like a credential even if nobody configured it: authorisation headers, the shape of a Discord token,
# credentials inside an address, secret-bearing query values and interaction tokens (operations.md OPS-91).
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    # "bot Wanderer" is a name: without a digit or a mark inside, only what no name is as long as counts as a token.
    (re.compile(r"(?i)\b(Bot)\s+(?=[A-Za-z]*(?:\d|[._~+/=-]+\w)|[A-Za-z]{16})[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    # A header in whatever form it was printed: plain, a mapping's, JSON inside JSON, a pair of bytes.
    (
        re.compile(
            r"(?i)((?:authorization|x-api-?key|cookie)(?:[\\\"']*\s*[:=]\s*[\\\"']*|[\\\"']+\s*,\s*b?[\\\"']+))"
            r"(?:(?:Bot|Bearer|Basic)\s+)?[^\s\\\"',};]+(?:;\s*[^\s\\\"',};=]+=[^\s\\\"',};]*)*"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b[A-Za-z0-9_-]{23,28}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,}\b"), MASK),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s:@\"]+(?::[^/\s@\"]*)?@"), rf"\1{MASK}@"),
    (re.compile(r"(?i)([?&](?:token|key|secret|api_key|access_token)=)[^&\s\"]+"), rf"\1{MASK}"),
    (re.compile(r"(/interactions/\d+/|/webhooks/\d+/)[A-Za-z0-9._-]{20,}"), rf"\1{MASK}"),
)


class Redactor:
    """Replaces every configured secret, and whatever has the shape of one, in finished text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first, so that a secret containing another is masked whole; a two-letter "secret" would eat the log.
        self._secrets = sorted({secret for secret in secrets if len(secret) >= 4}, key=len, reverse=True)

    def learn(self, secrets: Iterable[str]) -> None:
        """Mask these from now on as well."""
        more = {secret for secret in secrets if len(secret) >= 4}
        self._secrets = sorted(more.union(self._secrets), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text


def _timestamp(key: str) -> Processor:
    """Adds the UTC time with milliseconds as *key*; the text layout puts `timestamp` first, machines read `ts`."""
    stamper = structlog.processors.TimeStamper(fmt="iso", utc=True, key=key)

    def stamp(logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        stamped = stamper(logger, name, event)
        stamped[key] = f"{stamped[key][:23]}Z"
        return stamped

    return stamp


class _Out:
    """Writes finished, redacted lines to standard output and, if wanted, to a rotating file."""

    def __init__(self, redact: Redactor, sinks: list[Callable[[str], None]], name: str = "") -> None:
        self._redact, self._sinks, self.name = redact, sinks, name

    def msg(self, message: str) -> None:
        line = self._redact(message)
        for sink in self._sinks:
            sink(line)

    debug = info = warning = error = critical = exception = log = msg


def _stream_sink(stream: TextIO) -> Callable[[str], None]:
    def write(line: str) -> None:
        try:
            stream.write(line + "\n")
            stream.flush()
        except (OSError, ValueError):
            return  # a closed pipe must not end the service; nobody is reading there any more

    return write


def _file_sink(rotating: logging.handlers.RotatingFileHandler) -> Callable[[str], None]:
    def write(line: str) -> None:
        rotating.emit(logging.LogRecord("", logging.INFO, "", 0, line, None, None))

    return write


class _Bridge(logging.Handler):
    """Hands records of the libraries' own loggers to structlog, so that they are redacted like ours."""

    def __init__(self, file: logging.Handler | None) -> None:
        super().__init__()
        self._file = file

    def close(self) -> None:
        """Close the log file too: this handler stands for all of our logging."""
        if self._file is not None:
            self._file.close()
        super().close()

    def reopen(self) -> None:
        """Go on in a new file where the old one was moved away; raises OSError."""
        if isinstance(self._file, logging.FileHandler):
            with self._file.lock or contextlib.nullcontext():
                if self._file.stream is not None:
                    self._file.stream.close()
                self._file.stream = self._file._open()

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger(record.name)
        logger.log(record.levelno, "library_message", message=record.getMessage(), exc_info=record.exc_info)


def reopen() -> None:
    """Open the log file again, if there is one, since something else rotated it; raises OSError."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Bridge):
            handler.reopen()


def configure(
    *,
    level: str,
    layout: str,
    secrets: Iterable[str],
    stream: TextIO | None = None,
    file: Path | None = None,
    file_max_bytes: int = 10 * 2**20,
    file_backups: int = 5,
) -> Redactor:
    """Set up all logging of the process; returns the redactor for the other surfaces (probes, pages, errors).

    *level* is a standard level name in lower case, *layout* `json` or `text`; *secrets* are masked everywhere.
    Raises OSError when *file* cannot be opened.
    """
    redact = Redactor(secrets)
    sinks = [_stream_sink(stream or sys.stdout)]
    rotating = None
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        rotating = logging.handlers.RotatingFileHandler(
            file, maxBytes=file_max_bytes, backupCount=file_backups, encoding="utf-8"
        )
        sinks.append(_file_sink(rotating))
    render: list[Processor]
    if layout == "json":
        trace = structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
        render = [
            structlog.processors.ExceptionRenderer(trace),
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ]
    else:
        render = [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    threshold, collapsed = getattr(logging, level.upper()), Collapsed()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            collapsed,
            origin,
            *([] if layout == "json" else [for_readers]),
            _timestamp("ts" if layout == "json" else "timestamp"),
            *render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *args: _Out(redact, sinks, str(args[0]) if args else ""),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Bridge(rotating)]
    root.setLevel(max(threshold, logging.INFO))
    # httpx prints whole addresses at INFO, and the others chatter per connection.
    for name in (
        "httpx",
        "httpcore",
        "hypercorn",
        "hypercorn.access",
        "hypercorn.error",
        "trio-websocket",
        "quart",
        "web",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)
    return redact
