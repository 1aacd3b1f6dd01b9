"""Operator alerts: to the log, to a Discord channel through the outbox, and to a webhook for when Discord is down."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog
import trio
from attrs import frozen
from prometheus_client import Counter

from wanderer_notifier import __version__
from wanderer_notifier.app.status import Place
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.alarms import Alarm, Alarms, alarm_text, render_alarm
from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.core.gaps import in_downtime
from wanderer_notifier.delivery.outbox import Delivered
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.dial import Dial
from wanderer_notifier.net.errors import NetError
from wanderer_notifier.runtime.health import ComponentView
from wanderer_notifier.state.overflow import CAPACITY
from wanderer_notifier.state.store import Store
from wanderer_notifier.web.page_parts import label
from wanderer_notifier.web.views import Snapshot

log = structlog.get_logger("alerts")

LOOK_S = 10.0
LIVES = timedelta(hours=1)
"""An alert is still news after an outage of Discord that was shorter."""
FULL = 0.8
"""A queue this full is worth an alert (operations.md OPS-50)."""
PENDING = 16
TRIES = 4
GAME = ("killmail_stream", "killmail_fallback", "esi")
"""Parts that owe their silence to the game during its daily downtime."""
FEEDS = frozenset({"killmail_stream", "map_stream", "discord_gateway"})
_SILENT = frozenset({"license", "janice", "cache", "configuration", "killmail_fallback"})
"""Parts that are judged otherwise, or whose loss changes no message's being sent."""


@frozen(kw_only=True)
class Webhook:
    """Where alerts go as JSON; the address is a secret and appears nowhere."""

    api: Upstream
    target: str

    @classmethod
    def at(cls, address: str, make: Callable[[str], Upstream]) -> Webhook:
        """The webhook with that address; *make* gives a client for its server."""
        parts = urlsplit(address)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(api=make(f"{parts.scheme}://{parts.netloc}"), target=target)


class Alerts:
    """Looks at the service every ten seconds and tells what an operator should know.

    *place* is the operators' channel (None: log and webhook only), *grace_s* how long a part may be down before that
    is worth an alert, *elsewhere* the kinds of parts whose loss is told there by other means, *told* counts results.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        *,
        grace_s: float,
        told: Counter,
        now: Callable[[], datetime],
        roll: Callable[[], float],
        place: Place | None = None,
        webhook: Webhook | None = None,
        elsewhere: Collection[str] = (),
    ) -> None:
        self._snapshot, self._grace_s, self._told, self._now, self._roll = snapshot, grace_s, told, now, roll
        self._place, self._webhook, self._elsewhere = place, webhook, elsewhere
        self._alarms = Alarms()
        self._channels: dict[str, str | None] = {}
        """Why channels take no messages; None: they do again."""
        self._out, self._posts = trio.open_memory_channel[dict[str, object]](PENDING)

    def note(self, subject: str, text: str) -> None:
        """Something happened once: an unexpected restart, a changed configuration."""
        self._alarms.note(subject, text)

    def delivered(self, result: Delivered) -> None:
        """A message that was given up, or a channel that takes none, is worth an alert.

        Our own messages about ourselves are not, or they would never end.
        """
        if result.result == "closed":
            self._channels[result.channel] = result.reason
        elif result.result == "sent" and result.channel in self._channels:
            self._channels[result.channel] = None
        if result.final and result.result not in ("sent", "found") and result.kind != "status":
            self._alarms.note("delivery", f"a {result.kind} message was given up: {result.reason or result.result}")

    async def run(self) -> None:
        """Watch until cancelled."""
        async with trio.open_nursery() as nursery:
            if self._webhook is not None:
                nursery.start_soon(self._post_all, self._webhook, name="alerts: webhook")
            while True:
                await self.look()
                await trio.sleep(LOOK_S)

    async def look(self) -> None:
        """Judge the present state and tell what is new."""
        seen = self._snapshot()
        troubles = dict(_troubles(seen)) | {f"channel:{one}": why for one, why in self._channels.items()}
        quiet = {name for name in troubles if name.partition(":")[0] in GAME} if in_downtime(seen.now) else set()
        for alarm in self._alarms.look(troubles, trio.current_time(), grace_s=self._grace_s, quiet=quiet):
            await self._tell(alarm, seen.now)

    async def aclose(self) -> None:
        """Close the webhook's connection."""
        if self._webhook is not None:
            await self._webhook.api.aclose()

    async def _tell(self, alarm: Alarm, now: datetime) -> None:
        name = label(alarm.subject)
        text = alarm_text(alarm, name)
        level = log.error if alarm.event == "down" else log.warning if alarm.event == "note" else log.info
        level("alert", subject=alarm.subject, state=alarm.event, message=text, down_s=round(alarm.down_s))
        kind = alarm.subject.partition(":")[0]
        offline = kind in ("discord_rest", "data_dir") and alarm.event == "down"
        offline |= self._place is not None and alarm.subject == f"channel:{self._place.channel}"
        if self._place is not None and not offline and kind not in self._elsewhere:
            claim = f"alert:{alarm.event}:{alarm.subject}:{now.timestamp():.0f}"
            await self._place.say(claim, render_alarm(alarm, name), now, lives=LIVES)
            self._told.labels("queued").inc()
        if self._webhook is not None:
            self._offer(webhook_body(alarm, name, now))

    def _offer(self, body: dict[str, object]) -> None:
        try:
            self._out.send_nowait(body)
        except trio.WouldBlock:  # the webhook is down for long; the log has them all
            self._told.labels("webhook_full").inc()

    async def _post_all(self, webhook: Webhook) -> None:
        async for body in self._posts:
            result = await self._post(webhook, body)
            self._told.labels(result).inc()
            if result != "webhook_sent":
                log.warning("alert_webhook_failed", reason=result)

    async def _post(self, webhook: Webhook, body: dict[str, object]) -> str:
        why = ""
        for failures in range(1, TRIES + 1):
            try:
                answer = await webhook.api.request("POST", webhook.target, json=body, total_s=10.0)
                if answer.status < 300:
                    return "webhook_sent"
                why = f"webhook_{answer.status}"
                if answer.status < 500 and answer.status != 429:
                    return why
            except NetError:
                why = "webhook_unreachable"
            await trio.sleep(Backoff(first_s=2.0, cap_s=60.0).pause(failures, self._roll()))
        return why


def webhook_body(alarm: Alarm, name: str, now: datetime) -> dict[str, object]:
    """What the webhook gets; *name* is what readers call the alarm's subject."""
    return {
        "event": "alert",
        "service": "wanderer-notifier",
        "version": __version__,
        "subject": alarm.subject,
        "state": alarm.event,
        "text": alarm_text(alarm, name),
        "down_seconds": round(alarm.down_s),
        "timestamp": now.isoformat(),
    }


def _troubles(seen: Snapshot) -> Iterator[tuple[str, str | None]]:
    """Each subject and why it is in trouble; None: it is well."""
    for part in seen.components:
        if part.name.partition(":")[0] not in _SILENT:
            yield part.name, _trouble(part)
    invalid = seen.licence.has_key and seen.licence.state(seen.now) == "invalid"
    said = seen.licence.verdict.message if seen.licence.verdict is not None else ""
    yield "license", (said or seen.licence.words(seen.now)) if invalid else None
    waiting = seen.queue.get("queued", 0) + seen.queue.get("sending", 0)
    yield "delivery_queue", f"{waiting} messages wait, {CAPACITY} are the limit" if waiting >= FULL * CAPACITY else None


def _trouble(part: ComponentView) -> str | None:
    if part.state in ("ok", "disabled") or part.covered:
        return None
    return part.reason or part.last_error or ("still connecting" if part.state == "starting" else part.state)


def make_alerts(
    settings: Settings,
    store: Store,
    snapshot: Callable[[], Snapshot],
    *,
    wake: Callable[[Iterable[str]], None],
    dial: Dial,
    told: Counter,
    now: Callable[[], datetime],
    roll: Callable[[], float],
) -> Alerts:
    """The alerts as the settings want them; switched off, they are in the log only."""
    channel = settings.alert_channel_id or settings.discord.channels.resolve("status")
    primary = settings.discord.channels.primary
    place: Place | None = None
    webhook: Webhook | None = None
    if settings.alerts_enabled and channel is not None:
        first = next(iter(settings.rules.maps), None)
        place = Place(store=store, channel=channel, slug=first.slug if first else "", wake=wake)
    if settings.alerts_enabled and settings.alert_webhook_url is not None:
        address = settings.alert_webhook_url.reveal()
        webhook = Webhook.at(address, lambda base: Upstream("alert_webhook", base, dial=dial, connections=1))
    reported = (
        settings.status_messages and settings.schedulers and channel == settings.discord.channels.resolve("status")
    )
    return Alerts(
        snapshot,
        grace_s=settings.ready_feed_grace_s,
        told=told,
        now=now,
        roll=roll,
        place=place,
        webhook=webhook,
        # The primary channel hears of closed channels from the delivery, as soon as there is one.
        elsewhere=(FEEDS if reported else frozenset()) | ({"channel"} if channel == primary else frozenset()),
    )
