"""The status page in a browser: nothing sticks out on a phone or a wide screen, and every word can be read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from attrs import evolve

from tests.web.stage import GOOD, T0, judge, part
from tests.web.test_pages import BUSY, EVIL, FOUND, KILL
from wanderer_notifier.web import page
from wanderer_notifier.web.activity import Happened, Stored
from wanderer_notifier.web.page_style import CSS

WIDTHS = (320, 375, 768, 1280)
LONG = "a-map-with-a-very-long-name-indeed-of-the-western-chain-of-holes"
ENDLESS = "W" * 150


def pages() -> dict[str, str]:
    """The page in each state it can be in."""
    down = (
        part("killmail_stream:systems", "failed", ENDLESS),
        part("discord_rest", "failed", "HTTP 502"),
        *(part(f"map_stream:{LONG}-{number}", "degraded" if number % 2 else "ok", ENDLESS) for number in range(9)),
    )
    recent = tuple(
        Happened(at=T0 - timedelta(minutes=number), subject=f"map_stream:{LONG}-{number}", text=ENDLESS, level="bad")
        for number in range(200)
    )
    broken = evolve(
        BUSY,
        components=down,
        readiness=judge(*down),
        maps=tuple(f"{LONG}-{number}" for number in range(9)),
        warnings=(ENDLESS,),
        activity=evolve(BUSY.activity, recent=recent, tasks=(ENDLESS,), skipped={ENDLESS: 10**12}),
    )
    kill = evolve(KILL, what=f"{EVIL} {ENDLESS}", why=ENDLESS)
    return {
        "well": page.render(BUSY, FOUND),
        "empty": page.render(GOOD, Stored()),
        "broken": page.render(broken, evolve(FOUND, kills=(kill,) * 15, queue={"queued": 999}), partial=True),
    }


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("Chromium is not installed (Debian's package chromium): how the status page looks is NOT checked")
    return found


def test_nothing_sticks_out_on_any_screen(chromium: str, tmp_path: Path) -> None:
    shown = [(f"{name} at {width}", width, html) for name, html in pages().items() for width in WIDTHS]
    data = json.dumps(shown).replace("</", "<\\/")
    # The page itself has no script; the frame around it does, to measure.
    (tmp_path / "frames.html").write_text(
        f"""<!doctype html><meta charset="utf-8"><body><script>
const shown = {data}, seen = {{}};
for (const [name, width, html] of shown) {{
  const frame = document.createElement("iframe");
  frame.style = `border:0;height:800px;width:${{width}}px`;
  frame.onload = () => {{
    const inside = frame.contentDocument;
    const wide = [...inside.querySelectorAll("body *")].filter(one => one.getBoundingClientRect().right > width + 1);
    seen[name] = [inside.documentElement.scrollWidth, wide.map(one => one.outerHTML.slice(0, 80)).slice(0, 3)];
    if (Object.keys(seen).length == shown.length) document.body.textContent = "seen" + JSON.stringify(seen) + "end";
  }};
  frame.srcdoc = html;
  document.body.append(frame);
}}</script>""",
        encoding="utf-8",
    )
    done = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000", "--dump-dom",
         (tmp_path / "frames.html").as_uri()],
        capture_output=True, text=True, timeout=50, check=True,
    )  # fmt: skip
    found = re.search(r"seen(\{.*\})end", done.stdout, re.DOTALL)
    assert found, done.stdout[-500:]
    seen = json.loads(unescape(found[1]))
    assert {name for name, _, _ in shown} == seen.keys()
    assert not {name: wide for name, (_, wide) in seen.items() if wide}
    for name, width, _ in shown:
        assert seen[name][0] <= width, name


def light(colour: str) -> float:
    """Relative luminance of `#rgb` or `#rrggbb` (WCAG 2)."""
    digits = colour.lstrip("#")
    digits = "".join(2 * one for one in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["dark", "light"])
@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("text", "back"), ("text", "card"), ("dim", "back"), ("dim", "card"), ("bright", "card"), ("link", "card"),
        ("good", "goodback"), ("fair", "fairback"), ("bad", "badback"), ("off", "offback"), ("text", "goodback"),
        ("text", "fairback"), ("text", "badback"),
    ],
)  # fmt: skip
def test_every_word_can_be_read_in_both_schemes(scheme: int, text: str, back: str) -> None:
    colours = dict(re.findall(r"--([a-z]+):(#[0-9a-f]{3,6})", re.findall(r":root\{([^}]*)\}", CSS)[scheme]))
    lighter, darker = sorted((light(colours[text]), light(colours[back])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
