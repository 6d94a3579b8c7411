"""The files below a source folder, walked once and shared by every format."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath

from yolo_tl.data import documents
from yolo_tl.data.image_size import IMAGE_SUFFIXES
from yolo_tl.data.split import split_in
from yolo_tl.errors import DataError, DataNotFound


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
        self._outlines: dict[Path, tuple[str, frozenset[str]]] = {}
        self._roots: dict[Path, str] = {}
        self._headers: dict[Path, tuple[str, ...]] = {}
        if not self.all_files:
            raise DataNotFound(f"{self.root}: expected images and annotations, found an empty folder")

    @cached_property
    def all_files(self) -> tuple[Path, ...]:
        """Every file, sorted by its path."""
        return tuple(_walk(self.root))

    def files(self, *suffixes: str) -> list[Path]:
        """The files that end in one of `suffixes` (lower case, with the dot); only the one named, if one was."""
        found = [path for suffix in suffixes for path in self._by_suffix.get(suffix, ())]
        return sorted(found) if len(suffixes) > 1 else found

    @cached_property
    def _by_suffix(self) -> dict[str, list[Path]]:
        index: dict[str, list[Path]] = {}
        for path in [self.only] if self.only else self.all_files:
            index.setdefault(_suffix(path), []).append(path)
        return index

    @cached_property
    def images(self) -> tuple[Path, ...]:
        """Every image file, sorted by its path."""
        found = self.all_files if self.image_root == self.root else tuple(_walk(self.image_root))
        return tuple(path for path in found if _suffix(path) in IMAGE_SUFFIXES)

    def relative(self, path: Path) -> str:
        """`path` below the source folder with forward slashes; unchanged where it lies elsewhere."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()

    def suffixes(self) -> Counter[str]:
        """How many files there are of each suffix."""
        return Counter({suffix: len(paths) for suffix, paths in self._by_suffix.items()})

    def json_outline(self, path: Path) -> tuple[str, frozenset[str]]:
        """See `yolo_tl.data.documents.json_outline`; each file is opened once, however many formats ask."""
        if path not in self._outlines:
            self._outlines[path] = documents.json_outline(path)
        return self._outlines[path]

    def xml_root(self, path: Path) -> str:
        """See `yolo_tl.data.documents.xml_root`."""
        if path not in self._roots:
            self._roots[path] = documents.xml_root(path)
        return self._roots[path]

    def csv_header(self, path: Path) -> tuple[str, ...]:
        """See `yolo_tl.data.documents.csv_header`."""
        if path not in self._headers:
            self._headers[path] = documents.csv_header(path)
        return self._headers[path]

    def find_image(self, name: str, *, near: Path, split: str | None = None, any_suffix: bool = False) -> Path | None:
        """The image that an annotation file calls `name`, or None.

        `name` may hold folders, backslashes or a URL; only images below the image folder are
        ever found. Folders of another machine do no harm; but where `name` asks for a folder that
        is here and holds images, an image of that name elsewhere is another image. Of several, the
        one wins that shares most folder names with the annotation file `near` and the name itself,
        then the one in a folder called like `split`.

        Args:
            name: the name as written.
            near: the annotation file.
            split: the split it belongs to, where that is known.
            any_suffix: `name` is a stem; any image suffix will do.

        Raises:
            DataError: several images fit equally well.
        """
        index = self._by_stem if any_suffix else self._by_name
        clean = name.replace("\\", "/").partition("?")[0]
        folders, _, last = clean.rstrip("/").rpartition("/")
        found = index.get(_key(last), [])
        if folders and found and (folder := _key(folders.rpartition("/")[2])) in self._image_folders:
            found = [path for path in found if folder in map(_key, path.parent.parts)]
        if len(found) < 2:
            return found[0] if found else None
        wanted = PurePosixPath(clean)
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
    def _image_folders(self) -> set[str]:
        """The names of the folders that hold images, below the image folder."""
        parents = {path.parent for path in self.images}
        return {_key(part) for parent in parents for part in parent.relative_to(self.image_root).parts}

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        return _index(self.images, os.path.basename)

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        return _index(self.images, lambda path: os.path.splitext(os.path.basename(path))[0])


def read_lines(path: Path) -> list[str]:
    """The lines of a text file in UTF-8, or in UTF-16 with its byte-order mark.

    Raises:
        ParseError: the file is not UTF-8 text.
    """
    return documents.load_text(path).splitlines()


def _walk(folder: Path | str, seen: set[str] | None = None) -> Iterator[Path]:
    """The files of a folder, then those of the folders in it; pipes and devices, which would block, are none."""
    seen = set() if seen is None else seen
    real = os.path.realpath(folder)
    if real in seen:  # a link back up would never end
        return
    seen.add(real)
    try:
        with os.scandir(folder) as found:
            entries = sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:  # it may hold anything: what is in it would be lost in silence
        raise DataError(
            f"{folder}: the folder cannot be read: {error.strerror}", hint="check its permissions"
        ) from error
    folders = [entry.path for entry in entries if entry.is_dir() and not entry.name.startswith("__MACOSX")]
    # A link to nowhere stays: an annotation may name it, and it is then missing.
    yield from (Path(e.path) for e in entries if e.is_file() or (e.is_symlink() and not e.is_dir()))
    for path in folders:
        yield from _walk(path, seen)


def _index(paths: Iterable[Path], name: Callable[[Path], str]) -> dict[str, list[Path]]:
    index: dict[str, list[Path]] = {}
    for path in paths:
        index.setdefault(_key(name(path)), []).append(path)
    return index


def _suffix(path: Path) -> str:
    # As text, because pathlib takes ten times as long and a tree may hold a hundred thousand files.
    return os.path.splitext(path)[1].lower()


def _key(name: str) -> str:
    """Names are compared as file systems of other machines would: composed, without case."""
    if name.isascii():
        return name.lower()
    # Not `casefold`, for which ß is ss: no file system takes these for one name.
    return unicodedata.normalize("NFC", name).lower()
