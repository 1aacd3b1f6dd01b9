"""Small stand-ins for what the service asks besides: names from ESI, and the licence manager."""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from typing import Any, Literal, TypeAlias

import trio

from wanderer_notifier.sim.http import Exchange
from wanderer_notifier.sim.mapdata import INVENTED, SYSTEMS, Names

JsonObject: TypeAlias = dict[str, Any]

ERRORS_PER_MINUTE = 100
"""Errors that ESI forgives in a minute before it answers 420."""

NAMES_AT_ONCE = 1000
"""Ids in one request for names."""

CACHED = timedelta(hours=1)

_VERSION = r"/(?:(?:latest|v\d+|dev|legacy)/)?"
_ONE = re.compile(_VERSION + r"(universe/systems|universe/types|corporations|characters|alliances)/(\d+)/?")
_MAIL = re.compile(_VERSION + r"killmails/(\d+)/([^/]+)/?")
_NAMES = re.compile(_VERSION + r"universe/names/?")
_IDS = re.compile(_VERSION + r"universe/ids/?")


class Stub:
    """What all stand-ins can be told to do wrong."""

    def __init__(self) -> None:
        self.down = False
        """While true every connection is cut."""
        self.failing: int | None = None
        """The status that every request gets, if any."""
        self.delay_s = 0.0
        self.asked: Counter[str] = Counter()
        """How often each method and path was asked."""

    async def troubled(self, exchange: Exchange) -> bool:
        """Whether the exchange was dealt with because something is wrong."""
        request = exchange.request
        self.asked[f"{request.method} {request.path}"] += 1
        await trio.sleep(self.delay_s)
        if self.down:
            exchange.abort()
        elif self.failing is not None:
            await exchange.respond(self.failing, [("Content-Type", "application/json")], b'{"error":"unavailable"}')
        else:
            return False
        return True


class Esi(Stub):
    """EVE's own API, as far as names go.

    Args:
        now: the wall clock.
        names: what exists; other ids are 404, which counts as an error.
        kill: the killmail of an id as ESI has it, `zkb` included, or None.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        names: Names = INVENTED,
        kill: Callable[[int], JsonObject | None] = lambda killmail_id: None,
    ) -> None:
        super().__init__()
        self._now = now
        self._names = names
        self._kill = kill
        self._errors: deque[float] = deque()
        self.names_failing: int | None = None
        """What every request for many names gets, if anything."""
        self._renamed: dict[int, JsonObject] = {}

    def rename(self, number: int, name: str, ticker: str | None = None) -> None:
        """From now on the single record of an id has another name."""
        self._renamed[number] = {"name": name, **({"ticker": ticker} if ticker else {})}

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        if await self.troubled(exchange):
            return
        status, body = self._answer(exchange.request.method, exchange.request.path, exchange.request.body)
        if status >= 400:
            self._errors.append(trio.current_time())
        expires = format_datetime(self._now() + CACHED, usegmt=True)
        content = json.dumps(body).encode()
        etag = f'W/"{sha256(content).hexdigest()[:32]}"'
        if status == 200 and exchange.request.headers.get("if-none-match") == etag:
            status, content = 304, b""
        headers = [
            ("Content-Type", "application/json; charset=UTF-8"),
            ("X-ESI-Error-Limit-Remain", str(max(0, ERRORS_PER_MINUTE - self._recent_errors()))),
            ("X-ESI-Error-Limit-Reset", str(60 - int(trio.current_time() % 60))),
        ]
        if status in (200, 304):
            headers += [("Cache-Control", f"public, max-age={CACHED.seconds}"), ("Expires", expires), ("ETag", etag)]
        await exchange.respond(status, headers, content)

    def _recent_errors(self) -> int:
        # The budget belongs to the running minute, not to the last sixty seconds.
        minute = trio.current_time() // 60
        while self._errors and self._errors[0] // 60 < minute:
            self._errors.popleft()
        return len(self._errors)

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        if self._recent_errors() >= ERRORS_PER_MINUTE:
            return 420, {"error": "This software has exceeded the error limit for ESI."}
        if _NAMES.fullmatch(path):
            return self._many(body) if method == "POST" else (405, {"error": "Method not allowed"})
        if _IDS.fullmatch(path):
            return self._ids(body) if method == "POST" else (405, {"error": "Method not allowed"})
        mail = _MAIL.fullmatch(path)
        if mail is not None:
            return self._mail(int(mail[1]), mail[2])
        one = _ONE.fullmatch(path)
        if one is None:
            return 404, {"error": "Not found"}
        record = self._record(one[1], int(one[2]))
        record = record and {**record, **self._renamed.get(int(one[2]), {})}
        return (200, record) if record else (404, {"error": f"{one[1].rsplit('/')[-1].rstrip('s').title()} not found!"})

    def _record(self, kind: str, number: int) -> JsonObject | None:
        match kind:
            case "universe/systems" if number in SYSTEMS:
                name, _, security, _, _, _ = SYSTEMS[number]
                return {
                    "constellation_id": 20_000_020,
                    "name": name,
                    "security_class": "C",
                    "security_status": float(security),
                    "star_id": 40_000_000 + number % 100_000,
                    "system_id": number,
                }
            case "universe/types" if number in self._names.ships:
                return {
                    "description": "",
                    "group_id": 25,
                    "name": self._names.ships[number],
                    "published": True,
                    "type_id": number,
                }
            case "corporations":
                return _without(self._names.corporation(number), "corporation_id")
            case "characters":
                return _without(self._names.character(number), "character_id")
            case "alliances":
                return _without(self._names.alliance(number), "alliance_id")
        return None

    def _mail(self, number: int, mail_hash: str) -> tuple[int, object]:
        kill = self._kill(number)
        if kill is None or kill["zkb"].get("hash") != mail_hash:
            return 422, {"error": "Invalid killmail_id and/or killmail_hash"}
        return 200, {key: value for key, value in kill.items() if key != "zkb"}

    def _many(self, body: bytes) -> tuple[int, object]:
        if self.names_failing is not None:
            return self.names_failing, {"error": "Ensure all IDs are valid before resolving."}
        try:
            ids = json.loads(body)
        except ValueError:
            return 400, {"error": "Failed to decode request body"}
        if not isinstance(ids, list) or not all(type(one) is int for one in ids) or len(ids) > NAMES_AT_ONCE:
            return 400, {"error": "ids must be a list of 1 to 1000 integers"}
        if len(set(ids)) != len(ids):
            return 400, {"error": "ids must be unique"}
        found = [self._named(one) for one in ids]
        if not all(found):
            return 404, {"error": "Ensure all IDs are valid before resolving."}
        return 200, found

    def _ids(self, body: bytes) -> tuple[int, object]:
        """What has exactly one of these names, case aside; of systems only."""
        try:
            asked = {str(name).casefold() for name in json.loads(body)}
        except (ValueError, TypeError):
            return 400, {"error": "Failed to decode request body"}
        found = [{"id": number, "name": row[0]} for number, row in SYSTEMS.items() if row[0].casefold() in asked]
        return 200, ({"systems": found} if found else {})

    def _named(self, number: int) -> JsonObject | None:
        known: Iterable[tuple[str, str | None]] = (
            ("character", pilot.name if (pilot := self._names.characters.get(number)) else None),
            ("corporation", corp.name if (corp := self._names.corporations.get(number)) else None),
            ("alliance", alliance.name if (alliance := self._names.alliances.get(number)) else None),
            ("inventory_type", self._names.ships.get(number)),
            ("solar_system", SYSTEMS[number][0] if number in SYSTEMS else None),
        )
        return next(({"category": kind, "id": number, "name": name} for kind, name in known if name), None)


class LicenceManager(Stub):
    """The licence server (wanderer-map.md 6).

    Args:
        key: the one licence key that it knows.
        token: what must stand behind `Bearer `; None takes any.
    """

    def __init__(self, *, key: str, token: str | None = None) -> None:
        super().__init__()
        self._key, self._token = key, token
        self.verdict: Literal["valid", "invalid"] = "valid"
        """What it says of the known key; other keys are never valid."""
        self.assigned = True
        """Whether a valid licence names the bot."""
        self.revoked = False
        """Whether it no longer knows the bot's token."""
        self.says: tuple[int, bytes] | None = None
        """The status and body that every question gets, if any."""
        self.retry_after: int | None = None

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        if await self.troubled(exchange):
            return
        request = exchange.request
        headers = [("Content-Type", "application/json; charset=utf-8")]
        if self.retry_after is not None:
            headers.append(("Retry-After", str(self.retry_after)))
        if self.says is not None:
            await exchange.respond(self.says[0], headers, self.says[1])
            return
        if request.path.removeprefix("/api") not in ("/validate_bot", "/validate_license"):
            status, body = 404, {"error": "Not found"}
        elif request.method != "POST":
            status, body = 405, {"error": "Method not allowed"}
        elif self.revoked or not self._knows(request.headers.get("authorization", "")):
            status, body = 401, {"error": "Unauthorized"}
        else:
            status, body = self._validate(request.body)
        await exchange.respond(status, headers, json.dumps(body).encode())

    def _knows(self, authorization: str) -> bool:
        kind, _, token = authorization.partition(" ")
        return kind == "Bearer" and bool(token) and self._token in (None, token)

    def _validate(self, raw: bytes) -> tuple[int, JsonObject]:
        try:
            key = json.loads(raw)["license_key"]
        except (ValueError, TypeError, KeyError):
            return 400, {"error": "license_key is required"}
        good = key == self._key and self.verdict == "valid"
        bot = {"id": "11111111-2222-4333-8444-555555555555", "name": "Wanderer Notifier"}
        body: JsonObject = {
            "license_valid": good,
            "valid": good,
            "message": "License is valid" if good else "License not found",
            "bot_associated": good and self.assigned,
            "bot_id": bot["id"],
            "bot_name": bot["name"],
            "bots": [bot] if good and self.assigned else [],
        }
        if good:
            body |= {"license_id": "22222222-3333-4444-8555-666666666666", "license_name": "Quiet Hour License"}
            body |= {"valid_to": "2026-12-31"}
        return 200, body


def _without(record: JsonObject | None, key: str) -> JsonObject | None:
    """ESI does not repeat the id that was asked for."""
    return record and {name: value for name, value in record.items() if name != key and value is not None}
