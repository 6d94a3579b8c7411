"""The files below a source folder, walked once and shared by every format."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath

from yolo_tl.data.image_size import IMAGE_SUFFIXES
from yolo_tl.data.split import split_in
from yolo_tl.errors import DataError, DataNotFound, ParseError


class Tree:
    """A source of annotations: a folder, or one annotation file in it.

    Hidden files and folders are left out. Everything is sorted, so that nothing depends
    on the order in which a file system lists its files.

    Args:
        source: the folder, or one annotation file: then the others beside it are not read.
        images: folder of the images, where they are not below the source.

    Raises:
        DataNotFound: a path does not exist, or the folder holds no file.
    """

    def __init__(self, source: Path | str, *, images: Path | None = None) -> None:
        self.source = Path(source)
        for path in (self.source, images):
            if path is not None and not path.exists():
                raise DataNotFound(f"{path}: no such file or folder", hint="check the path")
        self.only = self.source if self.source.is_file() else None
        self.root = self.source.parent if self.only else self.source
        self.image_root = images or self.root
        if not self.all_files:
            raise DataNotFound(f"{self.root}: expected images and annotations, found an empty folder")

    @cached_property
    def all_files(self) -> tuple[Path, ...]:
        """Every file, sorted by its path."""
        return tuple(_walk(self.root))

    def files(self, *suffixes: str) -> list[Path]:
        """The files that end in one of `suffixes` (lower case, with the dot); only the one named, if one was."""
        found = [self.only] if self.only else self.all_files
        return [path for path in found if path.suffix.lower() in suffixes]

    @cached_property
    def images(self) -> tuple[Path, ...]:
        """Every image file, sorted by its path."""
        found = self.all_files if self.image_root == self.root else tuple(_walk(self.image_root))
        return tuple(path for path in found if path.suffix.lower() in IMAGE_SUFFIXES)

    def relative(self, path: Path) -> str:
        """`path` below the source folder with forward slashes; unchanged where it lies elsewhere."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()

    def suffixes(self) -> Counter[str]:
        """How many files there are of each suffix."""
        return Counter(path.suffix.lower() for path in ([self.only] if self.only else self.all_files))

    def find_image(self, name: str, *, near: Path, split: str | None = None, any_suffix: bool = False) -> Path | None:
        """The image that an annotation file calls `name`, or None.

        `name` may hold folders, backslashes or a URL; only images below the image folder are
        ever found. Of several, the one wins that shares most folder names with the annotation
        file `near` and the name itself, then the one in a folder called like `split`.

        Args:
            name: the name as written.
            near: the annotation file.
            split: the split it belongs to, where that is known.
            any_suffix: `name` is a stem; any image suffix will do.

        Raises:
            DataError: several images fit equally well.
        """
        wanted = PurePosixPath(name.replace("\\", "/").split("?")[0])
        found = (self._by_stem if any_suffix else self._by_name).get(_key(wanted.name), [])
        if len(found) < 2:
            return found[0] if found else None
        context = Counter([*near.parent.parts, *wanted.parent.parts])

        def kinship(path: Path) -> tuple[int, bool, bool]:
            shared = sum((Counter(path.parent.parts) & context).values())
            in_split = split is not None and any(split_in(part) == split for part in path.parent.parts)
            return shared, in_split, path.name == wanted.name

        ranked = sorted(found, key=kinship, reverse=True)
        if kinship(ranked[0]) == kinship(ranked[1]):
            fits = ", ".join(self.relative(path) for path in ranked if kinship(path) == kinship(ranked[0]))
            raise DataError(
                f"{near}: {name!r} fits several images equally well: {fits}",
                hint="rename or remove the wrong ones, or say which folder holds the images",
            )
        return ranked[0]

    def images_named(self, stem: str) -> list[Path]:
        """Every image whose name without suffix is `stem`."""
        return self._by_stem.get(_key(stem), [])

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        return _index(self.images, lambda path: path.name)

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        return _index(self.images, lambda path: path.stem)


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text file, with or without a byte-order mark.

    Raises:
        ParseError: the file is not UTF-8 text.
    """
    try:
        return path.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ParseError(path, "expected UTF-8 text, found bytes that are not", line=line) from error


def _walk(folder: Path) -> Iterator[Path]:
    seen: set[str] = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(here)) in seen:  # a link back up would never end
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        yield from (Path(here, name) for name in sorted(files) if not name.startswith("."))


def _index(paths: Iterable[Path], name: Callable[[Path], str]) -> dict[str, list[Path]]:
    index: dict[str, list[Path]] = {}
    for path in paths:
        index.setdefault(_key(name(path)), []).append(path)
    return index


def _key(name: str) -> str:
    """Names are compared as file systems of other machines would: composed, without case."""
    return unicodedata.normalize("NFC", name).casefold()
