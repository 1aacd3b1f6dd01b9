"""The addresses of Discord's REST API and the shape of its answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from email.parser import BytesParser
from typing import TypeAlias

from attrs import Factory, evolve, field, frozen

from wanderer_notifier.sim.discord_form import FILES, JsonObject, Problems, Refusal, invalid_form
from wanderer_notifier.sim.http import Request
from wanderer_notifier.sim.ratelimits import HeaderList

OPEN = ("POST /interactions/", "POST /webhooks/", "GET /webhooks/", "PATCH /webhooks/", "DELETE /webhooks/")
"""Routes whose token in the path is the credential (discord.md 2.2): no header of ours, no global limit."""

VIA = ("Via", "1.1 google")
"""On every answer that comes from Discord itself; clients take a 429 without it for a block by the edge."""

ROUTES: Sequence[tuple[str, str]] = (
    ("GET", "/gateway"),
    ("GET", "/gateway/bot"),
    ("GET", "/users/@me"),
    ("GET", "/applications/@me"),
    ("GET", "/oauth2/applications/@me"),
    ("GET", "/channels/{c}"),
    ("GET", "/channels/{c}/messages"),
    ("POST", "/channels/{c}/messages"),
    ("GET", "/channels/{c}/messages/{m}"),
    ("PATCH", "/channels/{c}/messages/{m}"),
    ("DELETE", "/channels/{c}/messages/{m}"),
    ("POST", "/channels/{c}/messages/{m}/crosspost"),
    ("POST", "/channels/{c}/threads"),
    ("POST", "/channels/{c}/typing"),
    ("GET", "/users/@me/guilds"),
    ("GET", "/guilds/{g}"),
    ("GET", "/guilds/{g}/channels"),
    ("GET", "/guilds/{g}/roles"),
    ("GET", "/guilds/{g}/members/{u}"),
    ("GET", "/guilds/{g}/voice-states/{u}"),
    *(
        (method, f"/applications/{{a}}{scope}/commands{one}")
        for scope in ("", "/guilds/{g}")
        for one, methods in (("", ("GET", "PUT", "POST")), ("/{k}", ("GET", "PATCH", "DELETE")))
        for method in methods
    ),
    ("POST", "/interactions/{i}/{t}/callback"),
    ("POST", "/webhooks/{a}/{t}"),
    *((method, "/webhooks/{a}/{t}/messages/{m}") for method in ("GET", "PATCH", "DELETE")),
)

_PREFIX = re.compile(r"/api(?:/v(?P<version>\d+))?(?P<rest>/.*)")
_PATTERNS = [
    (method, template, re.compile(re.sub(r"\{(\w)\}", r"(?P<\1>[^/]+)", template) + "/?"))
    for method, template in ROUTES
]


@frozen(kw_only=True)
class Reply:
    """An answer before it is put on the wire."""

    status: int
    body: bytes = b""
    headers: HeaderList = Factory(list)
    content_type: str = "application/json"
    """Exactly so: with a charset behind it discord.py takes the body for text (discord.md 5.1)."""
    from_edge: bool = False

    def all_headers(self) -> HeaderList:
        """The headers as sent, without the length."""
        start = [("Server", "cloudflare")] if self.from_edge else [VIA]
        kind = [] if self.status == 204 else [("Content-Type", self.content_type)]
        return [*start, *kind, *self.headers]

    def plus(self, headers: HeaderList) -> Reply:
        """The same answer with more headers."""
        return evolve(self, headers=[*self.headers, *headers])


@frozen(kw_only=True)
class Call:
    """Where a request goes: the route's template, which names its bucket, and the ids in the path."""

    route: str
    ids: dict[str, str] = field(factory=dict)

    @property
    def channel(self) -> str | None:
        return self.ids.get("c")

    @property
    def major(self) -> str:
        """The parameter that separates buckets of one route (discord.md 3.2)."""
        return self.ids.get("c") or self.ids.get("g") or self.ids.get("t") or ""

    @property
    def open(self) -> bool:
        """Whether the token in the path is the credential."""
        return self.route.startswith(OPEN)


Answer: TypeAlias = Callable[[Call, Request, float], Reply]
"""Carries out one route at a moment (seconds of a monotonic clock)."""


def find_route(method: str, path: str) -> Call | Reply:
    """The route of a request, or the answer when there is none: 404, 405, or 400 for another API version."""
    prefix = _PREFIX.fullmatch(path)
    if prefix is None:
        return refuse(404, 0, "404: Not Found")
    if prefix["version"] != "10":
        return refuse(400, 50041, "Invalid API version")
    matches = [(known, template, pattern.fullmatch(prefix["rest"])) for known, template, pattern in _PATTERNS]
    there = [(known, template, match) for known, template, match in matches if match]
    for known, template, match in there:
        if known == method:
            return Call(route=f"{method} {template}", ids=match.groupdict())
    return refuse(405, 0, "405: Method Not Allowed") if there else refuse(404, 0, "404: Not Found")


def gateway_url(request: Request) -> str:
    """Where the gateway is for the client that sent *request*: on the port it came by."""
    return f"ws://{request.headers.get('host', 'localhost')}/gateway"


def give(body: JsonObject | Sequence[JsonObject], status: int = 200) -> Reply:
    """A JSON answer."""
    return Reply(status=status, body=json.dumps(body).encode())


def refuse(status: int, code: int, message: str) -> Reply:
    """A JSON error without a tree; code 0 is the generic one."""
    return give(Refusal(status=status, code=code, message=message).body(), status)


def page(status: int, title: str, *, code: int | None = None) -> Reply:
    """What the edge in front of Discord answers: HTML, and none of Discord's headers."""
    detail = f"error code: {code or status}"
    head = f"<head><title>{title}</title></head>"
    body = f"<!DOCTYPE html>\n<html>{head}<body><h1>{title}</h1><p>{detail}</p></body></html>\n"
    return Reply(status=status, body=body.encode(), content_type="text/html; charset=UTF-8", from_edge=True)


def blocked() -> Reply:
    """What the edge may answer instead (discord.md 3.2): JSON, none of Discord's headers, no word how long."""
    text = "You are being blocked from accessing our API temporarily due to exceeding our rate limits frequently."
    return evolve(give({"code": 0, "message": text}, 429), from_edge=True)


def upstream_error(status: int) -> Reply:
    """How an error of this status looks when Discord has trouble of its own (discord.md 3.4)."""
    words = {500: "Internal Server Error", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
    if status in words:
        return refuse(status, 0, f"{status}: {words[status]}")
    if status < 500:
        return refuse(status, 0, f"{status}: Bad Request")
    return page(status, "Bad gateway" if status == 502 else "discord.com is having a moment")


def tell(refusal: Refusal) -> Reply:
    """A refusal as an answer."""
    return give(refusal.body(), refusal.status)


def read_form(request: Request, check: Callable[[object], JsonObject | Refusal]) -> JsonObject | Reply:
    """The checked JSON body of a request, or the answer that refuses it."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    raw, files = request.body, 0
    if kind == "multipart/form-data":
        parts = multipart(request)
        raw, files = parts.pop("payload_json", b""), len(parts)
    elif kind != "application/json":
        problems = Problems()
        allowed = "'application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'"
        problems.add((), "CONTENT_TYPE_INVALID", f'Expected "Content-Type" header to be one of {{{allowed}}}.')
        return tell(invalid_form(problems.tree))
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return refuse(400, 50109, "The request body contains invalid JSON.")
    if files and isinstance(body, dict):
        body[FILES] = files
    try:
        checked = check(body)
    except RecursionError:
        return refuse(400, 50109, "The request body contains invalid JSON.")
    return tell(checked) if isinstance(checked, Refusal) else checked


def multipart(request: Request) -> dict[str, bytes]:
    """The parts of a `multipart/form-data` body by name."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + request.body)
    parts = message.get_payload() if message.is_multipart() else []
    named = [
        (str(part.get_param("name", "", "content-disposition")), part) for part in parts if not isinstance(part, str)
    ]
    return {name: bytes(part.get_payload(decode=True) or b"") for name, part in named}
