"""Where values come from: the process environment, then one file that never overrides it, then files of secrets."""

from __future__ import annotations

import io
import stat
import string
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from attrs import frozen
from dotenv import dotenv_values
from dotenv.parser import parse_stream

from wanderer_notifier.config.problems import Problem, printable

ENV_FILE = "ENV_FILE"
DEFAULT_ENV_FILE = ".env"
_LARGEST_FILE = 2**20
_OTHERS_READ = stat.S_IRGRP | stat.S_IROTH
# What editors, web pages and Windows leave at the ends of a value: blanks of all kinds, byte-order mark, zero widths.
_EDGES = string.whitespace + "\u00a0\u2007\u202f\u3000\ufeff\u200b\u200c\u200d\u2060"

Source = Literal["env", ".env", "file"]


@frozen(kw_only=True)
class Text:
    """One variable as found, its ends cleaned; never empty."""

    name: str
    value: str
    source: Source


@frozen(kw_only=True)
class Texts:
    """Everything that is set."""

    found: Mapping[str, Text]
    quoted: tuple[str, ...]
    """Names whose surrounding quotes were removed, because no shell or compose had done it."""
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]


def clean(value: str) -> tuple[str, bool]:
    """*value* without blanks and without one matching pair of quotes around it, and whether there was such a pair."""
    bare = value.strip(_EDGES)
    if len(bare) >= 2 and bare[0] == bare[-1] and bare[0] in "'\"" and bare[0] not in bare[1:-1]:
        return bare[1:-1].strip(_EDGES), True
    return bare, False


def collect(environ: Mapping[str, str], cwd: Path) -> Texts:
    """What the process environment sets, and for the rest what the file sets; set but empty counts as unset."""
    found: dict[str, Text] = {}
    quoted: list[str] = []
    for raw_name, raw in environ.items():
        value, had_quotes = clean(raw)
        name = raw_name.strip(_EDGES)  # an env file with a byte-order mark puts it in front of its first name
        if value:
            found[name] = Text(name=name, value=value, source="env")
        if value and had_quotes:
            quoted.append(name)
    problems: list[Problem] = []
    warnings: list[str] = []
    named = found.get(ENV_FILE)
    file = cwd / (named.value if named else DEFAULT_ENV_FILE)
    try:
        lines, repeated = _env_file(file, must_exist=named is not None)
        if repeated:
            warnings.append(f"set more than once in {file.name}, the last one counts: {', '.join(repeated)}")
        if exposed := exposure(file):
            warnings.append(f"{exposed}: chmod 600 {file.name}")
    except ValueError as error:
        shown = named.value if named else DEFAULT_ENV_FILE
        problems.append(Problem(name=ENV_FILE, reason=str(error), got=shown))
        lines = {}
    if lines.pop(ENV_FILE, None):
        warnings.append("ENV_FILE has no effect inside a file; set it in the process environment")
    for name, line in lines.items():
        # The parser has removed the quotes that were syntax; what still stands there belongs to the value.
        if name not in found and (value := (line or "").strip(_EDGES)):
            found[name] = Text(name=name, value=value, source=".env")
    return Texts(found=found, quoted=tuple(quoted), problems=tuple(problems), warnings=tuple(warnings))


def exposure(path: Path) -> str | None:
    """What is wrong with who may read *path*, a file of secrets; None when only its owner may, or there is none."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None
    return f"{path.name} can be read by others on this machine (mode {mode:o})" if mode & _OTHERS_READ else None


def read_secret(path: Path) -> str:
    """The content of a file that holds one secret, its ends cleaned; raises ValueError saying why it cannot be had."""
    if not (content := _read(path).strip(_EDGES)):
        raise ValueError("names an empty file")
    return content


def _env_file(path: Path, *, must_exist: bool) -> tuple[dict[str, str | None], list[str]]:
    """What the file sets, and which names it sets more than once."""
    text = _read(path, must_exist=must_exist)
    bindings = list(parse_stream(io.StringIO(text)))
    # dotenv_values() skips such lines with a log record only, and a token would be missing for no visible reason.
    if broken := [str(binding.original.line) for binding in bindings if binding.error]:
        raise ValueError(f"holds lines that are not NAME=value (is a quote left open?): {', '.join(broken)}")
    times = Counter(binding.key for binding in bindings if binding.key)
    repeated = [printable(name) for name, count in times.items() if count > 1]
    return dict(dotenv_values(stream=io.StringIO(text), interpolate=False)), repeated


def _read(path: Path, *, must_exist: bool = True) -> str:
    """The text of a regular file of sane size; anything else could block the start or fill the memory."""
    reason = ""
    try:
        if path.is_dir():
            # What a container engine leaves when a file to mount does not exist on the host.
            reason = "names a folder, not a file"
        elif path.exists() and not path.is_file():
            reason = "names something that is not a regular file"
        else:
            with path.open("rb") as file:
                content = file.read(_LARGEST_FILE + 1)
            if len(content) <= _LARGEST_FILE:
                return content.decode("utf-8-sig")
            reason = "names a file of more than 1 MiB"
    except UnicodeDecodeError:
        reason = "names a file that is not UTF-8 text"
    except ValueError:
        reason = "does not name a file"
    except FileNotFoundError:
        if not must_exist:
            return ""
        reason = "names a file that does not exist"
    except OSError as error:
        reason = f"cannot be read: {(error.strerror or 'input/output error').lower()}"
    raise ValueError(reason)
