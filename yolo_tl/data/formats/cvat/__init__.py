"""CVAT XML 1.1, for images and for video.

Described in site/content/en/docs/manual/advanced/xml_format.md of the CVAT repository; what its exporter
writes is in cvat/apps/dataset_manager/formats/cvat.py. Classes come in the order of ``<labels>``; the points
of skeletons, which are listed there too, are no classes. Written is the variant for images.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path

from yolo_tl.data.formats.base import Format
from yolo_tl.data.formats.cvat.frames import Frames, frame_name, frames_of
from yolo_tl.data.formats.cvat.meta import Meta, Task, read_meta
from yolo_tl.data.formats.cvat.shapes import ShapeError, annotation_of, shape_of
from yolo_tl.data.formats.cvat.tracks import Track, interpolated, listed, read_track
from yolo_tl.data.formats.cvat.write import write
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading import xml_stream
from yolo_tl.data.reading.references import image_called, unmentioned
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, KeypointOrder, Note, Size
from yolo_tl.data.split import split_in, split_of_folder
from yolo_tl.data.tree import Tree
from yolo_tl.errors import DataError, DataNotFound

_ROOT = "annotations"
_LOOKED_AT = 500  # XML files opened to recognise the format
_SHAPES = frozenset({"box", "polygon", "polyline", "points", "ellipse", "mask", "cuboid", "skeleton", "tag"})


def sniff(tree: Tree) -> str | None:
    """XML files whose root is <annotations>; where there are very many XML files, only some are opened."""
    files = tree.files(".xml")
    found = [path for path in files[:: len(files) // _LOOKED_AT + 1] if tree.xml_root(path) == _ROOT]
    if not found:
        return None
    names = ", ".join(tree.relative(path) for path in found[:3]) + (", ..." if len(found) > 3 else "")
    return f"{len(found)} XML files with <annotations>: {names}"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images and the frames of each file in turn.

    The frames of a video are one group; a frame of its task without a shape is a background. Shapes with
    ``outside="1"`` end a track and are no objects; a note counts them.

    Raises:
        ParseError: a file is not well formed.
        DataError: an image or a video is one of several.
        DataNotFound: the frames of a video are not there.
    """
    files = [path for path in tree.files(".xml") if tree.xml_root(path) in (_ROOT, "")]  # "": not XML, to be named
    metas = [read_meta(path) for path in files]
    if classes := tuple(dict.fromkeys(name for meta in metas for name in meta.classes)):
        yield ClassOrder(classes)
    keypoints = tuple(dict.fromkeys(name for meta in metas for name in meta.keypoints))
    if keypoints:
        yield KeypointOrder(keypoints)
    order = {name: index for index, name in enumerate(keypoints)}
    alone = len(files) == 1 and len(metas[0].tasks) < 2
    mentioned: set[Path] = set()
    for path, meta in zip(files, metas, strict=True):
        for event in _file(path, meta, tree, options, order, alone=alone):
            if isinstance(event, ImageRecord):
                mentioned.add(event.path)
            yield event
    yield from unmentioned(tree, mentioned)


def _file(
    path: Path, meta: Meta, tree: Tree, options: ReadOptions, order: Mapping[str, int], *, alone: bool
) -> Iterator[Event]:
    videos = {task.id: (task, list[Track]()) for task in meta.tasks if task.is_video}
    has_images = False
    for number, element in enumerate(xml_stream.children(path)):
        if element.tag == "image":
            has_images = True
            yield from _image(element, tree, path, meta, order, f"image {element.get('id') or number}")
        elif element.tag == "track":
            track = read_track(element, path, number)
            task = meta.task(track.task)
            videos.setdefault(task.id, (task, []))[1].append(track)
        elif element.tag in _SHAPES:
            yield Dropped("no_image", path, f"{element.tag} {number}", "it stands outside of any image or track")
    keyframes_only = all(item.keyframe for _, tracks in videos.values() for track in tracks for item in track.drawn)
    taken: set[Path] = set()
    for task, tracks in videos.values():
        if tracks or not has_images:
            frames = frames_of(tree, path, task, alone=alone)
            if taken & set(frames.values()):
                raise DataError(
                    f"{path}: several tasks have frames of one name, and only one of them can be in the images",
                    hint="export the tasks one by one",
                )
            taken.update(frames.values())
            yield from _video(task, tracks, frames, tree, path, options, order, keyframes_only=keyframes_only)


def _image(
    element: ET.Element, tree: Tree, path: Path, meta: Meta, order: Mapping[str, int], place: str
) -> Iterator[Dropped | ImageRecord]:
    name, subset = (element.get("name") or "").strip(), (element.get("subset") or "").strip()
    found: list[Annotation] = []
    for number, child in enumerate(element, start=1):
        if child.tag not in _SHAPES and "label" not in child.attrib:
            continue
        label, where = (child.get("label") or "").strip(), f"{place}, {child.tag} {number}"
        try:
            if not label:
                raise ShapeError("no_class", "the label is missing or empty")
            if not name:
                raise ShapeError("no_image", "the image has no name")
            if child.tag == "tag":
                found.append(Annotation(label, None, where))
                continue
            shape = shape_of(child)
            if shape.is_outside:
                raise ShapeError("outside_flag", "all points of the skeleton are outside")
            found.append(annotation_of(label, shape, where, order))
        except ShapeError as error:
            yield Dropped(error.reason, path, where, error.detail)
    if name:
        split = split_in(subset) or split_of_folder(name.replace("\\", "/")) or _split(tree, path)
        task = meta.task(element.get("task_id"))
        image = image_called(tree, f"{subset}/{name}" if subset else name, near=path, split=split)
        group = _group(task, tree, path) if task.is_video else None
        yield ImageRecord(image, path, tuple(found), split=split, size=_size(element), group=group)


def _video(
    task: Task,
    tracks: list[Track],
    frames: Frames,
    tree: Tree,
    path: Path,
    options: ReadOptions,
    order: Mapping[str, int],
    *,
    keyframes_only: bool,
) -> Iterator[Event]:
    covered = sorted(number for number in frames if _covers(task, number))
    found: dict[int, list[Annotation]] = {}
    for track in tracks:
        for item in listed(track, order, path):
            if isinstance(item, Dropped):
                yield item
            else:
                found.setdefault(item[0], []).append(item[1])
        for frame, annotation in interpolated(track, order, task, covered) if keyframes_only else ():
            found.setdefault(frame, []).append(annotation)
    if found and not frames and options.missing_images == "error":
        raise DataNotFound(
            f"{path}: expected the frames {frame_name(min(found))} to {frame_name(max(found))} as images, found none",
            hint=f"extract them: ffmpeg -i {task.source or 'VIDEO'} -start_number 0 frame_%06d.png",
        )
    if ends := sum(item.outside for track in tracks for item in track.drawn):
        yield Note(f"{path.name}: {ends} shapes with outside=1 end a track and are no objects")
    if task.stop is not None and (absent := (task.stop - task.start) // task.step + 1 - len(covered)) > 0:
        yield Note(f"{path.name}: {absent} frames of the video have no image (deleted, or not extracted)")
    split, group = split_in(task.subset) or _split(tree, path), _group(task, tree, path)
    for frame in sorted({*found, *covered}):
        image = frames.get(frame) or tree.image_root / f"{frame_name(frame)}.png"
        shapes = tuple(found.get(frame, ()))
        labelled = bool(shapes) or task.stop is not None
        yield ImageRecord(image, path, shapes, split=split, size=task.size, labelled=labelled, group=group)


def _covers(task: Task, frame: int) -> bool:
    if task.stop is None:
        return True
    return task.start <= frame <= task.stop and (frame - task.start) % task.step == 0


def _split(tree: Tree, path: Path) -> str | None:
    return split_in(path.stem) or split_of_folder(tree.relative(path))


def _group(task: Task, tree: Tree, path: Path) -> str:
    return task.source or task.name or tree.relative(path)


def _size(element: ET.Element) -> Size | None:
    try:
        size = int(element.get("width", "")), int(element.get("height", ""))
    except ValueError:
        return None
    return size if min(size) > 0 else None


FORMAT = Format(
    name="cvat",
    looks_for="CVAT 1.1 for images or video: .xml files with <annotations>",
    suffixes=(".xml",),
    sniff=sniff,
    read=read,
    write=write,
    tasks=("detect", "segment", "obb", "pose", "classify"),
)
