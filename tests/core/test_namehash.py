"""The former program's name hash, by the published values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.core.namehash import name_hash


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Jita", 116032842),
        ("jita", 40432253),
        ("Amarr", 133721297),
        ("TestSystem", 77086117),
        ("a", 112802447),
        ("abcdefghijk", 96993671),
        ("abcdefghijkl", 15432855),
        ("abcdefghijklm", 11441572),
        ("J123456", 126262180),
        ("Thera", 132005897),
        ("Perimeter", 126476371),
        ("1DQ1-A", 64287854),
        ("Ünïcode", 57419182),
        ("", 13708901),
    ],
)
def test_published_values(name: str, value: int) -> None:
    assert name_hash(name) == value


@given(st.text(max_size=60))
def test_the_hash_fits_27_bits(name: str) -> None:
    assert 0 <= name_hash(name) < 2**27
