"""Environment markers, held equal to `packaging`, which a base install does not have."""

from __future__ import annotations

from importlib import metadata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.requirements import Requirement

from yolo_tl.device_kit.markers import environment, holds

HERE = {**environment(), "extra": ""}


def test_every_marker_of_what_is_installed_is_read_as_packaging_reads_it() -> None:
    lines = {line for one in metadata.distributions() for line in one.requires or [] if ";" in line}
    assert len(lines) > 50
    for line in lines:
        marker = Requirement(line).marker
        assert marker is not None
        for extra in ("", "edge", "all"):
            variables = {**HERE, "extra": extra}
            assert holds(line.partition(";")[2], variables) == marker.evaluate(variables), line


NAMES = st.sampled_from(["python_version", "python_full_version"])
VERSIONS = st.builds(".".join, st.lists(st.integers(0, 13).map(str), min_size=2, max_size=3))
OPERATORS = st.sampled_from(["<", "<=", ">", ">=", "==", "!=", "~="])


@given(NAMES, OPERATORS, VERSIONS, VERSIONS, st.booleans())
def test_versions_are_compared_as_numbers(name: str, how: str, wanted: str, found: str, swapped: bool) -> None:
    marker = f'{name} {how} "{wanted}"'
    if swapped and how != "~=":
        marker = f'"{wanted}" {how} {name}'
    variables = {**HERE, name: found}
    both = f'{marker} and (sys_platform == "nowhere" or os_name != "x")'
    for text in (marker, both):
        assert holds(text, variables) == Marker(text).evaluate(variables), (text, found)


@pytest.mark.parametrize(
    "text", ["", "import os", "unknown == 'a'", "python_version", "__import__('os') == 'a'", "1 < 2", "os_name == os"]
)
def test_what_is_no_marker_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected an environment marker"):
        holds(text, HERE)
