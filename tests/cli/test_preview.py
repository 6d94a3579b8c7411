from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from support.datasets import dataset
from support.scenes import scene

from yolo_tl.cli import main


def test_picture_and_page(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "data", {"train/a.jpg": (scene(1), ["0 0.5 0.5 0.2 0.2"]), "val/b.jpg": (scene(2), [])})
    for name in ("out.png", "out.html"):
        result = CliRunner().invoke(main, ["preview", str(folder), "--out", str(tmp_path / name)])
        assert result.exit_code == 0, result.output
        assert "2 (train 1, val 1), 2 shown" in result.stdout
        assert (tmp_path / name).stat().st_size > 1000
    result = CliRunner().invoke(
        main, ["preview", str(folder), "-o", str(tmp_path / "x.png"), "--class", "cat", "--json"]
    )
    assert json.loads(result.stdout)["shown"] == 1
    assert CliRunner().invoke(main, ["preview", str(folder), "-o", str(tmp_path / "x.gif")]).exit_code == 2
