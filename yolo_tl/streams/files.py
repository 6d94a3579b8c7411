"""Images and videos that lie there: a file, a folder, a pattern."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from yolo_tl.edge.stream import files_of, frames
from yolo_tl.errors import ImageError, RuntimeFailure
from yolo_tl.streams.source import Picture, Policy


class FileSource:
    """Every image and every frame of every video, in order, and then an end.

    What cannot be decoded comes as a picture that is none, and the next file follows.

    Args:
        source: see `yolo_tl.edge.frames`.
    """

    live = False
    rests = False
    policy: Policy = "block"

    def __init__(self, source: Path | str) -> None:
        self.name = str(source)

    def open(self) -> FileFeed:
        """Look what is there.

        Raises:
            DataNotFound: nothing.
        """
        return FileFeed(files_of(self.name))


class FileFeed:
    """Pictures of files, one after the other."""

    def __init__(self, files: list[Path]) -> None:
        self._pictures = _pictures(files)

    def read(self, timeout: float) -> Picture | None:
        """The next picture, or None at the end."""
        return next(self._pictures, None)

    def close(self) -> None:
        """Close a video that is open."""
        self._pictures.close()


def _pictures(files: list[Path]) -> Generator[Picture, None, None]:
    for file in files:
        try:
            for label, image in frames(file):
                yield Picture(image, label)
        except (ImageError, RuntimeFailure) as error:
            yield Picture(None, str(file), problem=str(error))
