"""Tracks of CVAT for video 1.1 → the annotations of each frame.

CVAT lists every frame of a track, with ``keyframe="0"`` where it interpolated; then nothing is missing,
and frames that are not listed were deleted. Other tools list keyframes only; then the frames between them are
filled in as CVAT would (`TrackManager.get_interpolated_shapes` in cvat/apps/dataset_manager/annotation.py):
linearly, not from ``outside="1"`` on, and the last keyframe holds up to the last frame of the task.
Polygons are interpolated point by point where both have as many points, else held.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from yolo_tl.data.formats.cvat.meta import Task
from yolo_tl.data.formats.cvat.shapes import Shape, ShapeError, annotation_of, between, shape_of
from yolo_tl.data.records import Annotation, Dropped

_FRAMES = 1_000_000_000  # a year of video
Placed = tuple[int, Annotation]


class Drawn(Struct, frozen=True):
    """A shape of a track at one frame.

    Attributes:
        frame: its number.
        shape: None where it could not be read: nothing is interpolated to it.
        outside: the object is not in the image from here on.
        keyframe: it was drawn, not interpolated.
        place: where in the source.
    """

    frame: int
    shape: Shape | None
    outside: bool
    keyframe: bool
    place: str


class Track(Struct, frozen=True):
    """One object in the course of a video.

    Attributes:
        label: its class.
        task: the id of its task, or "".
        drawn: its shapes, by frame.
        dropped: shapes that could not be read.
    """

    label: str
    task: str
    drawn: tuple[Drawn, ...]
    dropped: tuple[Dropped, ...] = ()


def read_track(element: ET.Element, source: Path, number: int) -> Track:
    """A ``<track>``; `number` names it where it has no id."""
    label, name = (element.get("label") or "").strip(), f"track {element.get('id') or number}"
    drawn: list[Drawn] = []
    dropped: list[Dropped] = []
    for child in element:
        place = f"{name}, frame {child.get('frame')}"
        try:
            frame = int(child.get("frame", ""))
        except ValueError:
            frame = -1
        outside, keyframe = child.get("outside") == "1", child.get("keyframe", "1") != "0"
        shape: Shape | None = None
        if not 0 <= frame < _FRAMES:
            dropped.append(Dropped("malformed", source, place, "expected a frame number"))
            continue
        try:
            if not label:
                raise ShapeError("no_class", "the label is missing or empty")
            shape = shape_of(child)
            outside = outside or shape.is_outside
        except ShapeError as error:
            if not outside:
                dropped.append(Dropped(error.reason, source, place, error.detail))
        drawn.append(Drawn(frame, shape, outside, keyframe, place))
    drawn.sort(key=lambda item: item.frame)
    return Track(label, element.get("task_id", ""), tuple(drawn), tuple(dropped))


def listed(track: Track, order: Mapping[str, int], source: Path) -> Iterator[Placed | Dropped]:
    """What the track lists, each with its frame."""
    yield from track.dropped
    for item in track.drawn:
        if item.shape is not None and not item.outside:
            try:
                yield item.frame, annotation_of(track.label, item.shape, item.place, order)
            except ShapeError as error:
                yield Dropped(error.reason, source, item.place, error.detail)


def interpolated(track: Track, order: Mapping[str, int], task: Task, frames: Sequence[int]) -> Iterator[Placed]:
    """What lies between the shapes listed.

    Args:
        track: one that lists keyframes only.
        order: the index of each keypoint by its name.
        task: its task.
        frames: the frames for which there is an image, in order; no other gets an annotation.
    """
    for i, item in enumerate(track.drawn):
        shape = item.shape
        if shape is None or item.outside or shape.kind == "mask":  # CVAT has no tracks of masks: each is for itself
            continue
        after = track.drawn[i + 1] if i + 1 < len(track.drawn) else None
        if after is None:
            end = _end(track, task)
        elif after.shape is None and not after.outside:
            continue  # what it was to become could not be read
        else:
            end = after.frame
        for frame in frames[bisect_right(frames, item.frame) : bisect_left(frames, end)]:
            current = shape
            if after is not None and after.shape is not None:
                current = between(shape, after.shape, (frame - item.frame) / (after.frame - item.frame))
            place = f"{item.place.rpartition(',')[0]}, frame {frame}"
            try:
                yield frame, annotation_of(track.label, current, place, order, repair="interpolated")
            except ShapeError:
                break  # named where it is listed


def _end(track: Track, task: Task) -> int:
    """The frame up to which the last keyframe of a track holds, exclusive."""
    last = track.drawn[-1].frame
    if task.stop is None:
        return last
    # CVAT exports a shape that is in one frame only as a track with an end, but for one in the last frame
    # but one, of which it leaves the end out.
    if len(track.drawn) == 1 and last + task.step >= task.stop:
        return last
    return task.stop + 1
