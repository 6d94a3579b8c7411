"""What a user may write for a source, and files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from yolo_tl.errors import DataNotFound, UsageError
from yolo_tl.streams import FileSource, Stream, StreamOptions, WatchSource, open_source
from yolo_tl.streams.capture import DeviceSource, NetworkSource
from yolo_tl.streams.mjpeg import HttpSource


def write(path: Path, level: int = 7) -> None:
    path.write_bytes(cv2.imencode(path.suffix, np.full((8, 10, 3), level, np.uint8))[1].tobytes())


@pytest.mark.parametrize(
    ("spec", "kind", "name"),
    [
        (0, DeviceSource, "camera:0"),
        ("1", DeviceSource, "camera:1"),
        ("camera:2", DeviceSource, "camera:2"),
        ("camera:/dev/video3?width=640", DeviceSource, "camera:/dev/video3"),
        ("/dev/null", DeviceSource, "camera:/dev/null"),
        ("rtsp://user:p%40ss@cam.local:554/1?channel=2", NetworkSource, "rtsp://cam.local:554/1?channel=2"),
        ("RTMP://cam/live", NetworkSource, "rtmp://cam/live"),
        ("udp://@:5000", NetworkSource, "udp://:5000"),
        ("http://admin:secret@cam/video.mjpg", HttpSource, "http://cam/video.mjpg"),
        ("https://cam/video", HttpSource, "https://cam/video"),
        ("watch:some/folder", WatchSource, "some/folder"),
        ("images/*.png", FileSource, "images/*.png"),
        (Path("clip.mp4"), FileSource, "clip.mp4"),
    ],
)
def test_each_kind_of_source_is_known_and_its_name_has_no_password(spec, kind, name):
    source = open_source(spec)
    assert type(source) is kind
    assert source.name == name
    assert source.live == (kind is not FileSource)


def test_a_device_is_asked_for_settings():
    source = open_source("camera:0?width=1920&height=1080&fps=30&fourcc=MJPG")
    assert source.settings == {"width": "1920", "height": "1080", "fps": "30", "fourcc": "MJPG"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("rstp://cam/1", "found rstp; did you mean 'rtsp'"),
        ("camera:", "expected a number or a path after camera:"),
        ("camera:0?widht=640", "found widht; did you mean 'width'"),
        ("camera:0?fps=fast", "fps: expected a whole number, found 'fast'"),
        ("camera:0?fourcc=MJPEG", "fourcc: expected four letters, found 'MJPEG'"),
    ],
)
def test_what_means_nothing_is_refused(spec, message):
    with pytest.raises(UsageError) as error:
        open_source(spec)
    assert message in str(error.value)


def test_only_files_of_a_watched_folder_are_moved(tmp_path):
    assert open_source(f"watch:{tmp_path}", move_to=tmp_path / "done").move_to == tmp_path / "done"
    with pytest.raises(UsageError, match="only files of a watched folder are moved away"):
        open_source("rtsp://cam/1", move_to=tmp_path)


def test_a_broken_image_is_one_frame_and_not_the_end(tmp_path):
    for name in ("a.png", "c.jpg"):
        write(tmp_path / name)
    (tmp_path / "b.png").write_bytes(b"no image")
    (tmp_path / "d.mp4").write_bytes(b"no video")
    write(tmp_path / "e.bmp")
    with Stream(open_source(tmp_path)) as stream:
        frames = list(stream)
    assert [frame.state for frame in frames] == ["ok", "unreadable", "ok", "unreadable", "ok"]
    assert [Path(frame.label).name for frame in frames] == ["a.png", "b.png", "c.jpg", "d.mp4", "e.bmp"]
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4]
    assert stream.counters.unreadable == 2
    assert "d.mp4" in stream.problem


def test_files_wait_whatever_policy_was_asked_for(tmp_path):
    for number in range(20):
        write(tmp_path / f"{number:02d}.png", number)
    with Stream(open_source(tmp_path), StreamOptions(policy="drop-newest", size=1, timeout=1e-3)) as stream:
        assert [frame.image[0, 0, 0] for frame in stream] == list(range(20))


def test_a_path_where_nothing_is(tmp_path):
    with pytest.raises(DataNotFound, match="found nothing"), Stream(open_source(tmp_path / "missing")) as stream:
        next(stream)


def test_a_device_that_is_not_there_is_lost_and_says_why():
    options = StreamOptions(timeout=0.2, retry=0.05, retry_limit=0.05)
    with Stream(open_source("camera:/dev/no-such-camera"), options) as stream:
        frame = next(stream)
        while not stream.problem:
            frame = next(stream)
    assert (frame.state, frame.image) == ("lost", None)
    assert "camera:/dev/no-such-camera: OpenCV cannot open it" in stream.problem
