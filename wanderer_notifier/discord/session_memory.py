"""What lets a killed process go on with its session: the session and what was known at its number, kept together."""

from __future__ import annotations

import structlog
import trio

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.discord.session_ties import Ties
from wanderer_notifier.runtime.supervise import describe
from wanderer_notifier.state.store import StoreError
from wanderer_notifier.wire.gateway import Bot, Resumable, Session

log = structlog.get_logger("gateway")

KEEP_S = 10.0
"""What changes the session is written so late at most; at once what begins it, and interactions, since they must not be
carried out twice."""
BREATH_S = 0.5
"""Between two writes even of urgent things."""
FORGET_S = 2.0


class SessionMemory:
    """Writes down the session now and then; *intents* are those it is for, other ones need another session."""

    def __init__(self, ties: Ties, intents: int) -> None:
        self._ties = ties
        watched = ties.voice.watched
        self._purpose = f"{intents} {'*' if watched is None else ' '.join(sorted(watched))}"
        self._changed, self._urgent = trio.Event(), trio.Event()

    async def recall(self) -> Resumable | None:
        """The session of an earlier process; the voice map then knows what it knew."""
        try:
            kept = await self._ties.memory.session()
            if kept is None or kept["for"] != self._purpose:
                return None
            self._ties.voice.load(kept["voice"])
            return Resumable(
                session_id=kept["session_id"],
                resume_url=kept["resume_url"],
                seq=kept["seq"],
                last_good=trio.current_time() - max(0.0, self._unix() - kept["good_at"]),
                bot=Bot(user_id=kept["user_id"], application_id=kept["application_id"]),
            )
        except StoreError as error:
            log.warning("gateway_memory", reason=str(error))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("gateway_memory", reason=f"what was kept is not readable: {describe(error)}")
        return None

    def changed(self, *, urgent: bool = False) -> None:
        """There is something to write."""
        self._changed.set()
        if urgent:
            self._urgent.set()

    async def keep_remembering(self, session: Session) -> None:
        """Write until cancelled; a failing disk costs only what would be remembered."""
        while True:
            await self._changed.wait()
            with trio.move_on_after(KEEP_S):
                await self._urgent.wait()
            self._changed, self._urgent = trio.Event(), trio.Event()
            await self._keep(self._record(session))
            await trio.sleep(BREATH_S)

    async def forget(self) -> None:
        """There is no session any more."""
        await self._keep(None)

    async def _keep(self, record: JsonObject | None) -> None:
        try:
            await self._ties.memory.keep(record)
        except StoreError as error:
            log.warning("gateway_memory", reason=str(error))

    def _record(self, session: Session) -> JsonObject | None:
        kept = session.resumable
        if kept is None:
            return None
        return {
            "for": self._purpose,
            "session_id": kept.session_id,
            "resume_url": kept.resume_url,
            "seq": kept.seq,
            "good_at": self._unix() - (trio.current_time() - kept.last_good),
            "user_id": kept.bot.user_id,
            "application_id": kept.bot.application_id,
            "voice": self._ties.voice.dump(),
        }

    def _unix(self) -> float:
        return self._ties.now().timestamp()
