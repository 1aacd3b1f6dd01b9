"""A virtual day of one bot at a bad gateway: losses, lies and outages by the dice, and what must hold all the same."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import structlog
import trio
from attrs import Factory, define
from trio.testing import MockClock

from tests.discord.gateway_stage import AFK, HOST, OPS, PILOT, PORT, SCOUT, STAGE_ROOM, Stage, stage
from wanderer_notifier.sim.faults import status
from wanderer_notifier.sim.gateway import FakeGateway
from wanderer_notifier.sim.gateway_faults import (
    Close,
    Corrupt,
    Drip,
    Hold,
    Http,
    Late,
    Partly,
    Repeat,
    Reset,
    Silence,
    Swap,
    bad_utf8,
    invalid_session,
    op7,
    reserved_opcode,
    unknown,
)
from wanderer_notifier.sim.gateway_rules import Action, Point

DAY_S = 86_400.0


@define
class Day:
    """What happened and what came of it."""

    seed: int
    harmless: int = 0
    """Misfortunes that must not cost the session."""
    costly: int = 0
    """Those that may."""
    interactions: dict[str, tuple[str, int]] = Factory(dict)
    """By id: the session each was sent to, and its number there."""
    got: Counter[str] = Factory(Counter)
    identifies: int = 0
    worst_hour: int = 0
    worst_beat_s: float = 0.0
    lost_needlessly: list[str] = Factory(list)
    errors: list[str] = Factory(list)

    def wrong(self) -> list[str]:
        """What should not have been."""
        found = [*self.errors]
        if self.worst_beat_s > 1.0:
            found.append(f"a heartbeat was {self.worst_beat_s:.1f} s late")
        if self.worst_hour > 20 or self.identifies > 200:
            found.append(f"{self.identifies} identifies, {self.worst_hour} in one hour")
        if self.identifies > 1 + self.costly:
            found.append(f"{self.identifies} identifies for {self.costly} misfortunes that may cost a session")
        if self.lost_needlessly:
            found.append(f"lost though a resume had brought them: {self.lost_needlessly[:5]}")
        twice = [one for one, times in self.got.items() if times > 1]
        if twice:
            found.append(f"handed out twice: {twice[:5]}")
        return found


def play(seed: int, length_s: float = DAY_S) -> Day:
    """One day, or as much of it as wanted; the same seed tells the same one."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    run: Any = trio._core._run
    run._ALLOW_DETERMINISTIC_SCHEDULING = True
    run._r.seed(seed)
    return trio.run(_play, seed, length_s, clock=MockClock(autojump_threshold=0))


async def _play(seed: int, length_s: float) -> Day:
    day, rng = Day(seed), Random(seed)
    async with stage(seed) as at:
        at.compress = rng.random() < 0.5
        at.gateway.zlib_pieces = rng.choice((1, 1, 3))
        at.gateway.session_ttl_s = 1000.0
        await at.start()
        at.nursery.start_soon(_take, at, day)
        at.nursery.start_soon(_invoke, at, Random(f"{seed} interactions"), day)
        at.nursery.start_soon(_talk, at, Random(f"{seed} voice"))
        await _vex(at, rng, day, length_s)
        await trio.sleep(1200)  # a calm end, so that everything can be made good
        day.identifies = at.count("identify")
        _judge(at, day)
    return day


async def _take(at: Stage, day: Day) -> None:
    async for event in at.events:
        day.got[str(event.data["id"])] += 1


async def _invoke(at: Stage, rng: Random, day: Day) -> None:
    number = 0
    while True:
        await trio.sleep(rng.expovariate(1 / 90))
        for session in at.gateway.sessions.values():
            if session.alone_since is None or trio.current_time() - session.alone_since <= at.gateway.session_ttl_s:
                day.interactions[str(710000000000000000 + number)] = (session.id, session.seq + 1)
        at.interaction(number)
        number += 1


async def _talk(at: Stage, rng: Random) -> None:
    while True:
        await trio.sleep(rng.expovariate(1 / 300))
        user = rng.choice((PILOT, SCOUT))
        if rng.random() < 0.4:
            at.gateway.voice_leave(user)
        else:
            at.gateway.voice_join(user, rng.choice((OPS, STAGE_ROOM, AFK)), deaf=rng.random() < 0.1)


async def _vex(at: Stage, rng: Random, day: Day, length_s: float) -> None:
    while trio.current_time() < length_s:
        await trio.sleep(rng.expovariate(1 / 900))
        kind = rng.random()
        if kind < 0.7:
            day.harmless += 1
            await _harmless(at, rng)
        elif kind < 0.9:
            day.costly += 1
            await _costly(at, rng, day)
        else:  # several at once: together they may cost what each of them does not
            day.costly += 2
            for _ in range(rng.randint(2, 6)):
                await _harmless(at, rng)
                await trio.sleep(rng.expovariate(1 / 20))


async def _harmless(at: Stage, rng: Random) -> None:
    gateway = at.gateway
    acts: list[Callable[[], Any]] = [
        gateway.op7,
        lambda: gateway.invalid_session(True),
        lambda: gateway.close_all(rng.choice((1000, 1001, None, 4000, 4008, 4077))),
        gateway.cut_all,
        lambda: gateway.suffer(Hold()),
        lambda: gateway.suffer(rng.choice((reserved_opcode(), bad_utf8()))),
        gateway.request_beat,
        gateway.ping,
        lambda: _cut_and(gateway, "connect", rng.choice((Http(status=503), Hold(), Reset()))),
        lambda: _cut_and(gateway, "hello", rng.choice((Silence(), Late(9.0), op7()))),
        lambda: _cut_and(gateway, "resume", rng.choice((Partly(1), Late(12.0), Reset()))),
        lambda: gateway.fault("dispatch", rng.choice((Repeat(2), Corrupt(), Reset(), Close(4000)))),
        lambda: gateway.fault("beat", Late(rng.uniform(1, 30))),
        lambda: gateway.fault("dispatch", Late(rng.uniform(0.1, 5.0)), event="VOICE_STATE_UPDATE"),
        lambda: gateway.suffer(rng.choice((unknown(), op7(times=20)))),
        lambda: gateway.suffer(Drip(rng.uniform(0.0001, 0.001))),
    ]
    act = rng.choice([*acts, None])
    if act is None:
        await _while(_refuse(at), rng.uniform(1, 60))
    else:
        act()


async def _costly(at: Stage, rng: Random, day: Day) -> None:
    gateway = at.gateway
    acts: list[Callable[[], Any]] = [
        lambda: gateway.invalid_session(False),
        lambda: gateway.close_all(rng.choice((4001, 4002, 4003, 4005, 4006, 4007, 4009))),
        lambda: _lose_session(gateway),
        lambda: _brick(gateway),
        lambda: _lose_login_too(gateway, day),
        lambda: _lose_session(gateway, Late(20.0)),
        lambda: gateway.fault("dispatch", Swap(), event="INTERACTION_CREATE"),
    ]
    choice = rng.randrange(len(acts) + 3)
    if choice < len(acts):
        acts[choice]()
    elif choice == len(acts):
        await _while(_refuse(at), rng.uniform(60, 900))
    elif choice == len(acts) + 1:
        _lose_session(gateway)
        at.discord.fault(status(503), route="GET /gateway/bot", times=rng.randint(1, 6))
    else:
        gateway.outage()
        await trio.sleep(rng.uniform(1, 600))
        gateway.outage(False)


def _lose_session(gateway: FakeGateway, login: Action | None = None) -> None:
    gateway.forget_sessions()
    gateway.cut_all()
    if login is not None:
        gateway.fault("identify", login)


def _lose_login_too(gateway: FakeGateway, day: Day) -> None:
    day.costly += 1
    _lose_session(gateway, invalid_session(False))


def _cut_and(gateway: FakeGateway, point: Point, action: Action) -> None:
    gateway.fault(point, action)
    gateway.cut_all()


def _brick(gateway: FakeGateway) -> None:
    gateway.brick()
    gateway.cut_all()


def _refuse(at: Stage) -> Callable[[bool], None]:
    def switch(on: bool) -> None:
        at.network.refuse(HOST, PORT, on)
        if on:
            at.gateway.cut_all()

    return switch


async def _while(switch: Callable[[bool], None], seconds: float) -> None:
    switch(True)
    await trio.sleep(seconds)
    switch(False)


def _judge(at: Stage, day: Day) -> None:
    gateway = at.gateway
    day.worst_beat_s = gateway.journal.worst_beat_s
    begun = [one.at for one in gateway.journal.frames("in") if one.op == 2]
    day.worst_hour = max((sum(1 for other in begun if one <= other < one + 3600) for one in begun), default=0)
    if at.part.state != "ok":
        day.errors.append(f"in the end it is {at.part.view()}")
    if gateway.token_reset:
        day.errors.append("the token was reset")
    if gateway.journal.counts["early_frames"]:
        day.errors.append("something was sent before the session lived")
    expected = sorted(
        user
        for user, state in at.discord.guild.voice.items()
        if state.channel_id in (OPS, STAGE_ROOM) and not (state.deaf or state.self_deaf)
    )
    if list(at.listening() or ()) != expected:
        day.errors.append(f"who sits in voice: {at.listening()} instead of {expected}")
    if at.busy:
        day.errors.append(f"{len(at.busy)} interactions found no room")
    # A session that reached a number by READY, RESUMED or what followed has told everything up to it.
    reached: dict[str, int] = {}
    for session in gateway.sessions.values():
        if session.connection is not None:
            reached[session.id] = session.seq
    asked = {one.connection: str(one.data["session_id"]) for one in gateway.journal.frames("in") if one.op == 6}
    for one in gateway.journal.frames("out"):
        if one.event == "RESUMED" and one.connection in asked and one.seq is not None:
            session_id = asked[one.connection]
            reached[session_id] = max(reached.get(session_id, 0), one.seq)
    for identity, (session_id, seq) in day.interactions.items():
        if seq <= reached.get(session_id, 0) and not day.got[identity]:
            day.lost_needlessly.append(identity)
