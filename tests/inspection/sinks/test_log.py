from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.sinks import HEADER, decision

from yolo_tl.errors import ConfigError, WriteError
from yolo_tl.inspection.sinks import LogSink
from yolo_tl.inspection.sinks.log import mend

TESTS = Path(__file__).resolve().parents[2]


def opened(folder: Path, **options: Any) -> LogSink:
    sink = LogSink(folder, **options)
    sink.open(HEADER)
    return sink


def logged(folder: Path) -> list[dict[str, Any]]:
    """Every decision of a log, in order, after looking at the header of every file."""
    lines = []
    for path in sorted(folder.glob("decisions-*.jsonl")):
        content = path.read_bytes()
        assert content.endswith(b"\n")
        header, *rest = [json.loads(line) for line in content.splitlines()]
        assert header == HEADER
        lines += rest
    return lines


def process(code: str, folder: Path, **options: Any) -> subprocess.Popen[str]:
    """Another interpreter that has `sink`, open in `folder`, and `decision`."""
    start = (
        "import resource, signal, sys\nfrom pathlib import Path\nfrom support.sinks import HEADER, decision\n"
        "from yolo_tl.errors import WriteError\nfrom yolo_tl.inspection.sinks import LogSink\n"
        "sink = LogSink(Path(sys.argv[1]), sync=0)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", start + code, str(folder)],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_every_decision_is_a_line_as_it_says_itself(tmp_path: Path) -> None:
    said = [decision(0), decision(1, "PASS"), decision(2, "UNKNOWN"), decision(3, source="Kamera ä \udcff")]
    sink = opened(tmp_path / "new" / "log")
    for one in said:
        sink.write(one)
    sink.close()
    sink.close()
    assert logged(tmp_path / "new" / "log") == [json.loads(json.dumps(one.to_dict())) for one in said]
    assert sink.counters.delivered == 4


def test_a_file_ends_by_size_and_by_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    length = len(json.dumps(decision(0).to_dict())) + 1
    sink = opened(tmp_path, size=len(json.dumps(HEADER)) + 1 + 3 * length + 60, age=10)
    for number in range(7):
        sink.write(decision(number))
    sizes = [path.stat().st_size for path in sorted(tmp_path.glob("*.jsonl"))]
    assert len(sizes) == 3
    assert max(sizes) <= sink.size
    import time

    later = time.monotonic() + 11
    monkeypatch.setattr("yolo_tl.inspection.sinks.log.time.monotonic", lambda: later)
    sink.write(decision(7))
    sink.write(decision(8))
    sink.close()
    assert len(list(tmp_path.glob("*.jsonl"))) == 4
    assert [line["frame"] for line in logged(tmp_path)] == list(range(9))


@settings(max_examples=25)
@given(files=st.integers(1, 4), count=st.integers(1, 30), restarts=st.sets(st.integers(0, 29), max_size=3))
def test_what_is_kept_is_the_end_of_it_all_and_within_the_budget(
    tmp_path_factory: pytest.TempPathFactory, files: int, count: int, restarts: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    size = len(json.dumps(HEADER)) + 2 * (len(json.dumps(decision(0, captured=1.5).to_dict())) + 12)
    sink = opened(folder, size=size, budget=files * size, sync=0)
    for number in range(count):
        if number in restarts:
            sink.close()
            sink = opened(folder, size=size, budget=files * size, sync=0)
        sink.write(decision(number, captured=1.5))
        assert sum(path.stat().st_size for path in folder.glob("*.jsonl")) <= files * size
    sink.close()
    kept = [line["frame"] for line in logged(folder)]
    assert kept == list(range(count))[-len(kept) :]


@settings(max_examples=40)
@given(cut=st.integers(0, 2000), tail=st.sampled_from([b"", b"\0" * 4096, b"\n\n", b"{\n", b'"text"\n']))
def test_half_a_line_is_moved_aside(tmp_path_factory: pytest.TempPathFactory, cut: int, tail: bytes) -> None:
    folder = tmp_path_factory.mktemp("log")
    sink = opened(folder)
    for number in range(3):
        sink.write(decision(number, captured=1.5))
    sink.close()
    whole = sink.path.read_bytes()
    cut = min(cut, len(whole))
    assume(whole[cut : cut + 1] != b"\n")  # the tail may begin with the end of the line that is cut
    damaged = whole[:cut] + tail
    sink.path.write_bytes(damaged)
    ends = [0, *(i + 1 for i, byte in enumerate(whole) if byte == 10)]
    aside = mend(sink.path)
    left = sink.path.read_bytes() if sink.path.exists() else b""
    assert left == whole[: max(end for end in ends if end <= cut)]
    assert (b"" if aside is None else aside.read_bytes()) == damaged[len(left) :]
    again = opened(folder)
    again.write(decision(3))
    again.close()
    assert again.path != sink.path
    assert len(logged(folder)) == max(left.count(b"\n") - 1, 0) + 1


def test_a_process_that_is_killed_loses_no_line_it_had_written(tmp_path: Path) -> None:
    child = process(
        "sink.size = 4000\nsink.open(HEADER)\nnumber = 0\nwhile True:\n"
        "    sink.write(decision(number))\n    print(number, flush=True)\n    number += 1\n",
        tmp_path,
    )
    assert child.stdout is not None
    for _ in range(60):
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    said = 59 + len(child.stdout.read().splitlines())
    child.wait()
    child.stdout.close()
    newest = max(tmp_path.glob("*.jsonl"))
    newest.write_bytes(newest.read_bytes() + b'{"verdict": "PA')  # a kill in the middle of a write
    sink = opened(tmp_path)  # the lock went with the process
    sink.write(decision(10**6))
    sink.close()
    *frames, last = [line["frame"] for line in logged(tmp_path)]
    assert last == 10**6
    assert frames == list(range(len(frames)))
    assert len(frames) >= said + 1


def test_a_full_disk_is_an_error_and_leaves_whole_lines(tmp_path: Path) -> None:
    child = process(
        "sink.open(HEADER)\nresource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\nwritten = 0\n"
        "try:\n    while True:\n        sink.write(decision(written))\n        written += 1\n"
        "except WriteError as error:\n    print(written, error.message)\nsink.close()\n",
        tmp_path,
    )
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    written, message = out.strip().split(" ", 1)
    assert "could not be written: File too large" in message
    assert str(tmp_path) in message
    assert 3 < len(logged(tmp_path)) == int(written)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_no_space_is_an_error_at_once_and_can_be_overcome(tmp_path: Path) -> None:
    sink = opened(tmp_path, sync=0)
    sink.write(decision(0))
    good, sink._file = sink._file, os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(WriteError, match="No space left") as caught:
        sink.write(decision(1))
    assert caught.value.exit_code == 6
    sink._file = good
    sink.write(decision(2))
    sink.close()
    assert [line["frame"] for line in logged(tmp_path)] == [0, 2]
    assert (sink.counters.delivered, sink.counters.failed) == (2, 1)


def test_two_processes_on_one_log(tmp_path: Path) -> None:
    child = process("sink.open(HEADER)\nprint('open', flush=True)\nsys.stdin.read()\n", tmp_path, stdin=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == "open\n"
    before = sorted(tmp_path.iterdir())
    with pytest.raises(WriteError, match=f"found process {child.pid} at it"):
        opened(tmp_path)
    assert sorted(tmp_path.iterdir()) == before
    child.communicate("")
    opened(tmp_path).close()


def test_what_was_written_is_on_the_disk_after_the_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = threading.Event()
    fsync = os.fsync

    def noted(file: int) -> None:
        fsync(file)
        if threading.current_thread().name == "log sync":
            synced.set()

    monkeypatch.setattr("yolo_tl.inspection.sinks.log.os.fsync", noted)
    sink = opened(tmp_path, sync=0.01)
    assert not synced.wait(0.1)  # nothing to do
    sink.write(decision(0))
    assert synced.wait(30)
    sink.close()


def test_a_disk_that_fails_later_is_told_at_the_next_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink, failed = opened(tmp_path, sync=0.01), threading.Event()
    fsync = os.fsync

    def fail(file: int) -> None:
        if threading.current_thread().name == "log sync":
            failed.set()
            raise OSError(5, "Input/output error")
        fsync(file)

    monkeypatch.setattr("yolo_tl.inspection.sinks.log.os.fsync", fail)
    sink.write(decision(0))
    assert failed.wait(30)
    sink._ending.set()
    assert sink._syncer is not None
    sink._syncer.join()
    with pytest.raises(WriteError, match="Input/output error"):
        sink.write(decision(1))
    sink.close()


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="could not be written"):
        opened(tmp_path / "file" / "log")
    for options in ({"size": 0}, {"age": 0}, {"sync": -1}, {"size": 100, "budget": 99}):
        with pytest.raises(ConfigError, match="log: expected"):
            LogSink(tmp_path, **options)


def test_a_sink_that_was_closed_can_be_opened_again(tmp_path: Path) -> None:
    sink = opened(tmp_path, sync=0.01)
    sink.write(decision(0))
    sink.close()
    sink.open(HEADER)
    assert sink._syncer is not None
    assert sink._syncer.is_alive()
    sink.write(decision(1))
    sink.close()
    assert [line["frame"] for line in logged(tmp_path)] == [0, 1]
