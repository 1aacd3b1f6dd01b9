"""`just audit` tells a weakness, and does not call it well when nobody could be asked."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

ROOT = Path(__file__).parents[2]
WEAK = {
    "id": "TEST-2026-1",
    "modified": "2026-11-01T00:00:00Z",
    "published": "2026-11-01T00:00:00Z",
    "summary": "invented",
    "affected": [
        {
            "package": {"name": "httpx", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}],
        }
    ],
}

pytestmark = pytest.mark.skipif(
    not (ROOT / ".venv-audit/bin/pip-audit").exists(),
    reason="pip-audit is not installed (`just audit` installs it): the audit recipe was NOT tried",
)


class Osv(BaseHTTPRequestHandler):
    """Answers like OSV; knows the weaknesses of `known`."""

    known: ClassVar[dict[str, Any]] = {}

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        weak = self.known.get(asked["package"]["name"])
        body = json.dumps({"vulns": [weak]} if weak else {}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the test says what matters."""


@pytest.fixture
def osv(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Osv, "known", {})
    with ThreadingHTTPServer(("127.0.0.1", 0), Osv) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        thread.join()


def audit(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "scripts/audit")],
        env={"PATH": "/usr/bin:/bin", "HOME": str(ROOT / ".venv-audit"), "OSV_URL": url},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_nothing_known_is_well_and_a_weakness_is_not(osv: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = audit(osv)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.endswith("dependencies, 0 known weaknesses, 0 about which nothing could be found out\n")
    monkeypatch.setattr(Osv, "known", {"httpx": WEAK})
    ran = audit(osv)
    assert ran.returncode == 1, ran.stderr
    assert "TEST-2026-1, mended in 99.0\n" in ran.stdout
    assert "httpx " in ran.stdout


def test_nobody_to_ask_is_told_and_no_success() -> None:
    ran = audit("http://127.0.0.1:9/v1/query")
    assert ran.returncode == 69
    assert "osv could not be asked" in ran.stderr
    assert ran.stderr.endswith("neither the package index nor OSV could be asked; nothing was found out.\n")
