from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.data.geometry.masks import rings_of
from yolo_tl.data.geometry.rle import rings_of_brush, rings_of_rle

SIZES = (3, 4, 8, 16)


def packed(values: list[int], lengths: list[int]) -> list[int]:
    """`values` as `@thi.ng/rle-pack` writes them, in groups of at most `lengths`; equal values as one."""
    bits = f"{len(values):032b}{8 - 1:05b}" + "".join(f"{size - 1:04b}" for size in SIZES)
    at, turn = 0, 0
    while at < len(values):
        group = values[at : at + lengths[turn % len(lengths)]]
        index = next(i for i, size in enumerate(SIZES) if len(group) <= 2**size)
        repeated = len(set(group)) == 1
        bits += f"{int(repeated)}{index:02b}{len(group) - 1:0{SIZES[index]}b}"
        bits += "".join(f"{value:08b}" for value in (group[:1] if repeated else group))
        at, turn = at + len(group), turn + 1
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


@given(data=st.data())
def test_a_brush_is_the_mask_of_its_alpha(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    values = data.draw(
        st.lists(st.sampled_from([0, 0, 7, 255]), min_size=width * height * 4, max_size=width * height * 4)
    )
    lengths = data.draw(st.lists(st.integers(1, 300), min_size=1, max_size=5))
    alpha = np.array(values).reshape(height, width, 4)[..., 3]
    assert rings_of_brush(packed(values, lengths), width, height) == rings_of(alpha)


def test_long_runs() -> None:
    values = [0] * 4 * 50 + [255] * 4 * 25_000
    (ring,), holes = rings_of_brush(packed(values, [65_536]), 50, 501)
    assert ring == (0, 1, 50, 1, 50, 501, 0, 501)
    assert holes == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (packed([255] * 16, [9])[:-1], "the end of the list"),
        (packed([255] * 12, [9]), "expected an RGBA image of 2 x 2 px, found one of 12 values"),
        ([255] * 9, "found one of 4294967295 values"),
        ([], "the end of the list"),
        ([256], "expected a list of bytes"),
        ([-1], "expected a list of bytes"),
        (["a"], "expected a list of bytes"),
        ("abc", "expected a list of bytes"),
        (None, "expected a list of bytes"),
        (10**9, "expected a list of bytes"),
    ],
)
def test_what_is_no_brush(content: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rings_of_brush(content, 2, 2)


@pytest.mark.parametrize("counts", ["525", [5, 2, 5], ["5", 2, 5.0]])
def test_run_lengths_follow_the_columns(counts: Any) -> None:
    assert rings_of_rle({"counts": counts, "size": [4, 3]}) == (((1, 1, 2, 1, 2, 3, 1, 3),), ())


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"counts": "525"},
        {"counts": "525", "size": [4]},
        {"counts": "525", "size": ["a", 3]},
        {"counts": [5, 2], "size": [4, 3]},
        {"counts": [-5, 17], "size": [4, 3]},
        {"counts": "é", "size": [4, 3]},
        {"counts": {}, "size": [4, 3]},
        {"counts": "525", "size": [10**30, 3]},
        {"counts": [0, 10**18], "size": [10**9, 10**9]},
    ],
)
def test_what_are_no_run_lengths(value: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        rings_of_rle(value)
