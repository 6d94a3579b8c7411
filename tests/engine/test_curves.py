"""What is drawn of a run: which points, which lines, what is written beside them."""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from support.runs import STAGES, staged_run, write_history

from yolo_tl.engine.curves import COLOURS, PANELS, curves_svg, draw_curves
from yolo_tl.engine.run_record import read_run


@pytest.fixture
def folder(run, tmp_path) -> Path:
    return staged_run(run.run, tmp_path / "staged")


def panel(folder: Path, title: str):
    """Label → line, as one panel draws a run."""
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    PANELS[title](axes, read_run(folder))
    return {str(line.get_label()): line for line in axes.get_lines()}


def texts(svg: str) -> str:
    nodes = ET.fromstring(svg.replace("xlink:href", "href")).iter("text")
    return " | ".join("".join(node.itertext()).strip() for node in nodes)


def test_the_picture_is_written_whole(folder):
    path = draw_curves(folder)
    assert path == folder / "curves.png"
    picture = cv2.imread(str(path))
    assert picture.shape == (1170, 1170, 3)
    for colour in COLOURS[:3]:
        bgr = np.array([int(colour[i : i + 2], 16) for i in (5, 3, 1)])
        assert (np.abs(picture.astype(int) - bgr).sum(2) < 30).sum() > 200, colour
    assert not list(folder.glob(".*"))
    before = path.read_bytes()
    draw_curves(folder)
    assert path.read_bytes() == before


def test_scores_stand_at_validated_epochs_only_and_the_best_is_marked(folder):
    lines = panel(folder, "Score on val")
    assert lines["mAP50-95"].get_xdata().tolist() == [2, 4, 6, 8, 10, 12]
    assert lines["mAP50-95"].get_ydata()[0] == pytest.approx(0.5 / 6, rel=1e-4)
    assert lines["best 0.500, epoch 12"].get_marker() == "*"
    assert lines["best 0.500, epoch 12"].get_xdata() == [12]
    assert lines["before 0.200"].get_ydata() == [0.2, 0.2]


def test_losses_are_in_all_epochs_and_those_on_val_are_dashed(folder):
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    PANELS["Loss"](axes, read_run(folder))
    train, val = axes.get_lines()[:3], axes.get_lines()[3:6]
    assert [line.get_label() for line in train] == ["box", "cls", "dfl"]
    assert all(len(line.get_xdata()) == 12 for line in train)
    assert all(len(line.get_xdata()) == 6 and line.is_dashed() for line in val)
    assert [line.get_color() for line in train] == [line.get_color() for line in val] == list(COLOURS[:3])
    assert len({line.get_marker() for line in train}) == 3


def test_groups_with_one_rate_are_one_line(folder):
    lines = panel(folder, "Learning rate")
    assert lines.keys() == {"highest", "lowest"}
    assert lines["highest"].get_ydata()[0] == pytest.approx(0.03)
    head, *rows = (folder / "results.csv").read_text().splitlines()
    rows = [row.rpartition(",")[0] + "," + row.split(",")[-2] for row in rows]
    (folder / "results.csv").write_text("\n".join([head, *rows, ""]))
    assert panel(folder, "Learning rate").keys() == {"all groups"}


def test_many_rates_are_told_apart_by_their_ends(folder):
    rates = "".join(f",lr/pg{i}" for i in range(2, 9))
    head, *rows = (folder / "results.csv").read_text().splitlines()
    rows = [row + "".join(f",{0.01 * 0.5**i:.6g}" for i in range(7)) for row in rows]
    (folder / "results.csv").write_text("\n".join([head + rates, *rows, ""]))
    assert {"highest", "lowest", "7 between"} <= panel(folder, "Learning rate").keys()


def test_every_panel_names_its_stages(folder):
    drawn = curves_svg(read_run(folder))
    assert drawn.keys() == PANELS.keys()
    for svg in drawn.values():
        assert "head" in texts(svg)
        assert "all" in texts(svg)
        assert "epoch" in texts(svg)
    plan = yaml.safe_load((folder / "run.yaml").read_text())
    (folder / "run.yaml").write_text(yaml.safe_dump({**plan, "stages": [{**STAGES[1], "first": 1, "name": "only"}]}))
    assert "only" not in texts(curves_svg(read_run(folder))["Loss"])


def test_the_boundary_is_between_the_epochs(folder):
    """The line of the second stage is in the middle between the points of epochs 4 and 5."""
    svg = curves_svg(read_run(folder))["Loss"]
    dashed = re.findall(r'<path d="M ([\d.]+) [\d.]+ \nL \1 [^>]*stroke-dasharray', svg)
    points = re.findall(r'<use xlink:href="#[^"]+" x="([\d.]+)"[^>]*style="fill: var\(--curve-0\)', svg)
    x = [float(value) for value in points[:12]]
    assert len(dashed) == 1
    assert x == sorted(x)
    assert float(dashed[0]) == pytest.approx((x[3] + x[4]) / 2, abs=0.01)


@pytest.mark.parametrize(
    "name", ["$\\frac{x$", "<b>&\"'", "訓練", "_hidden", "a very long name of a stage " * 5, "", "\0"]
)
def test_any_name_of_a_stage_can_be_drawn(folder, name, recwarn):
    plan = yaml.safe_load((folder / "run.yaml").read_text())
    stages = [{**STAGES[0], "name": name}, STAGES[1]]
    (folder / "run.yaml").write_text(yaml.safe_dump({**plan, "stages": stages}))
    draw_curves(folder)
    text = texts(curves_svg(read_run(folder))["Loss"])
    assert len(text) < 200
    assert name[:6].strip("\0") in text
    assert not recwarn.list


def test_few_epochs_none_and_what_is_no_number(run, folder, tmp_path):
    write_history(folder, 1)
    assert panel(folder, "Score on val")["mAP50"].get_xdata().tolist() == [1]
    draw_curves(folder)
    write_history(folder)
    text = (folder / "results.csv").read_text()
    (folder / "results.csv").write_text(text.replace("\n3,27,1,", "\n3,27,nan,").replace("\n4,36,0.75,", "\n4,36,inf,"))
    assert panel(folder, "Loss")["box"].get_xdata().tolist() == [1, 2, 5, 6, 7, 8, 9, 10, 11, 12]
    draw_curves(folder)
    head, *rows = text.splitlines()
    hopeless = [re.sub(r"(?<=,)[^,]+", "nan", row) for row in rows]
    (folder / "results.csv").write_text("\n".join([head, *hopeless, ""]))
    draw_curves(folder)
    (folder / "results.csv").unlink()
    draw_curves(folder)
    assert "no epoch yet" in texts(curves_svg(read_run(folder))["Score on val"])


def test_a_run_as_ultralytics_wrote_it(run, tmp_path):
    shutil.copytree(run.run, tmp_path / "run", ignore=shutil.ignore_patterns("*.pt"))
    draw_curves(tmp_path / "run")
    drawn = curves_svg(read_run(tmp_path / "run"))
    assert all(name in texts(drawn["Loss"]) for name in ("box", "cls", "on val"))


def test_the_drawings_take_their_colours_from_the_page(folder):
    for svg in curves_svg(read_run(folder)).values():
        assert not re.findall(
            r"#[0-9a-f]{6}\b(?![^<]*clip)", re.sub(r"url\(#[^)]*\)|href=\"#[^\"]*\"|id=\"[^\"]*\"", "", svg)
        )
        assert "var(--curve-0)" in svg


def test_the_users_own_settings_do_not_matter(folder):
    import matplotlib

    with matplotlib.rc_context():
        plain = curves_svg(read_run(folder))
        matplotlib.rcParams.update(
            {"lines.linewidth": 9, "font.size": 30, "text.usetex": True, "axes.facecolor": "red"}
        )
        before = dict(matplotlib.rcParams)
        assert curves_svg(read_run(folder)) == plain
        assert dict(matplotlib.rcParams) == before
