"""The built package: complete, the same by way of the sdist, and enough by itself for a device.

``$YOLO_TL_DIST`` names a folder with the sdist and the wheel that are to be tested; without it they are built.
"""

from __future__ import annotations

import email
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.bundles import draw_pictures, toy_bundle

from yolo_tl.device_kit.requirements import pinned
from yolo_tl.device_kit.wheel import NAME, own_wheel
from yolo_tl.files import sha256

ROOT = Path(__file__).resolve().parent.parent
DIST = os.environ.get("YOLO_TL_DIST")
CHECKPOINT = "weights/yolo26n-parts.pt"
Command = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of this checkout."""
    return Path(DIST, NAME) if DIST else own_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    if DIST:
        return Path(DIST)
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def content(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_what_is_no_code_is_inside(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for preset in ROOT.glob("configs/*/*.yaml"):
        assert f"yolo_tl/{preset.relative_to(ROOT).as_posix()}" in names
    for name in (
        *("py.typed", "edge/manifest.schema.json", "reporting/page.css", "reporting/thresholds.js"),
        *("serving/page/index.html", "serving/page/app.js", "serving/page/style.css"),
        *("device_kit/templates/install.sh", "device_kit/templates/yolo-tl.service"),
    ):
        assert f"yolo_tl/{name}" in names
    assert not [name for name in names if name.startswith(("tests", "benchmarks"))]


def test_the_checkpoint_and_no_other_is_inside(wheel: Path) -> None:
    assert [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".pt")] == [f"yolo_tl/{CHECKPOINT}"]


def test_the_checkpoint_is_found_by_its_name_where_the_wheel_is_installed(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "from yolo_tl.engine.weights import find_weights; print(find_weights('yolo26n-parts.pt'))"
    environment = {
        "PATH": os.environ["PATH"],
        "YOLO_TL_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(tmp_path / "site"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    found = Path(done.stdout.strip())
    assert found == tmp_path / "site" / "yolo_tl" / CHECKPOINT, done.stderr
    assert sha256(found) == sha256(ROOT / CHECKPOINT)


def test_the_metadata_say_what_an_index_shows(wheel: Path) -> None:
    inside = content(wheel)
    metadata = next(text for name, text in inside.items() if name.endswith(".dist-info/METADATA"))
    said = email.message_from_bytes(metadata)
    assert said["License-Expression"] == "AGPL-3.0-only"
    assert said["Description-Content-Type"] == "text/markdown"
    assert said.get_payload(decode=True).decode().strip() == (ROOT / "README.md").read_text("utf-8").strip()  # type: ignore[union-attr]
    assert any(name.endswith("/licenses/LICENSE") for name in inside)
    required = [line for line in said.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert not [line for line in required if re.match("torch|ultralytics", line)]


def test_the_readme_is_rendered_whole() -> None:
    markdown = pytest.importorskip("markdown")
    text = (ROOT / "README.md").read_text("utf-8")
    page = markdown.markdown(text, extensions=["tables", "fenced_code"])
    fences = re.findall(r"^```", text, re.MULTILINE)
    assert page.count("<pre>") == len(fences) / 2
    prose = re.sub(r"<(pre|code)>.*?</\1>", "", page, flags=re.DOTALL)
    assert page.count("<table>") == len(re.findall(r"^\|[-:| ]+\|$", text, re.MULTILINE))
    assert not re.findall(r"```|\*\*|\]\(|^\|", prose, re.MULTILINE), "markup that was not understood"


def test_the_unpacked_wheel_finds_its_presets_and_names_the_missing_extra(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path / "site")!r})
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "ultralytics", "onnxruntime"):
            raise ImportError(name, name=name)
sys.meta_path.insert(0, Block())
import yolo_tl
from yolo_tl.presets import presets
assert yolo_tl.__file__.startswith({str(tmp_path)!r})
print(sorted(presets("train")))
from yolo_tl.cli import main
main(sys.argv[1:])
"""
    command = [sys.executable, "-c", code, "evaluate", "yolo26n.pt", "nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "'small-data'" in done.stdout
    assert done.returncode == 3
    data = tmp_path / "data.yaml"
    import cv2
    import numpy as np

    for grey, split in enumerate(("train", "val")):
        (tmp_path / split).mkdir()
        cv2.imwrite(str(tmp_path / split / "a.png"), np.full((32, 32, 3), grey, np.uint8))
    data.write_text("train: train\nval: val\nnames: [a]\n")
    command[-2:] = ["yolo26n.pt", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert 'pip install "yolo-tl[train]"' in done.stderr


@pytest.mark.slow
def test_the_sdist_holds_all_that_the_wheel_is_made_of(wheel: Path, released: Path) -> None:
    (sdist,) = released.glob("*.tar.gz")
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", CHECKPOINT, "weights/README.md"} <= names
    direct, by_way_of_the_sdist = content(own_wheel(wheel.parent) if DIST else wheel), content(released / NAME)
    assert direct == by_way_of_the_sdist


@pytest.fixture(scope="module")
def installed(released: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it requires, from the package registry: no extra."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pins = ["--constraint", str(ROOT / "constraints.txt")] if sys.version_info >= (3, 11, 5) else []
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *pins, str(released / NAME)]
    subprocess.run(pip, check=True)
    return folder


@pytest.fixture
def command(installed: Path, tmp_path: Path) -> Command:
    """Runs `yolo-tl` there with ``--json``, and gives the last object that it wrote."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}

    def run(*arguments: object) -> dict[str, Any]:
        line = [str(installed / "bin" / "yolo-tl"), *map(str, arguments), "--json"]
        done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout if done.stdout.startswith("{\n") else done.stdout.splitlines()[-1])  # type: ignore[no-any-return]

    return run


@pytest.mark.slow
def test_the_base_install_brings_neither_torch_nor_ultralytics(installed: Path) -> None:
    listed = subprocess.run(
        [installed / "bin" / "python", "-m", "pip", "list", "--format=freeze"],
        capture_output=True,
        text=True,
        check=True,
    )
    names = {line.partition("==")[0].lower().replace("_", "-") for line in listed.stdout.splitlines()}
    required = {line.partition("==")[0] for line in pinned(["onnxruntime", "click", "pyyaml", "numpy", "msgspec"])}
    assert names - {"pip", "setuptools"} == required | {"yolo-tl", "opencv-python"}


@pytest.mark.slow
def test_the_base_install_runs_a_bundle(command: Command, installed: Path, tmp_path: Path) -> None:
    bundle = toy_bundle(tmp_path / "bundle")
    pictures = draw_pictures(tmp_path / "pictures")
    assert command("selftest", bundle, "--repeat", 1)["passed"]
    assert command("predict", bundle, tmp_path / "pictures", "--out", "predicted")
    rules = ["--rules", "default", "--set", "rules=[{name: few, max: 10000}]"]
    assert command("inspect", bundle, tmp_path / "pictures", *rules, "--log", "log")
    (log,) = (tmp_path / "log").glob("*.jsonl")
    verdicts = [json.loads(line)["verdict"] for line in log.read_text().splitlines()[1:]]
    assert len(verdicts) == len(pictures)
    assert set(verdicts) <= {"PASS", "FAIL", "UNKNOWN"}


@pytest.mark.slow
def test_the_base_install_draws_and_converts_pictures(command: Command, installed: Path, tmp_path: Path) -> None:
    helped = subprocess.run([installed / "bin" / "yolo-tl", "--help"], capture_output=True, text=True, check=True)
    assert "selftest" in helped.stdout
    command("sample", "voc", "--images", 12, "--size", 160)
    command("convert", "voc", "data")
    assert (tmp_path / "data" / "data.yaml").is_file()
    assert command("doctor")
