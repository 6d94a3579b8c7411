"""Ultralytics YOLO: a ``data.yaml`` and one text file of rows an image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from yolo_tl.data.data_yaml import load_data_yaml
from yolo_tl.data.formats.base import Format
from yolo_tl.data.label_rows import label_path, parse_row
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, Note
from yolo_tl.data.tree import Tree, read_lines
from yolo_tl.errors import FormatError


def sniff(tree: Tree) -> str | None:
    """A YAML file at the top with class names and splits."""
    found = _yaml_files(tree)
    return f"{', '.join(path.name for path in found)} with class names and splits" if found else None


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images of each split; a polygon gives its bounding box, a missing text file a background.

    Raises:
        DataNotFound: a split of the yaml is not there.
        FormatError: there are several such YAML files.
        ParseError: the yaml is malformed.
    """
    del options
    found = _yaml_files(tree)
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise FormatError(f"{tree.source}: expected one data.yaml, found {names}", hint="name the file as the source")
    data = load_data_yaml(found[0])
    yield ClassOrder(data.names)
    unlabelled: list[Path] = []
    for split, images in data.images.items():
        for image in images:
            source = label_path(image)
            if not source.is_file():
                unlabelled.append(image)
                yield ImageRecord(image, source, split=split, relative=True)
                continue
            annotations: list[Annotation] = []
            for number, line in enumerate(read_lines(source), start=1):
                if not line.strip():
                    continue
                item = _annotation(line, source, f"line {number}", data.names)
                if isinstance(item, Dropped):
                    yield item
                else:
                    annotations.append(item)
            yield ImageRecord(image, source, tuple(annotations), split=split, relative=True)
    if unlabelled:
        first = tree.relative(unlabelled[0])
        yield Note(f"{len(unlabelled)} images have no label file and count as backgrounds, first: {first}")


def _yaml_files(tree: Tree) -> list[Path]:
    """The data.yaml files: the one named, or those at the top of the folder."""
    return [p for p in tree.files(".yaml", ".yml") if p.parent == tree.root and _has_names_and_splits(p)]


def _has_names_and_splits(path: Path) -> bool:
    # By its lines, not parsed: a malformed data.yaml is to be reported by the reader.
    keys = {line.partition(":")[0].strip() for line in path.read_text("utf-8", "replace").splitlines() if ":" in line}
    return bool(keys & {"names", "nc"}) and bool(keys & {"train", "val", "validation", "test"})


def _annotation(line: str, source: Path, place: str, names: tuple[str, ...]) -> Annotation | Dropped:
    try:
        row = parse_row(line)
    except ValueError as error:
        return Dropped("malformed", source, place, str(error))
    if not 0 <= row.class_id < len(names):
        detail = f"expected a class from 0 to {len(names) - 1}, found {row.class_id}"
        return Dropped("class_out_of_range", source, place, detail)
    return Annotation(names[row.class_id], row.box, place, repair="box_from_polygon" if row.polygon else "")


FORMAT = Format(
    name="yolo",
    looks_for="Ultralytics YOLO: a data.yaml with names and splits",
    suffixes=(".yaml", ".yml"),
    sniff=sniff,
    read=read,
)
