"""Cameras that OpenCV reads: devices by number, and addresses that FFmpeg understands."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import cv2

from yolo_tl.edge.image import as_bgr
from yolo_tl.errors import RuntimeFailure
from yolo_tl.streams.address import public
from yolo_tl.streams.source import Feed, Picture, Policy


class DeviceSource:
    """A camera of this machine.

    Args:
        device: its number, or its path on Linux.
        settings: ``width``, ``height``, ``fps`` and ``fourcc`` that are asked of it; what it cannot do it does not do.
    """

    live = True
    rests = False
    policy: Policy = "drop-oldest"

    def __init__(self, device: int | str, *, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        self.device = device
        self.name = f"camera:{device}"
        self.settings = settings

    def open(self) -> CaptureFeed:
        """Open the device.

        Raises:
            RuntimeFailure: OpenCV cannot.
        """
        capture = _opened(cv2.VideoCapture(self.device), self.name, "check that it is plugged in and not in use")
        for key, value in self.settings.items():
            number = cv2.VideoWriter.fourcc(*value) if key == "fourcc" else float(value)
            capture.set(getattr(cv2, _PROPERTIES[key]), number)
        return CaptureFeed(capture, self.name)


_PROPERTIES = {
    "fourcc": "CAP_PROP_FOURCC",
    "width": "CAP_PROP_FRAME_WIDTH",
    "height": "CAP_PROP_FRAME_HEIGHT",
    "fps": "CAP_PROP_FPS",
}
SETTINGS = tuple(_PROPERTIES)
"""What can be asked of a device."""


class NetworkSource:
    """A camera with an address that FFmpeg understands: RTSP, RTMP, MPEG-TS and more.

    FFmpeg conceals damage in H.264 and scales a picture whose size changes back to the first size, so that neither can
    be told from a good picture.

    Args:
        address: with user and password, if it wants them.
        timeout: s to wait for the connection, and for data.
    """

    live = True
    rests = False
    policy: Policy = "drop-oldest"

    def __init__(self, address: str, *, timeout: float) -> None:
        self.address = address
        self.name = public(address)
        self.timeout = timeout

    def open(self) -> Feed:
        """Connect.

        Raises:
            RuntimeFailure: FFmpeg cannot.
        """
        wait = int(self.timeout * 1e3)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, wait, cv2.CAP_PROP_READ_TIMEOUT_MSEC, wait]
        capture = cv2.VideoCapture(self.address, cv2.CAP_FFMPEG, limits)
        return CaptureFeed(_opened(capture, self.name, "check address, user and password"), self.name)


class CaptureFeed:
    """An open camera."""

    def __init__(self, capture: Any, name: str) -> None:
        self._capture = capture
        self._name = name

    def read(self, timeout: float) -> Picture:
        """The next picture; it may block, until the driver or FFmpeg gives up.

        Raises:
            RuntimeFailure: there is none. OpenCV does not tell why.
        """
        good, image = self._capture.read()
        if not good:
            raise RuntimeFailure(f"{self._name}: gives no picture any more")
        return Picture(as_bgr(image))

    def close(self) -> None:
        """Release the camera."""
        self._capture.release()


def _opened(capture: Any, name: str, hint: str) -> Any:
    if not capture.isOpened():
        capture.release()
        raise RuntimeFailure(f"{name}: OpenCV cannot open it", hint=hint)
    return capture
