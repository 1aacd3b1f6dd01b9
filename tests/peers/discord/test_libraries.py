"""Three Discord libraries, unmodified, believe the fake: they log in, hear, answer, wait, and come back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from tests.peers.discord.installing import Unavailable
from tests.peers.discord.playing import LINES, SCRIPTS, Visit, visits

pytestmark = pytest.mark.timeout(420)  # the first test installs the packages and lets all three play

GOLDEN = Path(__file__).parent / "golden"
LIBRARIES = list(SCRIPTS)


@pytest.fixture(scope="session")
def played(interpreters: dict[str, str | Unavailable]) -> dict[str, Visit]:
    """The visits of the libraries that can be had."""
    return trio.run(visits, {name: path for name, path in interpreters.items() if isinstance(path, str)})


@pytest.fixture(params=LIBRARIES)
def visit(
    request: pytest.FixtureRequest, interpreters: dict[str, str | Unavailable], played: dict[str, Visit]
) -> Visit:
    if request.param not in played:
        pytest.skip(f"the fake Discord is not tried with {request.param}: {interpreters[request.param]}")
    return played[request.param]


def test_it_plays_to_the_end_and_stops_for_good_at_4004(visit: Visit) -> None:
    assert visit.failure is None, visit
    assert visit.told[-1] == {**visit.told[-1], "event": "stopped", "code": 4004}


def test_it_sees_the_guild_the_voice_channels_and_its_commands(visit: Visit) -> None:
    ready = next(line for line in visit.told if line["event"] == "ready")
    assert (ready["guild"], ready["channels"], ready["me"]) == ("Hollow Meridian", 8, "Wanderer Notifier")
    assert [line["channel"] for line in visit.told if line["event"] == "voice"] == ["Fleet", None]
    assert next(line for line in visit.told if line["event"] == "synced")["commands"] == ["hello", "say"]


def test_it_answers_interactions_at_once_deferred_and_with_follow_ups(visit: Visit) -> None:
    hello, said = visit.hello, visit.said
    assert hello is not None
    assert said is not None
    assert (hello.content, hello.ephemeral, hello.deferred) == ("Hello Vess", True, False)
    assert visit.hello_follow_up == "and welcome"
    assert (said.content, said.ephemeral, said.deferred) == (f"said {LINES}", True, True)


def test_it_obeys_the_limits_and_posts_everything_once_in_order(visit: Visit) -> None:
    assert visit.lines == [f"line {number}" for number in range(LINES)]
    assert visit.refused == 1


def test_it_comes_back_from_every_misfortune(visit: Visit) -> None:
    assert list(visit.seconds) == ["op 7", "op 9 true", "reset", "op 9 false", "4009"]


def test_it_asks_and_sends_what_it_always_does(visit: Visit) -> None:
    golden = GOLDEN / f"{visit.library}.json"
    if not golden.exists():
        golden.write_text(json.dumps(visit.transcript, indent=1) + "\n", encoding="utf-8")
        pytest.fail(f"{golden.name} was not there and is written now: look at it and keep it")
    assert visit.transcript == json.loads(golden.read_text(encoding="utf-8"))
