"""Formats with one text file an image, or one a sequence of frames: their files, and the images of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from yolo_tl.data import documents
from yolo_tl.data.records import Annotation, Dropped, Event, ImageRecord, Note
from yolo_tl.data.split import split_of_folder
from yolo_tl.data.tree import Tree
from yolo_tl.data.workers import each
from yolo_tl.errors import DataError, ParseError

Test = Callable[[str], bool]

_SAMPLE = 300  # files of a folder that are looked into
_HEAD = 4096  # bytes of each
_DATASET = re.compile(r".*[-_](train|val|test)(?:[-_](?:dev|challenge))?")  # VisDrone2019-DET-test-dev


class Parsed(NamedTuple):
    """The content of a label file.

    Attributes:
        rows: the annotations, each with the number of its frame (0 where the file is of one image).
        dropped: the rows of which nothing could be made.
        sequence: the file is about the frames of a sequence.
    """

    rows: list[tuple[int, Annotation]]
    dropped: list[Dropped]
    sequence: bool = False


def label_files(tree: Tree, fits: Test, *, header: Test = lambda line: False) -> dict[Path, str]:
    """The text files of those folders whose files begin with a row that fits, each with that row.

    The first rows of a few hundred files of each folder are looked at. Other text between them
    (a README, a list of classes) does no harm; files that have an image and begin with something
    else must be few. The row is "" for an empty file, and for those not looked into.

    Args:
        tree: the source.
        fits: whether a line is a row of the format.
        header: whether a line is none but may come before the rows.
    """
    folders: dict[Path, list[Path]] = {}
    for path in tree.files(".txt"):
        folders.setdefault(path.parent, []).append(path)
    found: dict[Path, str] = {}
    for paths in folders.values():
        first = {path: _first_row(path, header) for path in paths[:_SAMPLE]}
        right = {path: row for path, row in first.items() if row and fits(row)}
        wrong = [path for path, row in first.items() if row and path not in right and tree.images_named(path.stem)]
        if right and len(wrong) * 2 <= len(right):
            labels = (p for p in paths if p in right or p not in first or tree.images_named(p.stem))
            found.update((path, right.get(path, "")) for path in labels)
    return found


def _first_row(path: Path, header: Test) -> str:
    """The first line that is no header; "" where there is none."""
    return next((line for line in head_lines(path) if not header(line)), "")


def head_lines(path: Path) -> list[str]:
    """The lines of the first few kB of a file that hold anything; none where it cannot be read. For sniffing."""
    try:
        with path.open("rb") as stream:
            head = documents.decode(stream.read(_HEAD), path, latin1=True)
    except (OSError, ParseError):
        return []
    return [line.strip() for line in head.splitlines() if line.strip()]


def folder_split(tree: Tree, path: Path) -> str | None:
    """The split that a folder above `path` is named after, innermost first: ``val``, ``X-train``, ``X_test-dev``."""
    root = tree.image_root if path.is_relative_to(tree.image_root) else tree.root
    for folder in path.relative_to(root).parts[-2::-1] if path.is_relative_to(root) else ():
        if match := _DATASET.fullmatch(folder.lower()):
            return match.group(1)
        if split := split_of_folder(f"{folder}/"):
            return split
    return None


class LabelledImages:
    """The images that label files speak of: those of their name, and of their split where folders say so.

    KITTI has an image 000000 in training and one in testing: labels of the one are not for the other.

    Args:
        tree: the source.
        folder: what the folder of the images, or of the sequences, of a label file should be called.
        suffix: for the path of an image that is missing.
        digits: of the names of frames, for those that are missing.
    """

    def __init__(self, tree: Tree, *, folder: Callable[[Path], str], suffix: str, digits: int = 6) -> None:
        self.tree, self.folder, self.suffix, self.digits = tree, folder, suffix, digits
        self._owners: dict[Path, Path] = {}

    def read(
        self,
        files: list[Path],
        parse: Callable[[Path], Parsed],
        *,
        split: Callable[[Path], str | None],
        workers: int = 1,
    ) -> Iterator[Event]:
        """What the label files say, in their order, then what is known of the other files.

        Every frame of a labelled sequence is labelled. An image without a label file is yielded as
        such if it lies beside one that has one; a note tells of those that lie elsewhere.

        Raises:
            ParseError: a file is not text.
            DataError: two label files belong to one image, or several images fit one equally well.
        """
        for path, parsed in zip(files, each(parse, files, workers=workers), strict=True):
            yield from parsed.dropped
            if not parsed.sequence:
                annotations = tuple(annotation for _, annotation in parsed.rows)
                yield ImageRecord(self._claimed(self._image(path), path), path, annotations, split=split(path))
                continue
            images, folder = self._frames(path)
            found: dict[int, list[Annotation]] = {number: [] for number in images}
            for number, annotation in parsed.rows:
                found.setdefault(number, []).append(annotation)
            group = self.tree.relative(path.with_suffix(""))
            for number in sorted(found):
                image = images.get(number) or folder / f"{number:0{self.digits}d}{self.suffix}"
                annotations = tuple(found[number])
                yield ImageRecord(self._claimed(image, path), path, annotations, split=split(path), group=group)
        yield from self._unlabelled()
        yield from self._other_text(files)

    def _claimed(self, image: Path, label: Path) -> Path:
        if image in self._owners:
            raise DataError(
                f"{image}: expected one label file, found {self._owners[image]} and {label}",
                hint="keep one of them, or name the folder of the right one as the source and say --images",
            )
        self._owners[image] = label
        return image

    def _image(self, label: Path) -> Path:
        folder, split = self.folder(label), folder_split(self.tree, label)
        image = self.tree.find_image(f"{folder}/{label.stem}", near=label, split=split, any_suffix=True)
        if image is None or self._is_of_other_split(image, split):
            return label.parent.parent / folder / f"{label.stem}{self.suffix}"
        return image

    def _frames(self, label: Path) -> tuple[dict[int, Path], Path]:
        """The frames of the sequence by their numbers, and the folder that holds or should hold them."""
        folder, split = self.folder(label), folder_split(self.tree, label)
        fitting = [path for path in self._by_folder if path.name == label.stem]
        fitting = [path for path in fitting if not self._is_of_other_split(path / "frame", split)]
        fitting = [path for path in fitting if path.parent.name == folder] or fitting
        kinship = {path: sum(part in label.parts for part in path.parts) for path in fitting}
        nearest = [path for path in fitting if kinship[path] == max(kinship.values())]
        if len(nearest) > 1:
            fits = ", ".join(self.tree.relative(path) for path in nearest)
            raise DataError(
                f"{label}: several folders of frames fit equally well: {fits}", hint="remove the wrong ones"
            )
        if not nearest:
            return {}, label.parent.parent / folder / label.stem
        numbers = ((re.search(r"\d{1,9}$", image.stem), image) for image in self._by_folder[nearest[0]])
        return {int(number.group()): image for number, image in numbers if number}, nearest[0]

    @cached_property
    def _by_folder(self) -> dict[Path, list[Path]]:
        folders: dict[Path, list[Path]] = {}
        for image in self.tree.images:
            folders.setdefault(image.parent, []).append(image)
        return folders

    def _is_of_other_split(self, image: Path, split: str | None) -> bool:
        other = folder_split(self.tree, image)
        return split is not None and other is not None and split != other

    def _unlabelled(self) -> Iterator[Event]:
        if self.tree.only:
            return
        folders = {path.parent for path in self._owners}
        rest = [image for image in self.tree.images if image not in self._owners]
        for image in rest:
            if image.parent in folders:
                yield ImageRecord(image, image, split=folder_split(self.tree, image), labelled=False)
        if elsewhere := [image for image in rest if image.parent not in folders]:
            first = self.tree.relative(elsewhere[0])
            yield Note(f"{len(elsewhere)} images lie in folders without labels and are left out, first: {first}")

    def _other_text(self, files: list[Path]) -> Iterator[Event]:
        known, folders = set(files), {path.parent for path in files}
        rest = [path for path in self.tree.files(".txt") if path.parent in folders and path not in known]
        if rest:
            first = self.tree.relative(rest[0])
            yield Note(f"{len(rest)} text files hold no labels and are left out, first: {first}")
