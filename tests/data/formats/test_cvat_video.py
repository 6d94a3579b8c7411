from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.pictures import picture
from support.sources import cvat as example
from support.sources import cvat_video as video

from yolo_tl.data.formats import cvat as module
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import ClassOrder, Dropped, Event, ImageRecord, Note
from yolo_tl.data.tree import Tree
from yolo_tl.errors import DataError, DataNotFound

Make = Callable[..., Any]


def events(source: Path, **options: Any) -> list[Event]:
    return list(module.read(Tree(source), ReadOptions(**options)))


def records(source: Path, **options: Any) -> dict[str, ImageRecord]:
    return {e.path.name: e for e in events(source, **options) if isinstance(e, ImageRecord)}


def records_of(source: Path) -> list[ImageRecord]:
    return [e for e in events(source) if isinstance(e, ImageRecord)]


def dropped(source: Path) -> list[tuple[str, str]]:
    return [(e.reason, e.place) for e in events(source) if isinstance(e, Dropped)]


def notes(source: Path) -> str:
    return "\n".join(e.text for e in events(source) if isinstance(e, Note))


@pytest.fixture
def clip(tmp_path: Path) -> Callable[..., Path]:
    """A video of some frames with the given tracks."""

    def make(tracks: str, frames: int | list[int] = 6, *, meta: str = "", folder: str = "") -> Path:
        numbers = list(range(frames)) if isinstance(frames, int) else frames
        for number in numbers:
            picture(tmp_path / folder / "images" / f"frame_{number:06d}.png")
        text = meta or video.META.format(size=6, stop=5)
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "annotations.xml").write_text(f"{text}{tracks}</annotations>\n", "utf-8")
        return tmp_path

    return make


def box(frame: int, x: float, *, outside: int = 0, keyframe: int = 1, rotation: str = "") -> str:
    turn = f' rotation="{rotation}"' if rotation else ""
    return (
        f'<box frame="{frame}" keyframe="{keyframe}" outside="{outside}" occluded="0" xtl="{x}" ytl="10" '
        f'xbr="{x + 10}" ybr="30"{turn}></box>'
    )


def track(*shapes: str, label: str = "car", more: str = "") -> str:
    return f'<track id="0" label="{label}" {more}>{"".join(shapes)}</track>'


def lefts(source: Path) -> dict[int, list[tuple[float, str]]]:
    """For each frame with objects the left sides of their boxes, and their repairs."""
    found = {int(name[6:12]): record.annotations for name, record in records(source).items()}
    return {
        frame: [(a.box[0] if a.box else math.nan, a.repair) for a in objects]
        for frame, objects in found.items()
        if objects
    }


def test_keyframes_only_are_interpolated_as_in_the_example(tmp_path: Path) -> None:
    video.write(tmp_path)
    found = records(tmp_path)
    assert [(r.group, r.size, r.labelled) for r in found.values()] == [("road.mp4", (100, 50), True)] * 5
    assert lefts(tmp_path) == {
        0: [(0, "")],
        1: [(5, "interpolated"), (pytest.approx(math.nan, nan_ok=True), "")],
        2: [(10, "")],
        3: [(15, "interpolated")],  # towards the shape at which it leaves, as CVAT does
    }
    assert "2 shapes with outside=1" in notes(tmp_path)
    assert events(tmp_path)[0] == ClassOrder(("van", "car"))


def test_outside_shapes_are_no_objects(clip: Make) -> None:
    source = clip(track(box(0, 0), box(1, 5, outside=1), box(4, 50), box(5, 60, outside=1)))
    assert lefts(source) == {0: [(0, "")], 4: [(50, "")]}
    assert not dropped(source)
    assert "2 shapes with outside=1" in notes(source)


def test_a_dump_that_lists_every_frame_is_not_interpolated(clip: Make) -> None:
    source = clip(track(box(0, 0), box(1, 5, keyframe=0), box(3, 15, keyframe=0)))  # frame 2 was deleted
    assert set(lefts(source)) == {0, 1, 3}
    assert len(records(source)) == 6


def test_the_last_keyframe_holds_to_the_end_of_the_task(clip: Make) -> None:
    assert lefts(clip(track(box(2, 7)), 8)) == {2: [(7, "")], **{n: [(7, "interpolated")] for n in (3, 4, 5)}}


def test_a_shape_of_one_frame_before_the_last_has_no_end_in_the_dump(clip: Make) -> None:
    assert lefts(clip(track(box(4, 7)))) == {4: [(7, "")]}


def test_rotation_goes_the_short_way_round(clip: Make) -> None:
    source = clip(track(box(0, 0, rotation="350"), box(2, 0, rotation="10"), box(3, 0, outside=1)))
    (found,) = records(source)["frame_000001.png"].annotations
    assert (found.box, found.corners) == ((0, 10, 10, 30), ())


def test_polygons_and_skeletons_are_interpolated_where_they_match(clip: Make) -> None:
    def polygon(frame: int, points: str) -> str:
        return f'<polygon frame="{frame}" keyframe="1" outside="0" points="{points}"/>'

    source = clip(track(polygon(0, "0,0;10,0;5,5"), polygon(2, "10,0;20,0;15,5"), polygon(4, "0,0;9,0;9,9;0,9")))
    found = {name: r.annotations[0].parts for name, r in records(source).items() if r.annotations}
    assert found["frame_000001.png"] == ((5, 0, 15, 0, 10, 5),)
    assert found["frame_000003.png"] == ((10, 0, 20, 0, 15, 5),)  # held: other points follow
    assert found["frame_000005.png"] == ((0, 0, 9, 0, 9, 9, 0, 9),)

    def skeleton(frame: int, x: int, outside: int) -> str:
        points = f'<points label="nose" keyframe="1" outside="0" occluded="1" points="{x},1"/>'
        points += f'<points label="tail" keyframe="1" outside="{outside}" occluded="0" points="{x},9"/>'
        return f'<skeleton frame="{frame}" keyframe="1">{points}</skeleton>'

    meta = video.META.format(size=6, stop=5).replace(
        "<labels>", example.META.split("<labels>")[1].split("</labels>")[0].join(["<labels>", ""])
    )
    gone = skeleton(5, 9, 1).replace('outside="0"', 'outside="1"')
    source = clip(track(skeleton(0, 10, 0), skeleton(2, 20, 1), gone, label="person"), meta=meta)
    points = {name: r.annotations[0].keypoints for name, r in records(source).items() if r.annotations}
    assert points["frame_000001.png"] == (15, 1, 1, 10, 9, 2)  # the tail has left by frame 2
    assert points["frame_000002.png"] == (20, 1, 1, 0, 0, 0)
    assert "frame_000005.png" not in points


def test_nothing_is_interpolated_to_a_malformed_keyframe(clip: Make) -> None:
    source = clip(track(box(0, 0), '<box frame="2" keyframe="1" outside="0" xtl="?"/>', box(4, 40, outside=1)))
    assert lefts(source) == {0: [(0, "")]}
    assert dropped(source) == [("malformed", "track 0, frame 2")]


@pytest.mark.parametrize("frame", ["", "x", "-1", "9" * 12, "1.5"])
def test_frame_numbers_that_are_none(frame: str, clip: Make) -> None:
    source = clip(track(box(0, 0), box(1, 0, outside=1), box(0, 3).replace('frame="0"', f'frame="{frame}"')))
    assert dropped(source) == [("malformed", f"track 0, frame {frame}")]
    assert lefts(source) == {0: [(0, "")]}


def test_steps_between_frames(clip: Make) -> None:
    meta = video.META.format(size=3, stop=25).replace(
        "<frame_filter></frame_filter>", "<frame_filter>step=10</frame_filter>"
    )
    meta = meta.replace("<start_frame>0<", "<start_frame>5<")
    source = clip(track(box(5, 0), box(25, 20)), [0, 5, 10, 15, 25, 30], meta=meta)
    assert lefts(source) == {5: [(0, "")], 15: [(10, "interpolated")], 25: [(20, "")]}
    assert len(records(source)) == 3  # nobody looked at the frames between
    assert "3 images" in notes(source)


def test_old_dumps_have_segments_and_no_stop(clip: Make) -> None:
    meta = video.META.format(size=9, stop=5)
    meta = meta.replace("<stop_frame>5</stop_frame>", "").replace("<start_frame>0</start_frame>", "")
    assert set(lefts(clip(track(box(2, 7)), 8, meta=meta))) == {2, 3, 4, 5}
    no_meta = clip(track(box(2, 7), box(4, 9)), 8, meta="<annotations>")
    assert set(lefts(no_meta)) == {2, 3, 4}
    assert [r.labelled for r in records(no_meta).values()] == [False, False, True, True, True, False, False, False]


def test_missing_frames_are_named(clip: Make, ingest: Make) -> None:
    source = clip(track(box(0, 0), box(5, 0)), [0, 1, 2])
    assert "3 frames of the video have no image" in notes(source)
    assert set(lefts(source)) == {0, 1, 2, 5}  # frame 5 is listed, 3 and 4 are not
    _, ledger = ingest("cvat", source, missing_images="drop")
    assert ledger.dropped.counts == {"missing_image": 1}
    for path in (source / "images").iterdir():
        path.unlink()
    with pytest.raises(DataNotFound, match="frame_000000 to frame_000005 as images, found none"):
        events(source)


def test_frames_that_count_from_one(clip: Make) -> None:
    with pytest.raises(DataError, match="numbered from 1, those of CVAT from 0"):
        events(clip(track(box(0, 0)), [1, 2, 3, 4, 5, 6]))


def test_two_videos_keep_their_frames_apart(clip: Make, tmp_path: Path) -> None:
    clip(track(box(0, 1)), 2, folder="one")
    clip(track(box(0, 2)), 1, folder="two")
    found = [e for e in events(tmp_path) if isinstance(e, ImageRecord) and e.annotations]
    assert {(e.path.parts[-3], e.path.name, e.annotations[0].box[0]) for e in found if e.annotations[0].box} == {
        ("one", "frame_000000.png", 1),
        ("one", "frame_000001.png", 1),
        ("two", "frame_000000.png", 2),
    }


def test_a_video_gets_no_frames_of_another(clip: Make, tmp_path: Path) -> None:
    clip(track(box(0, 1)), [0, 1], folder="one")
    clip(track(box(2, 2), box(3, 3, outside=1)), [2, 3, 4], folder="two")
    found = {(e.path.parts[-3], e.path.name[11:12], len(e.annotations)) for e in records_of(tmp_path)}
    assert found == {("one", "0", 1), ("one", "1", 1), ("two", "2", 1), ("two", "3", 0), ("two", "4", 0)}


def test_frames_of_one_video_in_two_places_are_refused(clip: Make, tmp_path: Path) -> None:
    source = clip(track(box(0, 1)), 2)
    picture(tmp_path / "thumbs" / "frame_000000.png")
    with pytest.raises(DataError, match="the frames of road may be in images, thumbs"):
        events(source)
    (tmp_path / "thumbs").rename(tmp_path / "road")  # called like the video
    assert records(source)["frame_000000.png"].path.parent.name == "road"


def test_tasks_of_a_project_whose_frames_have_one_name(clip: Make) -> None:
    task = video.META.format(size=6, stop=5).split("<task>")[1].split("</task>")[0]
    tasks = f"<task>{task}</task><task>{task.replace('<id>5', '<id>6')}</task>"
    meta = f"<annotations><meta><project><tasks>{tasks}</tasks></project></meta>"
    source = clip(track(box(0, 1), more='task_id="5"') + track(box(0, 2), more='task_id="6"'), 6, meta=meta)
    with pytest.raises(DataError, match="several tasks have frames of one name"):
        events(source)


def test_frames_split_into_folders(clip: Make, tmp_path: Path) -> None:
    source = clip(track(box(0, 1), box(3, 1)), [0, 1])
    picture(tmp_path / "more" / "frame_000002.PNG".lower())
    picture(tmp_path / "more" / "frame_000003.jpg")
    assert {r.path.parent.name for r in records(source).values()} == {"images", "more"}
