"""Emoji drawn as Discord does it, as small pictures: a font with them is not everywhere."""

from __future__ import annotations

import re
from html import escape


def _disc(colour: str) -> str:
    return f'<circle cx="18" cy="18" r="16" fill="{colour}"/>'


def _lines(path: str, colour: str = "#ccd6dd", width: int = 4) -> str:
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linecap="round"/>'


def _sheet(colour: str) -> str:
    return f'<rect x="3" y="4" width="30" height="28" rx="3" fill="{colour}"/>'


EMOJI: dict[str, str] = {
    "🟢": _disc("#78b159"),
    "🟡": _disc("#fdcb58"),
    "🔴": _disc("#dd2e44"),
    "✅": '<rect x="1" y="1" width="34" height="34" rx="4" fill="#77b255"/>' + _lines("M9 19l7 8 12-18", "#fff", 5),
    "❌": _lines("M7 7l22 22M29 7L7 29", "#dd2e44", 7),
    "❓": _lines("M11 12a7 7 0 1 1 10 7q-3 2-3 5", "#be1931", 6) + '<circle cx="18" cy="32" r="3.5" fill="#be1931"/>',
    "⚠️": '<path d="M18 2 35 33H1Z" fill="#ffcc4d"/>'
    + _lines("M18 13v9", "#231f20")
    + '<circle cx="18" cy="28" r="2.4" fill="#231f20"/>',
    "⚔️": _lines("M5 5l22 22M31 5L9 27", "#ccd6dd", 5)
    + _lines("M20 31l11-11M5 20l11 11M27 27l5 5M9 27l-5 5", "#ffac33"),
    "💬": '<path d="M18 3c10 0 17 5 17 12s-7 12-17 12q-3 0-6-1-3 6-9 7 3-4 2-9-4-4-4-9C1 8 8 3 18 3Z" fill="#bdddf4"/>'
    '<circle cx="10" cy="15" r="2.5" fill="#2a6797"/><circle cx="18" cy="15" r="2.5" fill="#2a6797"/>'
    '<circle cx="26" cy="15" r="2.5" fill="#2a6797"/>',
    "🚀": '<path d="M34 2q-14 1-21 13l8 8Q33 16 34 2Z" fill="#ccd6dd"/><circle cx="25" cy="11" r="3.5" fill="#55acee"/>'
    '<path d="M13 15 4 18l7 5M21 23l-3 9-5-7" fill="#a0041e"/><path d="M12 24q-6 1-8 8 7-2 8-8Z" fill="#ffac33"/>',
    "⏱️": '<rect x="15" y="1" width="6" height="6" fill="#66757f"/><circle cx="18" cy="20" r="15" fill="#66757f"/>'
    '<circle cx="18" cy="20" r="11" fill="#f5f8fa"/>' + _lines("M18 20V12", "#dd2e44", 3),
    "🗺️": _sheet("#e1e8ed") + '<path d="M3 7l9 4v21l-9-3ZM24 8l9-4v25l-9 3Z" fill="#77b255"/>'
    '<path d="M12 11l12-3v24l-12 0Z" fill="#55acee"/>',
    "👤": '<circle cx="18" cy="11" r="9" fill="#55778f"/><path d="M2 35q0-14 16-14t16 14Z" fill="#55778f"/>',
    "🗄️": _sheet("#8899a6") + '<rect x="7" y="8" width="22" height="9" fill="#ccd6dd"/>'
    '<rect x="7" y="20" width="22" height="9" fill="#ccd6dd"/>' + _lines("M15 12h6M15 24h6", "#66757f", 3),
    "📊": _sheet("#e1e8ed") + '<rect x="8" y="14" width="5" height="14" fill="#5c913b"/>'
    '<rect x="16" y="9" width="5" height="19" fill="#3b94d9"/>'
    '<rect x="24" y="18" width="5" height="10" fill="#dd2e44"/>',
    "⚙️": _lines("M18 3v30M3 18h30M7 7l22 22M29 7L7 29", "#66757f", 6)
    + '<circle cx="18" cy="18" r="11" fill="#66757f"/><circle cx="18" cy="18" r="5" fill="#313338"/>',
}
"""Those in our own messages; all others are left to the reader's fonts."""

_ANY = re.compile("|".join(sorted(map(re.escape, EMOJI), key=len, reverse=True)))


def with_pictures(html: str) -> str:
    """*html*, already escaped, with the emoji of the table as inline SVG."""
    return _ANY.sub(_picture, html)


def _picture(match: re.Match[str]) -> str:
    return f'<svg class="moji" viewBox="0 0 36 36" role="img" aria-label="{escape(match[0])}">{EMOJI[match[0]]}</svg>'
