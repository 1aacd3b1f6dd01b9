"""What pip and npm install is fixed by hash, and from where is not ours to say."""

from __future__ import annotations

import json
import re
from pathlib import Path

HERE = Path(__file__).parent


def test_the_lock_of_npm_holds_versions_and_hashes_but_no_address() -> None:
    text = (HERE / "package-lock.json").read_text(encoding="utf-8")
    packages = {name: one for name, one in json.loads(text)["packages"].items() if name}
    assert packages
    assert all(one["version"] and one["integrity"].startswith("sha512-") for one in packages.values())
    assert "resolved" not in text
    assert "://" not in text


def test_the_lock_of_pip_holds_versions_and_hashes_but_no_address() -> None:
    text = (HERE / "requirements.lock").read_text(encoding="utf-8")
    pinned = re.findall(r"(?m)^([a-z0-9.-]+)==[^ ]+ .*\\\n    --hash=sha256:[0-9a-f]{64}", text)
    assert {"discord-py", "hikari", "aiohttp"} <= set(pinned)
    assert len(pinned) == len(re.findall(r"(?m)^[a-z]", text))
    assert "://" not in text
