"""What npm installs is fixed by hash, and from where is not ours to say."""

from __future__ import annotations

import json
from pathlib import Path


def test_the_lock_file_holds_versions_and_hashes_but_no_address() -> None:
    text = (Path(__file__).parent / "package-lock.json").read_text(encoding="utf-8")
    packages = {name: one for name, one in json.loads(text)["packages"].items() if name}
    assert packages
    assert all(one["version"] and one["integrity"].startswith("sha512-") for one in packages.values())
    assert "resolved" not in text
    assert "://" not in text
