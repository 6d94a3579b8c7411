"""How annotations are read: one option object for every format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from yolo_tl.config import option
from yolo_tl.errors import ConfigError


@dataclass(frozen=True)
class ReadOptions:
    """How annotations are read and which of them are kept; the defaults keep what can be trained on."""

    task: Literal["detect", "segment", "obb", "pose", "classify"] = option(
        "detect", "what the data set is for; geometry is turned into what the task needs"
    )
    names: Sequence[str] | Mapping[str, str] | None = option(
        None,
        "the classes, in order; or a map from the class as the source writes it to the class wanted, "
        "which renames and merges",
    )
    only: Sequence[str] = option((), "keep these classes of the source and drop the others")
    skip: Sequence[str] = option((), "drop these classes of the source")
    unknown_class: Literal["error", "drop"] = option("error", "a class that is not in `names`")
    missing_images: Literal["error", "drop"] = option("error", "an image that is missing or not an image")
    unlabelled: Literal["background", "drop", "error"] = option(
        "background", "an image that the source says nothing of (no file, no entry)"
    )
    crowd: Literal["drop", "keep"] = option("drop", "one box around a crowd (COCO iscrowd)")
    difficult: Literal["keep", "drop"] = option("keep", "objects marked difficult (VOC)")
    ignore: Literal["drop", "keep"] = option("drop", "regions to be ignored (KITTI DontCare, VisDrone 0)")
    duplicates: Literal["drop", "keep"] = option("drop", "a second box of the same class and coordinates in one image")
    outside: Literal["clip", "drop"] = option("clip", "a box that reaches beyond the image")
    min_visible: float = option(0.0, "drop a clipped box of which less than this share is left")
    parts: Literal["bridge", "split", "largest"] = option(
        "bridge", "an object of several polygons: joined by a seam of no width, one row each, or its largest alone"
    )
    holes: Literal["bridge", "fill"] = option("bridge", "holes in a polygon: cut out along a seam, or filled")
    exif: Literal["auto", "upright", "stored"] = option(
        "auto", "the frame of the coordinates: the image as shown, or as stored where EXIF turns it"
    )
    images: Path | None = option(None, "folder that holds the images, where that is not the source folder")
    image_pattern: str = option(
        "{dir}/{stem}{ext}", "how the image file is named, given the image that a text list or file names"
    )
    voc_origin: Literal["auto", "0", "1"] = option(
        "auto", "VOC coordinates start at 0 (most tools) or at 1, inclusive (VOC itself)"
    )
    attribute: str = option("", "attribute that holds the class (VIA, SageMaker); by default found out")
    annotator: Literal["first", "last", "ground-truth"] = option(
        "last", "which of several annotations of one image counts (Label Studio)"
    )
    columns: str = option("", "columns of delimited text, such as `x1 y1 x2 y2 class`")
    delimiter: Literal["auto", "space", "comma", "tab", "semicolon"] = option("auto", "between the columns")
    normalized: bool = option(False, "text coordinates are shares of the image's sides instead of px")
    class_base: Literal["auto", "0", "1"] = option("auto", "number of the first class in text files")
    pairs: Sequence[str] = option(
        (), "lists with `IMAGE ANNOTATION` on each line; default: train.txt, val.txt, ... at the top of the source"
    )
    label_pattern: str = option("{dir}/{stem}.txt", "where the text file of an image lies, if there are no lists")
    workers: int = option(1, "processes that read and write; 0 takes one for each core")

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for field in fields(self):
            choices = get_args(hints[field.name])
            value = getattr(self, field.name)
            if all(isinstance(choice, str) for choice in choices) and choices and value not in choices:
                raise ConfigError(f"{field.name}: expected one of {', '.join(choices)}, found {value!r}")
        if isinstance(self.names, str):
            raise ConfigError(f"names: expected a list or a map, found the string {self.names!r}")
        if not 0 <= self.min_visible <= 1:
            raise ConfigError(f"min_visible: expected a share from 0 to 1, found {self.min_visible}")
        if self.workers < 0:
            raise ConfigError(f"workers: expected 0 or more, found {self.workers}")
        for name in ("image_pattern", "label_pattern"):
            expand(getattr(self, name), Path("folder/image.jpg"), option_name=name)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes wanted, in order and without repetition, or None if the source decides."""
        if self.names is None:
            return None
        wanted = self.names.values() if isinstance(self.names, Mapping) else self.names
        return tuple(dict.fromkeys(str(name) for name in wanted))

    def to_json(self) -> dict[str, Any]:
        """The options as plain JSON values."""
        plain = asdict(self)
        plain["images"] = None if self.images is None else str(self.images)
        return plain


def expand(pattern: str, path: Path, *, option_name: str = "pattern") -> Path:
    """`pattern` with {dir}, {stem}, {ext} and {name} taken from `path`.

    >>> expand("{dir}/{stem}_test{ext}", Path("a/b.jpg")).as_posix()
    'a/b_test.jpg'
    """
    parts = {"dir": path.parent.as_posix(), "stem": path.stem, "ext": path.suffix, "name": path.name}
    try:
        return Path(pattern.format(**parts))
    except (KeyError, IndexError, ValueError) as error:
        raise ConfigError(
            f"{option_name}: {pattern!r} cannot be filled in: {error}",
            hint="it may hold {dir}, {stem}, {ext} and {name}",
        ) from error
