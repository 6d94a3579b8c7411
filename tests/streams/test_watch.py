"""A watched folder: whole files only, each once, oldest first."""

from __future__ import annotations

import itertools
import os
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolo_tl.errors import UsageError
from yolo_tl.streams import Stream, StreamOptions, WatchSource

OPTIONS = StreamOptions(retry=0.01, retry_limit=0.02)


def content(level: int) -> bytes:
    return cv2.imencode(".png", np.full((8, 10, 3), level, np.uint8))[1].tobytes()


def put(folder: Path, name: str, level: int, *, at: float | None = None) -> None:
    hidden = folder / f".{name}"
    hidden.write_bytes(content(level))
    if at is not None:
        os.utime(hidden, (at, at))
    hidden.rename(folder / name)


def watch(folder: Path, **options) -> WatchSource:
    return WatchSource(folder, poll=0.01, **{"settle": 0.0, **options})


def looked(stream: Stream) -> None:
    """Wait until the folder was looked at, so that what comes now is new."""
    iter(stream)
    while stream.source._read is None:
        time.sleep(0.005)


def test_what_appears_comes_once_and_oldest_first(tmp_path):
    put(tmp_path, "before.png", 1)
    with Stream(watch(tmp_path), OPTIONS) as stream:
        looked(stream)
        staged = tmp_path / "staged"
        staged.mkdir()
        for name, level, at in (("a.png", 30, 3000.0), ("b.png", 10, 1000.0), ("c.png", 20, 2000.0)):
            put(staged, name, level, at=at)
        (tmp_path / "notes.txt").write_text("no image")
        (tmp_path / ".hidden.png").write_bytes(content(9))
        for file in list(staged.iterdir()):
            file.rename(tmp_path / file.name)
        frames = list(itertools.islice(stream, 3))
        put(tmp_path, "later.png", 40)
        frames.append(next(stream))
        put(tmp_path, "later.png", 50)  # another picture under the same name
        frames.append(next(stream))
    levels = [int(frame.image[0, 0, 0]) for frame in frames]
    assert sorted(levels[:3]) == [10, 20, 30]
    assert levels[3:] == [40, 50]
    assert all(frame.state == "ok" for frame in frames)
    by_level = dict(zip(levels, frames, strict=True))
    assert by_level[10].label == str(tmp_path / "b.png")
    assert by_level[10].captured == 1000.0
    assert stream.counters.numbered == 5


def test_files_of_one_look_come_oldest_first(tmp_path):
    source = watch(tmp_path)
    feed = source.open()
    for name, level, at in (("a.png", 30, 3000.0), ("b.png", 10, 1000.0), ("c.png", 20, 2000.0), ("d.png", 21, 2000.0)):
        put(tmp_path, name, level, at=at)
    assert [int(feed.read(1).image[0, 0, 0]) for _ in range(4)] == [10, 20, 21, 30]
    with pytest.raises(TimeoutError):
        feed.read(0.05)


def test_a_file_that_is_being_written_waits(tmp_path):
    feed = watch(tmp_path, settle=0.5).open()
    whole = content(77)
    with (tmp_path / "slow.png").open("wb") as file:
        for part in range(0, len(whole), 3):  # for longer than it takes to settle
            file.write(whole[part : part + 3])
            file.flush()
            with pytest.raises(TimeoutError):
                feed.read(0.03)
    end = time.monotonic() + 60
    picture = None
    while picture is None and time.monotonic() < end:
        try:
            picture = feed.read(0.1)
        except TimeoutError:
            continue
    assert picture.image[0, 0, 0] == 77
    with pytest.raises(TimeoutError):
        feed.read(0.05)


def test_a_file_that_stays_half_is_unreadable_and_then_whole_again(tmp_path):
    with Stream(watch(tmp_path, settle=0.05), OPTIONS) as stream:
        looked(stream)
        (tmp_path / "half.png").write_bytes(content(5)[:40])
        first = next(stream)
        assert (first.state, first.image, first.label) == ("unreadable", None, str(tmp_path / "half.png"))
        assert "half.png" in stream.problem
        put(tmp_path, "half.png", 5)
        assert next(stream).state == "ok"


def test_files_are_moved_away_once_they_are_read(tmp_path):
    folder, done = tmp_path / "in", tmp_path / "done"
    folder.mkdir()
    done.mkdir()
    put(done, "a.png", 1)  # of an earlier day
    put(folder, "a.png", 2)
    put(folder, "b.png", 3, at=time.time() + 5)
    with Stream(watch(folder, move_to=done), OPTIONS) as stream:
        # What was there before was not read yet, or it would have been moved.
        assert [int(frame.image[0, 0, 0]) for frame in itertools.islice(stream, 2)] == [2, 3]
        end = time.monotonic() + 60
        while list(folder.iterdir()) and time.monotonic() < end:
            time.sleep(0.01)
    assert sorted(file.name for file in done.iterdir()) == ["a-1.png", "a.png", "b.png"]
    assert (done / "a.png").read_bytes() == content(1)
    with pytest.raises(UsageError, match="expected another folder to move files to"):
        WatchSource(folder, move_to=folder)


def test_a_folder_that_goes_is_lost_and_found_again(tmp_path):
    folder, away = tmp_path / "in", tmp_path / "away"
    options = StreamOptions(timeout=0.2, retry=0.01, retry_limit=0.02)
    with Stream(watch(folder), options) as stream:
        assert next(stream).state == "lost"  # it is not there yet
        folder.mkdir()
        looked(stream)
        put(folder, "a.png", 1)
        while (frame := next(stream)).state == "lost":
            pass
        assert frame.image[0, 0, 0] == 1
        folder.rename(away)
        assert next(stream).state == "lost"
        put(away, "b.png", 2)
        away.rename(folder)
        while (frame := next(stream)).state == "lost":
            pass
        assert frame.image[0, 0, 0] == 2  # and what was read is not read again


def test_a_writer_at_full_speed_loses_nothing(tmp_path):
    def write() -> None:
        for number in range(60):
            put(tmp_path, f"{number:03d}.png", number)

    writer = threading.Thread(target=write, daemon=True)
    with Stream(watch(tmp_path), StreamOptions(size=2, retry=0.01)) as stream:
        looked(stream)
        writer.start()
        frames = list(itertools.islice(stream, 60))
    assert sorted(int(frame.image[0, 0, 0]) for frame in frames) == list(range(60))
    assert [frame.number for frame in frames] == list(range(60))
    writer.join(20)
