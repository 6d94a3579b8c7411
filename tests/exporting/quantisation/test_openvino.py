from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support.networks import exported, images

from yolo_tl.edge.openvino import OpenVinoNetwork
from yolo_tl.errors import ExportError
from yolo_tl.exporting.quantisation.calibration import Calibration

pytest.importorskip("nncf")


def quantise(source: Path, target: Path, calibration: Calibration) -> tuple[str, ...]:
    from yolo_tl.exporting.quantisation.openvino import quantise_openvino

    return quantise_openvino(source, target, calibration=calibration)


@pytest.mark.parametrize(("task", "batch"), [("detect", 1), ("segment", 2)])
def test_quantised_with_its_tail_in_float(
    calibration: Calibration, tmp_path: Path, capsys: pytest.CaptureFixture[str], task: str, batch: int
) -> None:
    import openvino

    source, target = exported(task, "openvino", batch=batch), tmp_path / "int8_openvino_model"
    floats = quantise(source, target, calibration)
    assert capsys.readouterr().out == ""
    model = openvino.Core().read_model(next(target.glob("*.xml")))
    operations: dict[str, Any] = {one.get_friendly_name(): one for one in model.get_ordered_ops()}
    quantisers = {name for name, one in operations.items() if one.get_type_name() == "FakeQuantize"}
    assert len(quantisers) > 8
    last = [name for name in floats if "Convolution" in name]
    assert len(last) >= 6
    for name in last:
        assert operations[name].input_value(0).get_node().get_friendly_name() not in quantisers
    ours, theirs = OpenVinoNetwork(target), OpenVinoNetwork(source)
    assert ours.info == theirs.info
    for found, exact in zip(ours.run(images(3)), theirs.run(images(3)), strict=True):
        assert 0 < np.abs(found - exact).mean() < 0.25 * np.abs(exact - exact.mean()).mean()
    before, after = (yaml.safe_load((folder / "metadata.yaml").read_text()) for folder in (source, target))
    assert after.pop("quantisation")["calibration"] == calibration.digest
    assert after == before


def test_a_free_size_is_refused(calibration: Calibration, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="expected a fixed input size"):
        quantise(exported("detect", "openvino", dynamic=True), tmp_path / "out", calibration)
    assert not (tmp_path / "out").exists()
