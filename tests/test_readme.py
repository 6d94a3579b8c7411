"""The README's commands, run as they stand, on generated data and with short training."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHORT = ["--epochs", "1", "--imgsz", "64", "--batch", "8", "--device", "cpu"]


def commands(after: str) -> list[list[str]]:
    """The ``yolo-tl`` commands of the first code block after a line, as argument lists."""
    block = re.search(r"```\n(.*?)```", README[README.index(after) :], re.DOTALL)
    assert block
    joined = block[1].replace("\\\n", " ")
    return [shlex.split(line)[1:] for line in joined.splitlines() if line.startswith("yolo-tl ")]


def run(arguments: list[str], folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "yolo_tl", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{arguments}\n{done.stderr}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, ultralytics) -> Path:
    """A working folder with annotations and an (untrained) checkpoint under the name of a release."""
    from yolo_tl.data import make_sample

    folder = tmp_path_factory.mktemp("readme")
    make_sample(folder / "VOC_FOLDER", images=20, size=(96, 96))
    (folder / "weights").mkdir()
    ultralytics.YOLO("yolo26n.yaml", verbose=False).save(folder / "weights" / "yolo26n.pt")
    return folder


def test_the_exit_codes_are_those_of_the_errors():
    from yolo_tl import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.YoloTLError)]
    line = README[README.index("## Exit codes") : README.index("## Working on it")]
    told = {int(code) for code in re.findall(r"(?:^|· )(\d+) ", line, re.MULTILINE)}
    results = {10, 11, 12}  # of `inspect` and `replay`, which are no errors
    assert told == {0, *results, *(kind.exit_code for kind in kinds if kind is not errors.YoloTLError)}


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_lead_somewhere(link):
    assert link.startswith("https://github.com/ultralytics/") or (ROOT / link).is_file()


def test_from_annotations_to_a_device(folder):
    steps = commands("## From annotations to a device")
    words = [step[0] for step in steps]
    assert words == ["convert", "check", "plan", "train", "evaluate", "export", "predict", "inspect"]
    for step in steps:
        if step[0] == "train":
            at = step.index("--epochs")
            step = step[:at] + SHORT
        run(step, folder)
    assert (folder / "runs/cells/predictions/detections.jsonl").is_file()


def test_the_python_block(folder, monkeypatch):
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert block
    code = block[1].replace('{"epochs": 50}', '{"epochs": 1, "imgsz": 64, "batch": 8, "device": "cpu"}')
    assert code != block[1]
    code = code.replace("datasets/cells", "datasets/python")
    monkeypatch.chdir(folder)
    names: dict[str, object] = {"image": np.zeros((50, 60, 3), np.uint8)}
    exec(compile(code, "README.md", "exec"), names)
    assert len(names["found"]) == 0


def test_delimited_text(tmp_path):
    """The layout of DeepPCB: a list pairs ``x.jpg`` with its text, while the image file is ``x_test.jpg``."""
    source = tmp_path / "DEEPPCB"
    pairs = []
    for i in range(4):
        folder = source / "group" / "a"
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{i}_test.jpg"), np.full((64, 64, 3), 90, np.uint8))
        (folder / f"{i}.txt").write_text("5 5 20 20 1\n30 30 50 60 6\n")
        pairs.append(f"group/a/{i}.jpg group/a/{i}.txt")
    (source / "trainval.txt").write_text("\n".join(pairs[:3]))
    (source / "test.txt").write_text(pairs[3])
    (step,) = commands("Delimited text is described")
    run([*step, "--json"], tmp_path)
    assert (tmp_path / "OUT" / "data.yaml").read_text().count("pin-hole") == 1
