from __future__ import annotations

from pathlib import Path

import pytest

from yolo_tl.data.groups import groups_of, joined
from yolo_tl.errors import ConfigError, DataNotFound


def together(names: list[str], group_by: str) -> list[list[str]]:
    """The groups of two or more images."""
    found: dict[str, list[str]] = {}
    for name, group in zip(names, groups_of(names, group_by), strict=True):
        if group is not None:
            found.setdefault(group, []).append(name)
    return [members for members in found.values() if len(members) > 1]


def test_copies_of_roboflow() -> None:
    names = ["a_jpg.rf.0123456789abcdef.jpg", "a_jpg.rf.fedcba9876543210.jpg", "b_jpg.rf.00.jpg", "a_jpg.jpg"]
    assert together(names, "roboflow") == [names[:2]]


def test_tiles_have_a_step_in_common() -> None:
    names = ["p_0_0.png", "p_0_512.png", "p_512_0.png", "P7__1__0___0.png", "P7__1__824___0.png"]
    dates = ["d_2020_01.png", "d_2020_02.png", "d_2021_01.png"]
    assert together([*names, *dates], "tiles") == [names[:3], names[3:]]


def test_frames_run_until_a_gap() -> None:
    first = [f"clip_{i:06d}.jpg" for i in range(10, 60, 10)]
    second = [f"clip_{i:06d}.jpg" for i in range(500, 560, 10)]
    other = [f"cam2/{i}.jpg" for i in range(6)]
    assert together([*first, *second, *other, "clip_9999.jpg", "x1.jpg", "x2.jpg"], "frames") == [first, second, other]


def test_folders() -> None:
    names = ["lot1/a/1.jpg", "lot1/b/2.jpg", "lot2/a/3.jpg", "4.jpg"]
    assert together(names, "folder:2") == [names[:2]]
    assert groups_of(names, "folder") == ["lot1/a", "lot1/b", "lot2/a", None]
    with pytest.raises(ConfigError, match="no image lies in a folder"):
        groups_of(["a.jpg"], "folder")


def test_patterns() -> None:
    names = ["part7_left.jpg", "part7_right.jpg", "part8.jpg", "other.jpg"]
    assert groups_of(names, r"regex:part(\d+)") == ["7", "7", "8", None]
    assert groups_of(names, r"regex:part\d+") == ["part7", "part7", "part8", None]
    with pytest.raises(ConfigError, match="matches no image"):
        groups_of(names, "regex:nothing")
    with pytest.raises(ConfigError, match="not a regular expression"):
        groups_of(names, "regex:(")


def test_tables(tmp_path: Path) -> None:
    table = tmp_path / "lots.csv"
    table.write_text("image,lot\na.jpg,1\nsub\\b.jpg,1\nc,2\n,3\nd.jpg,\n", "utf-8-sig")
    assert groups_of(["a.jpg", "sub/b.jpg", "c.png", "d.jpg"], f"csv:{table}") == ["1", "1", "2", None]
    with pytest.raises(ConfigError, match="names no image"):
        groups_of(["z.jpg"], f"csv:{table}")
    with pytest.raises(DataNotFound):
        groups_of(["z.jpg"], f"csv:{tmp_path / 'none.csv'}")


@pytest.mark.parametrize("way", ["", "colour", "regex:", "csv:", "folder:0", "folder:x", "frames:2", "folder:²"])
def test_other_ways_are_refused(way: str) -> None:
    with pytest.raises(ConfigError, match="group_by"):
        groups_of(["a.jpg"], way)


def test_auto_joins_what_names_say() -> None:
    names = ["a.rf.0123456789abcdef.jpg", "a.rf.fedcba9876543210.jpg", "p_0_0.png", "p_0_512.png", "lone.jpg"]
    groups = groups_of(names, "auto")
    assert groups[0] == groups[1] != groups[2] == groups[3]
    assert groups[4] is None
    assert joined(3, [["x", None, None], ["y", "y", "z"]]) == ["group 0", "group 0", None]
