"""A private view of a data set, so that the user's own folder stays byte-identical.

Ultralytics writes ``labels/<split>.cache`` beside the labels, re-encodes JPEGs in place when
their last two bytes are not the end marker, and prefers a stale ``image.npy`` to the image.
The view is a folder of links with nothing else in it: caches land there, a re-encoded image
replaces a link, and no ``.npy`` is ever linked. Paths in its ``data.yaml`` are absolute.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from yolo_tl.config import save
from yolo_tl.data.dataset import Dataset
from yolo_tl.errors import DataError, WriteError
from yolo_tl.files import link_or_copy

JPEG = (".jpg", ".jpeg", ".mpo")
END_OF_IMAGE = b"\xff\xd9"


@dataclass(frozen=True)
class View:
    """A view that exists on disk.

    Attributes:
        yaml: its ``data.yaml``.
        sources: linked image path → the user's image path.
    """

    yaml: Path
    sources: dict[str, Path]

    def require_all(self, kept: Iterable[str], folder: Path) -> None:
        """Raise if Ultralytics left out an image: it drops a whole image for one bad row, with a log line only.

        Args:
            kept: the linked images that are left.
            folder: where those of the split are linked.

        Raises:
            DataError: naming the first ones that are missing.
        """
        names = {Path(path).name for path in kept}
        links = ((Path(linked), source) for linked, source in self.sources.items())
        lost = [source for link, source in links if link.parent == folder and link.name not in names]
        if lost:
            shown = ", ".join(str(path) for path in lost[:5]) + (", …" if len(lost) > 5 else "")
            raise DataError(
                f"{len(lost)} images cannot be used for training: {shown}",
                hint="the image is damaged or under 10 px, or its label file has a bad row; convert the data again",
            )


@contextmanager
def view_of(
    dataset: Dataset, splits: Sequence[str] | None = None, *, copies: Sequence[int] | None = None
) -> Iterator[View]:
    """Make a view of a data set in a temporary folder; it is gone when the block ends.

    Args:
        dataset: what was read from the user's ``data.yaml``.
        splits: those that are needed; all by default. Ultralytics insists on train and val, so
            the first one stands in where either is missing.
        copies: how often each image of train appears; once by default.
    """
    with tempfile.TemporaryDirectory(prefix="yolo_tl-view-") as name:
        root = Path(name).resolve()
        sources: dict[str, Path] = {}
        wanted = {name: dataset.split(name) for name in splits or dataset.splits}
        for split, content in wanted.items():
            (root / "images" / split).mkdir(parents=True)
            (root / "labels" / split).mkdir(parents=True)
            pairs = list(zip(content.images, content.labels, strict=True))
            if copies is not None and split == "train":
                pairs = [pair for pair, times in zip(pairs, copies, strict=True) for _ in range(times)]
            digits = len(str(len(pairs)))
            for number, (image, label) in enumerate(pairs):
                # The number keeps the user's order and tells apart equal names from different folders.
                stem = f"{number:0{digits}d}-{image.stem}"
                linked = root / "images" / split / f"{stem}{image.suffix}"
                _place_image(image, linked)
                sources[str(linked)] = image
                if label.is_file():
                    _link(label, root / "labels" / split / f"{stem}.txt")
        folders = {split: f"images/{split}" for split in wanted}
        first = next(iter(folders.values()))
        description = {
            "path": str(root),
            "train": folders.get("train", first),
            "val": folders.get("val", first),
            **folders,
            "names": dict(enumerate(dataset.names)),
        }
        save(root / "data.yaml", description)
        yield View(root / "data.yaml", sources)


def _place_image(source: Path, target: Path) -> None:
    """Link an image; a JPEG that does not end with its end marker is copied, up to that marker.

    Bytes after the marker change no pixel, but make Ultralytics re-encode the image, which does.
    """
    if source.suffix.lower() in JPEG and not _ends_as_jpeg(source):
        content = source.read_bytes()
        end = content.rfind(END_OF_IMAGE)
        target.write_bytes(content[: end + 2] if end > 0 else content)
    else:
        _link(source, target)


def _link(source: Path, target: Path) -> None:
    """A symbolic link, which leaves even the inode alone; a copy where the system makes none."""
    try:
        link_or_copy(source, target, "symlink")
    except WriteError:
        link_or_copy(source, target, "copy")


def _ends_as_jpeg(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(0, 2)
        if stream.tell() < 2:
            return False
        stream.seek(-2, 2)
        return stream.read() == END_OF_IMAGE
