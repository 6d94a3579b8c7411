"""What the documents say is so: formats, commands, checks, options, recipes. Its commands run in test_guides.py."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from textwrap import dedent

import click
import pytest
import yaml
from click.testing import CliRunner

import yolo_tl
from yolo_tl.cli.main import COMMANDS, main
from yolo_tl.config import StageConfig
from yolo_tl.data import convert, make_sample
from yolo_tl.data.checks import CHECKS
from yolo_tl.data.formats import FORMATS
from yolo_tl.data.options import ReadOptions
from yolo_tl.exporting.formats import FORMATS as EXPORT_FORMATS
from yolo_tl.presets import presets

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
DOCS = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
DATA, TRAINING, EVIDENCE, EXPORT = (DOCS[f"{name}.md"] for name in ("data", "training", "evidence", "export"))
GUIDES = "".join([README, *DOCS.values()])


def cells(header: str) -> dict[str, str]:
    """First cell, without backticks → second cell, of the table of TRAINING that has this header."""
    start = TRAINING.index(header)
    table = TRAINING[start : TRAINING.index("\n\n", start)].splitlines()[2:]
    split = [[cell.strip() for cell in row.strip("|").split("|")] for row in table]
    return {key: row[1] for row in split for key in re.findall(r"`([^`]+)`", row[0])}


def blocks(kind: str) -> list[str]:
    """The code blocks of TRAINING of a kind; those without one are commands."""
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", TRAINING, re.DOTALL | re.MULTILINE)
    return [dedent(content) for of, content in found if of == kind]


def test_every_format_has_a_row_that_says_whether_it_is_written() -> None:
    rows = dict(re.findall(r"^\| `([\w-]+)` \|[^|]*\|([^|]*)\|$", DATA, re.MULTILINE))
    assert set(rows) == set(FORMATS)
    for name, format in FORMATS.items():
        assert bool(rows[name].strip()) == bool(format.write) or name == "text"
    assert f"{len(FORMATS)} annotation formats" in README


def test_every_command_and_group_of_checks_is_told_of() -> None:
    for command in COMMANDS:
        assert re.search(rf"(`|yolo-tl ){command}(?![\w-])", GUIDES), command
    for group in {name.partition(".")[0] for name in CHECKS}:
        assert f"`{group}`" in DATA
    assert len(CHECKS) > 100


def test_the_options_named_exist() -> None:
    fields = {f"--{name.replace('_', '-')}" for name in ReadOptions.__dataclass_fields__}
    table = DATA[DATA.index("| case | default | option |") : DATA.index("A second run over")]
    named = set(re.findall(r"--[a-z][a-z-]+", table)) - {"--splits", "--ratios"}
    assert named <= fields


def test_the_options_and_functions_of_training_exist() -> None:
    known = {"--help"} | {
        option
        for command in COMMANDS
        for parameter in main.get_command(None, command).params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert set(re.findall(r"--[a-z][a-z-]+", TRAINING)) <= known
    sentence = re.search(r"Each is a function, too: (.*?)\.\n", TRAINING, re.DOTALL)
    assert sentence
    assert set(re.findall(r"`(?:yolo_tl\.)?(\w+)`", sentence[1])) <= set(yolo_tl.__all__)


@pytest.mark.parametrize("line", re.findall(r"^yolo-tl .*$", EVIDENCE + EXPORT, re.MULTILINE))
def test_the_commands_of_evidence_and_export_are_understood(line: str) -> None:
    _, name, *arguments = shlex.split(line)
    command = main.get_command(None, name)
    if isinstance(command, click.Group):
        name, *arguments = arguments
        command = command.commands[name]
    assert command is not None
    with command.make_context(name, arguments) as context:
        assert context.params


def test_the_tables_of_export_are_whole() -> None:
    """Every format that is verified has a row with what it takes; the others are listed."""
    start = EXPORT.index("| format |")
    table = EXPORT[start : EXPORT.index("\n\n", start)].splitlines()[2:]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table]
    verified = {name: format for name, format in EXPORT_FORMATS.items() if format.verified}
    assert [row[0].strip("`") for row in rows] == list(verified)
    for row, format in zip(rows, verified.values(), strict=True):
        assert row[2].split() == list(format.precisions)
        assert row[3].split() == list(format.heads)
        assert row[4].startswith("yes" if format.dynamic else "no")
    listed = re.search(r"can run them: (.*?)\. What", EXPORT, re.DOTALL)
    assert listed
    assert set(re.split(r",\s+", listed[1])) == EXPORT_FORMATS.keys() - verified.keys()
    for preset in presets("export"):
        assert f"`{preset}`" in README


def test_the_contract_shown_is_one(tmp_path: Path) -> None:
    from yolo_tl.evaluation.inspection.contract import InspectionContract
    from yolo_tl.presets import resolve

    (text,) = re.findall(r"^```yaml\n(.*?)^```$", EVIDENCE, re.DOTALL | re.MULTILINE)
    file = tmp_path / "own.yaml"
    file.write_text(text)
    contract = resolve(InspectionContract, kind="inspect", preset=str(file)).config
    assert [rule.name for rule in contract.classes] == ["crack", "stain"]
    for preset in presets("inspect"):
        assert f"`{preset}`" in EVIDENCE


ARXIV = re.compile(r"\[([^\]]+)\]\(https://arxiv\.org/abs/([^)]+)\)")


@pytest.mark.parametrize("text, number", sorted({pair for text in DOCS.values() for pair in ARXIV.findall(text)}))
def test_papers_are_cited_by_their_number(text: str, number: str) -> None:
    assert text == number
    assert re.fullmatch(r"\d{4}\.\d{5}", number)


def test_the_tables_of_training_are_whole() -> None:
    """Every recipe, every pipeline and every key of a stage has a row, and nothing else has."""
    assert set(cells("| recipe |")) == set(presets("train"))
    assert set(cells("| pipeline |")) == {"none", "ultralytics", *presets("augment")}
    assert set(cells("| key |")) == set(StageConfig.__dataclass_fields__) - {"name"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, ultralytics) -> Path:
    """A working folder with the data set of the guide, and an untrained checkpoint that bears the names of COCO."""
    from ultralytics.utils import ROOT, YAML

    folder = tmp_path_factory.mktemp("guide")
    (folder / "weights").mkdir()
    model = ultralytics.YOLO("yolo26n.yaml", verbose=False)
    model.model.names = YAML.load(ROOT / "cfg" / "datasets" / "coco.yaml")["names"]
    model.save(folder / "weights" / "yolo26n.pt")
    make_sample(folder / "annotations")
    convert(folder / "annotations", folder / "datasets" / "parts")
    return folder


def test_the_plan_shown_is_the_plan(folder, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    (command,) = [line for line in blocks("")[0].splitlines() if line.startswith("yolo-tl plan")]
    done = CliRunner().invoke(main, [*shlex.split(command)[1:], "--device", "cpu"])
    assert done.exit_code == 0, done.output
    printed = done.output
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    (shown,) = blocks("text")
    for line in shown.splitlines():
        pattern = ".*".join(map(re.escape, " ".join(line.split()).split("…")))
        assert any(re.fullmatch(pattern, found) for found in lines), line


@pytest.mark.parametrize("text", blocks("yaml"))
def test_the_yaml_blocks_are_what_they_seem(folder, tmp_path, text: str) -> None:
    from yolo_tl.engine.augmentation import load_pipeline

    file = tmp_path / "own.yaml"
    file.write_text(text)
    content = yaml.safe_load(text)
    if "transforms" in content:
        assert load_pipeline(file, sizes=(64,)) is not None
        return
    plan = yolo_tl.plan(folder / "datasets/parts", str(folder / "weights/yolo26n.pt"), preset=str(file))
    assert len(plan.stages) == len(content.get("stages", ["all"]))


def test_the_spellings_of_freeze_freeze_what_the_guide_says(folder) -> None:
    from yolo_tl.engine.checkpoint import describe_network, load_checkpoint
    from yolo_tl.transfer.freeze import resolve_freeze

    network = describe_network(load_checkpoint(folder / "weights" / "yolo26n.pt"), pretrained=True)
    for spelling, frozen in cells("| spelling |").items():
        said = resolve_freeze(yaml.safe_load(spelling), network).describe(network)
        assert said.startswith("nothing" if frozen == "nothing" else f"{frozen} of 0-23 frozen"), spelling
