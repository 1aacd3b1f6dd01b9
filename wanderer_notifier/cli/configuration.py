"""The configuration beside a backup: what starts the service as it is, the env file only encrypted.

(operations.md 10.4, line 98)
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

PATTERNS = ("compose*.y*ml", "docker-compose*.y*ml", "*.container", "*.service", "*.timer", "*.volume")
"""What starts the service, as compose, podman and systemd name it."""
ENCRYPT_S = 30.0


def refusal(recipient: str | None) -> str | None:
    """Why the configuration cannot be copied, if so."""
    if recipient is None:
        return "--with-config needs --recipient AGE: the env file holds secrets and is never copied in clear text"
    if shutil.which("age") is None:
        return "--with-config needs the program `age` (apt-get install age)"
    return None


def copy(folder: Path, beside: Path, recipient: str) -> Iterator[Path]:
    """Copy the configuration in *folder* to files named after *beside*, and give each; raises OSError.

    The env file is the one that ENV_FILE names, else `.env`; only who has the key of *recipient* can read its copy.
    """
    env_file = folder / (os.environ.get("ENV_FILE") or ".env")
    if env_file.is_file():
        target = beside.with_name(f"{beside.name}.env.age")
        _encrypt(env_file, target, recipient)
        yield target
    for source in sorted({found for pattern in PATTERNS for found in folder.glob(pattern) if found.is_file()}):
        target = beside.with_name(f"{beside.name}.{source.name}")
        shutil.copyfile(source, target)
        yield target


def _encrypt(source: Path, target: Path, recipient: str) -> None:
    command = ["age", "--encrypt", "--recipient", recipient, "--output", str(target), str(source)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ENCRYPT_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise OSError("age did not end") from None
    if done.returncode:
        raise OSError(f"age: {done.stderr.strip() or done.returncode}")
