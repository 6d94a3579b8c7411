from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from yolo_tl.engine.ingredients import find_data, find_ingredients, require_target
from yolo_tl.errors import UsageError, WeightsNotFound


def run(folder: Path, *names: str, data: str | None = "/data/data.yaml") -> Path:
    for name in ("weights/best.pt", *names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    if data is not None:
        (folder / "run.yaml").write_text(yaml.safe_dump({"data": {"path": data}, "decisions": {}}), "utf-8")
    return folder


def test_runs_and_checkpoints(tmp_path):
    a, b = run(tmp_path / "a"), run(tmp_path / "b")
    assert find_ingredients([a, b / "weights/best.pt"]) == [a / "weights/best.pt", b / "weights/best.pt"]


def test_the_last_epochs_are_counted_by_number(tmp_path):
    names = [f"weights/epoch{epoch}.pt" for epoch in (8, 9, 10, 100)]
    folder = run(tmp_path / "a", *names, "weights/epochs.pt", "weights/epoch7-old.pt")
    assert find_ingredients([folder], last=3) == [folder / name for name in names[1:]]
    with pytest.raises(WeightsNotFound, match=r"a: expected the weights of 5 epochs, found 4") as caught:
        find_ingredients([folder], last=5)
    assert caught.value.hint == "train with --keep 5, or say --last 4"


def test_start_and_best(tmp_path):
    folder = run(tmp_path / "a", "state/start.pt")
    assert find_ingredients([folder], start=0.3) == [folder / "state/start.pt", folder / "weights/best.pt"]


@pytest.mark.parametrize(
    ("sources", "options", "error", "message"),
    [
        (["a"], {}, UsageError, "two or more"),
        ([], {}, UsageError, "two or more"),
        (["a", "a/weights/best.pt"], {}, UsageError, "named twice"),
        (["a", "b"], {"last": 2}, UsageError, "one run folder"),
        (["a/weights/best.pt"], {"start": 0.5}, UsageError, "one run folder"),
        (["a"], {"last": 2, "start": 0.5}, UsageError, "found both"),
        (["a"], {"last": 1}, UsageError, "at least 2"),
        (["a"], {"last": 2}, WeightsNotFound, "found 0"),
        (["a"], {"start": 0.5}, WeightsNotFound, "start.pt"),
        (["a", "empty"], {}, WeightsNotFound, "empty/weights/best.pt"),
        (["a", "none.pt"], {}, WeightsNotFound, "none.pt"),
    ],
)
def test_requests_without_sense_are_refused(tmp_path, sources, options, error, message):
    run(tmp_path / "a")
    run(tmp_path / "b")
    (tmp_path / "empty").mkdir()
    with pytest.raises(error, match=message):
        find_ingredients([tmp_path / source for source in sources], **options)


def test_the_data_of_the_runs(tmp_path):
    a, b, other = run(tmp_path / "a"), run(tmp_path / "b"), run(tmp_path / "c", data="/other/data.yaml")
    assert find_data([a, b / "weights/best.pt"]) == Path("/data/data.yaml")
    with pytest.raises(UsageError, match=r"2 different ones: /data/data.yaml, /other/data.yaml") as caught:
        find_data([a, b, other])
    assert "--data" in caught.value.hint


@pytest.mark.parametrize(
    "content", [None, "[]", "data: {path: a}", "data: 3\ndecisions: {}", "data: {path: 3}\ndecisions: {}", "data: ["]
)
def test_a_run_that_does_not_say_its_data(tmp_path, content):
    folder = run(tmp_path / "a", data=None)
    if content is not None:
        (folder / "run.yaml").write_text(content, "utf-8")
    with pytest.raises(UsageError, match="no run that says which it was"):
        find_data([folder])


def test_targets(tmp_path):
    require_target(tmp_path / "new.pt", overwrite=False)
    (tmp_path / "old.pt").touch()
    require_target(tmp_path / "old.pt", overwrite=True)
    with pytest.raises(UsageError, match=r"old.pt: is there already"):
        require_target(tmp_path / "old.pt", overwrite=False)
    with pytest.raises(UsageError, match=r"ends in .pt"):
        require_target(tmp_path / "new.onnx", overwrite=True)
    (tmp_path / "folder.pt").mkdir()
    with pytest.raises(UsageError, match=r"folder.pt"):
        require_target(tmp_path / "folder.pt", overwrite=True)
