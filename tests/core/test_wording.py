from __future__ import annotations

from datetime import UTC, datetime

import pytest

from wanderer_notifier.core.wording import cut, duration, escape, isk, link, one_line, paragraph, path_part, relative


@pytest.mark.parametrize(
    ("amount", "two", "one"),
    [
        (0, "0 ISK", "0 ISK"),
        (999, "999 ISK", "999 ISK"),
        (999.99, "1.00K ISK", "1.0K ISK"),
        (1_000, "1.00K ISK", "1.0K ISK"),
        (999_999, "1.00M ISK", "1.0M ISK"),
        (1_000_000, "1.00M ISK", "1.0M ISK"),
        (999_960_000, "999.96M ISK", "1.0B ISK"),  # K18
        (1_234_567_890, "1.23B ISK", "1.2B ISK"),
        (25_750_000_000, "25.75B ISK", "25.8B ISK"),
        (2.5e12, "2.50T ISK", "2.5T ISK"),
        (999_999_999_999, "1.00T ISK", "1.0T ISK"),
        (100e12, "100.00T ISK", "100.0T ISK"),
    ],
)
def test_isk_is_rounded_before_it_gets_its_unit(amount: float, two: str, one: str) -> None:
    assert (isk(amount), isk(amount, 1)) == (two, one)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59.9, "59s"), (3600, "1h 0m 0s"), (93784, "1d 2h 3m 4s"), (-5, "0s")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_relative_times_are_discords() -> None:
    assert relative(datetime(2026, 3, 20, 18, 5, 9, tzinfo=UTC)) == "<t:1774029909:R>"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("  Home   (Red Giant)\n", "Home (Red Giant)"),
        ("a\u202eb\u2066c\u200bd\u200de\ufeff", "abcde"),
        ("a\x00\x07b\u0085c\u2028d", "a b c d"),
        ("a\tb", "a b"),
        ("A\ud800B", "AB"),
        ("e\u0301", "e\u0301"),
        ("🚀 go", "🚀 go"),
        ("X\u115f]\u1160X\uffa0", "X]X"),
        ("a\u0378b", "ab"),  # stands for nothing in Unicode
        ("\u3164\u2800", None),
        ("\u200b\u200b", None),
        ("\u0301", None),
        ("   ", None),
        ("", None),
    ],
    ids=repr,
)
def test_d20_names_are_one_visible_line_or_unknown(raw: str, shown: str | None) -> None:
    assert one_line(raw) == shown


def test_texts_are_cut_at_a_character_and_say_so() -> None:
    assert one_line("🚀" * 300) == "🚀" * 255 + "…"
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"
    assert [cut("abc", limit) for limit in (0, 1, 2)] == ["", "…", "a…"]
    assert cut("aXbb", 3) == "aX…"
    assert cut("ab\\*c", 4) == "ab…"  # never half an escape
    assert cut("ab\\\\cd", 5) == "ab\\\\…"


def test_w50_walls_of_line_feeds_collapse() -> None:
    assert paragraph("a" + "\n" * 30 + "b\r\n\u2028 c", 500) == "a\n\nb\n\n c"
    assert paragraph("a\r\nb\rc\x0bd\u0085e", 500) == "a\nb\nc\nd\ne"
    assert paragraph("\n \u200b\n", 500) is None


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("_x_ *y* ~z~ `q` |s|", r"\_x\_ \*y\* \~z\~ \`q\` \|s\|"),
        ("[Fleet form](https://evil.example)", r"\[Fleet form\]\(https://evil.example\)"),
        ("[a] (b) [c](d)", r"\[a\] \(b\) \[c\]\(d\)"),
        ("[.-.] (b)", r"\[.-.\] (b)"),
        ("back\\slash", "back\\\\slash"),
        ("1DQ1-A", "1DQ1-A"),
        ("Home (J123456)", "Home (J123456)"),
        ("# big\n> quote\n- item\n1. one", "\\# big\n\\> quote\n\\- item\n1\\. one"),
        ("1.5 bil", "1.5 bil"),
        ("<@123> <t:1:R>", "\\<@\u200b123> \\<t:1:R>"),
        ("@everyone", "@\u200beveryone"),
    ],
    ids=repr,
)
def test_w50_markdown_is_shown_as_written(raw: str, shown: str) -> None:
    assert escape(raw) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("_x_ *y* [z](http://a)", "x y z(http:\u200b//a)"),
        ("[.-.]", ".-."),
        ("Home (J123456)", "Home (J123456)"),
        ("a](https://evil.example", "a(https:\u200b//evil.example"),
        ("`***`", "?"),
        ("@here", "@\u200bhere"),
    ],
    ids=repr,
)
def test_d19_w51_link_texts_lose_what_could_end_the_link(text: str, shown: str) -> None:
    assert link(text, "https://zkillboard.com/kill/1/") == f"[{shown}](https://zkillboard.com/kill/1/)"


@pytest.mark.parametrize(
    ("name", "part"),
    [("The Forge", "The_Forge"), ("Home (H)", "Home_%28H%29"), ("a/b?c#d", "a%2Fb%3Fc%23d"), ("é", "%C3%A9")],
)
def test_names_in_addresses_are_encoded(name: str, part: str) -> None:
    assert path_part(name) == part
