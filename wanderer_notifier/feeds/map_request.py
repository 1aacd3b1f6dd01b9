"""How a map's stream is asked for, and what counts as a yes (wanderer-map.md 1.1, 1.8)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import structlog

from wanderer_notifier.feeds.map_memory import MapMemory, MapSource
from wanderer_notifier.feeds.map_refusals import not_a_stream, refusal
from wanderer_notifier.net.client import StreamAnswer
from wanderer_notifier.net.errors import Interrupted

log = structlog.get_logger("maps")

EVENTS = (
    "add_system",
    "deleted_system",
    "system_metadata_changed",
    "system_renamed",
    "character_added",
    "character_removed",
    "character_updated",
    "rally_point_added",
    "rally_point_removed",
)
HEADERS: Mapping[str, str] = {
    "accept": "text/event-stream",
    "accept-encoding": "identity",  # `deflate, gzip` would be answered with a deflated stream (1.1)
    "cache-control": "no-cache",
}
OVERLAP_S = 5.0
"""Ids of one moment are not in order on the wire, so that a resume begins a little earlier (1.5)."""


def address(source: MapSource, memory: MapMemory) -> tuple[str, dict[str, str]]:
    """The path and the query of the stream of *source*, resumed where *memory* says."""
    params = {"events": ",".join(EVENTS)}
    if (resume := memory.resume_at(OVERLAP_S)) is not None:
        params["last_event_id"] = resume
    return f"/api/maps/{quote(source.slug, safe='')}/events/stream", params


async def accept(answer: StreamAnswer, source: MapSource, memory: MapMemory) -> None:
    """Return if *answer* is an event stream; else raise what it means: `Permanent`, `NoStream` or `MapLost`."""
    slug, content_type = source.slug, answer.headers.get("content-type", "")
    if answer.status == 200 and content_type.partition(";")[0].strip().lower() == "text/event-stream":
        return
    try:
        body = (await answer.read_body()).decode("utf-8", "replace")
    except Interrupted:
        body = ""
    log.warning("map_stream_refused", map=slug, status=answer.status, content_type=content_type, body=body[:300])
    if answer.status == 200:
        raise not_a_stream(slug, content_type)
    repeated = memory.unknown_map if answer.status == 404 else memory.refused_as_full
    memory.unknown_map = memory.unknown_map + 1 if answer.status == 404 else 0
    memory.refused_as_full = memory.refused_as_full + 1 if answer.status == 429 else 0
    raise refusal(slug, answer.status, answer.headers, body, repeated=repeated)
