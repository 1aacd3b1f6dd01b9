"""When the loss and the return of a feed are told (notifications.md 2.6)."""

from __future__ import annotations

from wanderer_notifier.core.outages import Back, Down, Outages


def test_a_feed_is_told_gone_after_five_minutes_and_back_once() -> None:
    outages = Outages()
    assert outages.look({"Kill feed": None}, 0) == ()
    assert outages.look({"Kill feed": "refused"}, 10) == ()
    assert outages.look({"Kill feed": "starting"}, 309) == ()
    assert outages.look({"Kill feed": "refused"}, 310) == (Down(feed="Kill feed", reason="refused", down_s=300),)
    assert outages.look({"Kill feed": "refused"}, 900) == ()
    assert outages.look({"Kill feed": None}, 1000) == (Back(feed="Kill feed", down_s=990),)
    assert outages.look({"Kill feed": None}, 1015) == ()


def test_a_short_outage_is_not_worth_a_word() -> None:
    outages = Outages()
    assert outages.look({"Map": "cut"}, 0) == ()
    assert outages.look({"Map": None}, 200) == ()
    assert outages.look({"Map": "cut"}, 210) == ()
    assert outages.look({"Map": "cut"}, 400) == (), "the time counts from the second loss"
    assert outages.look({"Map": None}, 500) == ()


def test_a_feed_that_comes_and_goes_is_told_twice_an_hour_at_most() -> None:
    outages, told = Outages(), list[tuple[float, str]]()
    for at in range(0, 7200, 15):
        gone = at % 600 < 400  # 400 s away, 200 s here
        for news in outages.look({"Map": "cut" if gone else None}, at):
            told.append((at, type(news).__name__))
    assert told == [
        (300, "Down"), (405, "Back"), (2100, "Down"), (2205, "Back"), (3900, "Down"), (4005, "Back"),
        (5700, "Down"), (5805, "Back"),
    ]  # fmt: skip


def test_feeds_do_not_share_their_limits() -> None:
    outages = Outages()
    outages.look({"Map": "cut", "Kill feed": "cut"}, 0)
    assert [news.feed for news in outages.look({"Map": "cut", "Kill feed": "cut"}, 300)] == ["Map", "Kill feed"]


def test_a_return_that_may_not_be_told_yet_is_told_later() -> None:
    outages = Outages()
    steps = [("cut", 0), ("cut", 300), (None, 310), ("cut", 1900), ("cut", 2200)]
    assert [type(news) for reason, at in steps for news in outages.look({"Map": reason}, at)] == [Down, Back, Down]
    assert [type(news) for news in outages.look({"Map": None}, 2300)] == [Back]
