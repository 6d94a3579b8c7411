"""Tests lie as the package does: every module has a test of its own, or it is said which one tests it.

A module is tested by ``tests/ROOM/test_NAME.py``; by another file of that folder, which then imports it; or as a part
of a neighbour in its folder that is so tested and uses it. What is left is listed.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parent
PACKAGE = TESTS.parent / "yolo_tl"
ELSEWHERE = {
    "cli": {
        "cli/test_cli.py": "convert doctor export train",
        "cli/test_check.py": "fix",
        "cli/test_diff.py": "fingerprint",
        "edge/test_stopwatch.py": "benchmark",
        "engine/test_resume.py": "resume",
        "reporting/test_reports.py": "report",
        "serving/test_server.py": "serve",
    },
    "data": {"engine/test_resume.py": "contents"},
    "data/checks": {"data/test_checking.py": "foreign ignored report"},
    "data/pictures": {"data/test_preview.py": "overview preview_page sheet"},
    "data/reading": {
        "data/formats/test_csv_boxes.py": "csv_stream",
        "data/formats/test_cvat.py": "xml_stream",
        "data/formats/test_darknet.py": "references",
        "data/formats/test_kitti.py": "label_files",
        "data/formats/test_ndjson.py": "fields",
        "data/formats/test_supervisely.py": "unlabelled",
        "data/formats/test_voc.py": "xml_text",
    },
    "data/scenes": {"data/scenes/test_drawing.py": "artwork cap"},
    "data/yolo": {"data/formats/test_yolo.py": "label_files", "data/test_fingerprint.py": "labelled"},
    "": {"cli/test_cli.py": "diagnosis", "edge/test_stopwatch.py": "latency"},
    "edge": {"edge/test_tasks.py": "classifier", "inspection/test_inspector.py": "opening"},
    "engine": {
        "edge/test_stopwatch.py": "stopwatch",
        "engine/test_augmentation.py": "dataset",
        "engine/test_training.py": "arguments",
        "engine/test_stages.py": "pull",
    },
    "evaluation": {"cli/test_compare.py": "flip_picture"},
    "evaluation/inspection": {
        "evaluation/test_contract.py": "candidates contract demands qualification requirement search thresholds units"
    },
    "exporting/gate": {"exporting/gate/test_stages.py": "answers"},
    "inspection/sinks": {"inspection/test_inspector.py": "callback"},
    "streams": {"streams/test_stream.py": "push"},
}
"""Folder → test → modules of the folder that it tests."""


@cache
def imports(path: Path) -> frozenset[str]:
    """The names of modules of this package, and of what is taken from them, as far as they are written in a file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).parts
    return ".".join(parts).removesuffix(".py").removesuffix(".__init__")


def has_test(path: Path) -> bool:
    """By a file of its name, or by one of its folder that imports it."""
    noun, folder = (path.parent.name, path.parent.parent) if path.name == "__init__.py" else (path.stem, path.parent)
    place = TESTS / folder.relative_to(PACKAGE)
    if (place / f"test_{noun}.py").is_file() or (
        TESTS / path.parent.relative_to(PACKAGE) / f"test_{noun}.py"
    ).is_file():
        return True
    near = place.glob("test_*.py") if place == TESTS else place.rglob("test_*.py")
    return any(dotted(path) in imports(test) for test in near)


def modules() -> list[Path]:
    """All but those that only hand names on; of these `tests/test_public_api.py` has the public ones."""
    found = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE or not path.name.startswith("__")]
    return [path for path in found if path.name != "__init__.py" or len(path.read_text("utf-8").splitlines()) >= 40]


def places() -> list[tuple[str, str, str]]:
    """Folder, test and module of every entry of the list."""
    return [
        (room, test, name) for room, of in ELSEWHERE.items() for test, names in of.items() for name in names.split()
    ]


def test_every_module_is_tested_somewhere() -> None:
    known = {path for path in modules() if has_test(path)}
    parts = {name for path in known for name in imports(path) if name.rpartition(".")[0] == dotted(path.parent)}
    listed = {dotted(PACKAGE / room / f"{name}.py") for room, _, name in places()}
    without = {dotted(path) for path in modules() if path not in known} - parts - listed - {"yolo_tl.api"}
    assert not without, "write a test of each, or say in ELSEWHERE which it is"


def test_what_is_listed_is_there_and_needed() -> None:
    for room, test, name in places():
        path = PACKAGE / room / f"{name}.py"
        assert (TESTS / test).is_file(), f"{room}/{name} is said to be tested by {test}, which is not there"
        assert path.is_file(), f"{room}/{name} is not there any more: take it off the list"
        assert not has_test(path), f"{room}/{name} has a test in its own folder now: take it off the list"
