"""The bot's life with Discord's gateway: find it, connect, go on after every loss, hand out what arrives.

The machine in `wire.gateway` decides; this is its body. Nothing here can stop notifications: they go over REST.
"""

from __future__ import annotations

from collections import OrderedDict

import structlog
import trio

from wanderer_notifier.discord.rest import DiscordError
from wanderer_notifier.discord.session_memory import FORGET_S, SessionMemory
from wanderer_notifier.discord.session_socket import End, GatewaySocket
from wanderer_notifier.discord.session_ties import GatewayEvent, Ties
from wanderer_notifier.net.errors import Interrupted, NetError
from wanderer_notifier.net.socket import open_socket
from wanderer_notifier.runtime.supervise import describe
from wanderer_notifier.state.store import StoreError
from wanderer_notifier.wire.gateway import Action, Dispatch, Identity, Next, Ready, Resumed, Session
from wanderer_notifier.wire.gateway_frames import BadAddress, address
from wanderer_notifier.wire.identifies import BadDiscovery, Discovered, read_discovery, wait_for

__all__ = ["GatewayEvent", "Ties", "follow_gateway"]

log = structlog.get_logger("gateway")

CONNECT_S = 15.0
TWICE_S = 900.0
"""So long an interaction's token lives, and so long its id is remembered (P67)."""
INTERACTION = "INTERACTION_CREATE"
KNOWN = frozenset({INTERACTION, "READY", "GUILD_CREATE", "GUILD_DELETE", "VOICE_STATE_UPDATE", "CHANNEL_UPDATE"})
"""Events with a label of their own."""


async def follow_gateway(identity: Identity, ties: Ties, *, compress: bool = True) -> None:
    """Stay connected until cancelled; then say goodbye, which ends the session and shows the bot offline.

    What waiting cannot cure (a dead token) is shown as `failed` and not tried again. Nothing else ends it.
    """
    await _Gateway(identity, ties, compress).run()


class _Gateway:
    def __init__(self, identity: Identity, ties: Ties, compress: bool) -> None:
        self._identity, self._ties, self._compress = identity, ties, compress
        self._session = Session(identity, compress=compress)
        self._counts = {kind: ties.metrics.gateway_events.labels(kind) for kind in (*KNOWN, "other")}
        self._found: Discovered | None = None
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._memory = SessionMemory(ties, identity.intents)

    async def run(self) -> None:
        part, metrics = self._ties.part, self._ties.metrics
        self._session = Session(self._identity, await self._memory.recall(), compress=self._compress)
        following = self._session.first(trio.current_time())
        if following.kind == "identify":
            self._ties.voice.forget()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._memory.keep_remembering, self._session, name="gateway: memory")
            while following.kind != "stop":
                await trio.sleep(following.wait_s)
                following = await self._attempt(following)
                metrics.gateway_losses.labels(following.cause).inc()
                self._tell_oddities()
                if self._session.resumable is None:
                    self._ties.voice.forget()  # nobody tells us any more who leaves
                self._memory.changed()
                if following.kind != "stop":
                    part.to("degraded", following.reason)
                    part.reconnecting(following.wait_s)
                    log.warning(
                        "gateway_lost",
                        reason=following.reason,
                        cause=following.cause,
                        following=following.kind,
                        pause_s=round(following.wait_s, 1),
                    )
            part.to("failed", following.reason)
            log.error("gateway_stopped", reason=following.reason, cause=following.cause)
            await trio.sleep_forever()

    # --- one attempt ---

    async def _attempt(self, how: Next) -> Next:
        try:
            if how.kind == "identify":
                await self._wait_for_turn()
            base = self._found.url if self._found is not None else None
            url = self._session.url(base) or (await self._discover()).url
            target = address(url, compress=self._session.compress)
        except DiscordError as error:
            if error.unauthorized:
                return Next(kind="stop", wait_s=0.0, cause="unauthorized", reason=f"the bot token is dead: {error}")
            return self._failed(f"cannot find the gateway: {error}", "discovery")
        except (BadDiscovery, BadAddress) as error:
            self._found = None
            return self._failed(f"cannot find the gateway: {error}", "discovery")
        except StoreError as error:
            return self._failed(f"cannot read when we last identified: {error}", "store")
        return await self._connect(url, target)

    async def _wait_for_turn(self) -> None:
        """Wait until another session may be begun; tells when that takes long. Raises as `_discover` does."""
        ties, roll = self._ties, self._ties.roll()
        while True:
            if self._found is None or not self._found.fresh(self._unix()):
                try:
                    await self._discover()
                except (DiscordError, BadDiscovery) as error:
                    if self._found is None or (isinstance(error, DiscordError) and error.unauthorized):
                        raise
            times = await ties.memory.identifies(self._unix())
            wait, why = wait_for(times, self._found, self._unix(), roll)
            if wait <= 0.0:
                return
            if why != "spacing":
                ties.part.to("degraded", f"waits {wait:.0f} s before it identifies again: {why}")
                log.warning("gateway_identify_waits", wait_s=round(wait), reason=why)
                ties.metrics.gateway_oddities.labels("identify_budget").inc()
            await trio.sleep(wait)

    async def _discover(self) -> Discovered:
        self._found = read_discovery(await self._ties.discover(), self._unix())
        self._ties.metrics.gateway_budget.set(self._found.remaining)
        return self._found

    async def _connect(self, url: str, target: str) -> Next:
        ties, session = self._ties, self._session
        end: End | None = None
        fault: Exception | None = None
        try:
            async with open_socket(
                target,
                dial=ties.dial,
                tls=ties.tls,
                connect_s=CONNECT_S,
                headers=[(b"User-Agent", ties.user_agent.encode())],
            ) as ws:
                ties.metrics.gateway_sessions.labels("resume" if session.resumable else "identify").inc()
                session.connected(trio.current_time(), url)
                socket = GatewaySocket(
                    ws,
                    session,
                    identifying=self._note_identify,
                    happened=self._happened,
                    heard=self._heard,
                    presence=ties.presence,
                    roll=ties.roll,
                )
                try:
                    end = await socket.run()
                finally:
                    if end is None:  # we were cancelled, and said the goodbye that ends the session
                        with trio.move_on_after(FORGET_S, shield=True):
                            await self._memory.forget()
        except NetError as error:
            fault = error
        if end is None:
            kind = "lost" if isinstance(fault, Interrupted) else "not_reached"
            return self._failed(describe(fault) if fault else "", kind)
        return session.closed(end.code, trio.current_time(), ties.roll(), why=end.why, cause=end.cause)

    def _failed(self, why: str, cause: str) -> Next:
        return self._session.closed(None, trio.current_time(), self._ties.roll(), why=why, cause=cause)

    # --- what happens on the socket ---

    def _happened(self, action: Action) -> None:
        ties = self._ties
        match action:
            case Dispatch():
                self._counts[action.type if action.type in KNOWN else "other"].inc()
                self._dispatched(action)
                self._memory.changed()
            case Ready(bot) | Resumed(bot):
                how = "ready" if isinstance(action, Ready) else "resumed"
                ties.metrics.gateway_sessions.labels(how).inc()
                ties.part.to("ok")
                log.info("gateway_live", how=how)
                self._memory.changed(urgent=True)  # a process killed from now on can go on with this session
                ties.ready(bot)

    def _dispatched(self, event: Dispatch) -> None:
        """Take in one event; an error of ours in it costs that event, not the connection."""
        try:
            self._ties.voice.apply(event.type, event.data)
            self._ties.noticed(event.type, event.data)
        except Exception as error:
            self._ties.metrics.gateway_oddities.labels("event_made_us_fail").inc()
            log.exception("gateway_event_made_us_fail", type=event.type, reason=describe(error))
        if event.type == INTERACTION:
            self._hand_out(GatewayEvent(type=event.type, data=event.data, arrived=trio.current_time()))

    def _hand_out(self, event: GatewayEvent) -> None:
        identity = str(event.data.get("id"))
        while self._seen and next(iter(self._seen.values())) <= event.arrived - TWICE_S:
            self._seen.popitem(last=False)
        if identity in self._seen:
            self._ties.metrics.gateway_oddities.labels("interaction_twice").inc()
            return
        self._seen[identity] = event.arrived
        self._memory.changed(urgent=True)
        try:
            self._ties.out.send_nowait(event)
        except (trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
            self._ties.metrics.gateway_oddities.labels("busy").inc()
            self._ties.busy(event)

    def _heard(self) -> None:
        self._ties.part.seen()
        if self._session.latency_s is not None:
            self._ties.metrics.gateway_round_trip.set(self._session.latency_s)
        if self._session.oddities:
            self._tell_oddities()

    def _tell_oddities(self) -> None:
        for what, times in self._session.oddities.items():
            self._ties.metrics.gateway_oddities.labels(what).inc(times)
        self._session.oddities.clear()

    async def _note_identify(self) -> None:
        await self._ties.memory.note_identify(self._unix())

    def _unix(self) -> float:
        return self._ties.now().timestamp()
