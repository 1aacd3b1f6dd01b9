from __future__ import annotations

import pytest

from wanderer_notifier.core.claims import character_claim, kill_claim, nonce_for, rally_claim, system_claim


@pytest.mark.parametrize(
    ("claim", "start"),
    [
        (kill_claim(128000001), "k128000001-"),
        (system_claim("m1", 31000123), "s31000123-m1-"),
        (character_claim("Home Chain", 95000001), "c95000001-homechai-"),
        (rally_claim("m1", "0b9c6f1e-2f0e-4a8e-9a51-3c1f0f5d7a10"), "r0b9c6f1e-2f0e-4a8-"),
        ("status:2026-11-25T12", "s2026-11-25t12-"),
        ("kill:9223372036854775807", "k92233720368547758-"),
        ("rally:m1:\ud800", "r-m1-"),
    ],
)
def test_a_nonce_is_readable_short_and_stable(claim: str, start: str) -> None:
    nonce = nonce_for(claim, "200")
    assert nonce.startswith(start)
    assert len(nonce) <= 25
    assert nonce.isascii()
    assert nonce == nonce_for(claim, "200")


def test_channels_and_claims_have_different_nonces() -> None:
    claims = [kill_claim(number) for number in range(128000000, 128000200)]
    nonces = {nonce_for(claim, channel) for claim in claims for channel in ("200", "300")}
    assert len(nonces) == 400
