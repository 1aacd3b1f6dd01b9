"""Redirects are followed by reads that may, and nothing secret goes along to a stranger."""

from __future__ import annotations

import httpx
import pytest
import trio
import trio.abc

from tests.net.conftest import Peer, read_head
from wanderer_notifier.net.answers import retry_after
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.redirects import onward

SECRET = {
    "authorization": "Bearer test-token-map",
    "x-apikey": "test-token-janice",
    "user-agent": "w/1",
    "accept": "*/*",
}


@pytest.mark.parametrize(
    ("status", "location", "leads"),
    [
        (301, "/new", "https://a.test/new"),
        (302, "new?x=1", "https://a.test/old/new?x=1"),
        (307, "https://a.test:443/b", "https://a.test/b"),
        (308, "https://b.test/c", "https://b.test/c"),
        (303, "//b.test/c", "https://b.test/c"),
        (302, "http://a.test/plain", None),
        (302, "ftp://a.test/x", None),
        (302, "https://a.test:99999/x", None),
        (302, "https://xn--a/x", None),
        (302, "", None),
        (304, "/new", None),
        (200, "/new", None),
    ],
)
def test_where_a_redirect_leads(status: int, location: str, leads: str | None) -> None:
    request = httpx.Request("GET", "https://a.test/old/list", headers=SECRET)
    further = onward(request, status, {"location": location})
    assert (str(further.url) if further else None) == leads


@pytest.mark.parametrize(
    ("location", "trusted"),
    [
        ("/new", True),
        ("https://a.test/new", True),
        ("https://a.test:8443/new", False),
        ("https://b.test/", False),
        ("https://a.test.evil.test/", False),
    ],
)
def test_credentials_stay_with_their_host(location: str, trusted: bool) -> None:
    request = httpx.Request("GET", "https://a.test/old", headers=SECRET)
    further = onward(request, 302, {"location": location})
    assert further is not None
    assert ("authorization" in further.headers, "x-apikey" in further.headers) == (trusted, trusted)
    assert further.headers["user-agent"] == "w/1"
    assert further.headers["host"] == further.url.netloc.decode()


async def test_a_read_follows_three_redirects_and_no_more(peer: Peer) -> None:
    heads: list[bytes] = []

    async def moved(stream: trio.abc.Stream) -> None:
        while head := await read_head(stream):
            heads.append(head)
            await stream.send_all(b"HTTP/1.1 302 Found\r\nlocation: http://b.test/next\r\ncontent-length: 0\r\n\r\n")

    client = Upstream("peer", "http://peer.test", dial=peer.dial(moved), headers=SECRET, redirects=3)
    assert (await client.request("GET", "/")).status == 302
    assert len(heads) == 4
    assert [b"test-token" in head for head in heads] == [True, False, False, False]
    assert (
        await client.request("POST", "/", json={})
    ).status == 302  # what changes something is not repeated elsewhere
    assert len(heads) == 5
    await client.aclose()


@pytest.mark.parametrize(
    ("named", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("Wed, 25 Nov 2026 18:00:30 GMT", 30.0),
        ("Wed, 25 Nov 2026 17:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-1", None),
        ("inf", None),
    ],
)
def test_when_to_come_back_is_a_number_or_a_date_by_the_peers_clock(named: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": named, "date": "Wed, 25 Nov 2026 18:00:00 GMT"}) == seconds


def test_a_date_without_the_peers_clock_says_nothing() -> None:
    assert retry_after({"retry-after": "Wed, 25 Nov 2026 18:00:30 GMT"}) is None
