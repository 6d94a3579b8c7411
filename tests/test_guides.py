"""Every command and every block of Python in the guides of the runtime runs, beside a bundle and pictures."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2
import pytest
from support.bundles import draw_pictures, toy_bundle
from support.datasets import dataset

from yolo_tl.inspection.judge import Judge
from yolo_tl.inspection.loading import load_rules
from yolo_tl.presets import presets

ROOT = Path(__file__).resolve().parent.parent
EDGE, INSPECTION, SERVING = (
    (ROOT / "docs" / f"{name}.md").read_text("utf-8") for name in ("edge", "inspection", "serving")
)


ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


def blocks(text: str, kind: str) -> list[str]:
    """The code blocks of a kind; those without one are commands."""
    return [block for of, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE) if of == kind]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the guides are read in."""
    toy_bundle(tmp_path / "bundle")
    for name in ("belt", "images"):
        draw_pictures(tmp_path / name)
    for name in ("part.jpg", "a.jpg", "b.jpg"):
        cv2.imwrite(str(tmp_path / name), cv2.imread(str(tmp_path / "belt" / "0.png")))
    pictures = {
        f"val/{i}.png": (cv2.imread(str(tmp_path / "belt" / f"{i}.png")), ["0 0.5 0.5 0.5 0.5"]) for i in (0, 1)
    }
    dataset(tmp_path / "data", pictures, names=[f"class {i}" for i in range(3)])
    (tmp_path / "line-3.yaml").write_text("rules:\n  - {name: few, max: 3}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*command: str) -> str:
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def commands(text: str) -> list[str]:
    """The lines of the shell in a guide, without comments."""
    lines = "".join([*blocks(text, ""), *blocks(text, "sh")]).splitlines()
    return [line.partition(" #")[0].strip() for line in lines]


@pytest.mark.parametrize("guide", [EDGE, INSPECTION], ids=["edge", "inspection"])
def test_the_commands_run(place: Path, guide: str) -> None:
    for line in commands(guide):
        run("-m", *["yolo_tl", *shlex.split(line)[1:]])


@pytest.mark.parametrize(
    "code",
    [pytest.param(code, id=f"{name}-{i}") for name, text in (("edge", EDGE), ("inspection", INSPECTION)) for i, code in
     enumerate(blocks(text, "python"))],
)  # fmt: skip
def test_the_python_runs(place: Path, code: str) -> None:
    if "log" in code:
        run("-m", "yolo_tl", "inspect", "bundle", "belt", "--rules", "default", "--log", "log")
    assert run("-c", code)


@contextmanager
def served(line: str) -> Iterator[str]:
    """The address of a server that a line of the guide starts, on a port that is free."""
    command = [sys.executable, "-m", "yolo_tl", *shlex.split(line)[1:], "--port", "0", "--json", "--drain", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"].rstrip("/")
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the guide speaks to the server with curl")
def test_what_is_said_of_the_server_is_so(place: Path) -> None:
    """Each server of the guide is started, and asked what the guide asks after it."""
    for name, seed in (("first", 1), ("second", 2)):
        toy_bundle(place / "models" / name, seed=seed)
    started = asked = 0
    with ExitStack() as stack:
        url = ""
        for line in commands(SERVING):
            if line.startswith("yolo-tl serve"):
                stack.close()
                url, started = stack.enter_context(served(line)), started + 1
            elif line.startswith("yolo-tl"):
                run("-m", *["yolo_tl", *shlex.split(line)[1:]])
            else:
                line = line.replace("curl ", "curl --silent --show-error --fail ")
                done = subprocess.run(ADDRESS.sub(url, line), shell=True, capture_output=True, text=True, check=False)
                assert done.returncode == 0, f"{line}\n{done.stderr}{done.stdout}"
                asked += "curl" in line
                if "/v1/detect" in line:
                    assert "detections" in json.loads(done.stdout)
                elif "/v1/inspect" in line:
                    assert json.loads(done.stdout)["verdict"] == "FAIL"
    assert (started, asked) == (4, 6)
    assert (place / "kit" / "install.sh").is_file()


def test_the_server_is_spoken_to_in_python(place: Path) -> None:
    (code,) = blocks(SERVING, "python")
    with served("yolo-tl serve bundle") as url:
        assert run("-c", ADDRESS.sub(url, code)).count("'image'") == 2


def test_the_rules_shown_are_rules(tmp_path: Path) -> None:
    (text,) = blocks(INSPECTION, "yaml")
    file = tmp_path / "line-3.yaml"
    file.write_text(text)
    rules = load_rules(str(file))
    assert [rule.name for rule in Judge(rules, ["scratch", "screw", "dent"]).rules.rules] == [
        "no-scratches", "screws", "dents"
    ]  # fmt: skip
    for preset in presets("rules"):
        assert f"| `{preset}` |" in INSPECTION
