"""Permissions in a channel (discord.md 3.9): cases, laws, and agreement with the fake Discord, written apart."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.core import permissions as may
from wanderer_notifier.core.permissions import ALL, Overwrite, Seat, bits_of, in_channel, in_guild, invite_link
from wanderer_notifier.sim import discord_permissions as theirs

GUILD, BOT, ONE, TWO = "1", "2", "3", "4"
V, S, E, H, M, T = (
    may.VIEW_CHANNEL,
    may.SEND_MESSAGES,
    may.EMBED_LINKS,
    may.READ_MESSAGE_HISTORY,
    may.MENTION_EVERYONE,
    may.SEND_MESSAGES_IN_THREADS,
)


def seat(everyone: int = 0, one: int = 0, two: int = 0, **more: Any) -> Seat:
    given_: dict[str, Any] = {"owner": False, "timed_out": False} | more
    return Seat(user=BOT, guild=GUILD, everyone=everyone, roles={ONE: one, TWO: two}, **given_)


def over(number: str, allow: int = 0, deny: int = 0) -> Overwrite:
    return Overwrite(id=number, allow=allow, deny=deny)


@pytest.mark.parametrize(
    ("who", "overwrites", "bits"),
    [
        pytest.param(seat(V | S), [], V | S, id="base"),
        pytest.param(seat(V, S, E), [], V | S | E, id="roles add up"),
        pytest.param(seat(0, S), [], 0, id="nothing without view"),
        pytest.param(seat(V, owner=True), [over(GUILD, deny=V)], ALL, id="owner"),
        pytest.param(seat(V, may.ADMINISTRATOR), [over(BOT, deny=V)], ALL, id="administrator"),
        pytest.param(seat(V | S), [over(GUILD, deny=S)], V, id="everyone denied"),
        pytest.param(seat(V | S), [over(GUILD, deny=S), over(ONE, allow=S)], V | S, id="a role gives back"),
        pytest.param(seat(V | S), [over(ONE, deny=S), over(TWO, allow=S)], V | S, id="a role's yes beats another's no"),
        pytest.param(seat(V | S), [over(ONE, allow=S), over(BOT, deny=S)], V, id="the member's no beats a role's yes"),
        pytest.param(seat(V), [over(ONE, deny=S), over(BOT, allow=S)], V | S, id="the member's yes is last"),
        pytest.param(seat(V | S), [over("99", deny=V)], V | S, id="a stranger's overwrite"),
        pytest.param(seat(V | E | M), [], V, id="no writing, no embeds and mentions"),
        pytest.param(seat(V | S | H | E, timed_out=True), [], V | H, id="time-out"),
        pytest.param(seat(V, may.ADMINISTRATOR, timed_out=True), [], ALL, id="administrators have no time-out"),
        pytest.param(seat(V | S), [over(GUILD, allow=S, deny=S)], V | S, id="both: giving wins"),
    ],
)
def test_channels(who: Seat, overwrites: list[Overwrite], bits: int) -> None:
    assert in_channel(who, overwrites) == bits


def test_a_thread_asks_for_its_own_permission_to_write() -> None:
    who = seat(V | T | E)
    assert in_channel(who, [], thread=True) == V | T | E
    assert in_channel(who, []) == V | T
    assert in_channel(seat(V | S | E), [], thread=True) == V | S


bits = st.integers(0, 63).map(lambda n: 1 << n) | st.sampled_from([V, S, E, H, M, T, V | S | E])
masks = st.lists(bits, max_size=6).map(lambda some: reduce(int.__or__, some, 0))
seats = st.builds(
    seat, masks, masks, masks, owner=st.sampled_from([False, False, False, True]), timed_out=st.booleans()
)
overwrite_lists = st.lists(
    st.builds(over, st.sampled_from([GUILD, BOT, ONE, TWO, "99"]), masks, masks),
    max_size=5,
    unique_by=lambda one: one.id,
)


@given(seats, overwrite_lists, st.booleans())
def test_it_agrees_with_the_fake_discord(who: Seat, overwrites: list[Overwrite], thread: bool) -> None:
    base = theirs.in_guild(who.everyone, who.roles.values(), owner=who.owner)
    as_theirs = {
        one.id: theirs.Overwrite(id=one.id, member=one.id == BOT, allow=one.allow, deny=one.deny) for one in overwrites
    }
    expected = theirs.in_channel(
        base, as_theirs, guild=GUILD, member=BOT, roles=who.roles, timed_out=who.timed_out, thread=thread
    )
    known = (1 << 53) - 1  # their "everything" ends there
    assert in_channel(who, overwrites, thread=thread) & known == expected & known


@given(seats, overwrite_lists, st.booleans(), st.randoms())
def test_the_order_of_overwrites_is_no_matter(who: Seat, overwrites: list[Overwrite], thread: bool, rng: Any) -> None:
    other = rng.sample(overwrites, len(overwrites))
    assert in_channel(who, overwrites, thread=thread) == in_channel(who, other, thread=thread)


@given(seats, overwrite_lists, st.sampled_from([GUILD, BOT, ONE, TWO]), masks)
def test_giving_more_never_takes_anything(who: Seat, overwrites: list[Overwrite], number: str, more: int) -> None:
    old = next((one for one in overwrites if one.id == number), over(number))
    given_ = [one for one in overwrites if one.id != number] + [evolve(old, allow=old.allow | more)]
    before = in_channel(who, overwrites)
    assert before & in_channel(who, given_) == before


@given(seats, overwrite_lists, st.booleans())
def test_laws(who: Seat, overwrites: list[Overwrite], thread: bool) -> None:
    got = in_channel(who, overwrites, thread=thread)
    if in_guild(who) == ALL:
        assert got == ALL
        return
    assert got == 0 or got & V
    if not got & (T if thread else S):
        assert not got & (E | M | may.ATTACH_FILES)
    if who.timed_out:
        assert got & ~(V | H) == 0


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("2048", 2048), ("", 0), (None, 0), (2048, 0), ("-1", 0), ("1e3", 0), ("٣", 0)]
)
def test_bits_come_as_text(text: object, number: int) -> None:
    assert bits_of(text) == number


def test_the_invitation_asks_for_both_scopes_and_all_permissions() -> None:
    link = invite_link("12", "34")
    assert link.startswith("https://discord.com/oauth2/authorize?client_id=12&scope=bot%20applications.commands&")
    assert link.endswith("&guild_id=34")
    assert f"permissions={may.INVITED_WITH}" in link
    for bit in may.NAMES:
        assert may.INVITED_WITH & bit
