from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from yolo_tl.config import TrainConfig
from yolo_tl.errors import UsageError
from yolo_tl.run_series import finish_run, learnt_from, open_series, weights_digest
from yolo_tl.transfer.progress import Silent


class Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def opened(out: Path, request: dict[str, Any], *, overwrite: bool = False) -> None:
    open_series(out, request, what="trials", made=r"run\d+|result\.json", overwrite=overwrite)


def test_a_request_is_kept_and_another_one_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    opened(out, {"data": "a" * 40, "epochs": 3, "sizes": (1, 2)})
    opened(out, {"data": "a" * 40, "epochs": 3, "sizes": [1, 2]})
    with pytest.raises(
        UsageError, match="holds trials of something else: data was aaaaaaaa…, is bbb, epochs was 3, is 4"
    ):
        opened(out, {"data": "bbb", "epochs": 4, "sizes": [1, 2]})
    with pytest.raises(UsageError, match="sizes was"):
        opened(out, {"data": "a" * 40, "epochs": 3})


def test_only_what_the_series_made_is_cleared(tmp_path: Path) -> None:
    out = tmp_path / "out"
    opened(out, {"epochs": 3})
    (out / "run1" / "weights").mkdir(parents=True)
    (out / "running").mkdir()
    (out / "result.json").touch()
    (out / "notes.txt").touch()
    opened(out, {"epochs": 4}, overwrite=True)
    assert sorted(path.name for path in out.iterdir()) == ["notes.txt", "request.json", "running"]
    opened(out, {"epochs": 4})


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="already holds files"):
            opened(tmp_path, {}, overwrite=overwrite)


def test_a_run_is_begun_gone_on_with_or_left(tmp_path: Path) -> None:
    done: list[str] = []
    told = Notes()

    def turn() -> None:
        finish_run(
            tmp_path / "run",
            "run 1 of 2",
            train=lambda: done.append("train"),
            resume=lambda: done.append("resume"),
            listener=told,
        )

    (tmp_path / "run" / "weights").mkdir(parents=True)  # begun, but with nothing to go on from
    turn()
    assert not (tmp_path / "run").exists()
    (tmp_path / "run" / "state").mkdir(parents=True)
    (tmp_path / "run" / "state" / "last.pt").touch()
    turn()
    (tmp_path / "run" / "metrics.json").write_text("{}")
    turn()
    assert done == ["train", "resume"]
    assert told.said == ["run 1 of 2", "run 1 of 2 goes on", "run 1 of 2 is trained already"]


def test_how_a_run_is_carried_out_is_no_part_of_the_request() -> None:
    one, other = (
        learnt_from(TrainConfig(threads=threads, device=device)) for threads, device in ((1, "cpu"), (2, "0"))
    )
    assert one == other
    assert one != learnt_from(TrainConfig(lr=0.1))


def test_weights_are_known_by_content(tmp_path: Path) -> None:
    for name, content in (("a.pt", b"1"), ("b.pt", b"1"), ("c.pt", b"2")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (weights_digest(str(tmp_path / f"{name}.pt")) for name in "abc")
    assert a == b != c
    assert weights_digest("yolo26n.yaml") == "yolo26n.yaml"
