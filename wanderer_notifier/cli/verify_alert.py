"""`verify --fire-test-alert`: one alert by every way that alerts go, so that somebody can say that it came."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import trio

from wanderer_notifier import __version__
from wanderer_notifier.app.alerts import Webhook, webhook_body
from wanderer_notifier.cli.verify_checks import Check, Level
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.alarms import Alarm, render_alarm
from wanderer_notifier.discord.doctor import patiently
from wanderer_notifier.discord.doctor_bot import refused
from wanderer_notifier.discord.rest import identify
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.dial import Dial
from wanderer_notifier.net.question import ask

ALERTING = "Alerting"
TEST = Alarm(subject="test", event="note", text="an operator tries whether alerts arrive; nothing is wrong")
NAME = "Test alert"


async def fire(settings: Settings, *, dial: Dial, now: Callable[[], datetime], about: str) -> list[Check]:
    """Post a test alert to the operators' channel and to the webhook; *about* is the project's address."""
    if not settings.alerts_enabled:
        return [_check("alerts", "warn", "ALERTS_ENABLED=false: nobody would be told", "remove ALERTS_ENABLED")]
    return [await _channel(settings, dial, now, about), await _webhook(settings, dial, now)]


async def _channel(settings: Settings, dial: Dial, now: Callable[[], datetime], about: str) -> Check:
    number = settings.alert_channel_id or settings.discord.channels.resolve("status")
    if number is None:
        words = "neither ALERT_CHANNEL_ID nor DISCORD_CHANNEL_ID is set: nobody is told on Discord"
        return _check("alert channel", "warn", words, "set ALERT_CHANNEL_ID")
    token = settings.discord.token.reveal()
    api = Upstream("discord", settings.discord.api_url, dial=dial, headers=identify(token, __version__, about))
    try:
        body = render_alarm(TEST, NAME).body()
        reply = await patiently(api, "POST", f"/channels/{number}/messages", now=now, json=body)
    finally:
        with trio.CancelScope(shield=True), trio.move_on_after(2):
            await api.aclose()
    if reply.good:
        return _check("alert channel", "pass", f"posted to channel {number}: did somebody notice?")
    finding = refused("alert channel", reply)
    return _check("alert channel", "fail", finding.words, finding.fix)


async def _webhook(settings: Settings, dial: Dial, now: Callable[[], datetime]) -> Check:
    name, fix = "alert webhook", "check ALERT_WEBHOOK_URL and who receives it"
    if settings.alert_webhook_url is None:
        return _check(name, "skip", "ALERT_WEBHOOK_URL is not set: nobody is told while Discord is down")
    webhook = Webhook.at(
        settings.alert_webhook_url.reveal(), lambda base: Upstream("alert_webhook", base, dial=dial, connections=1)
    )
    try:
        reply = await ask(webhook.api, "POST", webhook.target, now=now, json=webhook_body(TEST, NAME, now()))
    finally:
        with trio.CancelScope(shield=True), trio.move_on_after(2):
            await webhook.api.aclose()
    if 200 <= reply.status < 300:
        return _check(name, "pass", f"taken (HTTP {reply.status}): did somebody notice?")
    return _check(name, "fail", reply.trouble or f"refused (HTTP {reply.status})", fix)


def _check(name: str, level: Level, words: str, fix: str = "") -> Check:
    return Check(section=ALERTING, name=name, level=level, words=words, fix=fix)
