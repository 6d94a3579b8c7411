"""How annotation files refer to images: names of other machines, images they do not name, files never read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence, Set
from pathlib import Path, PurePosixPath

from yolo_tl.data.image_size import IMAGE_SUFFIXES
from yolo_tl.data.records import Note
from yolo_tl.data.tree import Tree

_LONGEST = 200  # bytes; file systems end at 255


def file_name(reference: str) -> str:
    r"""The last part of a path or URL, fit to be a file name below any folder.

    >>> file_name("s3://bucket/a/b.jpg"), file_name("C:\\data\\b.jpg"), file_name("a/..")
    ('b.jpg', 'b.jpg', 'unnamed')
    """
    name = PurePosixPath(reference.replace("\\", "/").split("?")[0].replace("\x00", "")).name
    name = name.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore")
    return "unnamed" if name in ("", ".", "..") else name


def locate(tree: Tree, references: Sequence[str], *, near: Path, split: str | None = None) -> Path:
    """The image that the first of `references` to be found names; where none is, a path that names what is missing.

    Raises:
        DataError: several images fit equally well.
    """
    for reference in references:
        if (found := tree.find_image(reference, near=near, split=split)) is not None:
            return found
    return tree.image_root / file_name(references[0])


def unmentioned(tree: Tree, mentioned: Set[Path]) -> Iterator[Note]:
    """One note on the images that no annotation file names, if there are any."""
    if left := [path for path in tree.images if path not in mentioned]:
        first = left[0].relative_to(tree.image_root).as_posix()
        yield Note(f"{len(left)} images are in no annotation file and are left out, first: {first}")


def is_image_name(name: str) -> bool:
    """It ends in the suffix of an image.

    >>> is_image_name("a/b.JPG"), is_image_name("0123abcd")
    (True, False)
    """
    return PurePosixPath(name.split("?")[0]).suffix.lower() in IMAGE_SUFFIXES


def image_called(tree: Tree, name: str, *, near: Path, split: str | None = None) -> Path:
    """The image called `name`, by its stem where the name has no image suffix.

    One that is missing gets a path in the image folder, whatever folders the name holds: nothing
    outside that folder is ever pointed at.

    Raises:
        DataError: several images fit equally well.
    """
    found = tree.find_image(name, near=near, split=split, any_suffix=not is_image_name(name))
    return found or tree.image_root / file_name(name)


def left_out(tree: Tree, read: Collection[Path], *suffixes: str) -> Iterator[Note]:
    """A note on the files that could have been annotations, by their suffix, and are none of those `read`."""
    rest = [path for path in tree.files(*suffixes) if path not in read]
    if rest:
        first = tree.relative(rest[0])
        yield Note(f"{len(rest)} {rest[0].suffix} files hold no annotations and are left out, first: {first}")
