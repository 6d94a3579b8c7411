"""What stands around the code: make, CI, issue forms, hooks. They are what `CONTRIBUTING.md` says they are."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
GUIDE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def make(*arguments: str) -> str:
    if shutil.which("make") is None:
        pytest.skip("make is not here")
    done = subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_make_alone_lists_every_target() -> None:
    assert {"demo", "test", "test-all", "check", "docs", "bench", "package", "help"} <= TARGETS
    listed = re.findall(r"^  make (\S+) +\S", make(), re.MULTILINE)
    assert set(listed) == TARGETS


def test_the_environment_is_made_before_anything_else() -> None:
    for target in TARGETS - {"help", "install", "clean"}:
        assert re.search(rf"^{target}: \.venv/installed ", MAKEFILE, re.MULTILINE), target


@pytest.mark.parametrize("wanted", [(3, 9), (3, 10)])
def test_an_interpreter_that_is_too_old_is_named(wanted: tuple[int, int], tmp_path: Path) -> None:
    """With the interpreter's version made up; what would be installed is left out."""
    line = next(line for line in MAKEFILE.splitlines() if "or $(OLD)" in line).strip().lstrip("@")
    code = re.search(r"-c '(.*)'", line)[1]  # type: ignore[index]
    code = code.replace("$(OLD)", re.search(r"^OLD := (.*)$", MAKEFILE, re.MULTILINE)[1])  # type: ignore[index]
    code = code.replace("import sys;", f"import sys; sys.version_info = {wanted};")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (wanted >= (3, 10))
    if done.returncode:
        assert done.stderr.startswith("expected Python 3.10 or newer, found 3.9; say: make PYTHON=")


def test_ci_and_the_guide_name_targets_that_exist() -> None:
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    run = re.findall(r"^make (\S+)$", ci, re.MULTILINE)
    assert {"check", "docs", "test-all", "package"} <= set(run) <= TARGETS
    named = re.findall(r"^make (\S+) ", GUIDE, re.MULTILINE)
    assert len(named) > 5
    assert set(named) <= TARGETS


def test_bench_runs_what_the_benchmarks_say_it_runs() -> None:
    table = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)\.py` \|.*\| (yes)? ?\|$", table, re.MULTILINE)
    names = re.search(r"for name in ([\w ]+); do \$\(BIN\)/python benchmarks/", MAKEFILE)[1].split()  # type: ignore[index]
    assert {name for name, yes in rows if yes} == set(names)
    tables = {path.stem for path in (ROOT / "benchmarks").glob("*.md")} - {"README"}
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    assert tables <= {name for name, _ in rows} <= scripts


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_has_the_shape_that_is_expected(path: Path) -> None:
    form: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    if path.stem == "config":
        assert form == {"blank_issues_enabled": True}
        return
    assert form.keys() == {"name", "description", "labels", "body"}
    assert len({field["id"] for field in form["body"]}) == len(form["body"])
    for field in form["body"]:
        assert field["type"] in {"textarea", "input", "dropdown", "checkboxes"}
        assert field["attributes"]["label"]
        assert isinstance(field["validations"]["required"], bool)
    assert any(field["validations"]["required"] for field in form["body"])


def test_a_bug_comes_with_what_doctor_says() -> None:
    assert {path.stem for path in FORMS} == {"bug", "feature", "question", "config"}
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text("utf-8"))
    (asked,) = (field for field in form["body"] if "yolo-tl doctor --json" in field["attributes"]["label"])
    assert asked["validations"]["required"]


def test_hooks_run_what_check_runs_and_fetch_nothing() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        tool = hook["entry"].removesuffix(" --force-exclude").replace(".venv/bin", "$(BIN)")
        assert tool in MAKEFILE


@pytest.mark.parametrize("path", ["CONTRIBUTING.md", ".github/pull_request_template.md", "benchmarks/README.md"])
def test_files_that_are_named_are_there(path: str) -> None:
    text = (ROOT / path).read_text("utf-8")
    linked = re.findall(r"\]\(([^):]+)\)", text)
    named = re.findall(r"`((?:tests|docs|benchmarks|\.ci|yolo_tl)/[\w./-]+|[A-Z]+\.md|constraints\.txt)`", text)
    for name in linked:
        assert (ROOT / path).parent.joinpath(name).exists(), name
    for name in named:
        assert (ROOT / name).exists(), name
