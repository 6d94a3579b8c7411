from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from yolo_tl.edge import frames
from yolo_tl.errors import DataNotFound, ImageError, RuntimeFailure


def write_image(path: Path, level: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, np.full((8, 10, 3), level, np.uint8))[1].tobytes())


def write_video(path: Path, count: int) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    if not writer.isOpened():
        pytest.skip("this OpenCV cannot write video")
    for level in range(count):
        writer.write(np.full((48, 64, 3), level * 10, np.uint8))
    writer.release()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a.jpg", "deep/er/c.bmp", ".hidden/d.png", "deep/._e.jpg"):
        write_image(tmp_path / name)
    (tmp_path / "a.txt").write_text("0 0 0 1 1")
    return tmp_path


def test_a_folder_is_walked_in_order(folder: Path) -> None:
    labels = [label for label, _ in frames(folder)]
    assert labels == [str(folder / name) for name in ("a.jpg", "b.png", "deep/er/c.bmp")]


def test_a_single_image_and_a_pattern(folder: Path) -> None:
    ((label, image),) = frames(str(folder / "b.png"))
    assert label == str(folder / "b.png")
    assert image.shape == (8, 10, 3)
    assert [label for label, _ in frames(f"{folder}/**/*.bmp")] == [str(folder / "deep/er/c.bmp")]
    assert len(list(frames(f"{folder}/*"))) == 2


def test_a_file_with_brackets_in_its_name_is_no_pattern(tmp_path: Path) -> None:
    write_image(tmp_path / "shot[1].png")
    assert len(list(frames(tmp_path / "shot[1].png"))) == 1


def test_every_frame_of_a_video(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", 7)
    seen = list(frames(tmp_path / "clip.avi"))
    assert [label for label, _ in seen] == [f"{tmp_path / 'clip.avi'}#{i}" for i in range(7)]
    np.testing.assert_allclose([image.mean() for _, image in seen], np.arange(7) * 10, atol=3)


def test_a_video_that_breaks_off_is_not_at_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "clip.avi", 7)

    class Broken:
        """A capture whose fourth frame cannot be decoded."""

        def __init__(self, path: str) -> None:
            self._real, self._left = original(path), 3

        def read(self) -> tuple[bool, np.ndarray | None]:
            self._left -= 1
            return self._real.read() if self._left >= 0 else (False, None)

        def __getattr__(self, name: str) -> object:
            return getattr(self._real, name)

    original = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", Broken)
    seen = frames(tmp_path / "clip.avi")
    assert len([next(seen) for _ in range(3)]) == 3
    with pytest.raises(RuntimeFailure, match=r"clip\.avi: expected 7 frames, but decoding stopped after 3"):
        next(seen)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"not a video")
    with pytest.raises(RuntimeFailure, match=r"clip\.mp4: expected a video"):
        next(frames(tmp_path / "clip.mp4"))
    (tmp_path / "a.png").write_bytes(b"not an image")
    with pytest.raises(ImageError, match=r"a\.png"):
        next(frames(tmp_path / "a.png"))
    for nothing in ("missing", "*.png/none", "missing.jpg"):
        with pytest.raises(DataNotFound, match="found no"):
            next(frames(tmp_path / nothing))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataNotFound, match="expected images or videos, found none"):
        next(frames(tmp_path / "empty"))
