"""The images of a data set with their objects, of any task, as the label files say."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from yolo_tl.data.records import XYXY, Annotation
from yolo_tl.data.yolo.data_yaml import DataYaml, load_data_yaml
from yolo_tl.data.yolo.label_rows import RowReader, label_path

# Folders that say no more than that there are images, and of which split.
_SAID = frozenset(["images", "train", "training", "val", "valid", "validation", "test", "testing"])


@dataclass(frozen=True)
class LabelledImage:
    """One image of a data set.

    Attributes:
        path: the image file.
        labels: its label file; it need not exist.
        split: train, val or test.
        name: where it lies in its split, for people and for matching; the same wherever the data set lies.
        objects: all coordinates are shares of the image's sides.
        malformed: rows of the label file that say nothing.
    """

    path: Path
    labels: Path
    split: str
    name: str
    objects: tuple[Annotation, ...]
    malformed: int = 0


@dataclass(frozen=True)
class LabelledSet:
    """A data set of any task.

    Attributes:
        yaml: what its data.yaml says.
        images: by split, then by path.
    """

    yaml: DataYaml
    images: tuple[LabelledImage, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Class names by index."""
        return self.yaml.names

    def of(self, split: str) -> LabelledSet:
        """Only the images of one split."""
        return replace(self, images=tuple(image for image in self.images if image.split == split))


def read_labelled(data: Path | str) -> LabelledSet:
    """Read a data.yaml, or the one in a folder, with all its labels; malformed rows are counted, not refused.

    Raises:
        DataNotFound: the yaml, a split or its images do not exist.
        ParseError: the yaml is malformed, or a label file is not text.
    """
    yaml = load_data_yaml(data)
    rows = RowReader(yaml.names, keypoints=yaml.keypoints, oriented=yaml.task == "obb")
    images = []
    for split, paths in yaml.images.items():
        for path in paths:
            labels = label_path(path)
            objects, dropped = rows.read_file(labels) if labels.is_file() else ((), ())
            images.append(LabelledImage(path, labels, split, _name(path, yaml.root), objects, len(dropped)))
    return LabelledSet(yaml, tuple(images))


def box_of(item: Annotation) -> XYXY:
    """The box of an object, or the extent of its shape."""
    if item.box is not None:
        return item.box
    rings = item.parts or (item.corners,)
    xs, ys = [x for ring in rings for x in ring[::2]], [y for ring in rings for y in ring[1::2]]
    return min(xs), min(ys), max(xs), max(ys)


def _name(path: Path, root: Path) -> str:
    """The path below the folders that say no more than that there are images, and of which split."""
    base = Path(os.path.normpath(root))
    inside = PurePosixPath(path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name)
    return "/".join([*(part for part in inside.parts[:-1] if part.lower() not in _SAID), inside.name])
