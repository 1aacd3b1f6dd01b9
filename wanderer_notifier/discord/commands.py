"""Everybody who types a command gets an answer within a second, even if it is only that one is being worked on.

What a command does is somebody else's (*act*, *suggest*); here is how it is answered: at once, or deferred and later
filled in, always for the asker's eyes only, pinging nobody (discord.md 2.2, operations.md OPS-29, 30).
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeAlias

import structlog
import trio
from attrs import frozen

from wanderer_notifier.core import replies
from wanderer_notifier.core.commands import Asked, Interaction, Typing, Unusable, parse
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.discord.interaction_rest import CALL_S, InteractionRest, Reply
from wanderer_notifier.discord.session import GatewayEvent
from wanderer_notifier.discord.talk import MESSAGE, Talk, said
from wanderer_notifier.runtime.supervise import describe

log = structlog.get_logger("commands")

DEFER_S = 0.8
"""An act that takes longer is deferred; the answer must be on its way one second after the command came."""
WORK_S = 120.0
"""No act may take longer: its answer must find the interaction's token alive (15 minutes, P72)."""
TOKEN_S = 14 * 60.0
"""For so long after the command a finished act's answer is tried again."""
AT_ONCE = 64
"""Commands that are worked on at the same time; the next one is answered that we are busy."""
FAREWELL_S = 2.0
"""How long a command may go on once the service stops."""
CHOICES = 8
"""The type of an answer to somebody who types."""

Outcome = Literal["ok", "refused", "unchanged", "invalid", "unsaved", "unsupported", "failed", "busy", "stopping"]


@frozen(kw_only=True)
class Result:
    """What a command came to: the text for the asker, and a word for the log and the metric."""

    text: str
    outcome: Outcome = "ok"


Act: TypeAlias = Callable[[Asked], Awaitable[Result]]
Suggest: TypeAlias = Callable[[str], Sequence[JsonObject]]
Elsewhere: TypeAlias = Callable[[Asked, str], Awaitable[str | None]]
"""Tells the asker in another way; says why it could not, if so."""


async def nowhere(asked: Asked, text: str) -> str | None:
    """There is no other way."""
    return "nowhere else to answer"


class Commands:
    """Answers interactions; `run` must be running.

    *counted* hears the sub-command, its action (or nothing) and the outcome of each; *application* gives the
    application's id once it is known; *elsewhere* is for an answer that the interaction does not take any more (P72).
    """

    def __init__(
        self,
        rest: InteractionRest,
        *,
        act: Act,
        suggest: Suggest,
        application: Callable[[], str | None],
        elsewhere: Elsewhere = nowhere,
        counted: Callable[[str, str, str], None] = lambda subcommand, action, outcome: None,
    ) -> None:
        self._rest, self._act, self._suggest, self._elsewhere = rest, act, suggest, elsewhere
        self._application, self._counted = application, counted
        self._work: trio.Nursery | None = None
        self._acts = set[trio.CancelScope]()
        self._active = self._turned_away = 0
        self._stopping = False

    async def run(self, events: trio.MemoryReceiveChannel[GatewayEvent], *, stop: trio.Event) -> None:
        """Answer what *events* bring until *stop* is set and everybody has their answer.

        That ends a few seconds later; sooner if the other end of *events* is closed, since then nobody asks any more.
        """
        async with trio.open_nursery() as work:
            self._work = work
            with trio.CancelScope() as intake:
                work.start_soon(_cancel_when, stop, intake)  # noqa: ASYNC111  # cancelling a closed scope does nothing
                async for event in events:
                    self._begin(event)
                await stop.wait()
            self._stopping = True
            for act in self._acts:
                act.deadline = min(act.deadline, trio.current_time() + FAREWELL_S)
            with trio.move_on_after(FAREWELL_S):
                async for event in events:
                    self._begin(event)
            work.cancel_scope.deadline = trio.current_time() + FAREWELL_S + CALL_S

    def busy(self, event: GatewayEvent) -> None:
        """Answer *event*, for which there was no room, that we are busy."""
        if self._work is None or self._turned_away >= AT_ONCE:
            self._counted("any", "", "dropped")
        else:
            self._turn_away(self._work, event, replies.BUSY, "busy")

    def _begin(self, event: GatewayEvent) -> None:
        assert self._work is not None
        if self._stopping:
            self._turn_away(self._work, event, replies.RESTARTING, "stopping")
        elif self._active >= AT_ONCE:
            self.busy(event)
        else:
            self._active += 1
            self._work.start_soon(self._answer, event)

    def _turn_away(self, work: trio.Nursery, event: GatewayEvent, text: str, outcome: Outcome) -> None:
        self._turned_away += 1
        work.start_soon(self._say_no, parse(event.data), text, outcome)

    async def _say_no(self, asked: Interaction, text: str, outcome: Outcome) -> None:
        try:
            await self._refuse(asked, text, outcome)
        except Exception as error:
            log.exception("interaction_failed", reason=describe(error))
        finally:
            self._turned_away -= 1

    # --- one interaction ----------------------------------------------------------------------------------------------

    async def _answer(self, event: GatewayEvent) -> None:
        asked = parse(event.data)
        try:
            match asked:
                case Asked():
                    await self._carry_out(asked, event.arrived)
                case Typing():
                    await self._complete(asked)
                case Unusable():
                    log.warning("interaction_not_understood", reason=asked.reason)
                    await self._refuse(asked, replies.UNSUPPORTED, "unsupported")
        except Exception as error:  # one command's trouble is nobody else's
            log.exception("interaction_failed", reason=describe(error))
        finally:
            self._active -= 1

    async def _carry_out(self, asked: Asked, arrived: float) -> None:
        """Act, and answer with what came of it; or first that it takes a while."""
        talk = Talk(self._rest, asked, self._application)
        done: list[Result] = []
        finished = trio.Event()

        async def act() -> None:
            done.append(await self._result(asked))
            finished.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(act)
            with trio.move_on_at(arrived + DEFER_S):
                await finished.wait()
            if not finished.is_set():
                await talk.defer()
                await finished.wait()
        await self._tell(talk, asked, done[0], arrived)

    async def _result(self, asked: Asked) -> Result:
        ref = secrets.token_hex(4)
        try:
            with trio.move_on_after(WORK_S) as limit:
                self._acts.add(limit)
                return await self._act(asked)
            if self._stopping:
                return Result(text=replies.RESTARTING, outcome="stopping")
            log.error("command_too_slow", ref=ref, type=asked.subcommand, limit_s=WORK_S)
        except Exception as error:
            log.exception("command_failed", ref=ref, type=asked.subcommand, reason=describe(error))
        finally:
            self._acts.discard(limit)
        return Result(text=replies.internal_problem(ref), outcome="failed")

    async def _tell(self, talk: Talk, asked: Asked, result: Result, arrived: float) -> None:
        reply = await talk.say(result.text, until=arrived + TOKEN_S)
        self._note(asked, result.outcome, reply, arrived, length=len(result.text), deferred=talk.deferred)
        if reply.kind != "ok":
            log.log(
                logging.ERROR if reply.kind == "rejected" else logging.WARNING,
                "command_not_answered",
                type=asked.subcommand,
                result=reply.kind,
                reason=reply.reason,
            )
        if talk.ours and reply.kind in ("failed", "gone"):  # the asker still waits to hear what became of it
            problem = await self._elsewhere(asked, result.text)
            log.info("command_answered_in_channel", type=asked.subcommand, problem=problem)

    def _note(self, asked: Asked, outcome: Outcome, reply: Reply, arrived: float, **more: object) -> None:
        """One line for each command (operations.md OPS-33)."""
        self._counted(asked.subcommand, asked.action, outcome)
        caller = asked.caller
        log.info(
            "Discord command executed",
            type=asked.subcommand,
            action=asked.options.get("action"),
            param=asked.parameter[:100] or None,
            user_id=caller.user_id,
            guild_id=caller.guild_id,
            channel_id=caller.channel_id,
            outcome=outcome,
            answer=reply.kind,
            seconds=round(trio.current_time() - arrived, 3),
            **more,
        )

    async def _complete(self, asked: Typing) -> None:
        """Suggestions cannot be deferred: at once, or none."""
        try:
            choices = list(self._suggest(asked.typed))
        except Exception as error:
            log.exception("suggestions_failed", reason=describe(error))
            choices = []
        await self._rest.callback(asked.interaction_id, asked.token, _suggested(choices))
        self._counted("autocomplete", "", "ok")

    async def _refuse(self, asked: Interaction, text: str, outcome: Outcome) -> None:
        arrived, reply = trio.current_time(), Reply(kind="failed", reason="it has no id or no token")
        if asked.interaction_id is not None and asked.token is not None:
            silent = isinstance(asked, Typing) or (isinstance(asked, Unusable) and asked.typing)
            body = _suggested([]) if silent else {"type": MESSAGE, "data": said(text)}
            reply = await self._rest.callback(asked.interaction_id, asked.token, body)
        if isinstance(asked, Asked):
            self._note(asked, outcome, reply, arrived, length=len(text), deferred=False)
        else:
            self._counted("any", "", outcome)


def _suggested(choices: Sequence[JsonObject]) -> JsonObject:
    return {"type": CHOICES, "data": {"choices": list(choices)}}


async def _cancel_when(stop: trio.Event, intake: trio.CancelScope) -> None:
    await stop.wait()
    intake.cancel(reason="asked to stop")
