"""From what a user writes to a source."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from urllib.parse import parse_qsl

from yolo_tl.errors import UsageError, did_you_mean
from yolo_tl.streams.capture import SETTINGS, DeviceSource, NetworkSource
from yolo_tl.streams.files import FileSource
from yolo_tl.streams.mjpeg import HttpSource
from yolo_tl.streams.options import TIMEOUT
from yolo_tl.streams.source import Source
from yolo_tl.streams.watch import WatchSource

_NETWORK = ("http", "https", "rtmp", "rtmps", "rtsp", "rtsps", "srt", "tcp", "udp")


def open_source(
    spec: str | int | Path, *, timeout: float = TIMEOUT, settle: float = 0.5, move_to: Path | str | None = None
) -> Source:
    """The source that is meant; it is connected to when a stream reads it.

    Args:
        spec: ``0`` or ``camera:0``, a camera of this machine, also with what it is asked for:
            ``camera:0?width=1920&height=1080&fps=30&fourcc=MJPG``; ``rtsp://…``, ``http://…`` and other addresses, a
            camera in the network; ``watch:FOLDER``, images that appear in a folder; else an image, a video, a folder or
            a pattern (see `yolo_tl.edge.frames`).
        timeout: s to wait for a camera in the network, and for its data.
        settle: of a watched folder, s for which a file must not change before it counts as whole.
        move_to: of a watched folder, where files go once they are read.

    Raises:
        UsageError: text that names none, or `move_to` for something else than a watched folder.
    """
    text = str(spec)
    if text.startswith("watch:"):
        return WatchSource(text.removeprefix("watch:"), settle=settle, move_to=move_to)
    if move_to is not None:
        raise UsageError(
            f"{text}: only files of a watched folder are moved away", hint="write the source as watch:FOLDER"
        )
    if text.startswith("camera:") or text.isdecimal() or _is_device(text):
        return _device(text.removeprefix("camera:"))
    scheme = re.match(r"([a-z][a-z0-9+.-]*)://", text, re.IGNORECASE)
    if scheme is None:
        return FileSource(text)
    kind = scheme[1].lower()
    if kind not in _NETWORK:
        raise UsageError(
            f"{text}: expected {', '.join(_NETWORK)} before ://, found {kind}{did_you_mean(kind, _NETWORK)}"
        )
    return (HttpSource if kind.startswith("http") else NetworkSource)(text, timeout=timeout)


def _device(text: str) -> DeviceSource:
    place, _, query = text.partition("?")
    settings = dict(parse_qsl(query))
    for key, value in settings.items():
        if key not in SETTINGS:
            raise UsageError(f"camera:{text}: expected {', '.join(SETTINGS)}, found {key}{did_you_mean(key, SETTINGS)}")
        if not (len(value) == 4 if key == "fourcc" else value.isdecimal()):
            expected = "four letters" if key == "fourcc" else "a whole number"
            raise UsageError(f"camera:{text}: {key}: expected {expected}, found {value!r}")
    if not place:
        raise UsageError(f"camera:{text}: expected a number or a path after camera:")
    return DeviceSource(int(place) if place.isdecimal() else place, settings=settings)


def _is_device(text: str) -> bool:
    try:
        return stat.S_ISCHR(os.stat(text).st_mode)
    except (OSError, ValueError):
        return False
