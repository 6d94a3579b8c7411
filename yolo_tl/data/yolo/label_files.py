"""Which YOLO label file belongs to which image, and the images with what their files say."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path

from yolo_tl.data.documents import load_text
from yolo_tl.data.records import Annotation, Dropped, Event, ImageRecord, Note
from yolo_tl.data.tree import Tree
from yolo_tl.data.workers import each
from yolo_tl.data.yolo.label_rows import RowReader, label_name, label_path
from yolo_tl.errors import ParseError

Listed = tuple[Path, str | None]


class LabelFiles:
    """The text files of a source, of which each image takes its own.

    Args:
        tree: the source.
        rows: how their rows are read.
        skip: text files that are something else: lists of images, class names.
    """

    def __init__(self, tree: Tree, rows: RowReader, *, skip: Iterable[Path] = ()) -> None:
        self.tree = tree
        self.rows = rows
        root = os.fspath(tree.root)
        roots = dict.fromkeys([root, os.path.normpath(root), os.path.abspath(root), os.path.realpath(root)])
        self._prefixes = tuple(folder.rstrip(os.sep) + os.sep for folder in roots if folder != os.curdir)
        others = frozenset(map(os.fspath, skip))
        texts = (path for path in tree.all_files if os.fspath(path)[-4:].lower() == ".txt")
        self._texts = {self.key(path): path for path in texts if os.fspath(path) not in others}
        self._owners: dict[str, Path] = {}
        self._shared: list[Path] = []
        self._twins: list[Path] = []

    def key(self, path: Path | str) -> str:
        """`path` from the source folder, however it is written; or as it is where it lies elsewhere."""
        text = os.fspath(path)
        for prefix in self._prefixes:
            if text.startswith(prefix):
                return text[len(prefix) :]
        return text

    def exact(self, image: Path) -> Path | None:
        """The label file where Ultralytics looks for it; also if its name differs in case or Unicode form."""
        name = label_name(os.fspath(image))
        key = self.key(name)
        if key in self._texts:
            return self._take(key, image)
        if os.path.isfile(name):  # outside of the source folder
            return Path(name)
        twin = self._folded.get(_fold(key))
        if twin is None or twin in self._expected:
            return None
        self._twins.append(self._texts[twin])
        return self._take(twin, image)

    def _take(self, key: str, image: Path) -> Path:
        if (owner := self._owners.setdefault(key, image)) is not image and owner != image:
            self._shared.append(self._texts[key])
        return self._texts[key]

    def by_name(self, image: Path) -> Path | None:
        """The label file beside `image`; or one of its stem in the folder that shares most with it.

        A file that is where the labels of another image belong is never taken.
        """
        beside = self.key(os.path.splitext(image)[0] + ".txt")
        if beside in self._texts and beside not in self._expected:
            return self._take(beside, image)
        others = self._by_stem.get(_fold(image.stem), ())
        free = [key for key in others if key not in self._expected and key not in self._owners]
        kinship = [len(set(key.split(os.sep)) & set(image.parts)) for key in free]
        best = [key for key, shared in zip(free, kinship, strict=True) if shared == max(kinship)]
        return self._take(best[0], image) if len(best) == 1 else None

    @cached_property
    def _expected(self) -> frozenset[str]:
        """Where the labels of the images would be."""
        return frozenset(self.key(label_name(os.fspath(image))) for image in self.tree.images)

    @cached_property
    def _folded(self) -> dict[str, str]:
        return {_fold(key): key for key in self._texts}

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for key, path in self._texts.items():
            found.setdefault(_fold(path.stem), []).append(key)
        return found

    def read(
        self, images: Iterable[Listed], find: Callable[[Path], Path | None], *, workers: int = 1
    ) -> Iterator[Event]:
        """A record for each image, with the rows dropped; then what is odd about the files.

        Args:
            images: each image with its split; those of one split together.
            find: the label file of an image, or None.
            workers: processes that read files.
        """
        found = [(image, split, find(image)) for image, split in images]
        contents = each(self.rows.read_file, [path for _, _, path in found if path is not None], workers=workers)
        without: list[Path] = []
        for image, split, path in found:
            if path is None:
                without.append(image)
                yield ImageRecord(image, label_path(image), split=split, relative=True, labelled=False)
                continue
            annotations, dropped = next(contents)
            yield from dropped
            yield ImageRecord(image, path, annotations, split=split, relative=True)
        if without:
            yield Note(f"{len(without)} images have no label file, first: {self.tree.relative(without[0])}")
        for paths, what in (
            (self._twins, "label files differ from their images in case or Unicode form"),
            (self._shared, "label files belong to several images (x.jpg and x.png), and count for each"),
        ):
            if paths:
                yield Note(f"{len(paths)} {what}, first: {self.tree.relative(paths[0])}")
        yield from self._unlisted({self.key(image) for image, _, _ in found})
        yield from self._orphans()

    def _unlisted(self, used: set[str]) -> Iterator[Event]:
        others = [image for image in self.tree.images if self.key(image) not in used]
        if others:
            yield Note(
                f"{len(others)} images are in no split of the source and are left out with their labels, "
                f"first: {self.tree.relative(others[0])}"
            )

    def _orphans(self) -> Iterator[Event]:
        """Rows of files that belong to no image, though they lie among labels or have the name of an image."""
        folders = {os.path.dirname(key) for key in (*self._owners, *self._expected)}
        files: list[Path] = []
        for key, path in self._texts.items():
            folder = os.path.dirname(key)
            if key in self._owners or key in self._expected:
                continue
            if not (folder in folders or "labels" in folder.split(os.sep) or self.tree.images_named(path.stem)):
                continue
            try:
                lines = [(n, line) for n, line in enumerate(load_text(path).splitlines(), start=1) if line.strip()]
            except ParseError:  # a readme, a list: anything
                continue
            if lines and not any(isinstance(self.rows.read_row(line, ""), Annotation) for _, line in lines):
                continue
            files.append(path)
            for number, line in lines:
                yield Dropped("missing_image", path, f"line {number}", line.strip()[:80])
        if files:
            yield Note(f"{len(files)} label files have no image, first: {self.tree.relative(files[0])}")


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
