"""Every interaction is answered, in time, once, and to the asker alone (discord.md 4; README.md here)."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
import structlog
import trio
from trio.testing import MockClock

from tests.discord.command_stage import USER, CommandStage, command_stage
from tests.discord.peer import MAIN, kill_body
from wanderer_notifier.core import replies
from wanderer_notifier.discord.commands import AT_ONCE, Result
from wanderer_notifier.discord.session import GatewayEvent
from wanderer_notifier.sim.faults import Fault, cut, limited, slow, stall, status
from wanderer_notifier.sim.interactions import Interaction, NoAnswer

CALLBACK = "POST /interactions/{i}/{t}/callback"
ORIGINAL = "PATCH /webhooks/{a}/{t}/messages/{m}"


def refused(http: int, code: int) -> Fault:
    return status(http, body=json.dumps({"message": "No", "code": code}).encode())


async def test_a_quick_command_is_answered_at_once_for_the_askers_eyes_only(autojump_clock: MockClock) -> None:
    async with command_stage() as at:
        at.result = Result(text="✅ Added **Jita** @everyone <@700000000000000031>")
        asked = at.invoke("notifier system", {"system_name": "Jita", "action": "add_priority"})
        answer = await asked.answer()
        assert (answer.content, answer.ephemeral, answer.deferred) == (at.result.text, True, False)
        assert answer.after_s < 0.1
        assert not answer.message.pinged
        await trio.sleep(1)
        assert at.asked[0].options == {"system_name": "Jita", "action": "add_priority"}
        assert at.counted[("system", "ok")] == 1


@pytest.mark.parametrize("delay_s", [1.0, 30.0, 100.0])
async def test_a_slow_command_is_deferred_within_a_second_and_filled_in_later(
    autojump_clock: MockClock, delay_s: float
) -> None:
    async with command_stage() as at:
        at.delay_s = delay_s
        answer = await at.invoke().answer()
        assert answer.deferred
        assert answer.ephemeral
        assert answer.after_s < 1.0
        assert answer.content == "done"
        assert len(at.discord.interactions.log[-1].shown) == 1


async def test_answers_go_to_the_application_that_was_asked_whatever_is_configured(autojump_clock: MockClock) -> None:
    async with command_stage() as at:
        at.registration.application = "700000000000000666"
        at.delay_s = 2.0
        assert (await at.invoke().answer()).content == "done"


async def test_an_answer_that_is_filled_in_later_pings_nobody_either(autojump_clock: MockClock) -> None:  # P78
    async with command_stage() as at:
        at.delay_s = 2.0
        at.result = Result(text="done, @everyone, @here, <@700000000000000031>")
        answer = await at.invoke().answer()
        assert answer.deferred
        assert (answer.content, answer.message.pinged) == (at.result.text, ())


async def test_no_line_of_the_log_holds_an_interactions_token(autojump_clock: MockClock) -> None:  # P77
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    try:
        with structlog.testing.capture_logs() as lines:
            async with command_stage() as at:
                for fault in (None, status(500), cut(effect=True), refused(404, 10062), refused(401, 50027)):
                    for route in (CALLBACK, ORIGINAL):
                        at.delay_s = 2.0 if route == ORIGINAL else 0.0
                        if fault is not None:
                            at.discord.fault(fault, route=route, times=2)
                        at.invoke()
                        await trio.sleep(60)
    finally:
        structlog.configure(**before)
    assert len(lines) > 10
    assert "test-token-interaction" not in repr(lines)


async def test_a_job_that_never_ends_is_cut_while_its_token_lives(autojump_clock: MockClock) -> None:  # P72
    async with command_stage() as at:
        at.delay_s = 100_000
        began = trio.current_time()
        answer = await at.invoke().answer()
        assert answer.content.startswith("❌ Internal problem, see logs (ref ")
        assert trio.current_time() - began < 15 * 60


async def test_an_answer_that_cannot_be_delivered_is_tried_until_the_token_is_over(
    autojump_clock: MockClock,
) -> None:  # P72
    async with command_stage() as at:
        at.delay_s = 2.0
        at.discord.fault(status(502), route=ORIGINAL, times=20)
        answer = await at.invoke().answer()
        assert answer.content == "done"
        at.discord.fault(status(502), route=ORIGINAL, times=None)
        with structlog.testing.capture_logs() as lines:
            asked = at.invoke()
            await asked.acknowledged()
            await trio.sleep(16 * 60)
        assert [line["event"] for line in lines if line["log_level"] == "warning"] == ["command_not_answered"]
        assert not asked.shown
        assert at.told_elsewhere == ["done"]


async def test_an_answer_behind_a_dead_token_is_given_in_the_channel(autojump_clock: MockClock) -> None:  # P72
    async with command_stage() as at:
        at.delay_s = 2.0
        at.discord.fault(refused(401, 50027), route=ORIGINAL, times=None)
        await at.invoke().acknowledged()
        await trio.sleep(60)
        assert at.told_elsewhere == ["done"]


@pytest.mark.parametrize("delay_s", [0.0, 2.0])
async def test_an_answer_that_got_lost_on_its_way_is_given_in_the_channel(
    autojump_clock: MockClock, delay_s: float
) -> None:  # P72
    async with command_stage() as at:
        at.delay_s = delay_s
        at.discord.fault(slow(before_s=5.0), route=CALLBACK, times=2)
        asked = at.invoke()
        await trio.sleep(60)
        assert not asked.shown
        assert at.told_elsewhere == ["done"]


@pytest.mark.parametrize(("route", "code"), [(CALLBACK, 10062), (ORIGINAL, 10008)])
async def test_what_somebody_else_answered_or_the_asker_sent_away_stays_out_of_the_channel(
    autojump_clock: MockClock, route: str, code: int
) -> None:
    async with command_stage() as at:
        at.delay_s = 2.0
        at.discord.fault(refused(404, code), route=route, times=None)
        at.invoke()
        await trio.sleep(60)
        assert not at.told_elsewhere


async def test_a_connection_for_answers_is_ready_at_any_time(autojump_clock: MockClock) -> None:  # P68
    async with command_stage() as at, trio.open_nursery() as nursery:
        nursery.start_soon(at.interaction_rest.keep_warm)
        for quiet_s in (1.0, 44.0, 200.0, 3600.0):
            await trio.sleep(quiet_s)
            dials = at.gateway.dials()
            assert (await at.invoke().answer()).content == "done"
            assert at.gateway.dials() == dials
        nursery.cancel_scope.cancel()


async def test_a_discord_that_is_away_does_not_end_the_warm_connection(autojump_clock: MockClock) -> None:
    async with command_stage() as at, trio.open_nursery() as nursery:
        nursery.start_soon(at.interaction_rest.keep_warm)
        await trio.sleep(10)
        for fault in (status(503), cut(effect=False), stall(effect=False)):
            at.discord.fault(fault, route="GET /gateway")
            await trio.sleep(60)
        dials = at.gateway.dials()
        assert (await at.invoke().answer()).content == "done"
        assert at.gateway.dials() == dials
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("skew_s", [-20, 20])
async def test_the_local_clock_has_no_say_in_whether_a_command_is_answered(
    autojump_clock: MockClock, skew_s: int
) -> None:  # P50
    async with command_stage() as at:
        at.gateway.skew = timedelta(seconds=skew_s)  # our wall clock against that of the interaction's id
        assert (await at.invoke().answer()).content == "done"


async def test_a_command_is_answered_within_a_second_behind_500_messages(autojump_clock: MockClock) -> None:  # P68
    async with command_stage() as at:
        async with trio.open_nursery() as nursery:
            for number in range(500):
                nursery.start_soon(at.rest.post, MAIN, kill_body(number))
            await trio.sleep(0.5)
            answers = [await at.invoke().answer() for _ in range(3)]
            nursery.cancel_scope.cancel()
        assert max(one.after_s for one in answers) < 1.0


async def test_a_global_limit_of_the_bot_does_not_stop_answers(autojump_clock: MockClock) -> None:  # P68
    async with command_stage() as at:
        at.discord.fault(limited(30.0, scope="global"), route="POST /channels/{c}/messages")
        await at.rest.post(MAIN, kill_body())
        assert (await at.invoke().answer()).after_s < 1.0


async def test_an_act_that_fails_is_answered_once_with_a_reference_to_the_log(
    autojump_clock: MockClock,
) -> None:  # P69
    async with command_stage() as at:
        at.fault = RuntimeError("boom")
        with structlog.testing.capture_logs() as lines:
            answer = await at.invoke().answer()
            await trio.sleep(30)
        (line,) = [one for one in lines if one["event"] == "command_failed"]
        assert answer.content == f"❌ Internal problem, see logs (ref {line['ref']})"
        assert len(at.discord.interactions.log[-1].shown) == 1
        assert at.counted[("status", "failed")] == 1
        at.fault = None
        assert (await at.invoke().answer()).content == "done"


@pytest.mark.parametrize(
    "fault",
    [
        cut(effect=True),
        cut(effect=False),
        status(502, effect=True),
        status(503),
        stall(effect=True),
        stall(effect=False),
    ],
)
async def test_an_answer_whose_fate_is_unknown_is_given_once(autojump_clock: MockClock, fault: Fault) -> None:  # P69
    async with command_stage() as at:
        at.discord.fault(fault, route=CALLBACK)
        asked = at.invoke()
        assert (await asked.answer()).content == "done"
        await trio.sleep(60)
        assert len(asked.shown) == 1


async def test_an_interaction_that_somebody_else_answered_is_edited(autojump_clock: MockClock) -> None:  # P28, P69
    async with command_stage() as at:
        at.delay_s = 0.5
        asked = at.invoke()
        await at.interactions.request(
            "POST", f"/interactions/{asked.id}/{asked.token}/callback", json={"type": 4, "data": {"content": "twin"}}
        )
        await asked.until(lambda it: it.shown[0].content == "done")
        assert len(asked.shown) == 1


async def test_an_expired_interaction_crosses_nobodys_way(autojump_clock: MockClock) -> None:  # D12
    async with command_stage() as at:
        at.discord.fault(refused(404, 10062), route=CALLBACK, times=2)
        with structlog.testing.capture_logs() as lines:
            first = at.invoke()
            with pytest.raises(NoAnswer):
                await first.answer()
        assert [line["event"] for line in lines if line["log_level"] in ("warning", "error")] == [
            "command_not_answered"
        ]
        at.discord.faults.clear()
        assert (await at.invoke().answer()).content == "done"


async def test_a_late_first_answer_is_contained(autojump_clock: MockClock) -> None:  # D12: answer after 4 s
    async with command_stage() as at:
        at.discord.fault(slow(before_s=4.0), route=CALLBACK, times=2)
        with pytest.raises(NoAnswer):
            await at.invoke().answer()
        assert (await at.invoke().answer()).content == "done"


async def test_the_same_interaction_twice_is_carried_out_once(autojump_clock: MockClock) -> None:  # P67
    async with command_stage() as at:
        asked = at.invoke()
        at.discord.interactions.again(asked)
        await asked.answer()
        at.gateway.gateway.op7()
        await at.gateway.until_count("resumed", 1)
        at.discord.interactions.again(asked)
        await trio.sleep(30)
        assert len(at.asked) == 1
        assert len(asked.shown) == 1


async def test_a_dead_interaction_token_does_not_stop_the_bot(autojump_clock: MockClock) -> None:  # P31
    async with command_stage() as at:
        at.delay_s = 2.0
        at.discord.fault(refused(401, 50027), route=ORIGINAL, times=None)
        asked = at.invoke()
        await asked.acknowledged()
        await trio.sleep(60)
        posted = await at.rest.post(MAIN, kill_body())
        assert type(posted).__name__ == "Accepted"
        assert at.gateway.part.state == "ok"


async def test_interactions_leave_no_limits_behind(autojump_clock: MockClock) -> None:  # P33
    async with command_stage() as at:
        before = at.limits.known()
        for _ in range(300):  # answers pass through no limits at all, so that their number does not matter
            await at.invoke().answer()
        await trio.sleep(1)
        assert at.limits.known() == before
        assert at.commands._active == 0
        assert not at.commands._acts


# --- what makes no sense ------------------------------------------------------------------------------------------


def odd(**changes: Any) -> dict[str, Any]:
    data = {
        "id": "710000000000000001",
        "token": "test-token-odd",
        "type": 2,
        "member": {"user": {"id": USER, "username": "pilot"}, "permissions": "32", "roles": []},
        "data": {"name": "notifier", "options": [{"name": "status", "type": 1}]},
    }
    return {name: value for name, value in {**data, **changes}.items() if value is not ...}


ODD = {
    "another command": odd(data={"name": "other", "options": [{"name": "status"}]}),
    "no sub-command": odd(data={"name": "notifier"}),
    "two sub-commands": odd(data={"name": "notifier", "options": [{"name": "status"}, {"name": "help"}]}),
    "an unknown sub-command": odd(data={"name": "notifier", "options": [{"name": "dance"}]}),
    "options that are no list": odd(data={"name": "notifier", "options": {"name": "status"}}),
    "no data": odd(data=...),
    "data that is null": odd(data=None),
    "nobody": odd(member=...),
    "a member without user": odd(member={"roles": []}),
    "a button": odd(type=3, data={"custom_id": "ack:1", "component_type": 2}),
    "a modal": odd(type=5, data={"custom_id": "form", "components": []}),
    "something new": odd(type=99),
}


@pytest.mark.parametrize("payload", ODD.values(), ids=ODD.keys())
async def test_what_makes_no_sense_is_answered_all_the_same(autojump_clock: MockClock, payload: dict[str, Any]) -> None:
    async with command_stage() as at:
        asked = at.invoke()
        await asked.answer()
        answered = strange(at, payload)
        answer = await answered.answer()
        assert (answer.content, answer.ephemeral) == (replies.UNSUPPORTED, True)
        assert len(at.asked) == 1


def strange(at: CommandStage, payload: dict[str, Any]) -> Interaction:
    """An interaction whose payload is not what the fake would make of it."""
    log = at.discord.interactions
    dispatch = at.discord.gateway.dispatch
    at.discord.gateway.dispatch = lambda event, data: None  # type: ignore[method-assign]
    made = at.invoke()
    at.discord.gateway.dispatch = dispatch  # type: ignore[method-assign]
    assert log.find(made.token) is made
    made.type = payload["type"] if payload["type"] in (2, 3, 4) else 2
    at.discord.gateway.dispatch("INTERACTION_CREATE", {**payload, "id": made.id, "token": made.token})
    return made


@pytest.mark.parametrize("payload", [{}, {"id": "1"}, {"token": "x"}, {"id": 5, "token": []}, {"id": None}])
async def test_what_cannot_be_answered_harms_nobody(autojump_clock: MockClock, payload: dict[str, Any]) -> None:
    async with command_stage() as at:
        at.discord.gateway.dispatch("INTERACTION_CREATE", payload)
        assert (await at.invoke().answer()).content == "done"


async def test_suggestions_come_at_once_and_an_error_means_none(autojump_clock: MockClock) -> None:
    async with command_stage() as at:
        typing = at.discord.interactions.type_into("notifier system", "system_name", "ji", user=USER)
        assert [one["name"] for one in await typing.suggestions()] == ["ji 0", "ji 1", "ji 2"]
        at.fault = RuntimeError("boom")
        typing = at.discord.interactions.type_into("notifier system", "system_name", "ji", user=USER)
        assert await typing.suggestions() == []
        assert typing.answer_type == 8
        strange_one = at.discord.interactions.type_into("other", "name", "ji", user=USER, check=False)
        assert await strange_one.suggestions() == []
        assert strange_one.answer_type == 8


# --- too many, and the end ----------------------------------------------------------------------------------------


async def test_more_commands_than_can_be_worked_on_are_answered_that_we_are_busy(autojump_clock: MockClock) -> None:
    async with command_stage() as at:
        at.delay_s = 60.0
        asked = [at.invoke() for _ in range(AT_ONCE + 30)]
        answers = [await one.answer() for one in asked]
        busy = [one for one in answers if one.content == replies.BUSY]
        assert len(busy) == 30
        assert all(one.after_s < 1.0 for one in answers)
        assert sum(one.content == "done" for one in answers) == AT_ONCE


async def test_a_full_channel_is_answered_that_we_are_busy(autojump_clock: MockClock) -> None:
    async with command_stage() as at:
        asked = at.invoke()
        await asked.answer()
        at.gateway.gateway.dispatch = lambda event, data: None  # type: ignore[method-assign]
        dropped = at.invoke()
        at.commands.busy(GatewayEvent(type="INTERACTION_CREATE", data=dropped.payload, arrived=trio.current_time()))
        assert (await dropped.answer()).content == replies.BUSY


async def test_the_end_answers_everybody(autojump_clock: MockClock) -> None:
    async with command_stage() as at:
        at.delay_s = 1.5
        nearly = at.invoke()
        await trio.sleep(1.0)
        at.delay_s = 50.0
        endless = at.invoke()
        await trio.sleep(0.1)
        at.stop.set()
        began = trio.current_time()
        assert (await nearly.answer()).content == "done"
        assert (await endless.answer()).content == replies.RESTARTING
        await at.stopped.wait()
        assert trio.current_time() - began < 5.0


async def test_who_asks_while_we_stop_is_told_that_we_restart(autojump_clock: MockClock) -> None:
    async with command_stage() as at:
        at.stop.set()
        await trio.sleep(0.5)
        late = [at.invoke() for _ in range(3)]
        assert {(await one.answer()).content for one in late} == {replies.RESTARTING}
        await at.stopped.wait()


async def test_the_end_is_quick_when_nobody_can_ask_any_more(autojump_clock: MockClock) -> None:
    async with command_stage() as at:
        began = trio.current_time()
        at.stop.set()
        await at.gateway.out.aclose()
        await at.stopped.wait()
        assert trio.current_time() - began < 0.5
