"""How the demo's page shows answers to commands."""

from __future__ import annotations

from datetime import UTC, datetime

from wanderer_notifier.sim.discord_messages import Posted
from wanderer_notifier.sim.page import ChannelView, PageState, render_page

AT = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)
BOT = {"id": "2", "username": "notifier", "bot": True}


def answer(number: int, user: str = "Ilse <Norn>") -> Posted:
    return Posted(
        id=str(number),
        channel_id="1",
        author=BOT,
        at=AT,
        content="✅ Added **Jita**",
        flags=64,
        origin={"interaction_metadata": {"name": "notifier system", "user": {"username": user}}},
    )


def test_an_answer_names_who_asked_what_and_that_only_they_see_it() -> None:
    plain = Posted(id="10", channel_id="1", author=BOT, at=AT, content="a kill")
    page = render_page(
        PageState(guild="G", channels=[ChannelView(id="1", name="kills", messages=[plain, answer(11)])], now=AT)
    )
    assert "<b>Ilse &lt;Norn&gt;</b> used <code>/notifier system</code>" in page
    assert "👁 only Ilse &lt;Norn&gt; can see this" in page
    assert page.count("can see this") == 1
