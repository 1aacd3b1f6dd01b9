"""Discord's markdown as a reader sees it, and that no text of a stranger ever becomes markup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wanderer_notifier.sim.markdown import inline, relative, to_html
from wanderer_notifier.sim.page_emoji import EMOJI

NOW = datetime(2026, 3, 20, 18, 5, 9, tzinfo=UTC)
LINK = '<a href="https://a.invalid/x" rel="noopener noreferrer" target="_blank">'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain & <b>", "plain &amp; &lt;b&gt;"),
        ("**bold** *it* _it_ __un__ ~~no~~", "<strong>bold</strong> <em>it</em> <em>it</em> <u>un</u> <s>no</s>"),
        ("***both***", "<strong><em>both</em></strong>"),
        ("**a *b* c**", "<strong>a <em>b</em> c</strong>"),
        ("snake_case_name", "snake_case_name"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        (r"\*\*not bold\*\*", "**not bold**"),
        (r"\_x\_ \<@81>", "_x_ &lt;@81&gt;"),
        ("[home](https://a.invalid/x)", f"{LINK}home</a>"),
        ("**[Vela](https://a.invalid/x)**", f"<strong>{LINK}Vela</a></strong>"),
        ("([T](https://a.invalid/x))", f"({LINK}T</a>)"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("[https://b.invalid](https://a.invalid/x)", "[https://b.invalid](https://a.invalid/x)"),
        (r"[a\*b](https://a.invalid/x)", rf"{LINK}a\*b</a>"),
        ("see https://a.invalid/x now", f"see {LINK}https://a.invalid/x</a> now"),
        ("<https://a.invalid/x>", f"{LINK}https://a.invalid/x</a>"),
        ("||secret||", '<span class="spoiler" tabindex="0"><span>secret</span></span>'),
        ("`**raw** <b>`", "<code>**raw** &lt;b&gt;</code>"),
        ("```py\nx < 1\n```after", "<pre><code>x &lt; 1</code></pre>after"),
        ("<@81> <@!82>", '<span class="pill">@Vela</span> <span class="pill">@pilot82</span>'),
        ("<@&7>", '<span class="pill role">@Scouts</span>'),
        ("<@&8>", '<span class="pill role">@unknown-role</span>'),
        ("<#9>", '<span class="pill">#kills</span>'),
        ("@here @everyone", '<span class="pill">@here</span> <span class="pill">@everyone</span>'),
        ("</notifier status:5>", '<span class="pill">/notifier status</span>'),
        ("# Big\nsmall", '<div class="md-h1">Big</div>small'),
        (
            "> said\n- one\n-# tiny",
            '<div class="md-quote">said</div><div class="md-item">one</div><div class="md-sub">tiny</div>',
        ),
        ("a\n\nb", "a<br><br>b"),
        ("<t:99999999999999:R>", "&lt;t:99999999999999:R&gt;"),
        ("<t:9999999999999:R>", "&lt;t:9999999999999:R&gt;"),
    ],
)
def test_reads_as_in_discord(text: str, html: str) -> None:
    assert to_html(text, NOW, {"81": "Vela", "7": "Scouts", "9": "kills"}) == html


@pytest.mark.parametrize(
    ("style", "shown"),
    [
        ("", "20 March 2026 17:35"),
        (":t", "17:35"),
        (":T", "17:35:09"),
        (":d", "20/03/2026"),
        (":D", "20 March 2026"),
        (":F", "Friday, 20 March 2026 17:35"),
        (":R", "30 minutes ago"),
    ],
)
def test_times_show_in_their_style(style: str, shown: str) -> None:
    unix = int((NOW - timedelta(minutes=30)).timestamp())
    html = to_html(f"<t:{unix}{style}>", NOW)
    assert html.endswith(f">{shown}</time>")
    assert 'datetime="2026-03-20T17:35:09Z" title="Friday, 20 March 2026 17:35 UTC"' in html


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds ago"),
        (-1, "a second ago"),
        (-59, "59 seconds ago"),
        (-60, "a minute ago"),
        (-7200, "2 hours ago"),
        (-3600, "an hour ago"),
        (90, "in a minute"),
        (-86400 * 3, "3 days ago"),
        (86400 * 65, "in 2 months"),
        (-86400 * 800, "2 years ago"),
    ],
)
def test_distances_are_worded(seconds: int, words: str) -> None:
    assert relative(NOW + timedelta(seconds=seconds), NOW) == words


ALLOWED = {
    "a": {"href", "rel", "target"},
    "span": {"class", "tabindex"},
    "div": {"class"},
    "time": {"datetime", "title"},
    **{tag: set() for tag in ("strong", "em", "u", "s", "code", "pre", "br")},
}
CLASSES = {
    "spoiler",
    "pill",
    "pill role",
    "pill emoji",
    *(f"md-{one}" for one in ("h1", "h2", "h3", "sub", "item", "quote")),
}


class Strict(HTMLParser):
    """Fails on every tag, attribute or nesting that the renderer has no business to write."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "svg" or "svg" in self.open:  # an emoji of the table, whole
            assert not any(name.startswith("on") or name in ("href", "style") for name, _ in attrs)
            self.open.append(tag)
            return
        assert {name for name, _ in attrs} <= ALLOWED[tag]
        told = dict(attrs)
        if tag == "a":
            assert (told["href"] or "").startswith(("http://", "https://"))
        assert told.get("class") in {None, *CLASSES}
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        assert "<" not in data
        assert ">" not in data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


SIGNS = r"* ** *** _ __ ~~ || ` `` ``` \ < > & ' [ ]( ) # <script> <!-- </a> (b) x"
TOKENS = 'https://a <@1> <@&2> <t:1774029909:R> @here javascript: <:e:1> </c:1> [x](https://a/ " onload="'
marks = st.sampled_from([*SIGNS.split(), *TOKENS.split(), "\n", " ", "> ", "- ", "# "])
texts = st.lists(marks | st.text(max_size=5), max_size=25).map("".join)


@settings(max_examples=300)
@given(texts)
@example('[a](https://a/"onmouseover="x)')
@example("||**`<b>`**||")
@example("*" * 200)
@example("⚔️ **🟢** [⚠️](https://a/)")
def test_no_text_ever_becomes_markup_of_its_own(text: str) -> None:
    for render in (to_html, inline):
        parser = Strict()
        parser.feed(render(text, NOW, {"1": "<b>", "2": '"><i>'}))
        parser.close()
        assert parser.open == []


def test_emoji_of_our_messages_are_drawn_and_others_left_to_the_fonts() -> None:
    shown = to_html("🟢 Tracked 🦊", NOW)
    assert shown.startswith('<svg class="moji" viewBox="0 0 36 36" role="img" aria-label="🟢">')
    assert shown.endswith("</svg> Tracked 🦊")
    assert set(EMOJI) >= set("🟢🟡🔴✅❌❓💬🚀👤📊") | {"⚠️", "⚔️", "⏱️", "🗺️", "🗄️", "⚙️"}


@pytest.mark.parametrize("mark", ["*", "_", "~", "|", "`", "[", "\\", "**a", "||a", "<t:", "[a](https://a/("])
def test_a_long_nasty_text_takes_no_time(mark: str) -> None:
    text = (mark * 4096)[:4096]
    assert to_html(text, NOW)
