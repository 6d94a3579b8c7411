"""The images of a video's frames: ``frame_000000.png`` and so on, as CVAT names them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePath

from yolo_tl.data.formats.cvat.meta import Task
from yolo_tl.data.tree import Tree
from yolo_tl.errors import DataError

Frames = dict[int, Path]
_NAME = re.compile(r"frame_(\d{6,9})", re.IGNORECASE)


def frame_name(number: int) -> str:
    """The name of a frame, without suffix."""
    return f"frame_{number:06d}"


def frames_of(tree: Tree, source: Path, task: Task, *, alone: bool) -> Frames:
    """The images of one video, by the number of the frame.

    A number says nothing of the video. So where there are several, the images have to lie in a folder
    below the annotation file, or in one that is called like it, the video or the task.

    Args:
        tree: the source.
        source: the annotation file.
        task: the task that the frames are of.
        alone: there is no other video in the source.

    Raises:
        DataError: several folders fit equally well, or the frames count from 1.
    """
    folders: dict[Path, Frames] = {}
    for image in tree.images:
        if match := _NAME.fullmatch(image.stem):
            folders.setdefault(image.parent, {}).setdefault(int(match.group(1)), image)
    count = sum(map(len, folders.values()))
    found = {number: image for frames in folders.values() for number, image in frames.items()}
    if not alone or len(found) < count:
        found = _best(tree, folders, source, task, alone=alone)
    if task.stop is not None and task.step == 1:
        off_by_one = task.start not in found and task.start + 1 in found and task.stop + 1 in found
        if off_by_one and task.stop + 2 not in found:
            raise DataError(
                f"{source}: the frames are numbered from {task.start + 1}, those of CVAT from {task.start}",
                hint="extract them with ffmpeg -start_number 0, or rename them",
            )
    return found


def _best(tree: Tree, folders: dict[Path, Frames], source: Path, task: Task, *, alone: bool) -> Frames:
    names = {name.casefold() for name in (source.stem, task.name, PurePath(task.source).stem, task.id) if name}

    def kinship(folder: Path) -> tuple[int, int]:
        called = sum(part.casefold() in names for part in PurePath(tree.relative(folder)).parts)
        return called, int(folder.is_relative_to(source.parent))

    ranked = sorted(folders, key=kinship, reverse=True)
    best = [folder for folder in ranked if kinship(folder) == kinship(ranked[0])]
    if not ranked or (not alone and not any(kinship(ranked[0]))):
        return {}
    if len(best) > 1:
        raise DataError(
            f"{source}: the frames of {task.name or task.source or 'the video'} may be in {_listed(tree, best)}",
            hint="name the folder of each video like the video, or convert one at a time",
        )
    return folders[ranked[0]]


def _listed(tree: Tree, folders: Iterable[Path]) -> str:
    return ", ".join(tree.relative(folder) for folder in folders)
