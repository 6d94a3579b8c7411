"""The direction of imports, read from the source; and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "yolo_tl"
FLOORS = [
    {"errors", "boxes", "files", "config", "presets"},
    {"data"},
    {"transfer"},
    {"evaluation"},
    {"engine"},
    {"exporting"},
    {
        "prediction",
        "diagnosis",
        "cross_validation",
        "overfitting",
        "run_series",
        "negative_transfer",
        "learning_curve",
        "labelling",
        "latency",
    },
    {"reporting"},
    {"api"},
    {"cli"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
# The rooms that a device needs, and what each sees of the package: none of them needs torch.
EDGE = {"errors", "boxes", "files", "edge"}
RUNTIME = {"edge": EDGE}
for _room in ("streams", "inspection", "serving"):
    RUNTIME[_room] = set().union(*RUNTIME.values()) | {"config", "presets", _room}
RUNTIME["device_kit"] = EDGE | {"device_kit"}
HEAVY = {"torch", "torchvision", "ultralytics"}

SOURCES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return
    ours = {name.split(".")[1] for name in imports_of(path) if name.startswith("yolo_tl.")} - {"__version__"}
    if room in RUNTIME:
        assert ours <= RUNTIME[room], f"{room} imports {sorted(ours - RUNTIME[room])}"
        return
    assert room in FLOOR, f"{room} has no floor"
    allowed = {name for name, level in FLOOR.items() if level <= FLOOR[room]}
    if FLOOR[room] >= FLOOR["engine"]:
        allowed.add("edge")
    if FLOOR[room] >= FLOOR["api"]:
        allowed |= RUNTIME.keys()
    if room == "presets":
        allowed = FLOORS[0]
    assert ours <= allowed, f"{room} imports {sorted(ours - allowed)}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_the_engine_imports_torch_and_ultralytics(path):
    heavy = {name.split(".")[0] for name in imports_of(path)} & HEAVY
    if room_of(path) == "diagnosis":
        heavy.discard("torch")  # `doctor` asks torch what it sees, where there is one
    assert not heavy or room_of(path) == "engine"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_one_noun_per_file(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 450


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_importing_the_package_imports_nothing_else():
    done = run(
        "import sys, yolo_tl; print(sorted(m for m in sys.modules if m.split('.')[0] in {'numpy','cv2','torch'}))"
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--help"], ["predict", "--help"], ["serve", "--help"], ["--version"]]
)
def test_help_imports_neither_torch_nor_ultralytics(arguments):
    done = run(
        "import sys\nfrom yolo_tl.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit as e: assert e.code == 0\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'torch', 'ultralytics', 'matplotlib', 'onnxruntime'}))"
    )
    assert done.stdout.strip().splitlines()[-1] == "[]", done.stderr


def test_public_names_are_listed_and_exist():
    import yolo_tl

    assert sorted(yolo_tl.__all__) == yolo_tl.__all__
    for name in yolo_tl.__all__:
        assert callable(getattr(yolo_tl, name)), name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = yolo_tl.nothing


def test_functions_stay_functions_after_their_rooms_are_imported():
    done = run(
        "import yolo_tl, yolo_tl.evaluation, yolo_tl.exporting, yolo_tl.prediction\n"
        "import yolo_tl.cli.plan, yolo_tl.cli.train, yolo_tl.transfer.plan\n"
        "print(all(callable(getattr(yolo_tl, n)) for n in yolo_tl.__all__))"
    )
    assert done.stdout.strip() == "True", done.stderr
