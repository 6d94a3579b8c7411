from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from yolo_tl.config import GateLimits, QuantisationConfig
from yolo_tl.edge.decode import Thresholds
from yolo_tl.errors import ExportError
from yolo_tl.exporting.gate import Sample, Samples
from yolo_tl.exporting.quantisation import quantising
from yolo_tl.exporting.quantisation.calibration import Calibration
from yolo_tl.exporting.quantisation.quantiser import Quantiser
from yolo_tl.exporting.quantisation.quantising import quantise_onnx
from yolo_tl.exporting.quantisation.recipes import RECIPES
from yolo_tl.exporting.quantisation.sensitivity import Layer, Sensitivity, Verdict, search
from yolo_tl.exporting.quantisation.timing import TimeRatio


def tried(needed: set[str], benefits: dict[str, float]) -> tuple[list[tuple[str, ...]], bool]:
    """Search where the limits hold once all of `needed` is in float: what was tried, and whether they held."""

    def judged(network: Any) -> Verdict:
        return Verdict(tuple(sorted(network.floats)), 0.5, None, needed <= network.floats)

    found = search(
        SimpleNamespace(floats=frozenset()),  # type: ignore[arg-type]
        judged=judged,
        rank=lambda _: [Layer(name, benefit, 1.0) for name, benefit in benefits.items()],
        requantise=lambda floats: SimpleNamespace(floats=floats),  # type: ignore[arg-type, return-value]
    )
    assert found.quantised.floats == set(found.verdicts[-1].floats)  # type: ignore[attr-defined]
    return [verdict.floats for verdict in found.verdicts], found.verdicts[-1].held


def test_the_search_stops_when_the_limits_hold() -> None:
    layers = dict.fromkeys("abcdefgh", 1.0)
    assert tried(set(), layers) == ([()], True)
    assert tried({"a"}, layers) == ([(), ("a",)], True)
    assert tried({"a", "c"}, layers) == ([(), ("a",), ("a", "b"), ("a", "b", "c", "d")], True)


def test_the_search_ends_where_nothing_more_helps() -> None:
    assert tried({"z"}, {"a": 1.0, "b": 0.1, "c": 0.0, "d": -1.0}) == ([(), ("a",), ("a", "b")], False)
    assert tried({"z"}, {}) == ([()], False)


@pytest.fixture
def samples(calibration: Calibration) -> Samples:
    return Samples(calibration.root, calibration.root, "train", tuple(map(Sample, calibration.paths)), "noise")


@pytest.fixture
def quantiser(float_file: Path, calibration: Calibration) -> Quantiser:
    return Quantiser(float_file, calibration, RECIPES["x86"], exact=False)


def sensitivity(quantiser: Quantiser, samples: Samples, **options: Any) -> Sensitivity:
    options = {"limits": GateLimits(flips=0.5), "timed": True, **options}
    return Sensitivity(quantiser, samples, thresholds=Thresholds(0.3), **options)


def test_layers_are_ranked_by_what_their_error_costs(quantiser: Quantiser, samples: Samples) -> None:
    layers = sensitivity(quantiser, samples).rank(quantiser.quantise())
    assert {layer.name for layer in layers} == quantiser.quantise().placement.quantised
    assert all(math.isfinite(layer.benefit) and layer.cost > 0 for layer in layers)
    assert [layer.benefit / layer.cost for layer in layers] == sorted(
        (layer.benefit / layer.cost for layer in layers), reverse=True
    )
    assert layers[0].benefit > 0


def test_every_convolution_is_timed(quantiser: Quantiser, samples: Samples) -> None:
    measured, counted = (
        {layer.name: layer.cost for layer in sensitivity(quantiser, samples, timed=timed).rank(quantiser.quantise())}
        for timed in (True, False)
    )
    for name, conv in quantiser.graph.convs.items():
        if name in counted:
            assert counted[name] == 1.0 or counted[name] > conv.weight.size / 1e6
    assert measured != counted


def test_in_float_nothing_flips(quantiser: Quantiser, samples: Samples) -> None:
    judge = sensitivity(quantiser, samples, limits=GateLimits(flips=0.0, map_loss=0.0))
    every = quantiser.quantise().placement.quantised
    rounded, exact = judge.judged(quantiser.quantise()), judge.judged(quantiser.quantise(every))
    assert (exact.flips, exact.held, exact.map_loss) == (0.0, True, None)
    assert (rounded.flips > 0, rounded.held) == (True, False)
    assert set(exact.floats) == every


def quantise(source: Path, out: Path, calibration: Calibration, samples: Samples, **config: Any) -> Any:
    return quantise_onnx(
        source,
        out,
        calibration=calibration,
        probe=samples,
        config=QuantisationConfig(**config),
        limits=GateLimits(flips=1.0),
        thresholds=Thresholds(0.3),
    )


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that computes slower in 8 bits."""
    ratio = TimeRatio(1.46, 1.4, 1.5, 10.0, 14.6)
    monkeypatch.setattr(quantising, "paired_time", lambda *_, **__: ratio)
    monkeypatch.setattr(quantising.platform, "machine", lambda: "x86_64")


@pytest.mark.usefixtures("slow")
def test_slower_than_in_float_is_refused(
    float_file: Path, calibration: Calibration, samples: Samples, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=r"1\.46 x the time"):
        quantise(float_file, tmp_path / "int8.onnx", calibration, samples, search=False)
    assert not list(tmp_path.iterdir())
    accepted = quantise(float_file, tmp_path / "int8.onnx", calibration, samples, search=False, slower=True)
    assert (accepted.ratio.median, accepted.verdicts) == (1.46, ())
    other = quantise(float_file, tmp_path / "arm.onnx", calibration, samples, target="arm")
    assert other.ratio is None
    assert other.verdicts[-1].held
    assert any("not timed" in note for note in other.notes)
