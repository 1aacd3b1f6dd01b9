"""What the fake map server answers over REST, and whom it refuses (wanderer-map.md 1.8, 3, 5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim.http import Request
from wanderer_notifier.sim.mapdata import static_info
from wanderer_notifier.sim.mapserver_map import Map
from wanderer_notifier.sim.mapserver_rows import character_row, system_row

if TYPE_CHECKING:
    from wanderer_notifier.sim.mapserver import MapServer

NOT_FOUND: JsonObject = {"errors": {"detail": "Not Found"}}
BROKEN: JsonObject = {"errors": {"detail": "Internal Server Error"}}


class Refusal(Exception):
    """A request that is answered with *status* and *body*: JSON, or text without a content type."""

    def __init__(self, status: int, body: JsonObject | str) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def rest(server: MapServer, request: Request, match: re.Match[str] | None) -> JsonObject:
    """The body of a REST answer; *match* are map and resource of the path. Raises `Refusal`."""
    if request.method == "GET" and request.path == "/api/common/system-static-info":
        return _static(request.query.get("id"))
    if match is None or request.method != "GET":
        raise Refusal(404, NOT_FOUND)
    accept = request.headers.get("accept", "*/*")
    if accept != "*/*" and "application/json" not in accept and "application/vnd.api+json" not in accept:
        raise Refusal(406, {"error": "Not acceptable format. This API only supports: json"})
    asked = authorised(server, request, match[1])
    if server.rest_failures:
        raise Refusal(server.rest_failures.popleft(), BROKEN)
    return _view(server, asked, match[2])


def _view(server: MapServer, asked: Map, what: str) -> JsonObject:
    system = re.fullmatch(r"systems/([^/]+)", what)
    if system:
        row = asked.systems.get(int(system[1])) if system[1].isdecimal() else None
        if row is None:
            raise Refusal(404, {"error": "Not found", "details": "The requested resource could not be found"})
        return {"data": system_row(asked.id, row)}
    if what not in ("systems", "tracked-characters"):
        raise Refusal(404, NOT_FOUND)
    glitch = server.lists_to_empty > 0
    server.lists_to_empty -= glitch
    if what == "systems":
        rows = [system_row(asked.id, one) for one in asked.systems.values() if one.visible and not glitch]
        return {"data": {"systems": rows, "connections": []}}
    tracked = [character_row(asked.id, one) for one in asked.characters.values() if one.tracked and not glitch]
    return {"data": tracked}


def authorised(server: MapServer, request: Request, identifier: str, *, stream: bool = False) -> Map:
    """The map that a request may see, or the refusal in the server's order (wanderer-map.md 1.8)."""
    if not server.public_api:
        raise Refusal(403, "Public API is disabled")
    if stream and not server.sse_enabled:
        raise Refusal(503, "Server-Sent Events are disabled on this server")
    given = request.headers.get("authorization")
    if given is None:
        raise Refusal(401, {"error": "Missing or invalid 'Bearer' token"})
    if not given.startswith("Bearer "):
        raise Refusal(401, {"error": "Invalid authorization format - Bearer token required"})
    asked = next((one for one in server.maps.values() if one.id == identifier), server.maps.get(identifier))
    if asked is None:
        raise Refusal(404, {"error": f"Map not found for identifier: {identifier}"})
    if asked.key is None or given != f"Bearer {asked.key}":
        raise Refusal(401, {"error": "Unauthorized (invalid token for map)"})
    if not asked.subscribed:
        raise Refusal(401, "Unauthorized (map subscription not active)")
    if stream and not asked.sse_enabled:
        error = "Server-Sent Events are disabled for this map"
        raise Refusal(403, {"error": error, "code": "SSE_DISABLED_FOR_MAP", "status": 403})
    return asked


def _static(asked: str | None) -> JsonObject:
    if asked is None:
        raise Refusal(400, {"error": "Missing required param: id"})
    if not asked:
        raise Refusal(400, {"error": "Param id cannot be empty"})
    if not re.fullmatch(r"-?\d+", asked):
        raise Refusal(400, {"error": f"Invalid integer format: {asked}"})
    found = static_info(int(asked))
    if found is None:
        raise Refusal(404, {"error": "System not found"})
    return {"data": found}
