"""When an operator is told, by a table of what happened when."""

from __future__ import annotations

import itertools

from wanderer_notifier.core.alarms import Alarm, Alarms, alarm_text, render_alarm


def look(alarms: Alarms, at: float, quiet: tuple[str, ...] = (), **troubles: str | None) -> list[tuple[str, str]]:
    return [(one.event, one.subject) for one in alarms.look(troubles, at, grace_s=120.0, quiet=quiet)]


def test_a_loss_is_told_once_after_its_grace_and_so_is_its_end() -> None:
    alarms = Alarms()
    assert look(alarms, 0, feed="refused") == []
    assert look(alarms, 119, feed="refused") == []
    assert look(alarms, 120, feed="refused") == [("down", "feed")]
    assert look(alarms, 5000, feed="refused") == []
    assert alarms.look({"feed": None}, 5001, grace_s=120.0) == (
        Alarm(subject="feed", event="back", text="", down_s=5001),
    )
    assert look(alarms, 5002, feed=None) == []


def test_what_is_back_within_its_grace_is_nobodys_business() -> None:
    alarms = Alarms()
    look(alarms, 0, feed="cut")
    assert look(alarms, 100, feed=None) == []
    assert look(alarms, 130, feed="cut") == []


def test_a_flapping_part_is_told_at_most_every_fifteen_minutes() -> None:
    alarms, told = Alarms(), list[tuple[float, str]]()
    for at in range(0, 7200, 10):
        down = at % 300 < 150  # two and a half minutes down, as long up
        told += [(at, event) for event, _ in look(alarms, at, feed="cut" if down else None)]
    downs = [at for at, event in told if event == "down"]
    assert len(told) <= 2 * 7200 / 900 + 2
    assert all(after - before >= 900 for before, after in itertools.pairwise(downs))


def test_never_more_than_ten_an_hour_and_then_one_summary() -> None:
    alarms = Alarms()
    parts = {f"map:{number:02}": "down" for number in range(15)}
    alarms.look(parts, 0, grace_s=120.0)
    assert len(alarms.look(parts, 200, grace_s=120.0)) == 10
    assert alarms.look(parts, 3000, grace_s=120.0) == ()
    (summary,) = alarms.look(parts, 3900, grace_s=120.0)
    assert summary.event == "held_back"
    assert summary.text == "5 alerts were held back: " + ", ".join(f"map:{number} down" for number in range(10, 15))
    assert alarms.look(parts, 4000, grace_s=120.0) == ()


def test_notes_of_a_quarter_of_an_hour_are_told_together() -> None:
    alarms = Alarms()
    alarms.note("delivery", "a kill message was given up: expired")
    assert [one.text for one in alarms.look({}, 0, grace_s=120.0)] == ["a kill message was given up: expired"]
    for _ in range(3):
        alarms.note("delivery", "again")
    assert alarms.look({}, 899, grace_s=120.0) == ()
    assert [one.text for one in alarms.look({}, 900, grace_s=120.0)] == ["again (3 times)"]


def test_downtime_of_the_game_is_quiet_and_what_outlasts_it_is_told() -> None:
    alarms = Alarms()
    assert look(alarms, 0, quiet=("feed",), feed="silent", map="cut") == []
    assert look(alarms, 300, quiet=("feed",), feed="silent", map="cut") == [("down", "map")]
    assert look(alarms, 3600, feed="silent", map="cut") == [("down", "feed")]


def test_texts_name_the_part_the_length_and_the_reason_and_cannot_ping() -> None:
    down = Alarm(subject="map_stream:x", event="down", text="refused by @everyone", down_s=184)
    assert alarm_text(down, "Map stream x") == "Map stream x has been down for 3m 4s: refused by @everyone"
    body = render_alarm(down, "Map stream x").body()
    assert body["allowed_mentions"]["parse"] == []
    assert "@everyone" not in body["embeds"][0]["description"]
    assert alarm_text(Alarm(subject="x", event="back", text="", down_s=60), "X") == "X is back after 1m 0s"
