"""Reading results.csv: what was validated, what was done again, what was not written to its end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.errors import ParseError
from yolo_tl.evaluation.history import read_history

HEADER = (
    "epoch,time,train/box_loss,train/cls_loss,metrics/precision(B),metrics/recall(B),metrics/mAP50(B),"
    "metrics/mAP50-95(B),val/box_loss,val/cls_loss,lr/pg0,lr/pg1"
)
NOTHING = "0,0,0,0,0,0"


def row(epoch: int, checked: str, loss: object = 2.0) -> str:
    return f"{epoch},{9 * epoch},{loss},1.5,{checked},0.01,0.02"


def checked(score: float) -> str:
    return f"0.5,0.6,{score + 0.1:.6g},{score:.6g},{3 - score:.6g},1"


def written(folder: Path, *lines: str, end: str = "\n") -> Path:
    path = folder / "results.csv"
    path.write_text("\n".join([HEADER, *lines]) + end)
    return path


def test_every_series_has_its_name_and_length(tmp_path):
    history = read_history(written(tmp_path, row(1, checked(0.1)), row(2, checked(0.2), loss=1.75)))
    assert history.epochs.tolist() == [1, 2]
    assert history.losses.keys() == history.val_losses.keys() == {"box", "cls"}
    assert history.losses["box"].tolist() == [2.0, 1.75]
    assert history.val_losses["box"].tolist() == [2.9, 2.8]
    assert history.scores.keys() == {"precision", "recall", "map50", "map50_95"}
    assert history.scores["map50_95"].tolist() == [0.1, 0.2]
    assert history.scores["map50"].tolist() == pytest.approx([0.2, 0.3])
    assert history.rates["pg1"].tolist() == [0.02, 0.02]


@given(st.lists(st.booleans(), max_size=30), st.randoms(use_true_random=False))
def test_epochs_without_validation_have_no_score(tmp_path_factory, validated, random):
    """As the trainer writes them: zeros before the first validation, then the last one again."""
    lines, last, expected = [], NOTHING, []
    for number, now in enumerate(validated):
        score = round(random.uniform(0.01, 0.9), 4) + number  # two validations never agree in every digit
        last = checked(score) if now else last
        expected.append(score if now else np.nan)
        lines.append(row(number + 1, last))
    history = read_history(written(tmp_path_factory.mktemp("history"), *lines))
    found = history.scores.get("map50_95", np.zeros(0))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert np.isfinite(history.losses.get("box", np.zeros(0))).all()


def test_a_validation_that_finds_nothing_is_one(tmp_path):
    nothing_found = "0,0,0,0,5.8,4.6"
    history = read_history(written(tmp_path, row(1, nothing_found), row(2, "0,0,0,0,5.7,4.6")))
    assert history.scores["map50_95"].tolist() == [0, 0]
    assert history.best() is None


def test_an_epoch_done_again_counts_as_it_was_the_last_time(tmp_path):
    lines = [row(1, checked(0.1)), row(2, checked(0.2)), row(3, checked(0.3)), row(2, checked(0.25)), HEADER]
    history = read_history(written(tmp_path, *lines, row(3, checked(0.35)), row(4, checked(0.4))))
    assert history.epochs.tolist() == [1, 2, 3, 4]
    assert history.scores["map50_95"].tolist() == [0.1, 0.25, 0.35, 0.4]


def test_a_last_line_that_was_not_written_to_its_end_is_left_out(tmp_path):
    history = read_history(written(tmp_path, row(1, checked(0.1)), "2,18,1.2", end=""))
    assert history.epochs.tolist() == [1]


def test_what_is_no_number_is_nan(tmp_path):
    lines = [row(1, checked(0.1), loss="nan"), row(2, checked(0.2), loss="-"), row(3, checked(0.3), loss="inf"), "\0\0"]
    history = read_history(written(tmp_path, *lines, "x,1,2", "2.5,1,2", "0,1,2", "nan,1"))
    assert history.epochs.tolist() == [1, 2, 3]
    assert np.isnan(history.losses["box"][:2]).all()
    assert history.losses["box"][2] == np.inf
    assert history.best() == 2


def test_the_number_of_groups_may_change_between_stages(tmp_path):
    head = HEADER.replace(",lr/pg1", "")
    path = tmp_path / "results.csv"
    path.write_text("\n".join([head, row(1, checked(0.1))[:-5], HEADER, row(2, checked(0.2)), ""]))
    history = read_history(path)
    np.testing.assert_array_equal(history.rates["pg1"], [np.nan, 0.02])
    path.write_text("\n".join([head, row(1, checked(0.1)), ""]))  # more cells than the header has names
    assert read_history(path).scores["map50_95"].tolist() == [0.1]


def test_the_best_epoch_by_each_metric(tmp_path):
    lines = [row(1, "0.5,0.9,0.6,0.2,3,1"), row(2, "0.5,0.6,0.8,0.3,2,1"), row(3, "0.5,0.6,0.7,0.3,1,1")]
    history = read_history(written(tmp_path, *lines))
    assert (history.best(), history.best("map50"), history.best("recall"), history.best("f2")) == (1, 1, 0, None)


def test_a_file_that_is_not_there_or_empty_has_no_epochs(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    for name in ("none.csv", "empty.csv"):
        history = read_history(tmp_path / name)
        assert len(history.epochs) == 0
        assert history.best() is None
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\xff\xff\xff")
    with pytest.raises(ParseError, match="binary.csv"):
        read_history(tmp_path / "binary.csv")
