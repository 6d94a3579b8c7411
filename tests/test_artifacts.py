"""Every file that is written says which version of its form it has, and a newer one is refused, not guessed at."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support.verdicts import made_up_verdict, predictions

import yolo_tl
from yolo_tl.api.demonstration.record import read_record
from yolo_tl.engine.run_record import read_run
from yolo_tl.engine.runs import describe_run, kept_plan
from yolo_tl.errors import DataError, ExportError, ModelError, YoloTLError
from yolo_tl.evaluation import Predictions
from yolo_tl.exporting.acceptance import Acceptance
from yolo_tl.files import SCHEMAS, require_schema, stamped, write_json
from yolo_tl.reporting.run_page import qualification_of
from yolo_tl.run_series import finish_run, open_series

ROOT = Path(__file__).resolve().parent.parent
PLAN: dict[str, Any] = {"decisions": {}}


@dataclass(frozen=True)
class MadeUp:
    """A plan as far as a run folder keeps it."""

    def to_json(self) -> dict[str, Any]:
        return PLAN


def series(folder: Path) -> None:
    open_series(folder, {"seed": 0}, what="folds", made="fold.*", overwrite=False)


def finished(folder: Path) -> None:
    def never() -> None:
        raise AssertionError("a run was begun")

    finish_run(folder, "fold 1", train=never, resume=never, listener=None)  # type: ignore[arg-type]


def resumed(folder: Path) -> None:
    yolo_tl.resume(folder.parent)


# Where a file lies, what is in it beside its version, who reads it, and the error.
READERS: list[tuple[str, dict[str, Any], Callable[[Path], object], type[YoloTLError]]] = [
    ("run.yaml", PLAN, kept_plan, ModelError),
    ("metrics.json", {}, read_run, DataError),
    ("metrics.json", {}, finished, DataError),
    ("environment.json", {}, read_run, DataError),
    ("state/data.json", {}, resumed, ModelError),
    ("request.json", {"seed": 0}, series, DataError),
    ("demo.json", {}, read_record, DataError),
    ("comparison.json", {"comparisons": []}, yolo_tl.report, DataError),
    ("verdict.json", {"candidates": []}, yolo_tl.report, DataError),
    ("verify.json", {"gates": []}, yolo_tl.report, DataError),
    ("qualification.json", {"judged": {}}, yolo_tl.report, DataError),
    ("qualification.json", {}, qualification_of, DataError),
    ("qualification.json", {}, lambda folder: Acceptance.read(folder / "qualification.json"), ExportError),
]


@pytest.mark.parametrize(("name", "content", "reader", "error"), READERS)
def test_a_newer_file_is_refused_by_name(
    name: str, content: dict[str, Any], reader: Callable[[Path], object], error: type[YoloTLError],
    sample: Path, tmp_path: Path,
) -> None:  # fmt: skip
    file = tmp_path / name
    if name in ("metrics.json", "environment.json", "state/data.json"):
        (tmp_path / "run.yaml").write_text(yaml.safe_dump({**PLAN, "data": {"path": str(sample / "data.yaml")}}))
    write_json(file, {**content, "schema": SCHEMAS[file.name] + 1})
    with pytest.raises(error, match=r"schema 2 is newer than this yolo-tl reads \(up to 1\)") as caught:
        reader(file.parent)
    assert str(file) in caught.value.message
    assert "install the yolo-tl that wrote it" in caught.value.hint


@pytest.mark.parametrize("version", [0, -1, True, "1", None, 1.0])
def test_what_is_no_version_is_refused(version: object) -> None:
    with pytest.raises(DataError, match=r"here: schema: expected a version from 1 to 1, found"):
        require_schema("metrics.json", {"schema": version}, "here")


def test_a_file_without_a_version_is_of_the_first(tmp_path: Path) -> None:
    require_schema("metrics.json", {}, "here")
    write_json(tmp_path / "request.json", {"seed": 0})
    series(tmp_path)


def test_newer_predictions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "predictions.npz"
    predictions(0.5, images=2).write(path)
    Predictions.read(path)
    with np.load(path) as file:
        columns = {key: file[key] for key in file.files}
    about = json.loads(str(columns["about"]))
    np.savez(path, **{**columns, "about": np.array(json.dumps({**about, "version": 2}))})
    with pytest.raises(DataError, match="expected version 1 of predictions, found 2"):
        Predictions.read(path)


def test_a_newer_state_is_refused(tmp_path: Path) -> None:
    import torch

    from yolo_tl.engine.state import read_state

    (tmp_path / "state").mkdir()
    torch.save({"version": 2}, tmp_path / "state" / "last.pt")
    with pytest.raises(ModelError, match="expected a state of version 1, found 2"):
        read_state(tmp_path)


def test_what_is_written_says_its_version(tmp_path: Path) -> None:
    series(tmp_path / "series")
    describe_run(tmp_path, MadeUp())  # type: ignore[arg-type]
    assert made_up_verdict(0.9, 0.5).to_json()["schema"] == SCHEMAS["verdict.json"]
    assert list(stamped("verify.json", {"a": 1})) == ["schema", "a"]
    for file in ("run.yaml", "environment.json", "series/request.json"):
        content = yaml.safe_load((tmp_path / file).read_text("utf-8"))
        assert content["schema"] == SCHEMAS[Path(file).name], file


def test_every_name_is_stamped_somewhere_and_listed_in_the_documentation() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "yolo_tl").rglob("*.py")]
    page = (ROOT / "docs" / "artifacts.md").read_text("utf-8")
    for name, version in SCHEMAS.items():
        assert any(_stamps(source, name) for source in sources), f"{name} is never stamped"
        assert re.search(rf"^\| .*`(?:\w+/)*{re.escape(name)}`.* \| {version} \|", page, re.MULTILINE), name


def _stamps(source: str, name: str) -> bool:
    constant = re.search(rf'^(\w+)(?:, \w+)? = "{re.escape(name)}"', source, re.MULTILINE)
    called = f'(?:"{re.escape(name)}"|{constant[1] if constant else "-"})'
    return bool(re.search(rf"stamped\(\s*{called},", source))
