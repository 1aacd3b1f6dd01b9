"""Pictures without loading any: what an image address names is drawn as a small placeholder."""

from __future__ import annotations

import re
import zlib
from html import escape

from wanderer_notifier.core.hulls import DEPLOYABLES, STRUCTURES

_EVE = re.compile(r"https://images\.evetech\.net/(?P<kind>\w+)/(?P<id>\d+)/(?P<look>\w+)")

SHIP = (
    '<path d="M50 14 60 46 86 66 86 74 60 68 56 84 50 80 44 84 40 68 14 74 14 66 40 46Z" fill="{light}"/>'
    '<path d="M50 24 55 50 50 74 45 50Z" fill="{dark}" opacity=".55"/>'
)
CAPSULE = (
    '<ellipse cx="50" cy="50" rx="17" ry="27" fill="{light}"/><ellipse cx="50" cy="40" rx="8" ry="9" fill="{dark}"/>'
)
CITADEL = (
    '<path d="M50 12 62 40 62 60 50 88 38 60 38 40Z" fill="{light}"/><path d="M14 46H86V54H14Z" fill="{light}"/>'
    '<circle cx="50" cy="50" r="9" fill="{dark}"/><path d="M22 36V64M78 36V64" stroke="{light}" stroke-width="5"/>'
)
BUOY = (
    '<rect x="38" y="38" width="24" height="24" rx="4" fill="{light}"/><circle cx="50" cy="50" r="6" fill="{dark}"/>'
    '<path d="M50 38V20M50 62V80M38 50H20M62 50H80" stroke="{light}" stroke-width="5" stroke-linecap="round"/>'
)
STAR = '<circle cx="50" cy="50" r="24" fill="{light}"/><circle cx="42" cy="42" r="9" fill="#fff" opacity=".5"/>'
PORTRAIT = (
    '<circle cx="50" cy="38" r="18" fill="{light}"/><path d="M16 100a34 36 0 0 1 68 0Z" fill="{light}" opacity=".85"/>'
)
SHIELD = (
    '<path d="M50 14 80 24V52C80 72 66 82 50 90 34 82 20 72 20 52V24Z" fill="{light}"/>'
    '<path d="M50 26V78C40 72 31 66 31 51V32Z" fill="{dark}" opacity=".5"/>'
)
HOLE = (
    '<circle cx="50" cy="50" r="34" fill="none" stroke="{light}" stroke-width="3" opacity=".5"/>'
    '<path d="M50 50m0-26a26 26 0 1 1-24 34 20 20 0 1 0 22-26 14 14 0 1 1-8 18" fill="none" stroke="{light}" '
    'stroke-width="5" stroke-linecap="round"/><circle cx="50" cy="50" r="6" fill="{light}"/>'
)
PICTURE = '<path d="M12 80 38 44 54 64 66 50 88 80Z" fill="{light}"/><circle cx="68" cy="30" r="9" fill="{light}"/>'
RADAR = (
    '<circle cx="50" cy="50" r="30" fill="none" stroke="#fff" stroke-width="5"/>'
    '<circle cx="50" cy="50" r="13" fill="none" stroke="#fff" stroke-width="5"/>'
    '<path d="M50 50 74 26" stroke="#fff" stroke-width="6" stroke-linecap="round"/>'
)

STARS = {45041: (285, HOLE), 45038: (135, STAR), 45039: (48, STAR), 45040: (0, STAR)}
"""The type ids that stand for kinds of systems (notifications.md 3.3): wormhole, high, low and null security."""


def drawing(url: str, *, label: str = "") -> str:
    """An inline SVG for the image at *url*: a ship, a face, a shield, a star; its colours follow from the address."""
    match = _EVE.match(url)
    kind, number = (match["kind"], int(match["id"][:18])) if match else ("", 0)
    hue = zlib.crc32(url.encode("utf-8", "replace")) % 360
    shape = PICTURE
    if kind == "types" and number in STARS:
        hue, shape = STARS[number]
    elif kind == "types":
        shape = (
            CAPSULE if number == 670 else CITADEL if number in STRUCTURES else BUOY if number in DEPLOYABLES else SHIP
        )
    elif kind == "characters":
        shape = PORTRAIT
    elif kind in ("corporations", "alliances"):
        shape = SHIELD
    light, dark = f"hsl({hue},38%,70%)", f"hsl({hue},34%,24%)"
    body = shape.replace("{light}", light).replace("{dark}", dark)
    return _svg(
        f'<rect width="100" height="100" fill="{dark}"/>{_sky(number or hue)}{body}', label or kind or "picture"
    )


def avatar(name: str, *, bot: bool) -> str:
    """Who speaks: the service's own sign for the bot, initials for people."""
    if bot:
        return _svg(f'<rect width="100" height="100" fill="#5865f2"/>{RADAR}', name, "avatar")
    hue = zlib.crc32(name.encode("utf-8", "replace")) % 360
    letters = escape("".join(word[0] for word in name.split()[:2]).upper() or "?")
    text = (
        '<text x="50" y="64" font-size="40" font-family="sans-serif" font-weight="600" text-anchor="middle" '
        f'fill="#fff">{letters}</text>'
    )
    return _svg(f'<rect width="100" height="100" fill="hsl({hue},45%,45%)"/>{text}', name, "avatar")


def _sky(seed: int) -> str:
    """A few stars, the same for the same seed."""
    spots = []
    for number in range(9):
        seed = (seed * 1_103_515_245 + 12_345) % 2**31
        spots.append(f'<circle cx="{seed % 97 + 1}" cy="{seed // 97 % 97 + 1}" r="{0.8 + number % 3 * 0.4:.1f}"/>')
    return f'<g fill="#fff" opacity=".55">{"".join(spots)}</g>'


def _svg(body: str, label: str, kind: str = "") -> str:
    marked = f' class="{kind}"' if kind else ""
    return f'<svg{marked} viewBox="0 0 100 100" role="img" aria-label="{escape(label)}">{body}</svg>'
