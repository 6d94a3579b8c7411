"""Models under the stopwatch, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

import yolo_tl
from yolo_tl import latency
from yolo_tl.cli.benchmark import command
from yolo_tl.errors import BundleError, RuntimeFailure, UsageError
from yolo_tl.latency import Contestant, measure


@pytest.fixture
def images(tmp_path: Path, pictures: list[np.ndarray]) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number, picture in enumerate(pictures[:3]):
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    return folder


def test_a_bigger_network_takes_more_of_everything(toy, images: Path) -> None:
    small, big = toy("small.onnx", imgsz=(64, 64)), toy("big.onnx", imgsz=(1280, 1280))
    one, other = yolo_tl.benchmark([small, big], images, peer=False, rounds=3, runs=4, threads=1)
    assert (Path(one.model), one.ratio, one.ratio_range) == (small, 1, (1, 1))
    assert other.ratio > 2
    assert other.cpu > one.cpu
    assert one.p50 <= one.p95 <= one.p99
    assert one.images_per_s > other.images_per_s
    assert one.memory is not None
    assert one.memory < 400, "torch would take more"
    assert one.memory <= one.peak


def test_a_batch_counts_its_images(toy, images: Path) -> None:
    (found,) = measure([Contestant(toy(dynamic=True), "yolo-tl")], images, rounds=2, runs=2, batch=5)
    assert found.images_per_s == pytest.approx(5e3 / found.p50, rel=0.9)


def test_beside_the_peer_on_the_same_file(toy, images: Path) -> None:
    pytest.importorskip("ultralytics")
    done = CliRunner().invoke(
        command, [str(toy()), "--images", str(images), "--rounds", "1", "--runs", "2", "--json"], catch_exceptions=False
    )
    ours, theirs = json.loads(done.stdout)["models"]
    assert (ours["engine"], theirs["engine"]) == ("yolo-tl", "ultralytics")
    assert theirs["memory"] > ours["memory"], "its process holds torch"
    shown = CliRunner().invoke(command, [str(toy()), "--images", str(images), "--rounds", "1", "--no-peer"])
    assert shown.stdout.splitlines()[-1].startswith("toy.onnx  yolo-tl")


def test_what_cannot_be_measured(toy, images: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="rounds: expected a number from 1 on, found 0"):
        yolo_tl.benchmark([toy()], images, rounds=0)
    with pytest.raises(BundleError, match=r"none\.onnx"):
        yolo_tl.benchmark([tmp_path / "none.onnx"], images)
    with pytest.raises(RuntimeFailure, match=r"none\.onnx.*found nothing"):
        measure([Contestant(tmp_path / "none.onnx", "yolo-tl")], images)
    with pytest.raises(RuntimeFailure, match="expected images or videos, found none"):
        (tmp_path / "empty").mkdir()
        measure([Contestant(toy(), "yolo-tl")], tmp_path / "empty")


def test_a_process_that_dies_is_named(toy, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(latency._MODULES, "yolo-tl", "yolo_tl.no_such_module")
    with pytest.raises(
        RuntimeFailure, match=r"toy\.onnx: the process that ran it with yolo-tl ended: .*no_such_module"
    ):
        measure([Contestant(toy(), "yolo-tl")], images)


def test_what_a_library_prints_is_no_answer(toy, images: Path) -> None:
    """A native library writes to the file descriptor, past Python."""
    code = (
        "import os, sys; from yolo_tl.edge import stopwatch\n"
        "def load(model, options):\n    os.write(1, b'noise\\n'); print('noise'); return len\n"
        "stopwatch.serve(load)"
    )
    asked = {"model": str(toy()), "source": str(images), "limit": 1, "threads": 1, "batch": 1}
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(asked) + "\n2\n", capture_output=True, text=True, check=True
    )
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["cpu"] > 0
    assert len(second["wall"]) == 2
    assert "noise" in done.stderr
