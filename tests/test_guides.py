"""Every command and every block of Python in docs/*.md runs, and what a guide shows after a command is printed."""

from __future__ import annotations

import re
import shutil
from fnmatch import fnmatch
from pathlib import Path

import pytest
from support import guide_place
from support.guide_runner import Guide, understood
from support.guides import Block, blocks, commands, guides, read, shown_after

from yolo_tl.inspection.judge import Judge
from yolo_tl.inspection.loading import load_rules
from yolo_tl.presets import presets

NOT_RUN = {  # command → why it cannot run in a test; a command that no guide has any more is an error
    "python -m venv venv": "makes an environment, into which packages would have to be fetched",
    ". venv/bin/activate": "of that environment",
    'pip install "yolo-tl[train]"': "fetches packages",
    'pip install "yolo-tl[tensorrt]"': "fetches packages",
    "yolo-tl demo": "takes minutes; it has tests of its own, on fewer pictures",
    "sudo kit/install.sh": "installs on a device; tests/device_kit runs it in an environment of its own",
    "sudo install -m 600 kit/yolo-tl.env /etc/yolo-tl.env": "writes into /etc",
    "sudo install -m 644 kit/yolo-tl.service /etc/systemd/system/": "writes into /etc",
    "sudo systemctl enable --now yolo-tl": "needs systemd",
    "yolo-tl export bundle --format engine --data datasets/cells --out plan --preset half": "needs TensorRT and a GPU",
    "yolo-tl export bundle --format engine --data datasets/cells --out plan2 --set tensorrt.workspace=2": "the same",
    "yolo-tl selftest plan": "of that plan",
    "yolo-tl inspect plan camera:0 --rules default --log log": "of that plan, and needs a camera",
}
TOUCHES_A_CHECKPOINT = re.compile(r"\.pt\b|\bruns/")


def steps(guide: str) -> str:
    """All that is run of a guide."""
    return "\n".join(block.text for block in blocks(guide) if block.kind in ("sh", "python"))


def guide_parameters() -> list[object]:
    """Every guide that has something to run; slow where it touches a checkpoint, which takes torch."""
    running = [guide for guide in guides() if steps(guide).strip()]
    return [
        pytest.param(guide, id=guide[:-3], marks=pytest.mark.slow if TOUCHES_A_CHECKPOINT.search(steps(guide)) else ())
        for guide in running
    ]


@pytest.fixture(scope="module")
def weights(tmp_path_factory, ultralytics) -> Path:
    """An untrained YOLO26n whose classes have the names of COCO's."""
    from ultralytics.utils import ROOT, YAML

    path = tmp_path_factory.mktemp("weights") / "yolo26n.pt"
    model = ultralytics.YOLO("yolo26n.yaml", verbose=False)
    model.model.names = YAML.load(ROOT / "cfg" / "datasets" / "coco.yaml")["names"]
    model.save(path)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory, weights) -> Path:
    """The one run that all guides share: two epochs on the pictures of `datasets/cells`."""
    import yolo_tl

    folder = tmp_path_factory.mktemp("run")
    yolo_tl.convert(guide_place.cells(folder / "voc"), folder / "data")
    options = {"epochs": 2, "imgsz": 64, "batch": 8, "threads": 1, "device": "cpu"}
    return yolo_tl.train(folder / "data", str(weights), out=folder / "run", overrides=options).run


@pytest.mark.parametrize("guide", guide_parameters())
def test_all_of_it_runs(guide: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch) -> None:
    text = steps(guide)
    if "curl" in text and shutil.which("curl") is None:
        pytest.skip("the guide speaks to a server with curl")
    checkpoints = {}
    if TOUCHES_A_CHECKPOINT.search(text):
        checkpoints = {name: request.getfixturevalue(name) for name in ("weights", "run")}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    following = Guide(tmp_path, guide_place.place_for(tmp_path, text, **checkpoints), set(NOT_RUN))
    found = blocks(guide)
    try:
        for block, after in zip(found, [*found[1:], None], strict=True):
            shown = shown_after(block, after) if block.kind == "sh" else ""
            following.follow(block, fails="error: " in shown)
            assert_shown(block, shown, following.printed)
    finally:
        following.close()
    assert following.ran
    if guide == "training.md":
        assert_run_folder_as_told(tmp_path / "runs" / "kept")


def assert_run_folder_as_told(folder: Path) -> None:
    """The table of a run folder names every file of it, and no other."""
    table = read("training.md").partition("| file | holds |")[2].partition("\n\n")[0]
    named = [
        name.replace("99", "*")
        for row in table.splitlines()
        for name in re.findall(r"`([^`]+)`", row[: row.find("|", 1)])
    ]
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert [name for name in named if not any(fnmatch(file, name) for file in found)] == []
    assert [file for file in found if not any(fnmatch(file, name) for name in named)] == []


def assert_shown(block: Block, shown: str, printed: str) -> None:
    """Every line that a guide shows is printed, in that order; `…` stands for anything."""
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    for wanted in (" ".join(line.split()) for line in shown.splitlines()):
        pattern = ".*".join(map(re.escape, wanted.split("…")))
        while lines and not re.fullmatch(pattern, lines[0]):
            lines.pop(0)
        assert lines or wanted in ("", "…"), f"{block.place}: does not print {wanted!r}, but\n{printed}"


@pytest.mark.parametrize("guide", guides())
def test_its_commands_are_understood(guide: str) -> None:
    """Also those that the slow tests run, and those that cannot run here."""
    for block, line in commands():
        if block.guide == guide and line.startswith("yolo-tl "):
            try:
                understood(line)
            except Exception as error:
                raise AssertionError(f"{block.place}: {line}\n{error}") from error


def test_every_yaml_is_written_to_a_file_and_used() -> None:
    """Or it is looked at by a test of tests/test_docs.py and, of the rules, below."""
    looked_at = {"training.md", "evidence.md", "inspection.md"}
    for guide in guides():
        for block in blocks(guide):
            assert block.kind != "yaml" or block.file or guide in looked_at, block.place


def test_the_rules_shown_are_rules(tmp_path: Path) -> None:
    (block,) = [block for block in blocks("inspection.md") if block.kind == "yaml"]
    file = tmp_path / "line-3.yaml"
    file.write_text(block.text)
    rules = load_rules(str(file))
    judge = Judge(rules, ["scratch", "screw", "dent"])
    assert [rule.name for rule in judge.rules.rules] == ["no-scratches", "screws", "dents"]
    for preset in presets("rules"):
        assert f"| `{preset}` |" in read("inspection.md")


def test_what_is_not_run_is_still_in_a_guide() -> None:
    assert set(NOT_RUN) <= {line for _, line in commands()}


def test_what_is_not_printed_is_noticed() -> None:
    block = Block("converting.md", 1, "sh", "", "", 0, 0)
    assert_shown(block, "in 3, out 3\n…\nnote: … kept", "in  3, out 3\nsomething\nnote: splits kept\n")
    for shown in ("in 4, out 4", "note: … kept\nin 3, out 3", "note: … dropped"):
        with pytest.raises(AssertionError, match="docs/converting.md:1: does not print"):
            assert_shown(block, shown, "in 3, out 3\nnote: splits kept\n")
