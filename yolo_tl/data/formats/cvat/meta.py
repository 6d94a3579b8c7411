"""The head of a CVAT XML file: labels in their order, and the tasks with their frames."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from msgspec import Struct

from yolo_tl.data.reading import xml_stream
from yolo_tl.data.records import Size


class Task(Struct, frozen=True):
    """One task, or the job of one.

    Attributes:
        id: as shapes refer to it.
        name: given by the user.
        source: the video file, where there is one.
        size: width and height of the frames of a video.
        is_video: the frames are those of a video.
        start: the first frame.
        stop: the last frame, where it is known.
        step: between frames.
        subset: the split, by any name.
    """

    id: str = ""
    name: str = ""
    source: str = ""
    size: Size | None = None
    is_video: bool = False
    start: int = 0
    stop: int | None = None
    step: int = 1
    subset: str = ""


class Meta(Struct, frozen=True):
    """What ``<meta>`` says.

    Attributes:
        classes: the labels in their order, without the points of skeletons.
        keypoints: the labels of the points of skeletons.
        tasks: the tasks; one unless this is a project.
    """

    classes: tuple[str, ...] = ()
    keypoints: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = ()

    def task(self, id: str | None) -> Task:
        """The task that an element names; the first where it names none."""
        named = (task for task in self.tasks if task.id == id)
        return next(named, self.tasks[0] if self.tasks else Task())


def read_meta(path: Path) -> Meta:
    """The head of a file, without its annotations.

    Raises:
        ParseError: the file is not well formed up to there.
    """
    for element in xml_stream.children(path):
        if element.tag == "meta":
            return _meta(element)
        if element.tag in ("image", "track"):
            break
    return Meta()


def _meta(element: ET.Element) -> Meta:
    holders = [child for tag in ("project", "task", "job") for child in element.findall(tag)]
    classes: dict[str, None] = {}
    keypoints: dict[str, None] = {}
    for label in (label for holder in holders for label in holder.iterfind("labels/label")):
        name = _text(label, "name")
        if name:
            (keypoints if _text(label, "parent") else classes)[name] = None
    tasks = [task for holder in holders for task in holder.iterfind("tasks/task")]
    tasks += [holder for holder in holders if holder.tag != "project"]
    return Meta(tuple(classes), tuple(keypoints), tuple(map(_task, tasks)))


def _task(element: ET.Element) -> Task:
    start, count = _whole(element.findtext("start_frame")) or 0, _whole(element.findtext("size"))
    stop = _whole(element.findtext("stop_frame"))
    rule = _text(element, "frame_filter").replace(" ", "")
    step = max(1, _whole(rule.removeprefix("step=")) or 1)
    if stop is None:  # older dumps name the segments only
        stops = [_whole(segment.findtext("stop")) for segment in element.iterfind("segments/segment")]
        stop = max((found for found in stops if found is not None), default=None)
    if stop is None and count:
        stop = start + (count - 1) * step
    width, height = (_whole(element.findtext(f"original_size/{side}")) for side in ("width", "height"))
    return Task(
        _text(element, "id"),
        _text(element, "name"),
        _text(element, "source"),
        (width, height) if width and height and min(width, height) > 0 else None,
        _text(element, "mode") == "interpolation",
        start,
        stop,
        step,
        _text(element, "subset"),
    )


def _text(element: ET.Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()


def _whole(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None
