"""Pictures of what failed, with what was found drawn in, within a budget on the disk."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2

from yolo_tl.edge.image import Image, as_bgr
from yolo_tl.errors import ConfigError, WriteError
from yolo_tl.files import write_bytes
from yolo_tl.inspection.decision import Decision, Verdict
from yolo_tl.inspection.sinks.budget import FileBudget
from yolo_tl.inspection.sinks.lock import FolderLock
from yolo_tl.inspection.sinks.sink import SinkCounters, require_verdicts

NAME = re.compile(r"(\d{8,})_.+\.jpg")
_COLOURS: dict[Verdict, tuple[int, int, int]] = {"PASS": (60, 140, 30), "FAIL": (40, 40, 200), "UNKNOWN": (0, 140, 200)}


class PictureSink:
    """Writes ``NUMBER_TIME_SOURCE_FRAME_VERDICT.jpg``; the oldest pictures are removed for new ones.

    A decision without a picture (a camera that is lost) has none here either; the log has it.

    Args:
        folder: of the pictures; it is made. One process at a time may write there.
        budget: bytes that all pictures may take together, those of earlier runs included.
        verdicts: which decisions are pictured.
        quality: of the JPEG, 1 to 100.
        required: an inspection stops where this fails.

    Raises:
        ConfigError: a value out of range.
    """

    name = "pictures"

    def __init__(
        self,
        folder: Path | str,
        *,
        budget: int = 1 << 30,
        verdicts: Collection[str] = ("FAIL",),
        quality: int = 90,
        required: bool = False,
    ) -> None:
        if budget < 1 or not 1 <= quality <= 100:
            raise ConfigError(f"pictures: expected budget >= 1 and quality 1..100, found {budget} and {quality}")
        self.folder, self.budget, self.quality, self.required = Path(folder), budget, quality, required
        self.verdicts = require_verdicts(verdicts)
        self.counters = SinkCounters()
        self._folder_lock = FolderLock(self.folder / ".pictures.lock")

    def open(self, header: Mapping[str, Any]) -> None:
        """Take the folder, and count what lies there.

        Raises:
            WriteError: another process writes there, or nothing can be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WriteError(f"{self.folder}: could not be made: {error.strerror}") from error
        self._folder_lock.acquire()
        try:
            for left in self.folder.glob(".*_*.jpg.*.tmp"):
                left.unlink(missing_ok=True)
            self._files = FileBudget(self.folder, NAME, self.budget)
            self._files.make_room(0)
        except OSError as error:
            self._folder_lock.release()
            raise WriteError(f"{self.folder}: could not be put in order: {error}") from error

    def write(self, decision: Decision) -> None:
        """Write a picture, if there is one and the verdict is one of those asked for.

        Raises:
            WriteError: it could not be written.
        """
        if decision.verdict not in self.verdicts or decision.prediction.frame.image is None:
            return
        try:
            content = self._encode(picture(decision))
            if not self._files.make_room(len(content)):
                self.counters.drop(self.name, f"a picture of {len(content)} bytes is more than the whole budget")
                return
            path = self.folder / f"{self._files.next_number:08d}_{stem(decision)}.jpg"
            write_bytes(path, content)
            self._files.set(path, len(content))
        except WriteError as error:
            self.counters.fail(self.name, error)
            raise
        self.counters.delivered += 1

    def close(self) -> None:
        """Let the folder go."""
        self._folder_lock.release()

    def _encode(self, image: Image) -> bytes:
        try:
            good, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        except cv2.error as error:
            raise WriteError(f"a picture of {image.shape[1]} x {image.shape[0]} px is no JPEG: {error}") from error
        if not good:
            raise WriteError(f"a picture of {image.shape[1]} x {image.shape[0]} px could not be made a JPEG")
        return content.tobytes()


def picture(decision: Decision) -> Image:
    """(H + strip, W, 3) uint8 BGR: what was found drawn in, and the verdict with its reasons in a strip above."""
    prediction = decision.prediction
    assert prediction.frame.image is not None
    image: Image = as_bgr(prediction.frame.image) if prediction.result is None else prediction.draw()
    lines = [decision.verdict, *(reason.text for reason in decision.reasons[:3])]
    height = 18
    image = cv2.copyMakeBorder(
        image, height * len(lines) + 6, 0, 0, 0, cv2.BORDER_CONSTANT, value=_COLOURS[decision.verdict]
    )
    for row, line in enumerate(lines):
        text = line.encode("ascii", "replace").decode()  # OpenCV has letters for nothing else
        cv2.putText(
            image, text, (6, height * (row + 1) - 2), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA
        )
    return image


def stem(decision: Decision) -> str:
    """``20261121T203300.123456Z_camera-1_00000017_FAIL``; names and passwords in an address are left out."""
    frame = decision.prediction.frame
    taken = datetime.fromtimestamp(frame.captured, timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
    address = re.sub(r"^\w+://(?:[^/]*@)?", "", frame.source)
    source = re.sub(r"[^\w.-]+", "-", address).strip("-.")[-40:] or "source"
    return f"{taken}_{source}_{frame.number:08d}_{decision.verdict}"
