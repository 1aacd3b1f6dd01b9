"""The gateway machine against a model of Discord, driven by hypothesis: whatever order things happen in."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.wire.gateway import Action, Dispatch, Drop, Identity, Next, Ready, Resumed, SendFrame, Session
from wanderer_notifier.wire.identifies import wait_for

INTERVAL_S = 40.0
START = 1_795_000_000.0
ME = Identity(token="test-token-machine", intents=129, properties={})
rolls = st.floats(0, 0.999)


class ModelSession:
    """A session as the server keeps it: every event ever sent in it."""

    def __init__(self, number: int) -> None:
        self.id = f"session-{number}"
        self.seq = 0
        self.events: dict[int, str] = {}


class Gateway(RuleBasedStateMachine):
    """The machine on one side, a server with sessions on the other, a clock between them."""

    @initialize(roll=rolls)
    def begin(self, roll: float) -> None:
        self.now, self.roll = 0.0, roll
        self.session = Session(ME)
        self.following: Next | None = self.session.first(0.0)
        self.open = False
        self.sessions: dict[str, ModelSession] = {}
        self.current: ModelSession | None = None
        self.begun: list[float] = []
        self.got: dict[str, list[int]] = {}
        self.mine: ModelSession | None = None
        self.beat_due: float | None = None
        self.worst_late = 0.0
        self.last_seq: tuple[str, int] = ("", 0)
        self.left = False

    # --- carrying out what the machine wants ---

    def carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case SendFrame(payload):
                    self.sent(payload)
                case Dispatch("READY"):
                    self.mine = self.current
                case Dispatch(_, _, seq):
                    assert self.mine is not None
                    assert seq is not None
                    self.got.setdefault(self.mine.id, []).append(seq)
                case Resumed():
                    assert self.mine is not None
                    self.made_good(self.mine)
                case Ready():
                    assert self.session.live
                case Drop(code):
                    self.left = True
                    assert code in (1000, 4200)
                    if code == 1000 and self.current is not None:
                        self.sessions.pop(self.current.id, None)

    def made_good(self, session: ModelSession) -> None:
        """After a resume nothing is missing, nothing came twice, and all came in order."""
        got = self.got.get(session.id, [])
        assert got == sorted(set(got))
        assert set(session.events) <= set(got)

    def sent(self, payload: JsonObject) -> None:
        op, data = payload["op"], payload["d"]
        if op == 2:
            assert not self.session.live
            self.begun.append(self.now)
            self.current = ModelSession(len(self.begun))
            self.sessions[self.current.id] = self.current
        elif op == 6:
            self.current = self.sessions.get(data["session_id"])
        elif op == 1:
            if self.beat_due is not None:
                self.worst_late = max(self.worst_late, self.now - self.beat_due)
            self.beat_due = self.now + INTERVAL_S
            if self.session.resumable is not None and self.mine is not None and self.session.live:
                assert data == self.session.resumable.seq

    def receive(self, payload: JsonObject) -> None:
        self.carry_out(self.session.receive(payload, self.now, self.roll))

    # --- what may happen ---

    @precondition(lambda self: not self.open and self.following is not None and self.following.kind != "stop")
    @rule(roll=rolls, how=st.sampled_from(["live", "live", "live", "partly", "open", "not reached"]))
    def connect(self, roll: float, how: str) -> None:
        """Try to connect; most attempts lead to a session at once, some stop on the way."""
        assert self.following is not None
        self.now += self.following.wait_s
        if self.following.kind == "identify":
            while wait := wait_for([START + one for one in self.begun], None, START + self.now, roll)[0]:
                self.now += wait + 1e-3
        if how == "not reached":
            self.following = self.session.closed(None, self.now, roll, cause="not_reached")
            return
        self.session.connected(self.now, "wss://gateway.example/")
        self.open, self.left, self.current, self.beat_due = True, False, None, None
        if how == "open":
            return
        self.hello(roll)
        if self.current is not None and self.current.seq == 0:
            self.ready()
        else:
            self.replay(100 if how == "live" else 1)

    @precondition(lambda self: self.open and not self.left)
    @rule(roll=rolls)
    def hello(self, roll: float) -> None:
        fresh = self.beat_due is None
        self.carry_out(self.session.receive({"op": 10, "d": {"heartbeat_interval": INTERVAL_S * 1000}}, self.now, roll))
        if fresh:
            self.beat_due = self.now + INTERVAL_S

    @precondition(lambda self: self.open and not self.left and self.current is not None and self.current.seq == 0)
    @rule()
    def ready(self) -> None:
        assert self.current is not None
        self.current.seq = 1
        data = {"session_id": self.current.id, "resume_gateway_url": "wss://resume.example/", "user": {"id": "1"}}
        self.receive({"op": 0, "t": "READY", "s": 1, "d": data})

    @precondition(lambda self: self.open and not self.left and not self.session.live and self.mine is not None)
    @rule(stop_after=st.integers(0, 6))
    def replay(self, stop_after: int) -> None:
        """The server answers a RESUME; sometimes only a part of it."""
        if self.current is None:
            self.receive({"op": 9, "d": False})
            return
        if self.current is not self.mine:
            return
        resumable = self.session.resumable
        if resumable is None:
            return
        missed = [one for one in sorted(self.current.events) if one > resumable.seq]
        for seq in missed[:stop_after]:
            self.receive({"op": 0, "t": self.current.events[seq], "s": seq, "d": {}})
        if stop_after >= len(missed):
            self.current.seq += 1
            self.receive({"op": 0, "t": "RESUMED", "s": self.current.seq, "d": {}})

    @precondition(lambda self: self.open and not self.left and self.session.live)
    @rule(times=st.integers(1, 3))
    def event(self, times: int) -> None:
        """An event, perhaps sent more than once."""
        assert self.mine is not None
        self.mine.seq += 1
        self.mine.events[self.mine.seq] = "THING"
        for _ in range(times):
            self.receive({"op": 0, "t": "THING", "s": self.mine.seq, "d": {}})

    @precondition(lambda self: self.mine is not None and not self.open)
    @rule()
    def event_while_away(self) -> None:
        assert self.mine is not None
        if self.mine.id in self.sessions:
            self.mine.seq += 1
            self.mine.events[self.mine.seq] = "MISSED"

    @precondition(lambda self: self.open and not self.left)
    @rule(payload=st.sampled_from([{"op": 1, "d": None}, {"op": 7}, {"op": 9, "d": True}, {"op": 99}, {"op": 11}]))
    def said(self, payload: JsonObject) -> None:
        asked = self.beat_due
        self.receive(payload)
        if payload["op"] == 1:
            self.beat_due = asked  # one that was asked for moves nothing

    @precondition(lambda self: self.open and not self.left)
    @rule()
    def session_invalid(self) -> None:
        if self.current is not None:
            self.sessions.pop(self.current.id, None)
        self.receive({"op": 9, "d": False})

    @precondition(lambda self: self.open)
    @rule(seconds=st.floats(0.1, 200), answered=st.booleans())
    def time_passes(self, seconds: float, answered: bool) -> None:
        until = self.now + seconds
        while self.session.deadline <= until and not self.left:
            self.now = max(self.now, self.session.deadline)
            beats = self.beat_due
            self.carry_out(self.session.tick(self.now))
            if answered and beats != self.beat_due and not self.left:
                self.receive({"op": 11, "d": None, "s": None, "t": None})
        self.now = max(self.now, until)

    @precondition(lambda self: self.open)
    @rule(code=st.sampled_from([None, 1000, 1006, 4000, 4003, 4008, 4009, 4321]), roll=rolls)
    def lost(self, code: int | None, roll: float) -> None:
        self.following = self.session.closed(code, self.now, roll)
        self.open = False
        if code in (4003, 4009) and self.current is not None:
            self.sessions.pop(self.current.id, None)
        if self.session.resumable is None:
            self.mine = None
        assert (self.following.kind == "reconnect") == (self.session.resumable is not None)

    # --- what must always hold ---

    @invariant()
    def beats_are_on_time(self) -> None:
        assert self.worst_late <= 1.0

    @invariant()
    def the_budget_holds(self) -> None:
        recent = [one for one in self.begun if one > self.now - 3600]
        assert len(recent) <= 20
        assert all(later - before >= 5.0 for before, later in zip(self.begun, self.begun[1:], strict=False))

    @invariant()
    def the_sequence_never_goes_back(self) -> None:
        resumable = self.session.resumable
        if resumable is None:
            return
        known, seq = self.last_seq
        if known == resumable.session_id:
            assert resumable.seq >= seq
        self.last_seq = (resumable.session_id, resumable.seq)

    @invariant()
    def pauses_have_an_end(self) -> None:
        if self.following is not None:
            assert 0.0 <= self.following.wait_s <= 120.0


Gateway.TestCase.settings = settings(max_examples=80, stateful_step_count=60, deadline=None)
TestGateway = Gateway.TestCase
