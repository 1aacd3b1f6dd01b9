"""Whether the lesser services answer: licence manager, ESI, Janice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from wanderer_notifier.core.findings import Finding, fail, ok, warn
from wanderer_notifier.core.licence_answer import Heard, Standing, Unavailable
from wanderer_notifier.feeds.license import validate
from wanderer_notifier.feeds.prices import APPRAISAL, QUERY, answer_is_final
from wanderer_notifier.feeds.universe_esi import COMPATIBILITY_DATE
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.question import Reply, ask

KNOWN_SYSTEM = 30000142
"""Jita."""
FREE = "free tier: after five rich messages of each kind only plain text"


async def licence(api: Upstream, key: str | None, *, with_token: bool, now: Callable[[], datetime]) -> Finding:
    """Ask the manager about *key*."""
    if key is None:
        return warn("licence", f"no LICENSE_KEY: {FREE}", "set LICENSE_KEY and NOTIFIER_API_TOKEN, if you have them")
    return judged(await validate(api, key, with_token=with_token), now())


def judged(heard: Heard, now: datetime) -> Finding:
    """What the manager's answer means for the operator."""
    if isinstance(heard, Unavailable):
        fix = "the last answer counts for 24 hours, after that nobody is limited; see https://lm.wanderer.ltd"
        if heard.credential:
            return fail("licence", heard.reason, "put the licence server's bearer token into NOTIFIER_API_TOKEN")
        return warn("licence", f"the licence manager gives no answer: {heard.reason}", fix)
    words = Standing(has_key=True, verdict=heard, answered_at=now).words(now)
    if heard.valid:
        return ok("licence", words)
    return fail("licence", f"{words}; {FREE}", "check LICENSE_KEY, and the map's subscription it belongs to")


async def esi(api: Upstream, *, now: Callable[[], datetime]) -> Finding:
    """Ask for one system."""
    reply = await ask(
        api,
        "GET",
        f"/universe/systems/{KNOWN_SYSTEM}",
        now=now,
        headers={"x-compatibility-date": COMPATIBILITY_DATE},
    )
    return esi_says(reply)


def esi_says(reply: Reply) -> Finding:
    """Without ESI messages lack names, and are completed later."""
    effect = "until it answers, messages lack some names and are completed later"
    if not reply.status:
        return warn("ESI", f"could not be asked: {reply.trouble}", f"check ESI_URL and the network; {effect}")
    if reply.status in (420, 429):
        return warn("ESI", f"it asks this address to pause (HTTP {reply.status})", f"wait; {effect}")
    if reply.good and isinstance(reply.value, dict) and reply.value.get("name"):
        return ok("ESI", "answers")
    return warn(
        "ESI", f"no useful answer (HTTP {reply.status})", f"check ESI_URL, see https://status.eveonline.com; {effect}"
    )


async def janice(api: Upstream, *, now: Callable[[], datetime]) -> Finding:
    """Have the cheapest thing in the game appraised."""
    return janice_says(await ask(api, "POST", APPRAISAL, now=now, params=QUERY, text="Tritanium 1"))


def janice_says(reply: Reply) -> Finding:
    """Without Janice kills lack their notable items."""
    effect = "until then kills show no notable items"
    if not reply.status:
        return warn("Janice", f"could not be asked: {reply.trouble}", f"check JANICE_API_URL and the network; {effect}")
    if answer_is_final(f"HTTP {reply.status}"):
        return fail("Janice", f"it refuses JANICE_API_TOKEN (HTTP {reply.status})", f"put a valid key there; {effect}")
    if reply.good and isinstance(reply.value, dict) and isinstance(reply.value.get("items"), list):
        return ok("Janice", "answers")
    return warn("Janice", f"no useful answer (HTTP {reply.status})", f"try again later; {effect}")
